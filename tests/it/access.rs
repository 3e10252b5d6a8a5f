//! Which route a request takes, and what the route asks for.

use serde_json::json;

use super::harness::{Stage, Token, get, mint, request};

const OPEN_AND_SHUT: &str = "
    [[routes]]
    path = \"/public/{*rest}\"
    access = \"public\"
    [[routes]]
    path = \"/optional/{*rest}\"
    access = \"optional\"
    [[routes]]
    path = \"/{*rest}\"
";

fn bearer(path: &str) -> super::harness::Request {
    get(path).bearer(mint::token().sign())
}

#[test]
fn an_optional_token_may_be_absent_and_not_bad() {
    let stage = Stage::with(OPEN_AND_SHUT);
    let anonymous = stage.allows(&get("/optional/x"));
    assert_eq!(anonymous.identity(), []);
    let known = stage.allows(&bearer("/optional/x"));
    assert_eq!(known.field("x-auth-subject"), Some("alice"));
    let bad = mint::token().claim("exp", 1).sign();
    stage.refuses(&get("/optional/x").bearer(bad), 401, "token_expired");
    let forged = Token::of(mint::stranger()).sign();
    stage.refuses(&get("/optional/x").bearer(forged), 401, "signature_invalid");
    stage.refuses(&get("/optional/x").bearer("x"), 401, "token_malformed");
    let empty = get("/optional/x").field("Authorization", "Bearer ");
    stage.refuses(&empty, 400, "token_empty");
    stage.refuses(&bearer("/optional/x").bearer("x"), 400, "token_ambiguous");
}

#[test]
fn a_public_route_ignores_tokens_and_knows_nobody() {
    let stage = Stage::with(OPEN_AND_SHUT);
    let forged = Token::of(mint::stranger()).sign();
    for request in [
        get("/public/x"),
        bearer("/public/x"),
        get("/public/x").bearer(forged),
        get("/public/x").bearer("x"),
        bearer("/public/x").bearer("x"),
        get("/public/x").field("Authorization", "Bearer "),
    ] {
        let seen = stage.allows(&request);
        assert_eq!(seen.identity(), []);
        // Nobody has looked at it, so the upstream must not take it for good.
        assert_eq!(seen.head.all("authorization"), [""; 0]);
    }
    stage.refuses(&get("/private"), 401, "token_missing");
    stage.refuses(&get("/publicly/x"), 401, "token_missing");
}

#[test]
fn forged_identity_headers_never_arrive() {
    let stage = Stage::with(OPEN_AND_SHUT);
    let forged = |path: &str| {
        get(path)
            .field("X-Auth-Subject", "root")
            .field("x-auth-subject", "root")
            .field("X_Auth_Subject", "root")
            .field("x.auth.groups", "admin")
            .field("X-Auth_Scope", "all")
            .field("X-AUTH-REALM", "master")
            .field("x-auth-issuer", "me")
    };
    for path in ["/public/x", "/optional/x"] {
        assert_eq!(stage.allows(&forged(path)).identity(), []);
    }
    let seen = stage.allows(&forged("/x").bearer(mint::token().sign()));
    let names: Vec<_> = seen.identity().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["x-auth-subject", "x-auth-issuer", "x-auth-realm"]);
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    stage.refuses(&forged("/x"), 401, "token_missing");
}

#[test]
fn an_optional_route_does_not_pass_on_what_looks_like_a_token() {
    let stage = Stage::with(&format!("[token]\nheader = \"X-Token\"\n{OPEN_AND_SHUT}"));
    for path in ["/public/x", "/optional/x"] {
        let seen = stage.allows(&get(path).field("x_token", "forged").field("X.Token-1", "x"));
        let tokens = seen
            .head
            .fields
            .iter()
            .filter(|(name, _)| name.contains("token"));
        assert_eq!(tokens.count(), 0, "{:?}", seen.head);
    }
    let seen = stage.allows(&get("/public/x").field("X-Token", mint::token().sign()));
    assert_eq!(seen.field("x-token"), None);
}

