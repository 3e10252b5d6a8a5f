//! `introspection` of an issuer.

use super::*;
use crate::introspection::{Authentication, Jwt, Method, Settings};

const ENDPOINT: &str = "endpoint = \"https://idp.example/introspect\"";
const CLIENT: &str = "client_id = \"us\"\nclient_secret = \"hush-hush\"";

/// A file whose issuer has an endpoint with these lines; the first of them is line 6.
fn with(lines: &str) -> String {
    format!("{UPSTREAM}{ISSUER}[issuers.\"https://idp.example\".introspection]\n{lines}\n")
}

fn settings(lines: &str) -> Settings {
    let config = accept(&with(lines));
    let issuer = config.policy.registry.get("https://idp.example").unwrap();
    issuer.introspection.as_ref().unwrap().settings().clone()
}

#[track_caller]
fn refused(lines: &str, place: &str, says: &[&str]) {
    refuse_at(&with(lines), place, says);
}

#[test]
fn an_endpoint_is_read() {
    let found = settings(&format!("{ENDPOINT}\n{CLIENT}\nopaque = true"));
    assert_eq!(found.endpoint.as_str(), "https://idp.example/introspect");
    assert_eq!((found.method, found.jwt), (Method::Introspect, Jwt::Local));
    assert!(found.opaque);
    assert_eq!(found.timeout.as_secs(), 5);
    assert_eq!(found.cache.as_secs(), 60);
    let us = found.credentials.unwrap();
    assert_eq!(us.client_id, "us");
    assert!(us.secret.matches(b"hush-hush"));
    assert_eq!(us.authentication, Authentication::Basic);
    let found = settings(&format!(
        "{ENDPOINT}\n{CLIENT}\njwt = \"always\"\ntimeout = \"1s\"\ncache = \"0s\"\n\
         authentication = \"client_secret_post\""
    ));
    assert_eq!((found.jwt, found.opaque), (Jwt::Always, false));
    assert!(found.cache.is_zero());
    let us = found.credentials.unwrap();
    assert_eq!(us.authentication, Authentication::Post);
}

#[test]
fn without_an_endpoint_nobody_is_asked() {
    let config = accept(&with(""));
    let issuer = config.policy.registry.get("https://idp.example").unwrap();
    assert!(issuer.introspection.is_none());
    refused(
        "opaque = true",
        "6:10",
        &["\"opaque\" without \"endpoint\""],
    );
    refused("jwt = \"always\"", "6:7", &["\"jwt\" without \"endpoint\""]);
}

#[test]
fn an_endpoint_that_would_never_be_asked_is_an_error() {
    let says = ["asked about no token", "opaque = true"];
    refused(&format!("{ENDPOINT}\n{CLIENT}"), "6:12", &says);
}

#[test]
fn the_endpoint_is_https_unless_the_network_is_trusted() {
    let lines =
        |url: &str, more: &str| format!("endpoint = \"{url}\"\n{CLIENT}\nopaque = true\n{more}");
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost/x?y=z",
        "http://[::1]/",
    ] {
        settings(&lines(url, ""));
    }
    let plain = lines("http://idp.example/", "");
    refused(&plain, "6:12", &["must be https", "allow_http = true"]);
    let config = accept(&with(&lines("http://idp.example/", "allow_http = true")));
    assert!(config.warnings.iter().any(|w| w.contains("unprotected")));
    for (url, says) in [
        ("idp.example/introspect", "not a URL"),
        ("ftp://idp.example/", "https://"),
        ("https://me:pw@idp.example/", "password"),
        ("https://idp.example/#x", "fragment"),
    ] {
        refused(&lines(url, ""), "6:12", &[says]);
    }
}

