//! Other proxies ask whether a request may pass.

use std::net::SocketAddr;

use super::harness::{Connection, Request, Response, Stage, get, mint, request};

const ROUTES: &str = "[[routes]]\npath = \"/orders/{id}\"\nmethods = [\"GET\", \"DELETE\"]\nhost = \"api.example.com\"\n\
    [[routes]]\npath = \"/public\"\naccess = \"public\"\n";

/// The three kinds, in the order of [`asked`].
fn stage() -> Stage {
    let kinds = [
        ("nginx", ""),
        ("forward_auth", ""),
        ("ext_authz_http", "path_prefix = \"/ask\"\n"),
    ];
    let authorizers: String = kinds
        .iter()
        .map(|(kind, more)| {
            format!("[[authorizers]]\nkind = \"{kind}\"\nlisten = \"127.0.0.1:0\"\n{more}")
        })
        .collect();
    Stage::with(&format!("{authorizers}{ROUTES}"))
}

fn authorizers(stage: &Stage) -> &[SocketAddr] {
    stage.gateway.running().authorizers()
}

/// What each kind of proxy asks about a request to `target`.
fn asked(method: &str, target: &str) -> [Request; 3] {
    let bare = get("/auth").host("127.0.0.1:9191");
    [
        bare.clone()
            .field("X-Original-Method", method)
            .field("X-Original-URI", target)
            .field("X-Forwarded-Host", "api.example.com"),
        bare.field("X-Forwarded-Method", method)
            .field("X-Forwarded-Uri", target)
            .field("X-Forwarded-Host", "api.example.com")
            .field("X-Forwarded-Proto", "https"),
        request(method, &format!("/ask{target}")),
    ]
}

fn each(
    stage: &Stage,
    method: &str,
    target: &str,
    with: impl Fn(Request) -> Request,
) -> Vec<Response> {
    let questions = asked(method, target).into_iter().map(with);
    questions
        .zip(authorizers(stage))
        .map(|(question, address)| question.send(*address))
        .collect()
}

#[test]
fn a_good_token_passes_and_its_identity_is_told() {
    let stage = stage();
    let token = mint::token().sign();
    for response in each(&stage, "GET", "/orders/1?a=b", |asked| asked.bearer(&token)) {
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.field("x-auth-subject"), Some("alice"));
        assert_eq!(response.field("cache-control"), Some("no-store"));
        assert!(response.field("x-request-id").is_some());
        assert_eq!(response.body, b"");
    }
    stage.upstream.saw_nothing();
}

#[test]
fn a_bad_one_is_refused_as_each_proxy_understands_it() {
    let stage = stage();
    let expired = mint::token()
        .claim("exp", super::harness::NOW - 3600)
        .sign();
    for response in each(&stage, "GET", "/orders/1", |asked| asked.bearer(&expired)) {
        assert_eq!(response.status, 401);
        assert_eq!(response.code().as_deref(), Some("token_expired"));
        assert_eq!(response.field("x-portcullis-code"), Some("token_expired"));
        assert_eq!(response.field("x-auth-subject"), None);
    }
    // Other statuses: nginx knows 401 and 403 only.
    let token = mint::token().sign();
    for (method, target, status, code) in [
        ("POST", "/orders/1", "405", "method_not_allowed"),
        ("GET", "/elsewhere", "404", "route_not_found"),
        ("GET", "/orders/%31", "400", "request_malformed"),
        ("GET", "/public/../orders/1", "400", "request_malformed"),
        ("GET", "//public", "400", "request_malformed"),
    ] {
        let answers = each(&stage, method, target, |asked| asked.bearer(&token));
        for (response, known) in answers.iter().zip(["403", status, status]) {
            assert_eq!(
                response.status.to_string(),
                known,
                "{target} {}",
                response.text()
            );
            assert_eq!(
                response.field("x-portcullis-status"),
                Some(status),
                "{target}"
            );
            assert_eq!(response.field("x-portcullis-code"), Some(code), "{target}");
        }
    }
    stage.upstream.saw_nothing();
}

#[test]
fn only_who_is_trusted_may_ask() {
    let stage = Stage::with(&format!(
        "[[authorizers]]\nlisten = \"127.0.0.1:0\"\ntrusted = [\"192.0.2.1\"]\n{ROUTES}"
    ));
    let question = asked("GET", "/public")[1].clone();
    let response = question
        .bearer(mint::token().sign())
        .send(authorizers(&stage)[0]);
    assert_eq!(response.code().as_deref(), Some("request_malformed"));
    assert_eq!(response.status, 400);
    stage.upstream.saw_nothing();
}

#[test]
fn what_is_not_clear_is_refused() {
    let stage = stage();
    let token = mint::token().sign();
    // A client's own fields, beside those that the proxy sets or without them.
    for (kind, name) in [
        (0, "X-Original-URI"),
        (0, "X-Original-Method"),
        (1, "X-Forwarded-Uri"),
        (1, "X-Forwarded-Host"),
    ] {
        let question = asked("GET", "/orders/1")[kind].clone();
        let response = question
            .bearer(&token)
            .field(name, "/public")
            .send(authorizers(&stage)[kind]);
        assert_eq!(
            response.field("x-portcullis-code"),
            Some("request_malformed"),
            "{name}"
        );
    }
    for address in authorizers(&stage).iter().take(2) {
        let response = get("/public").send(*address);
        assert_eq!(
            response.field("x-portcullis-code"),
            Some("request_malformed")
        );
    }
    stage.upstream.saw_nothing();
}

#[test]
fn envoy_is_told_what_must_not_go_on() {
    let stage = stage();
    let question = asked("GET", "/orders/1")[2].clone();
    let spoofed = question
        .field("X-Auth-Groups", "admin")
        .field("X_Auth_Subject", "root")
        .field("X-Other", "stays")
        .bearer(mint::token().sign());
    let response = spoofed.send(authorizers(&stage)[2]);
    assert_eq!(response.status, 200);
    let gone = response.field("x-envoy-auth-headers-to-remove").unwrap();
    let mut gone: Vec<&str> = gone.split(',').collect();
    gone.sort_unstable();
    assert_eq!(gone, ["authorization", "x-auth-groups", "x_auth_subject"]);
}

#[test]
fn a_body_that_is_not_shown_proves_nothing() {
    let bound = "[[authorizers]]\nlisten = \"127.0.0.1:0\"\n[[routes]]\npath = \"/{*rest}\"\n\
        bind = [{ claim = \"sub\", json = \"/who\" }]\n";
    let stage = Stage::with(bound);
    let question = asked("POST", "/orders/1")[1].clone();
    let question = question
        .field("Content-Type", "application/json")
        .bearer(mint::token().sign());
    let response = question.send(authorizers(&stage)[0]);
    assert_eq!(
        (response.status, response.code().as_deref()),
        (403, Some("binding_mismatch"))
    );
    // The same request with its body passes at the front door.
    let whole = super::harness::post("/orders/1", "{\"who\":\"alice\"}");
    stage.allows(
        &whole
            .field("Content-Type", "application/json")
            .bearer(mint::token().sign()),
    );
}

#[test]
fn a_connection_asks_many_times() {
    let stage = stage();
    let mut connection = Connection::open(authorizers(&stage)[1]);
    let question = asked("GET", "/orders/1")[1].clone();
    for (token, status) in [
        (mint::token(), 200),
        (mint::token().claim("exp", super::harness::NOW - 3600), 401),
        (mint::token(), 200),
    ] {
        connection.send(question.clone().bearer(token.sign()).bytes());
        assert_eq!(connection.read(false).status, status);
    }
}
