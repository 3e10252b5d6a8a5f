//! Targets and hosts: one canonical form is matched and forwarded, and what has none is refused.

use super::harness::{Stage, get, mint, request};

/// A public corner, a guarded one, and a host of its own.
const ROUTES: &str = r#"
    [[routes]]
    path = "/public/{*rest}"
    access = "public"

    [[routes]]
    path = "/admin/{*rest}"
    scopes = ["admin"]

    [[routes]]
    host = "guarded.example.com"
    path = "/{*rest}"
    scopes = ["admin"]

    [[routes]]
    path = "/read"
    methods = ["GET"]
    access = "public"
"#;

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let stage = Stage::with(ROUTES);
    for target in [
        "/public/../admin/x",
        "/public/%2e%2e/admin/x",
        "/public/%2E%2e/admin/x",
        "/public/.%2e/admin/x",
        "/public/./x",
        "/public/..",
        "//admin/x",
        "/public//admin/x",
        "/public/%2fadmin",
        "/public%2Fadmin",
        "/public/..%5cadmin",
        "/public/..\\admin",
        "/public/x;y=z",
        "/public/..;/admin/x",
        "/public/%00",
        "/public/%0d%0aX-Auth-Subject:%20admin",
        "/public/%zz",
        "/public/%",
        "/public/%c0%ae%c0%ae/admin",
        "/public/%ff",
        "/public/%252e%252e/admin",
        "/public/%25%32%65",
        "/public/x#/../../admin",
        "/public/x?y#z",
        "/public/\u{e9}",
        "/public/<x>",
        "public/x",
        "*",
        "",
    ] {
        stage.refuses(&get(target), 400, "request_malformed");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn the_canonical_form_is_the_one_that_is_forwarded() {
    let stage = Stage::with(ROUTES);
    for (target, forwarded) in [
        ("/public/%61%2db", "/public/a-b"),
        ("/public/caf%c3%a9", "/public/caf%C3%A9"),
        (
            "/public/a%20b?c=%2e%2e/&d=//",
            "/public/a%20b?c=%2e%2e/&d=//",
        ),
        ("/public/...", "/public/..."),
        ("http://api.example.com/public/x?y", "/public/x?y"),
    ] {
        assert_eq!(stage.allows(&get(target)).target, forwarded, "{target}");
    }
    // The guarded corner is guarded in each of its spellings.
    for target in ["/admin/x", "/%61dmin/x", "/admin/%2e%2ex", "/adm%69n/"] {
        stage.refuses(&get(target), 401, "token_missing");
        let token = mint::token().sign();
        stage.refuses(&get(target).bearer(token), 403, "scope_insufficient");
    }
}

#[test]
fn a_query_matches_no_rule() {
    let stage = Stage::with(ROUTES);
    for target in ["/admin/x?x=/public/", "/?/public/x", "/x?/../public/x"] {
        let refused = stage.send(&get(target));
        assert!(matches!(refused.status, 401 | 404), "{target}");
    }
    stage.upstream.saw_nothing();
    assert_eq!(
        stage.allows(&get("/public/x?/admin/")).target,
        "/public/x?/admin/"
    );
}

#[test]
fn a_host_has_one_form() {
    let stage = Stage::with(ROUTES);
    for host in [
        "guarded.example.com",
        "GUARDED.Example.com",
        "guarded.example.com:8080",
        "guarded.example.com.",
        "guarded.example.com.:80",
    ] {
        let token = mint::token();
        let refused = get("/public/x").host(host);
        stage.refuses(&refused, 401, "token_missing");
        stage.refuses(&refused.bearer(token.sign()), 403, "scope_insufficient");
        let admin = mint::token().claim("scope", "admin").sign();
        stage.allows(&get("/public/x").host(host).bearer(admin));
    }
    // A longer name is another host.
    stage.allows(&get("/public/x").host("guarded.example.com.evil.example"));
}

#[test]
fn nobody_but_the_host_says_which_host_it_is() {
    let stage = Stage::with(ROUTES);
    for host in [
        "",
        "user@guarded.example.com",
        "guarded.example.com, api.example.com",
        "guarded.example.com/x",
        "guarded.example.com:8080:80",
        "guarded.example.com:x",
        "[::1",
        "a b",
        "guarded..example.com/..",
    ] {
        stage.refuses(&get("/public/x").host(host), 400, "request_malformed");
    }
    let two = get("/public/x").field("Host", "guarded.example.com");
    stage.refuses(&two, 400, "request_malformed");
    for target in [
        "http://guarded.example.com/public/x",
        "http://user@api.example.com/public/x",
        "http://api.example.com:81/public/x",
        "http:///public/x",
    ] {
        stage.refuses(&get(target), 400, "request_malformed");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn fields_that_name_another_target_change_nothing() {
    let stage = Stage::with(ROUTES);
    for name in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X-Original-Host",
        "X-Forwarded-Host",
        "x_original_url",
        "x.rewrite.url",
    ] {
        let guarded = get("/admin/x").field(name, "/public/x");
        stage.refuses(&guarded, 401, "token_missing");
        let seen = stage.allows(&get("/public/x").field(name, "/admin/x"));
        assert_eq!(seen.target, "/public/x");
        let said = seen
            .head
            .fields
            .iter()
            .any(|(_, value)| value == "/admin/x");
        assert!(!said, "{:?}", seen.head);
    }
}

#[test]
fn no_method_opens_what_another_one_does_not() {
    let stage = Stage::with(ROUTES);
    for method in ["OPTIONS", "HEAD", "get", "PRI", "PROPFIND", "X"] {
        let preflight = request(method, "/admin/x")
            .field("Origin", "https://evil.example")
            .field("Access-Control-Request-Method", "GET")
            .field("User-Agent", "kube-probe/1.30");
        let refused = stage.send(&preflight);
        assert_eq!(refused.status, 401, "{method}");
    }
    for method in ["get", "POST", "Get", "OPTIONS", "GETT"] {
        let other = request(method, "/read");
        let refused = stage.refuses(&other, 405, "method_not_allowed");
        assert_eq!(refused.field("allow"), Some("GET, HEAD"));
    }
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        let delete = request("POST", "/read").field(name, "GET");
        stage.refuses(&delete, 405, "method_not_allowed");
        let seen = stage.allows(&get("/read").field(name, "DELETE"));
        assert_eq!(
            (&*seen.method, seen.field(&name.to_lowercase())),
            ("GET", None)
        );
    }
    assert_eq!(stage.allows(&request("HEAD", "/read")).method, "HEAD");
}

#[test]
fn there_are_no_tunnels_and_no_traces() {
    let stage = Stage::with(ROUTES);
    let token = mint::token().claim("scope", "admin").sign();
    for target in ["/public/x", "/admin/x", "/nowhere"] {
        let trace = request("TRACE", target).bearer(&token);
        stage.refuses(&trace, 405, "method_not_allowed");
    }
    for (target, host) in [
        ("api.example.com:443", "api.example.com:443"),
        ("/public/x", "a"),
    ] {
        let connect = request("CONNECT", target).host(host).bearer(&token);
        let refused = stage.refuses(&connect, 405, "method_not_allowed");
        assert!(refused.field("allow").is_some());
        assert_eq!(refused.field("connection"), Some("close"));
    }
    stage.upstream.saw_nothing();
}
