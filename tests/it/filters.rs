//! Filters: `when` of a route, and where the client's address is from.

use super::harness::{Stage, get, mint, request};

fn bearer(path: &str) -> super::harness::Request {
    get(path).bearer(mint::token().sign())
}

const PLANS: &str = "
    [[routes]]
    path = \"/x\"
    when = [{ header = { name = \"X-Plan\", equals = [\"gold\", \"silver|platinum\"] } }]
    scopes = [\"gold\"]
    [[routes]]
    path = \"/x\"
    methods = [\"GET\"]
    when = [{ user_agent = { not_contains = \"curl\" } }, { cookie = { name = \"beta\", equals = \"1\" } }]
    scopes = [\"beta\"]
    [[routes]]
    path = \"/x\"
    when = [{ host = \"Internal\", user_agent = \"curl\" }]
    scopes = [\"internal\"]
    [[routes]]
    path = \"/{*rest}\"
";

#[test]
fn routes_are_tried_in_their_order() {
    let stage = Stage::with(PLANS);
    let which = |request: super::harness::Request, scope: &str| {
        let right = mint::token().claim("scope", scope).sign();
        stage.allows(&request.clone().bearer(right));
        let wrong = mint::token().claim("scope", "other").sign();
        let response = stage.refuses(&request.bearer(wrong), 403, "scope_insufficient");
        let challenge = response.field("www-authenticate").unwrap();
        assert!(
            challenge.contains(&format!("scope=\"{scope}\"")),
            "{challenge}"
        );
    };
    which(get("/x").field("X-Plan", "gold"), "gold");
    which(
        get("/x")
            .field("X-Plan", "platinum")
            .field("Cookie", "beta=1"),
        "gold",
    );
    which(get("/x").field("Cookie", "beta=1"), "beta");
    which(
        get("/x")
            .host("my.internal.example")
            .field("User-Agent", "curl/8"),
        "internal",
    );
    // One of several filters fails: no match, and nothing wider is tried.
    for none in [
        get("/x"),
        get("/x").field("X-Plan", "bronze"),
        get("/x").field("X-Plan", "Gold"),
        get("/x").field("X-Plan", "gold").field("X-Plan", "bronze"),
        get("/x")
            .field("X-Plan", "gold")
            .field("Connection", "x-plan"),
        get("/x")
            .field("Cookie", "beta=1")
            .field("User-Agent", "curl/8"),
        get("/x").field("User-Agent", "curl/8"),
        get("/x").host("my.internal.example"),
        request("POST", "/x"),
    ] {
        let token = mint::token().claim("scope", "gold beta internal").sign();
        stage.refuses(&none.clone().bearer(token), 404, "route_not_found");
        stage.refuses(&none, 404, "route_not_found");
    }
    let post = request("POST", "/x").field("Cookie", "beta=1");
    let response = stage.refuses(&post, 405, "method_not_allowed");
    assert_eq!(response.field("allow"), Some("GET, HEAD"));
    stage.allows(&bearer("/y"));
}

#[test]
fn not_contains_matches_what_is_absent() {
    let stage = Stage::with(
        "[[routes]]\npath = \"/{*rest}\"\nwhen = [{ user_agent = { not_contains = [\"curl\", \"wget\"] } }]\n",
    );
    stage.allows(&bearer("/"));
    stage.allows(&bearer("/").field("User-Agent", "Mozilla"));
    for agent in ["curl/8", "a wget"] {
        let refused = bearer("/").field("User-Agent", agent);
        stage.refuses(&refused, 404, "route_not_found");
    }
}

const INSIDE: &str = "
    [[routes]]
    path = \"/wild\"
    when = [{ remote_address = \"127.*.*.*\" }]
    [[routes]]
    path = \"/range\"
    when = [{ remote_address = [\"10.0.0.1\", \"127.0.0.[1-9]\"] }]
    [[routes]]
    path = \"/above\"
    when = [{ remote_address = { above = \"126.255.255.255\", below = \"127.0.0.2\" } }]
    [[routes]]
    path = \"/inside\"
    when = [{ remote_address = [\"10.0.0.0/8\", \"192.168.[7-13].*\"] }]
    [[routes]]
    path = \"/outside\"
    when = [{ remote_address = { not_contains = \"10.0.0.0/8\" } }]
    [[routes]]
    path = \"/{*rest}\"
";

#[test]
fn the_address_is_the_connections() {
    let stage = Stage::with(INSIDE);
    for path in ["/wild", "/range", "/above", "/outside"] {
        stage.allows(&bearer(path));
    }
    stage.refuses(&bearer("/inside"), 404, "route_not_found");
    // Nobody's word counts, and headers that only sound like an address are headers.
    for (name, value) in [
        ("X-Forwarded-For", "10.0.0.1"),
        ("Forwarded", "for=10.0.0.1"),
        ("X-Real-IP", "10.0.0.1"),
        ("remote-address", "10.0.0.1"),
        ("remote_address", "10.0.0.1"),
        ("request-url", "/wild"),
    ] {
        let spoofed = bearer("/inside").field(name, value);
        stage.refuses(&spoofed, 404, "route_not_found");
        stage.allows(&bearer("/outside").field(name, value));
    }
}

#[test]
fn a_trusted_proxy_names_the_client() {
    let stage = Stage::with(&format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n{INSIDE}"
    ));
    let from = |path: &str, told: &str| bearer(path).field("X-Forwarded-For", told);
    stage.allows(&from("/inside", "10.0.0.1"));
    stage.allows(&from("/inside", "8.8.8.8, 192.168.7.1"));
    stage.allows(&from("/inside", "192.168.13.1, 127.0.0.1"));
    stage.allows(&bearer("/inside").field("Forwarded", "for=10.0.0.1;proto=https"));
    stage.allows(&from("/outside", "10.0.0.1, 8.8.8.8"));
    stage.allows(&bearer("/wild"));
    for (path, told) in [
        // What stands further left was there before the proxy, and anybody can write it.
        ("/inside", "10.0.0.1, 8.8.8.8"),
        ("/inside", "192.168.14.1"),
        ("/inside", "nonsense"),
        ("/inside", ""),
        ("/outside", "nonsense"),
        ("/outside", "10.0.0.1"),
        ("/wild", "8.8.8.8"),
    ] {
        stage.refuses(&from(path, told), 404, "route_not_found");
    }
    let two = from("/inside", "10.0.0.1").field("Forwarded", "for=8.8.8.8");
    stage.refuses(&two, 404, "route_not_found");
    // A client that has a proxy drop the field does not become the proxy.
    let dropped = from("/wild", "8.8.8.8").field("Connection", "x-forwarded-for");
    stage.refuses(&dropped, 404, "route_not_found");
}

#[test]
fn a_route_may_look_for_its_token_elsewhere() {
    let stage = Stage::with(
        "[token]\ncookie = \"session\"\n\
         [[routes]]\npath = \"/own\"\ntoken = { header = \"X-Token\" }\n\
         [[routes]]\npath = \"/query\"\ntoken = { query_parameter = \"t\", cookie = \"\" }\n\
         [[routes]]\npath = \"/kept\"\ntoken = { forward = true }\n\
         [[routes]]\npath = \"/{*rest}\"\n",
    );
    let token = mint::token().sign();
    let cookie = |path: &str| get(path).field("Cookie", format!("session={token}"));
    let seen = stage.allows(&get("/own").field("X-Token", token.clone()));
    assert_eq!(seen.field("x-token"), None);
    stage.refuses(&get("/own").bearer(&token), 401, "token_missing");
    stage.refuses(&cookie("/own"), 401, "token_missing");
    stage.allows(&get(&format!("/query?t={token}")));
    stage.refuses(&cookie("/query"), 401, "token_missing");
    stage.allows(&cookie("/else"));
    stage.refuses(&get(&format!("/else?t={token}")), 401, "token_missing");
    stage.refuses(
        &get("/else").field("X-Token", token.clone()),
        401,
        "token_missing",
    );
    let kept = stage.allows(&get("/kept").bearer(&token));
    assert_eq!(
        kept.field("authorization"),
        Some(&*format!("Bearer {token}"))
    );
    assert_eq!(
        stage
            .allows(&get("/else").bearer(&token))
            .field("authorization"),
        None
    );
    stage.allows(&cookie("/kept"));
}
