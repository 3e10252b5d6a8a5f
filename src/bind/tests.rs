use serde_json::{Value, json};

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn head(target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::post(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check(
    claim: &Value,
    place: Place,
    required: bool,
    head: &Parts,
    body: Option<&str>,
) -> Result<(), Why> {
    let claims = Object::of(&json!({ "tenant": claim }));
    let binding = Binding {
        claim: "tenant".parse().unwrap(),
        place,
        required,
    };
    let bindings = Bindings::new(vec![binding]);
    bindings
        .check(Some(&claims), head, body.map(str::as_bytes))
        .map_err(|mismatch| mismatch.why)
}

fn of_header(claim: &Value, fields: &[(&str, &str)]) -> Result<(), Why> {
    let name = HeaderName::from_static("x-tenant");
    check(claim, Place::Header(name), false, &head("/", fields), None)
}

fn of_query(claim: &str, query: &str) -> Result<(), Why> {
    let target = format!("/x?{query}");
    let place = Place::Query("tenant".into());
    check(&json!(claim), place, false, &head(&target, &[]), None)
}

fn of_json(claim: &Value, pointer: &str, body: &str) -> Result<(), Why> {
    let place = Place::Json(pointer.parse().unwrap());
    check(claim, place, false, &head("/", &[JSON]), Some(body))
}

fn of_form(claim: &str, fields: &[(&str, &str)], body: &str) -> Result<(), Why> {
    let place = Place::Form("tenant".into());
    check(&json!(claim), place, false, &head("/", fields), Some(body))
}

#[test]
fn a_header_says_what_the_claim_says() {
    let acme = json!("acme");
    assert_eq!(of_header(&acme, &[("x-tenant", "acme")]), Ok(()));
    assert_eq!(of_header(&acme, &[("X-Tenant", " acme\t")]), Ok(()));
    assert_eq!(of_header(&acme, &[]), Ok(()));
    for other in [
        "Acme",
        "acme2",
        "acm",
        "",
        "acme,acme",
        "\"acme\"",
        "acm\u{e9}",
    ] {
        let differs = of_header(&acme, &[("x-tenant", other)]);
        assert_eq!(differs, Err(Why::Differs), "{other}");
    }
}

#[test]
fn every_value_and_every_spelling_of_a_header_counts() {
    let acme = json!("acme");
    let same = [("x-tenant", "acme"), ("x-tenant", "acme")];
    assert_eq!(of_header(&acme, &same), Ok(()));
    assert_eq!(of_header(&acme, &[("x-tenantt", "evil")]), Ok(()));
    for name in ["x-tenant", "x_tenant", "x.tenant", "X_Tenant"] {
        let two = [("x-tenant", "acme"), (name, "evil")];
        assert_eq!(of_header(&acme, &two), Err(Why::Differs), "{name}");
        assert_eq!(of_header(&acme, &[(name, "evil")]), Err(Why::Differs));
    }
}

#[test]
fn a_claim_has_the_text_of_its_json() {
    let with = |claim: Value, value: &str| of_header(&claim, &[("x-tenant", value)]);
    assert_eq!(with(json!(42), "42"), Ok(()));
    assert_eq!(with(json!(true), "true"), Ok(()));
    assert_eq!(with(json!(["a", 42, "b"]), "42"), Ok(()));
    assert_eq!(with(json!(42), "42.0"), Err(Why::Differs));
    assert_eq!(with(json!(42), "042"), Err(Why::Differs));
    assert_eq!(with(json!(["a", "b"]), "c"), Err(Why::Differs));
    assert_eq!(with(json!([]), "a"), Err(Why::Differs));
    assert_eq!(with(json!([["a"]]), "a"), Err(Why::Differs));
    assert_eq!(with(json!({"a": 1}), "{\"a\":1}"), Err(Why::Differs));
    assert_eq!(with(Value::Null, "null"), Err(Why::NoClaim));
}

#[test]
fn what_nobody_vouches_for_is_refused_and_what_is_required_is_there() {
    let name = HeaderName::from_static("x-tenant");
    let bound = |required| {
        Bindings::new(vec![Binding {
            claim: "tenant".parse().unwrap(),
            place: Place::Header(name.clone()),
            required,
        }])
    };
    let with = head("/", &[("x-tenant", "acme")]);
    let without = head("/", &[]);
    let why = |result: Result<(), Mismatch>| result.map_err(|mismatch| mismatch.why);
    let (none, acme) = (
        Object::of(&json!({})),
        Object::of(&json!({"tenant": "acme"})),
    );
    for claims in [None, Some(&none)] {
        assert_eq!(why(bound(false).check(claims, &without, None)), Ok(()));
        let vouched = bound(false).check(claims, &with, None);
        assert_eq!(why(vouched), Err(Why::NoClaim));
        let required = bound(true).check(claims, &without, None);
        assert_eq!(why(required), Err(Why::NoValue));
    }
    assert_eq!(why(bound(true).check(Some(&acme), &with, None)), Ok(()));
    let absent = bound(true).check(Some(&acme), &without, None).unwrap_err();
    assert_eq!(
        absent.to_string(),
        "the claim \"tenant\" and the header x-tenant do not agree: the request has no value, and the binding is required"
    );
}

#[test]
fn every_reading_of_a_query_counts() {
    for query in [
        "tenant=acme",
        "a=b&tenant=acme&tenant=acme",
        "%74enant=%61cme",
        "x=tenant",
        "",
        "tenants=evil",
    ] {
        assert_eq!(of_query("acme", query), Ok(()), "{query}");
    }
    assert_eq!(of_query("a b", "tenant=a+b"), Ok(()));
    for query in [
        "tenant=evil",
        "tenant",
        "tenant=",
        "tenant=acme&tenant=evil",
        "tenant=evil&tenant=acme",
        "x=1;tenant=evil",
        "tenant=acme;x=1",
        "tenant=acme&Tenant=evil",
        "tenant=acme&tenant[]=evil",
        "tenant=acme&tenant%5B0%5D=evil",
        "tenant=acme&tenant%00x=evil",
        "tenant=acme&+tenant=evil",
        "tenant=acme%00",
    ] {
        assert_eq!(of_query("acme", query), Err(Why::Differs), "{query}");
    }
}

#[test]
fn a_path_parameter_is_compared_decoded() {
    let of = |claim: &str, path: &str, place, rest| {
        let segment = Segment { place, rest };
        let place = Place::Path {
            name: "tenant".into(),
            segment,
        };
        check(&json!(claim), place, true, &head(path, &[]), None)
    };
    assert_eq!(of("acme", "/t/acme/x", 1, false), Ok(()));
    assert_eq!(of("a b", "/t/a%20b", 1, false), Ok(()));
    assert_eq!(of("a/b", "/t/a/b", 1, true), Ok(()));
    assert_eq!(of("acme", "/t/evil/acme", 1, false), Err(Why::Differs));
    assert_eq!(of("acme", "/t/acme/x", 1, true), Err(Why::Differs));
    assert_eq!(of("acme", "/t/%61cme%20", 1, false), Err(Why::Differs));
    assert_eq!(of("acme", "/t", 1, true), Err(Why::NoValue));
    assert_eq!(of("acme", "/t/", 1, true), Err(Why::NoValue));
}

#[test]
fn a_json_body_says_what_the_claim_says() {
    let acme = json!("acme");
    for body in [
        r#"{"account":{"id":"acme"}}"#,
        r#"{"account":{"id":"\u0061cme"}}"#,
        r#"{"account":{"id":["acme","acme"]}}"#,
        r#"{"account":{"other":"evil"}}"#,
        r#"{"other":1}"#,
        "{}",
        "",
    ] {
        assert_eq!(of_json(&acme, "/account/id", body), Ok(()), "{body}");
    }
    for body in [
        r#"{"account":{"id":"evil"}}"#,
        r#"{"account":{"id":["acme","evil"]}}"#,
        r#"{"account":{"id":[]}}"#,
        r#"{"account":{"id":[["acme"]]}}"#,
        r#"{"account":{"id":null}}"#,
        r#"{"account":{"id":{"acme":1}}}"#,
        r#"{"account":"acme"}"#,
        r#"{"account":null}"#,
        r#"{"account":[{"id":"acme"}]}"#,
        r#"{"account":{"id":"acme"},"Account":{"id":"evil"}}"#,
        r#"{"account":{"id":"acme","ID":"evil"}}"#,
        r#"{"account":{"id":"acme","\u0069d ":"x","Id":"evil"}}"#,
    ] {
        let refused = of_json(&acme, "/account/id", body);
        assert_eq!(refused, Err(Why::Differs), "{body}");
    }
    assert_eq!(of_json(&json!(42), "/a/1", r#"{"a":[7,42]}"#), Ok(()));
    assert_eq!(of_json(&json!("42"), "/a/1", r#"{"a":[7,42]}"#), Ok(()));
    assert_eq!(of_json(&json!(42), "/a/2", r#"{"a":[7,42]}"#), Ok(()));
    let other = of_json(&json!(42), "/a/0", r#"{"a":[7,42]}"#);
    assert_eq!(other, Err(Why::Differs));
    // The Kelvin sign and the long s are k and s to those who ignore case.
    let kelvin = of_json(&json!(1), "/task", "{\"task\":1,\"ta\u{17f}\u{212a}\":2}");
    assert_eq!(kelvin, Err(Why::Differs));
}

#[test]
fn a_body_that_is_not_surely_this_json_is_refused() {
    let place = || Place::Json("/tenant".parse().unwrap());
    let body = r#"{"tenant":"acme"}"#;
    let with = |fields: &[(&str, &str)], body: &str| {
        check(
            &json!("acme"),
            place(),
            false,
            &head("/", fields),
            Some(body),
        )
    };
    for good in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/merge-patch+json",
        "application/json; profile=x",
    ] {
        assert_eq!(with(&[("content-type", good)], body), Ok(()), "{good}");
    }
    let identity = [JSON, ("content-encoding", "identity")];
    assert_eq!(with(&identity, body), Ok(()));
    let refused = |problem| Err(Why::Body(problem));
    for bad in ["text/plain", "text/json", "application/jsonx", "json", ""] {
        let refusal = with(&[("content-type", bad)], body);
        assert_eq!(refusal, refused(BodyProblem::Type("application/json")));
    }
    let wrong = refused(BodyProblem::Type("application/json"));
    assert_eq!(with(&[], body), wrong);
    assert_eq!(with(&[JSON, JSON], body), wrong);
    assert_eq!(with(&[JSON, ("content_type", "text/plain")], body), wrong);
    for bad in [
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-7",
        "application/json; charset*=utf-7",
        "application/json; x=\"; charset=utf-7\"",
        "application/json; charset",
    ] {
        let refusal = with(&[("content-type", bad)], body);
        assert_eq!(refusal, refused(BodyProblem::Charset), "{bad}");
    }
    let gzip = [JSON, ("content-encoding", "gzip")];
    assert_eq!(with(&gzip, body), refused(BodyProblem::Encoded));
    for bad in [
        "[]",
        "\"acme\"",
        " ",
        "{",
        "tenant=acme",
        "\u{feff}{\"tenant\":\"acme\"}",
        r#"{"tenant":"acme"}{"tenant":"evil"}"#,
        r#"{"tenant":"acme","tenant":"acme"}"#,
        r#"{"tenant":"acme","\u0074enant":"evil"}"#,
        r#"{"tenant":"acme","x":NaN}"#,
        r#"{"tenant":"acme"/**/}"#,
    ] {
        assert_eq!(with(&[JSON], bad), refused(BodyProblem::Json), "{bad}");
    }
    let unread = check(&json!("acme"), place(), false, &head("/", &[JSON]), None);
    assert_eq!(unread, Err(Why::Unread));
}

#[test]
fn a_form_says_what_the_claim_says() {
    assert_eq!(of_form("acme", &[FORM], "a=b&tenant=acme"), Ok(()));
    assert_eq!(of_form("acme", &[FORM], "a=b"), Ok(()));
    assert_eq!(of_form("acme", &[], ""), Ok(()));
    for body in [
        "tenant=evil",
        "tenant=acme&tenant=evil",
        "a;tenant=evil",
        "TENANT=evil",
    ] {
        assert_eq!(of_form("acme", &[FORM], body), Err(Why::Differs), "{body}");
    }
    let wrong = Err(Why::Body(BodyProblem::Type(
        "application/x-www-form-urlencoded",
    )));
    let multipart = ("content-type", "multipart/form-data; boundary=x");
    for fields in [&[][..], &[JSON], &[multipart], &[FORM, multipart]] {
        assert_eq!(of_form("acme", fields, "tenant=acme"), wrong);
    }
    let utf7 = (
        "content-type",
        "application/x-www-form-urlencoded; charset=ibm037",
    );
    let refused = of_form("acme", &[utf7], "tenant=acme");
    assert_eq!(refused, Err(Why::Body(BodyProblem::Charset)));
}

#[test]
fn no_text_repeats_a_value() {
    let claims = Object::of(&json!({"tenant": "claimed"}));
    for place in [
        Place::Header(HeaderName::from_static("x-tenant")),
        Place::Query("tenant".into()),
    ] {
        let bindings = Bindings::new(vec![Binding {
            claim: "tenant".parse().unwrap(),
            place,
            required: false,
        }]);
        let head = head("/?tenant=asked", &[("x-tenant", "asked")]);
        let text = bindings.check(Some(&claims), &head, None).unwrap_err();
        let text = format!("{text} {text:?}");
        assert!(
            !text.contains("claimed") && !text.contains("asked"),
            "{text}"
        );
    }
}