#[test]
fn scopes_are_all_there_and_whole() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/all\"\nscopes = [\"orders:read\", \"orders:write\"]\n\
         [[routes]]\npath = \"/any\"\nany_scopes = [\"orders:read\", \"admin\"]\n\
         [[routes]]\npath = \"/{*rest}\"\n",
    );
    let with =
        |path: &str, scope: &str| get(path).bearer(mint::token().claim("scope", scope).sign());
    let seen = stage.allows(&with("/all", "x orders:write orders:read"));
    assert_eq!(
        seen.field("x-auth-scope"),
        Some("x,orders:write,orders:read")
    );
    stage.allows(&with("/any", "admin"));
    let list = mint::token()
        .claim("scp", json!(["orders:read", "orders:write"]))
        .sign();
    stage.allows(&get("/all").bearer(list));
    stage.allows(&with("/else", "nothing"));
    for lacking in [
        "orders:read",
        "orders:readorders:write",
        "orders:reads orders:writes",
        "orders:read\torders:write",
        "orders:read  orders:write",
        " orders:read orders:write",
        "Orders:Read orders:write",
        "",
    ] {
        let response = stage.refuses(&with("/all", lacking), 403, "scope_insufficient");
        let challenge = response.field("www-authenticate").unwrap();
        assert!(
            challenge.contains("scope=\"orders:read orders:write\""),
            "{challenge}"
        );
    }
    stage.refuses(&bearer("/all"), 403, "scope_insufficient");
    let any = stage.refuses(&with("/any", "orders"), 403, "scope_insufficient");
    assert!(
        any.field("www-authenticate")
            .unwrap()
            .contains("scope=\"orders:read admin\"")
    );
    // Not to be said in a header without changing what it says: that is the token's fault.
    for garbled in ["orders:read,orders:write", "orders:read orders:write\n"] {
        stage.refuses(&with("/all", garbled), 401, "claim_malformed");
    }
    let array = mint::token()
        .claim("scope", json!(["orders:read", "orders:write"]))
        .sign();
    stage.refuses(&get("/all").bearer(array), 401, "claim_malformed");
}

#[test]
fn a_route_may_take_some_issuers_only() {
    let jwk = mint::stranger().jwk();
    let text = |name: &str| jwk[name].as_str().unwrap();
    let stage = Stage::with(&format!(
        "[issuers.\"https://partner.example\"]\naudiences = [\"ALL_AUDIENCES\"]\n\
         jwks = {{ keys = [{{ kty = \"EC\", crv = \"P-256\", x = \"{}\", y = \"{}\" }}] }}\n\
         [[routes]]\npath = \"/partners\"\nissuers = [\"https://partner.example\"]\n\
         [[routes]]\npath = \"/{{*rest}}\"\n",
        text("x"),
        text("y"),
    ));
    let partner = Token::of(mint::stranger())
        .claim("iss", "https://partner.example")
        .sign();
    stage.allows(&get("/partners").bearer(&partner));
    stage.allows(&get("/all").bearer(&partner));
    stage.allows(&bearer("/all"));
    stage.refuses(&bearer("/partners"), 401, "issuer_unknown");
}

#[test]
fn a_method_that_is_not_for_the_path_is_405() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/orders/{id}\"\nmethods = [\"GET\"]\n\
         [[routes]]\npath = \"/orders/{id}\"\nmethods = [\"DELETE\"]\nscopes = [\"admin\"]\n\
         [[routes]]\npath = \"/{*rest}\"\n",
    );
    let with = |method: &str| request(method, "/orders/42").bearer(mint::token().sign());
    stage.allows(&with("GET"));
    stage.allows(&with("HEAD"));
    for other in ["POST", "PUT", "OPTIONS", "PROPFIND", "get"] {
        let response = stage.refuses(&with(other), 405, "method_not_allowed");
        let mut allow: Vec<_> = response.field("allow").unwrap().split(", ").collect();
        allow.sort_unstable();
        assert_eq!(allow, ["DELETE", "GET", "HEAD"]);
    }
    stage.refuses(&with("DELETE"), 403, "scope_insufficient");
    let disguised = with("GET").field("X-HTTP-Method-Override", "DELETE");
    let seen = stage.allows(&disguised);
    assert_eq!(seen.field("x-http-method-override"), None);
}

