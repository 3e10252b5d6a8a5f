//! `[server.tls]`, and `tls` of an upstream.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};

use super::{files::Folder, *};
use crate::tls::Incoming;

fn pair(names: &[&str], expired: bool) -> [String; 2] {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    if expired {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let certificate = params.self_signed(&key).unwrap();
    [certificate.pem(), key.serialize_pem()]
}

fn folder() -> Folder {
    let [certificate, key] = pair(&["a.example"], false);
    let [old, old_key] = pair(&["b.example"], true);
    let [nameless, nameless_key] = pair(&[], false);
    [
        ("a.pem", certificate),
        ("a.key", key),
        ("old.pem", old),
        ("old.key", old_key),
        ("nameless.pem", nameless),
        ("nameless.key", nameless_key),
        ("text", "no PEM".to_owned()),
    ]
    .into_iter()
    .fold(Folder::new(), |folder, (name, content)| {
        folder.write(name, content.as_bytes(), 0o600)
    })
}

const PAIR: &str = "certificate_file = \"a.pem\"\nprivate_key_file = \"a.key\"\n";
const LISTED: &str = "certificate_file = \"a.pem\", private_key_file = \"a.key\"";

fn server(tls: &str) -> String {
    format!("{UPSTREAM}{ISSUER}audiences = [\"a\"]\n[server.tls]\n{tls}")
}

fn incoming(folder: &Folder, tls: &str) -> std::sync::Arc<Incoming> {
    let config = folder.accept(&server(tls));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    config.policy.tls.unwrap()
}

#[test]
fn absent_it_is_plain_http_and_present_it_must_be_whole() {
    assert!(accept_with("").policy.tls.is_none());
    let folder = folder();
    let tls = incoming(&folder, PAIR);
    assert!(!tls.asks_for_certificates() && !tls.tells_upstreams());
    assert_eq!(tls, incoming(&folder, PAIR));
    assert_ne!(
        tls,
        incoming(&folder, &format!("{PAIR}min_version = \"1.3\""))
    );
    folder.refuse(&server(""), "[server.tls] has no certificate");
    folder.refuse(
        &server("certificate_file = \"a.pem\""),
        "set \"private_key_file\"",
    );
    folder.refuse(
        &server(&format!("{PAIR}min_version = \"1.1\"")),
        "\"1.2\" or \"1.3\"",
    );
    folder.refuse(
        &server(&format!("{PAIR}ciphers = \"\"")),
        "unknown key \"ciphers\"",
    );
}

#[test]
fn what_is_wrong_with_a_file_is_said_where_it_is_named() {
    let folder = folder();
    let with = |certificate: &str, key: &str| {
        server(&format!(
            "certificate_file = \"{certificate}\"\nprivate_key_file = \"{key}\""
        ))
    };
    folder.refuse(&with("gone.pem", "a.key"), "cannot read");
    folder.refuse(&with("text", "a.key"), "text: it holds no PEM certificate");
    folder.refuse(&with("a.pem", "text"), "text: it holds no PEM private key");
    folder.refuse(
        &with("old.pem", "a.key"),
        "does not belong to the first certificate",
    );
}

#[test]
fn a_certificate_that_has_ended_and_an_open_key_are_warned_of() {
    let folder = folder().write("open.key", pair(&["a"], false)[1].as_bytes(), 0o644);
    let text = server("certificate_file = \"old.pem\"\nprivate_key_file = \"old.key\"");
    let warnings = folder.accept(&text).warnings;
    assert!(
        warnings[0].contains("old.pem: the certificate expired at 2020"),
        "{warnings:?}"
    );
    let [certificate, key] = pair(&["a"], false);
    let folder =
        folder
            .write("o.pem", certificate.as_bytes(), 0o644)
            .write("o.key", key.as_bytes(), 0o644);
    let text = server("certificate_file = \"o.pem\"\nprivate_key_file = \"o.key\"");
    let warnings = folder.accept(&text).warnings;
    assert!(warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn several_are_chosen_by_name() {
    let folder = folder();
    let list = |entries: &str| format!("certificates = [{entries}]");
    let nameless = "certificate_file = \"nameless.pem\", private_key_file = \"nameless.key\"";
    incoming(
        &folder,
        &list(&format!(
            "{{ {LISTED} }}, {{ {LISTED}, names = [\"*.X.example\"] }}"
        )),
    );
    incoming(&folder, &list(&format!("{{ {nameless} }}")));
    let refuse = |text: &str, says: &str| folder.refuse(&server(text), says);
    refuse("certificates = []", "needs at least one");
    refuse(
        &list("{ names = [\"a.example\"] }"),
        "a certificate has no files",
    );
    refuse(
        &list(&format!("{{ {LISTED} }}, {{ {nameless} }}")),
        "set \"names\"",
    );
    refuse(
        &format!("{}\n{PAIR}", list(&format!("{{ {LISTED} }}"))),
        "cannot both be set",
    );
    for name in [
        "a b",
        "https://a",
        "*",
        "a.*.b",
        "",
        "10.0.0.1",
        "b\u{fc}cher.example",
    ] {
        let text = list(&format!("{{ {LISTED}, names = [\"{name}\"] }}"));
        assert!(
            parse_in(Path::new("/nowhere"), &server(&text)).is_err(),
            "{name}"
        );
    }
    refuse(
        &list(&format!("{{ {LISTED}, names = [\"a b\"] }}")),
        "not a name",
    );
}

#[test]
fn clients_are_asked_when_there_are_authorities_to_check_them() {
    let folder = folder();
    let with = |more: &str| format!("{PAIR}{more}");
    for how in ["optional", "required"] {
        let more = format!("client_certificate = \"{how}\"\n");
        let tls = incoming(&folder, &with(&format!("{more}client_ca_file = \"a.pem\"")));
        assert!(tls.asks_for_certificates());
        folder.refuse(&server(&with(&more)), "set \"client_ca_file\"");
    }
    let refuse = |more: &str, says: &str| folder.refuse(&server(&with(more)), says);
    refuse(
        "client_ca_file = \"a.pem\"",
        "set client_certificate = \"required\"",
    );
    refuse(
        "client_certificate = \"required\"\nclient_ca_file = \"text\"",
        "holds no PEM certificate",
    );
    refuse("client_certificate = \"always\"", "must be \"none\" or");
    let idle = folder.accept(&server(&with("client_certificate_headers = true")));
    assert!(
        idle.warnings[0].contains("does nothing"),
        "{:?}",
        idle.warnings
    );
}

fn upstream(url: &str, tls: &str) -> String {
    format!("{ISSUER}[upstream]\nurl = \"{url}\"\n{tls}")
}

#[test]
fn an_upstream_with_https_is_checked_by_its_name() {
    let folder = folder();
    let server_of = |config: &Config| Arc::clone(&config.policy.upstreams[0].group.servers()[0]);
    let tls = |text: &str| server_of(&folder.accept(text)).tls.clone().unwrap();
    let trust = "[upstream.tls]\nca_file = \"a.pem\"\n";
    let plain = upstream("https://orders.internal:8443/api", trust);
    assert_eq!(
        format!("{:?}", tls(&plain).name()),
        "DnsName(\"orders.internal\")"
    );
    let address = upstream("https://[::1]", trust);
    assert!(format!("{:?}", tls(&address).name()).starts_with("IpAddress"));
    let named = upstream(
        "https://10.0.0.1",
        &format!("{trust}server_name = \"b.example\""),
    );
    assert_eq!(
        format!("{:?}", tls(&named).name()),
        "DnsName(\"b.example\")"
    );
    assert_ne!(tls(&plain), tls(&named));
    let port = folder.accept(&upstream("https://b.example", trust));
    assert_eq!(&*server_of(&port).label, "https://b.example:443");
    let two = upstream("https://b.example", trust).replace(
        "url = \"https://b.example\"",
        "urls = [\"https://b.example\", \"https://c.example\"]",
    );
    let two = folder.accept(&two);
    let names = two.policy.upstreams[0].group.servers().iter();
    let names: Vec<_> = names
        .map(|server| format!("{:?}", server.tls.as_ref().unwrap().name()))
        .collect();
    assert_eq!(names, ["DnsName(\"b.example\")", "DnsName(\"c.example\")"]);

    let refuse = |url: &str, tls: &str, says: &str| folder.refuse(&upstream(url, tls), says);
    refuse(
        "http://b.example",
        trust,
        "the tls section is for an upstream with https",
    );
    refuse(
        "unix:/run/b",
        trust,
        "the tls section is for an upstream with https",
    );
    refuse(
        "https://b.example",
        "[upstream.tls]\nca_file = \"text\"",
        "holds no PEM certificate",
    );
    refuse(
        "https://b.example",
        &format!("{trust}server_name = \"a b\""),
        "neither a DNS name",
    );
    refuse(
        "https://b.example",
        &format!("{trust}client_certificate_file = \"a.pem\""),
        "needs",
    );
    refuse(
        "https://b.example",
        &format!("{trust}verify = false"),
        "unknown key \"verify\"",
    );
}
