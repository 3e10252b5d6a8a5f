//! Claims that are bound to the request.

use serde_json::json;

use super::harness::{Request, Stage, get, mint, post, request};

const BOUND: &str = "
    [[routes]]
    path = \"/header\"
    bind = [{ claim = \"tenant\", header = \"X-Tenant\" }]
    [[routes]]
    path = \"/required\"
    bind = [{ claim = \"tenant\", header = \"X-Tenant\", required = true }]
    [[routes]]
    path = \"/query\"
    bind = [{ claim = \"/account/id\", query = \"account\" }]
    [[routes]]
    path = \"/t/{tenant}/{*rest}\"
    bind = [{ claim = \"tenant\", path = \"tenant\" }]
    [[routes]]
    path = \"/form\"
    bind = [{ claim = \"tenant\", form = \"tenant\" }]
    [[routes]]
    path = \"/json\"
    bind = [{ claim = \"/account/id\", json = \"/account/id\", required = true }]
    [[routes]]
    path = \"/both\"
    bind = [{ claim = \"tenant\", header = \"X-Tenant\" }, { claim = \"tenants\", query = \"t\" }]
    [[routes]]
    path = \"/optional\"
    access = \"optional\"
    bind = [{ claim = \"tenant\", header = \"X-Tenant\" }]
    [[routes]]
    path = \"/{*rest}\"
";

fn acme(request: Request) -> Request {
    let token = mint::token()
        .claim("tenant", "acme")
        .claim("tenants", json!(["acme", "other"]))
        .claim("account", json!({"id": 42}));
    request.bearer(token.sign())
}

#[track_caller]
fn mismatches(stage: &Stage, request: &Request) {
    let response = stage.refuses(request, 403, "binding_mismatch");
    assert!(!response.text().contains("acme"));
}

#[test]
fn a_header_is_what_the_token_says() {
    let stage = Stage::with(BOUND);
    let seen = stage.allows(&acme(get("/header")).field("X-Tenant", "acme"));
    assert_eq!(seen.field("x-tenant"), Some("acme"));
    stage.allows(&acme(get("/header")));
    mismatches(&stage, &acme(get("/header")).field("X-Tenant", "evil"));
    mismatches(&stage, &acme(get("/header")).field("X-Tenant", ""));
    mismatches(&stage, &acme(get("/header")).field("X_Tenant", "evil"));
    let two = acme(get("/header")).field("X-Tenant", "acme");
    mismatches(&stage, &two.field("X-Tenant", "evil"));
    let unvouched = get("/header").bearer(mint::token().sign());
    stage.allows(&unvouched);
    let unvouched = get("/header").bearer(mint::token().sign());
    mismatches(&stage, &unvouched.field("X-Tenant", "acme"));
    // Elsewhere nothing is bound.
    stage.allows(&acme(get("/else")).field("X-Tenant", "evil"));
}

#[test]
fn what_is_required_is_there() {
    let stage = Stage::with(BOUND);
    stage.allows(&acme(get("/required")).field("X-Tenant", "acme"));
    mismatches(&stage, &acme(get("/required")));
    let no_claim = get("/required").bearer(mint::token().sign());
    mismatches(&stage, &no_claim.field("X-Tenant", "acme"));
}

#[test]
fn what_connection_names_is_not_there() {
    let stage = Stage::with(BOUND);
    let named = |path: &str, value: &str| {
        acme(get(path))
            .field("Connection", "close, x-tenant")
            .field("X-Tenant", value)
    };
    // The upstream does not get it, so it neither helps nor harms.
    for value in ["acme", "evil"] {
        let seen = stage.allows(&named("/header", value));
        assert_eq!(seen.field("x-tenant"), None);
        mismatches(&stage, &named("/required", value));
    }
    let other_spelling = named("/header", "acme").field("X_Tenant", "evil");
    mismatches(&stage, &other_spelling);
}

#[test]
fn a_query_parameter_is_what_the_token_says() {
    let stage = Stage::with(BOUND);
    let seen = stage.allows(&acme(get("/query?x=1&account=42")));
    assert_eq!(seen.target, "/query?x=1&account=42");
    stage.allows(&acme(get("/query?accounts=7")));
    for query in [
        "account=7",
        "account=42&account=7",
        "account=42;account=7",
        "%61ccount=7",
        "account=42&Account[]=7",
        "account=42.0",
    ] {
        mismatches(&stage, &acme(get(&format!("/query?{query}"))));
    }
}

#[test]
fn a_path_parameter_is_what_the_token_says() {
    let stage = Stage::with(BOUND);
    for path in ["/t/acme/x", "/t/%61cme", "/t/acme/"] {
        stage.allows(&acme(get(path)));
    }
    for path in ["/t/evil/x", "/t/evil/acme", "/t/Acme", "/t/acme%20/x"] {
        mismatches(&stage, &acme(get(path)));
    }
}

#[test]
fn a_form_field_is_what_the_token_says() {
    let stage = Stage::with(BOUND);
    let with = |body: &str| acme(request("POST", "/form").form(body));
    let body = "a=%41&tenant=acme&b=c%20d";
    assert_eq!(stage.allows(&with(body)).body, body.as_bytes());
    assert_eq!(stage.allows(&with("a=b")).body, b"a=b");
    stage.allows(&acme(get("/form")));
    for body in ["tenant=evil", "tenant=acme&tenant=evil", "a=b;tenant=evil"] {
        mismatches(&stage, &with(body));
    }
    let multipart = acme(post("/form", "tenant=acme"));
    mismatches(
        &stage,
        &multipart.field("Content-Type", "multipart/form-data; boundary=x"),
    );
    mismatches(&stage, &acme(post("/form", "tenant=acme")));
    mismatches(
        &stage,
        &with("tenant=acme").field("Content-Encoding", "gzip"),
    );
}

#[test]
fn a_json_body_is_what_the_token_says_and_arrives_byte_for_byte() {
    let stage = Stage::with(BOUND);
    let with = |body: &str| acme(post("/json", body)).field("Content-Type", "application/json");
    let good = " {\"x\" : [1, 2.50], \"account\": {\"id\": 42}}\n";
    assert_eq!(stage.allows(&with(good)).body, good.as_bytes());
    let chunked = stage.allows(&with(good).chunked());
    assert_eq!((chunked.body, chunked.complete), (good.into(), true));
    assert!(stage.allows(&with(r#"{"account":{"id":"42"}}"#)).complete);
    for body in [
        r#"{"account":{"id":7}}"#,
        r#"{"account":{"id":42,"id":42}}"#,
        r#"{"account":{"id":42},"account":{"id":7}}"#,
        r#"{"account":{"id":42,"ID":7}}"#,
        r#"{"account":7}"#,
        r#"{"account":{}}"#,
        r#"[{"account":{"id":42}}]"#,
        r#"{"account":{"id":42}"#,
        "",
    ] {
        mismatches(&stage, &with(body));
        mismatches(&stage, &with(body).chunked());
    }
    mismatches(&stage, &acme(get("/json")));
    // The upstream may read as JSON what is not called so, or unpack what is packed.
    let evil = r#"{"account":{"id":42}}"#;
    mismatches(&stage, &acme(post("/json", evil)));
    mismatches(&stage, &acme(request("POST", "/json").form(evil)));
    mismatches(&stage, &with(evil).field("Content-Encoding", "br"));
    mismatches(&stage, &with(evil).field("Connection", "content-type"));
}

#[test]
fn a_body_that_is_bound_is_bounded() {
    let limits = "[server.limits]\nbind_body_bytes = \"1KiB\"\n";
    let stage = Stage::with(&format!("{limits}{BOUND}"));
    let of = |length: usize| {
        let frame = r#"{"account":{"id":42},"x":""}"#;
        frame.replace("\"\"", &format!("\"{}\"", "a".repeat(length - frame.len())))
    };
    let with =
        |path: &str, body: String| acme(post(path, body)).field("Content-Type", "application/json");
    assert_eq!(stage.allows(&with("/json", of(1024))).body.len(), 1024);
    assert_eq!(
        stage.allows(&with("/json", of(1024)).chunked()).body.len(),
        1024
    );
    stage.refuses(&with("/json", of(1025)), 413, "body_too_large");
    stage.refuses(&with("/json", of(1025)).chunked(), 413, "body_too_large");
    assert_eq!(stage.allows(&with("/else", of(9000))).body.len(), 9000);
}

#[test]
fn a_form_that_was_begun_for_its_token_is_compared_and_goes_on_whole() {
    let stage = Stage::with(BOUND);
    let with = |tenant: &str| {
        let body = format!("a={}&tenant={tenant}", "x".repeat(10_000));
        (acme(request("POST", "/form").form(&body)), body)
    };
    for chunked in [false, true] {
        let (request, body) = with("acme");
        let request = if chunked { request.chunked() } else { request };
        assert_eq!(stage.allows(&request).body, body.as_bytes());
        let (request, _) = with("evil");
        let request = if chunked { request.chunked() } else { request };
        mismatches(&stage, &request);
    }
}

#[test]
fn a_body_is_read_only_for_who_may_come_in() {
    let limits = "[server.limits]\nbind_body_bytes = \"1KiB\"\n";
    let stage = Stage::with(&format!("{limits}{BOUND}"));
    let large = || post("/json", "x".repeat(5000)).field("Content-Type", "application/json");
    stage.refuses(&large(), 401, "token_missing");
    let expired = mint::token().claim("exp", 1).sign();
    stage.refuses(&large().bearer(expired), 401, "token_expired");
    stage.refuses(&acme(large()), 413, "body_too_large");
}

#[test]
fn every_binding_holds() {
    let stage = Stage::with(BOUND);
    let with = |header: &str, query: &str| {
        acme(get(&format!("/both?t={query}"))).field("X-Tenant", header)
    };
    stage.allows(&with("acme", "other"));
    stage.allows(&with("acme", "acme"));
    mismatches(&stage, &with("acme", "third"));
    mismatches(&stage, &with("other", "other"));
}

#[test]
fn nobody_vouches_for_an_anonymous_request() {
    let stage = Stage::with(BOUND);
    let forged = get("/optional").field("X-Auth-Subject", "root");
    assert_eq!(stage.allows(&forged).identity(), []);
    mismatches(&stage, &get("/optional").field("X-Tenant", "acme"));
    let known = stage.allows(&acme(get("/optional")).field("X-Tenant", "acme"));
    assert_eq!(known.field("x-auth-subject"), Some("alice"));
    mismatches(&stage, &acme(get("/optional")).field("X-Tenant", "evil"));
}

#[test]
fn a_token_that_is_known_is_bound_on_every_request() {
    let stage = Stage::with(BOUND);
    let token = mint::token().claim("tenant", "acme").sign();
    let with = |tenant: &str| get("/header").bearer(&token).field("X-Tenant", tenant);
    stage.allows(&with("acme"));
    mismatches(&stage, &with("evil"));
    stage.allows(&get("/else").bearer(&token));
    mismatches(&stage, &with("evil"));
    stage.allows(&with("acme"));
}