#[test]
fn no_route_is_404_whatever_the_token() {
    let stage = Stage::with("[[routes]]\npath = \"/orders/{id}\"\n");
    stage.allows(&bearer("/orders/42"));
    for path in [
        "/orders/42/items",
        "/other",
        "/orders",
        "/Orders/42",
        "/orders/42/",
    ] {
        stage.refuses(&bearer(path), 404, "route_not_found");
        stage.refuses(&get(path), 404, "route_not_found");
    }
}

#[test]
fn a_route_is_for_its_host_however_that_is_written() {
    let stage = Stage::with(
        "[[routes]]\nhost = \"api.example.com\"\npath = \"/{*rest}\"\n\
         [[routes]]\nhost = \"admin.example.com\"\npath = \"/{*rest}\"\nscopes = [\"admin\"]\n",
    );
    for host in [
        "api.example.com",
        "API.Example.COM",
        "api.example.com:8080",
        "api.example.com.",
    ] {
        stage.allows(&bearer("/x").host(host));
    }
    for host in [
        "admin.example.com",
        "ADMIN.example.com.",
        "admin.example.com:80",
    ] {
        stage.refuses(&bearer("/x").host(host), 403, "scope_insufficient");
    }
    for host in [
        "example.com",
        "api.example.com.evil.example",
        "xapi.example.com",
        "127.0.0.1",
    ] {
        stage.refuses(&bearer("/x").host(host), 404, "route_not_found");
    }
    // What others say about the host counts for nothing.
    let spoofed = bearer("/x")
        .host("admin.example.com")
        .field("X-Forwarded-Host", "api.example.com")
        .field("Forwarded", "host=api.example.com")
        .field("X-Original-Host", "api.example.com");
    stage.refuses(&spoofed, 403, "scope_insufficient");
}

#[test]
fn one_canonical_path_is_matched_and_forwarded() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/public/{*rest}\"\naccess = \"public\"\n\
         [[routes]]\npath = \"/admin/{*rest}\"\nscopes = [\"admin\"]\n\
         [[routes]]\npath = \"/{*rest}\"\n",
    );
    assert_eq!(stage.allows(&get("/public/%61%2Db")).target, "/public/a-b");
    assert_eq!(
        stage.allows(&get("/public/caf%c3%a9?x=%2e%2e/")).target,
        "/public/caf%C3%A9?x=%2e%2e/"
    );
    for path in [
        "/public/../admin/x",
        "/public/%2e%2e/admin/x",
        "/public/.%2E/admin/x",
        "/public/./x",
        "//admin/x",
        "/public//x",
        "/public/%2fadmin",
        "/public/a%5cb",
        "/public/a\\b",
        "/public/a;x",
        "/public/..;/admin/x",
        "/public/%00",
        "/public/%zz",
        "/public/%",
        "/public/%c0%af",
        "/public/%252e%252e/admin",
        "/public/%0d%0aX:%20y",
    ] {
        stage.refuses(&get(path), 400, "request_malformed");
    }
    stage.refuses(&bearer("/%61dmin/x"), 403, "scope_insufficient");
    stage.refuses(&get("/x?path=/public/"), 401, "token_missing");
    for (name, value) in [
        ("X-Original-URL", "/public/x"),
        ("X-Rewrite-URL", "/public/x"),
        ("X-Forwarded-Prefix", "/public"),
        ("User-Agent", "kube-probe/1.30"),
    ] {
        stage.refuses(&get("/x").field(name, value), 401, "token_missing");
    }
    let preflight = request("OPTIONS", "/x")
        .field("Origin", "https://evil.example")
        .field("Access-Control-Request-Method", "GET");
    stage.refuses(&preflight, 401, "token_missing");
}

#[test]
fn a_fragment_or_a_foreign_host_is_malformed() {
    let stage = Stage::new();
    for host in ["", "a@b", "a b", "a/b", "[::1"] {
        let request = bearer("/").host(host);
        assert_eq!(stage.send(&request).status, 400, "{host}");
    }
    stage.upstream.saw_nothing();
    stage.allows(&bearer("/").host("[::1]:8080"));
}
