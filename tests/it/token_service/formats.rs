//! JSON, a form and XML, for success and error alike.

use std::collections::BTreeMap;

use super::*;

/// The members of an answer in its format, all as texts.
fn members(response: &Response, format: &str) -> BTreeMap<String, String> {
    let text = response.text();
    match format {
        "json" => {
            assert_eq!(response.field("content-type"), Some("application/json"));
            let json = response.json();
            let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
            let members = json.as_object().unwrap().iter();
            members
                .map(|(name, value)| (name.clone(), plain(value)))
                .collect()
        }
        "urlencoded" => {
            let form = "application/x-www-form-urlencoded";
            assert_eq!(response.field("content-type"), Some(form));
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect()
        }
        _ => {
            assert_eq!(response.field("content-type"), Some("application/xml"));
            let inner = text.split_once("<oauth>").unwrap().1;
            let mut rest = inner.strip_suffix("</oauth>\n").unwrap();
            let mut members = BTreeMap::new();
            while let Some(begun) = rest.strip_prefix('<') {
                let (name, more) = begun.split_once('>').unwrap();
                let (value, more) = more.split_once(&format!("</{name}>")).unwrap();
                let value = value.replace("&apos;", "'").replace("&quot;", "\"");
                members.insert(name.to_owned(), value);
                rest = more;
            }
            assert_eq!(rest, "");
            members
        }
    }
}

#[test]
fn success_and_error_come_in_the_format_that_is_asked_for() {
    let stage = stage();
    for format in ["json", "urlencoded", "xml"] {
        let response = stage.send(&grant(&assertion().sign(), &[("format", format)]));
        assert_eq!(response.status, 200);
        let said = members(&response, format);
        assert_eq!(said["token_type"], "Bearer");
        assert_eq!(said["expires_in"], "3600");
        assert_eq!(said["scope"], "orders:read orders:write");
        stage.allows(&get("/").bearer(&said["access_token"]));
        let late = assertion().claim("exp", NOW - 100).without("iat").sign();
        let response = stage.send(&grant(&late, &[("format", format)]));
        assert_eq!(response.status, 400);
        let said = members(&response, format);
        assert_eq!(said["error"], "invalid_grant");
        assert_eq!(said["error_description"], "The assertion expired.");
        // At the other endpoints errors come so too.
        let response = stage.send(&form(
            "/oauth/revoke",
            &[("token", "x"), ("format", format)],
        ));
        assert_eq!(response.status, 401);
        assert_eq!(members(&response, format)["error"], "invalid_client");
    }
}

#[test]
fn accept_counts_where_no_format_is_named() {
    let stage = stage();
    let token = assertion().sign();
    let xml = grant(&token, &[]).field("Accept", "application/xml");
    assert_eq!(members(&stage.send(&xml), "xml")["token_type"], "Bearer");
    let both = grant(&token, &[("format", "json")]).field("Accept", "application/xml");
    assert_eq!(members(&stage.send(&both), "json")["token_type"], "Bearer");
    let any = grant(&token, &[]).field("Accept", "*/*");
    assert_eq!(members(&stage.send(&any), "json")["token_type"], "Bearer");
}