#[test]
fn the_gateway_says_who_it_is() {
    let asked = format!("{ENDPOINT}\nopaque = true");
    refused(&asked, "6:12", &["needs a \"client_id\""]);
    let nameless = format!("{asked}\nclient_secret = \"x\"");
    let report = refuse(&with(&nameless));
    assert!(
        report.contains("a secret needs a \"client_id\""),
        "{report}"
    );
    let id = format!("{asked}\nclient_id = \"us\"");
    refused(&id, "8:13", &["needs a secret", "client_secret_file"]);
    let userinfo = format!("{asked}\nmethod = \"userinfo\"");
    assert_eq!(settings(&userinfo).credentials, None);
    let both = format!("{userinfo}\n{CLIENT}");
    refused(&both, "9:13", &["shown the token"]);
    let report = refuse(&with(&format!("{both}\nclient_secret_file = \"x\"")));
    assert!(!report.contains("hush-hush"), "{report}");
}

#[test]
fn userinfo_is_warned_of() {
    let userinfo = format!("{ENDPOINT}\nopaque = true\nmethod = \"userinfo\"");
    let warns = |lines: &str| {
        let config = accept(&with(lines));
        config
            .warnings
            .iter()
            .any(|w| w.contains("names no audience"))
    };
    assert!(warns(&userinfo));
    assert!(!warns(&format!("{ENDPOINT}\nopaque = true\n{CLIENT}")));
}

#[test]
fn bad_values_say_what_would_be_good() {
    let base = format!("{ENDPOINT}\n{CLIENT}\nopaque = true\n");
    for (line, column, says) in [
        ("jwt = \"allways\"", 7, "did you mean \"always\""),
        ("method = \"ask\"", 10, "\"introspect\" or \"userinfo\""),
        ("authentication = \"basic\"", 18, "\"client_secret_basic\""),
        ("timeout = \"2m\"", 11, "must be from 10ms to 1m"),
        ("timeout = \"\"", 11, "cannot be empty"),
        ("cache = \"1d\"", 9, "must be from 0s to 1h"),
        ("cache = 60", 9, "write \"60s\""),
        ("clientid = \"x\"", 1, "did you mean \"client_id\""),
    ] {
        refused(&format!("{base}{line}"), &format!("10:{column}"), &[says]);
    }
    refused(
        &base.replace("true", "\"yes\""),
        "9:10",
        &["must be true or false"],
    );
}

#[test]
fn two_issuers_cannot_both_be_shown_the_opaque_tokens_of_a_route() {
    let other = |lines: &str| {
        let one = with(&format!("{ENDPOINT}\n{CLIENT}\nopaque = true"));
        format!(
            "{one}[issuers.other.introspection]\nendpoint = \"https://other.example/\"\n{CLIENT}\n\
             opaque = true\n{lines}"
        )
    };
    let report = refuse(&other(""));
    assert!(report.contains("two issuers with opaque = true on one route"));
    refuse_at(
        &other("[[routes]]\npath = \"/a\""),
        "15:1",
        &["\"issuers\" of the route"],
    );
    accept(&other("[[routes]]\naccess = \"public\""));
    accept(&other("[[routes]]\nissuers = [\"other\"]"));
    accept(&other("[issuers.other]\nactive = false"));
}

#[test]
fn an_issuer_without_keys_may_be_asked_about_everything() {
    let orders = |lines: &str| format!("{UPSTREAM}[issuers.orders.introspection]\n{lines}\n");
    accept(&orders(&format!("{ENDPOINT}\n{CLIENT}\nopaque = true")));
    let report = refuse(&orders(&format!(
        "{ENDPOINT}\n{CLIENT}\njwt = \"fallback\""
    )));
    assert!(report.contains("no source of keys"), "{report}");
}

#[test]
fn it_can_stand_in_the_defaults() {
    let defaults =
        |lines: &str| format!("{UPSTREAM}{ISSUER}[issuer_defaults.introspection]\n{lines}\n");
    let config = accept(&defaults(&format!(
        "{ENDPOINT}\n{CLIENT}\njwt = \"fallback\""
    )));
    let issuer = config.policy.registry.get("https://idp.example").unwrap();
    assert!(issuer.introspection.is_some());
    let report = refuse(&defaults("timeout = \"1h\""));
    assert!(report.contains("must be from"), "{report}");
}
