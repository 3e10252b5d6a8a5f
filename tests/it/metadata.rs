//! Protected resource metadata (RFC 9728), one document for each group of routes.

use serde_json::{Value, json};

use super::harness::{ISSUER, Request, Stage, Token, get, mint, request};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

fn stage(public_url: &str) -> Stage {
    let jwk = mint::stranger().jwk();
    Stage::builder()
        .with(&format!(
            "{public_url}\n\
             [[routes]]\npath = \"/orders\"\nscopes = [\"orders:list\"]\n\
             [[routes]]\npath = \"/orders/{{id}}\"\nmethods = [\"GET\"]\n\
             scopes = [\"orders:read\"]\nany_scopes = [\"eu\", \"us\"]\n\
             [[routes]]\npath = \"/partners/{{name}}/files/{{*rest}}\"\n\
             issuers = [\"partner\", \"gone\"]\n\
             [[routes]]\npath = \"/health\"\naccess = \"public\"\n\
             [[routes]]\npath = \"/abroad\"\nhost = \"other.example.com\"\n\
             [[routes]]\npath = \"/{{*rest}}\"\n\
             [issuers.partner]\njwks = {{ keys = [{{ kty = \"EC\", crv = \"P-256\", x = {}, y = {} }}] }}\n\
             [issuers.gone]\nactive = false\njwks_uri = \"https://gone.example.com/\"\n",
            jwk["x"], jwk["y"]
        ))
        .start()
}

fn with_url() -> Stage {
    stage("[server]\npublic_url = \"https://api.example.com/v1\"")
}

fn document(stage: &Stage, path: &str) -> Value {
    let response = stage.send(&get(&format!("{WELL_KNOWN}{path}")));
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(response.field("content-type"), Some("application/json"));
    stage.upstream.saw_nothing();
    response.json()
}

#[test]
fn each_group_of_routes_has_a_document_of_its_own() {
    let stage = with_url();
    let methods = json!(["header", "body"]);
    let orders = json!({
        "resource": "https://api.example.com/v1/orders",
        "authorization_servers": [ISSUER, "partner"],
        "bearer_methods_supported": methods,
        "scopes_supported": ["eu", "orders:list", "orders:read", "us"],
    });
    assert_eq!(document(&stage, "/v1/orders"), orders);
    let partners = json!({
        "resource": "https://api.example.com/v1/partners",
        "authorization_servers": ["partner"],
        "bearer_methods_supported": methods,
    });
    assert_eq!(document(&stage, "/v1/partners"), partners);
    let whole = json!({
        "resource": "https://api.example.com/v1",
        "authorization_servers": [ISSUER, "partner"],
        "bearer_methods_supported": methods,
        "scopes_supported": ["eu", "orders:list", "orders:read", "us"],
    });
    assert_eq!(document(&stage, "/v1"), whole);
}

#[test]
fn there_is_no_document_for_what_is_public_or_elsewhere() {
    let stage = with_url();
    for path in [
        "",
        "/orders",
        "/v1/",
        "/v1/health",
        "/v1/abroad",
        "/v1/orders/",
        "/v1/orders/42",
        "/v1/ORDERS",
        "/v1/%6frders",
        "x",
    ] {
        let request = get(&format!("{WELL_KNOWN}{path}"));
        stage.refuses(&request, 401, "token_missing");
    }
    let post = request("POST", &format!("{WELL_KNOWN}/v1/orders"));
    stage.refuses(&post, 401, "token_missing");
}

#[test]
fn nothing_is_there_without_a_public_url() {
    let stage = stage("");
    for path in ["", "/orders", "/v1/orders"] {
        let response = stage.refuses(&get(&format!("{WELL_KNOWN}{path}")), 401, "token_missing");
        let challenge = response.field("www-authenticate").unwrap();
        assert!(!challenge.contains("resource_metadata"), "{challenge}");
    }
}

#[track_caller]
fn challenged(stage: &Stage, request: &Request, status: u16, code: &str) -> String {
    let response = stage.refuses(request, status, code);
    response.field("www-authenticate").unwrap().to_owned()
}

#[test]
fn a_refusal_names_the_document_of_its_route() {
    let stage = with_url();
    let expired = mint::token().claim("exp", 1).sign();
    for (path, document) in [
        ("/orders", "/v1/orders"),
        ("/orders/42", "/v1/orders"),
        ("/partners/a/files/b", "/v1/partners"),
        ("/else", "/v1"),
    ] {
        let named = format!("resource_metadata=\"https://api.example.com{WELL_KNOWN}{document}\"");
        let challenge = challenged(&stage, &get(path), 401, "token_missing");
        assert!(challenge.ends_with(&named), "{challenge}");
        let code = if path.starts_with("/partners") {
            "issuer_unknown"
        } else {
            "token_expired"
        };
        let challenge = challenged(&stage, &get(path).bearer(&expired), 401, code);
        assert!(challenge.ends_with(&named), "{challenge}");
        // It leads somewhere.
        self::document(&stage, document);
    }
    let abroad = get("/abroad").host("other.example.com");
    let challenge = challenged(&stage, &abroad, 401, "token_missing");
    assert!(
        challenge.ends_with(&format!("{WELL_KNOWN}/v1\"")),
        "{challenge}"
    );
}

#[test]
fn a_403_names_the_scopes_and_the_document() {
    let stage = with_url();
    let token = |scope: &str| mint::token().claim("scope", scope).sign();
    stage.allows(&get("/orders/42").bearer(token("orders:read eu")));
    let request = get("/orders/42").bearer(token("orders:list"));
    let challenge = challenged(&stage, &request, 403, "scope_insufficient");
    assert!(
        challenge.contains("scope=\"orders:read eu us\""),
        "{challenge}"
    );
    assert!(challenge.ends_with("/v1/orders\""), "{challenge}");
    let other = get("/orders").bearer(Token::of(mint::es256()).sign());
    let challenge = challenged(&stage, &other, 403, "scope_insufficient");
    assert!(challenge.contains("scope=\"orders:list\""), "{challenge}");
}

#[test]
fn a_reload_changes_what_the_documents_say() {
    let mut stage = Stage::builder()
        .with("[server]\npublic_url = \"https://api.example.com\"\n[[routes]]\npath = \"/a/{id}\"")
        .in_a_file()
        .start();
    assert_eq!(document(&stage, "/a").get("scopes_supported"), None);
    stage.rewrites("[[routes]]\npath = \"/a/{id}\"\nscopes = [\"new\"]");
    stage.applies();
    assert_eq!(document(&stage, "/a")["scopes_supported"], json!(["new"]));
}

#[test]
fn a_refusal_links_to_the_page_about_it() {
    let stage = stage("[server]\nrefusal_docs = \"https://docs.example.com/refusals\"");
    let response = stage.send(&get("/orders").bearer("one.two.three"));
    assert_eq!(response.status, 401);
    let page = "https://docs.example.com/refusals#token_malformed";
    assert_eq!(response.json()["type"], page);
    let challenge = response.field("www-authenticate").unwrap();
    assert!(
        challenge.contains(&format!(", error_uri=\"{page}\"")),
        "{challenge}"
    );
    stage.upstream.saw_nothing();

    let stage = with_url();
    let response = stage.send(&get("/orders").bearer("one.two.three"));
    assert_eq!(response.status, 401);
    assert_eq!(response.json().get("type"), None);
    let challenge = response.field("www-authenticate").unwrap();
    assert!(!challenge.contains("error_uri"), "{challenge}");
    stage.upstream.saw_nothing();
}
