//! Other proxies ask whether a request may pass.

use std::net::SocketAddr;

use super::harness::{Connection, ISSUER, Request, Response, Stage, get, mint, request};

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

/// What Envoy is told to remove, in order.
fn removed(response: &Response) -> Vec<&str> {
    let gone = response.field("x-envoy-auth-headers-to-remove").unwrap();
    let mut gone: Vec<&str> = gone.split(',').collect();
    gone.sort_unstable();
    gone
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
    assert_eq!(
        removed(&response),
        ["authorization", "x-auth-groups", "x_auth_subject"]
    );
}

#[test]
fn what_connection_names_does_not_go_on_either() {
    let stage = stage();
    let question = asked("GET", "/orders/1")[2].clone();
    let hidden = question
        .field("Connection", "X-Auth-Groups, x-auth-subject")
        .field("X-Auth-Groups", "admin")
        .field("X-Auth-Subject", "root")
        .bearer(mint::token().sign());
    let response = hidden.send(authorizers(&stage)[2]);
    assert_eq!(response.status, 200);
    // The one is said anew, the other has nothing that could be said instead.
    assert_eq!(response.field("x-auth-subject"), Some("alice"));
    assert_eq!(removed(&response), ["authorization", "x-auth-groups"]);
}

#[test]
fn another_spelling_is_refused_where_nobody_takes_it_away() {
    let stage = stage();
    let token = mint::token().sign();
    let spoofed = |asked: Request| asked.field("X_Auth_Groups", "admin").bearer(&token);
    let statuses: Vec<u16> = each(&stage, "GET", "/orders/1", spoofed)
        .iter()
        .map(|response| response.status)
        .collect();
    assert_eq!(statuses, [403, 400, 200]);
    let other = |asked: Request| asked.field("X_Other", "1").bearer(&token);
    for response in each(&stage, "GET", "/orders/1", other) {
        assert_eq!(response.status, 200);
    }
}

#[test]
fn a_cookie_goes_on_without_the_token_in_it() {
    let stage = Stage::with(
        "[token]\ncookie = \"token\"\n\
         [[authorizers]]\nkind = \"ext_authz_http\"\nlisten = \"127.0.0.1:0\"\n",
    );
    let token = mint::token().sign();
    let asked = |cookie: String| {
        get("/orders/1")
            .field("Cookie", cookie)
            .send(authorizers(&stage)[0])
    };
    let response = asked(format!("a=b; token={token}; c=d"));
    assert_eq!(
        (response.status, response.field("cookie")),
        (200, Some("a=b; c=d"))
    );
    let response = asked(format!("token={token}"));
    assert_eq!((response.status, response.field("cookie")), (200, None));
    assert_eq!(
        response.field("x-envoy-auth-headers-to-remove"),
        Some("cookie")
    );
    let response = asked("token=forged".to_owned());
    assert_eq!((response.status, response.field("cookie")), (401, None));
}

#[test]
fn a_session_begins_and_serves() {
    let stage = Stage::with(
        "[session]\nenabled = true\n[[authorizers]]\nkind = \"nginx\"\nlisten = \"127.0.0.1:0\"\n",
    );
    let question = asked("GET", "/orders/1")[0].clone();
    let address = authorizers(&stage)[0];
    let response = question.clone().bearer(mint::token().sign()).send(address);
    assert_eq!(response.status, 200);
    let cookie = response.field("set-cookie").unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let response = question.clone().field("Cookie", cookie).send(address);
    assert_eq!(
        (response.status, response.field("x-auth-subject")),
        (200, Some("alice"))
    );
    let response = question.field("Cookie", format!("{cookie}x")).send(address);
    assert_eq!(response.status, 401);
    assert!(response.field("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn limits_and_single_use_hold_for_what_is_asked() {
    let stage = Stage::with(&format!(
        "[[authorizers]]\nkind = \"nginx\"\nlisten = \"127.0.0.1:0\"\n\
         [[routes]]\npath = \"/{{*rest}}\"\nlimit = {{ by = \"subject\", rate = \"1/m\", burst = 2 }}\n\
         [issuers.\"{ISSUER}\"]\nreplay = \"reject\"\n"
    ));
    let ask = |token: &str| {
        let question = asked("GET", "/orders/1")[0].clone();
        question.bearer(token).send(authorizers(&stage)[0])
    };
    let once = mint::token().claim("jti", "1").sign();
    let response = ask(&once);
    assert_eq!(response.status, 200);
    assert_eq!(response.field("ratelimit"), Some("\"subject\";r=1;t=60"));
    let response = ask(&once);
    assert_eq!(response.field("x-portcullis-code"), Some("token_replayed"));
    let response = ask(&mint::token().claim("jti", "2").sign());
    assert_eq!(response.status, 403);
    assert_eq!(response.field("x-portcullis-code"), Some("rate_limited"));
    assert_eq!(response.field("x-portcullis-status"), Some("429"));
    assert!(response.field("retry-after").is_some());
}

#[test]
fn what_is_asked_is_counted_logged_and_remembered_as_the_clients_request() {
    let stage = Stage::with(&format!(
        "[access_log]\nfile = \"access.log\"\n[[authorizers]]\nlisten = \"127.0.0.1:0\"\n{ROUTES}"
    ));
    let question = |target: &str| {
        let question = asked("GET", target)[1].clone();
        question.field("X-Forwarded-For", "198.51.100.7")
    };
    let address = authorizers(&stage)[0];
    let id = "of-the-proxy-1";
    let good = question("/orders/1?a=b").field("X-Request-Id", id);
    let response = good.bearer(mint::token().sign()).send(address);
    assert_eq!(
        (response.status, response.field("x-request-id")),
        (200, Some(id))
    );
    let refused = question("/orders/2").bearer("no").send(address);
    let id = refused.field("x-request-id").unwrap();
    let why = get(&format!("/refusals/{id}"))
        .send(stage.gateway.admin())
        .json();
    for (name, value) in [
        ("code", "token_malformed"),
        ("method", "GET"),
        ("path", "/orders/2"),
        ("client", "198.51.100.7"),
        ("route", "api.example.com/orders/{id}"),
    ] {
        assert_eq!(why[name], value, "{why}");
    }
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    for line in [
        "portcullis_authorizer_answers_total{kind=\"forward_auth\",outcome=\"allow\"} 1",
        "portcullis_authorizer_answers_total{kind=\"forward_auth\",outcome=\"refuse\"} 1",
        "code=\"token_malformed\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    stage.upstream.saw_nothing();
    let folder = stage.drained();
    let log = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{log}");
    for (line, (path, outcome)) in lines
        .iter()
        .zip([("/orders/1", "allow"), ("/orders/2", "refuse")])
    {
        assert_eq!(line["path"], path);
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["client"], "198.51.100.7");
    }
}

#[test]
fn the_client_is_whom_the_proxy_names() {
    let when = "[[authorizers]]\nlisten = \"127.0.0.1:0\"\n[[routes]]\npath = \"/{*rest}\"\n\
        access = \"public\"\nwhen = [{ remote_address = \"10.0.0.*\" }]\n";
    let stage = Stage::with(when);
    let from = |hops: &[&str]| {
        let question = asked("GET", "/")[1].clone();
        let add = |question: Request, hop: &&str| question.field("X-Forwarded-For", *hop);
        let question = hops.iter().fold(question, add);
        question.send(authorizers(&stage)[0]).status
    };
    assert_eq!(from(&["10.0.0.7"]), 200);
    assert_eq!(from(&["203.0.113.9, 10.0.0.7"]), 200);
    // What a client says of itself stands further left.
    assert_eq!(from(&["10.0.0.7, 203.0.113.9"]), 404);
    assert_eq!(from(&["10.0.0.7", "203.0.113.9"]), 404);
    assert_eq!(from(&["203.0.113.9"]), 404);
    // Nobody is named, and the proxy's own address counts for nothing.
    assert_eq!(from(&[]), 404);
    assert_eq!(from(&["unknown"]), 400);
    stage.upstream.saw_nothing();
}

#[test]
fn without_a_listener_of_its_own_it_needs_no_upstream() {
    let config = format!("{ROUTES}[[authorizers]]\nlisten = \"127.0.0.1:0\"\n");
    let stage = Stage::builder()
        .with(&config)
        .with("[server]\nlisten = []\n")
        .without("upstream")
        .start();
    assert!(stage.gateway.running().addresses().is_empty());
    let question = asked("GET", "/orders/1")[1].clone();
    let address = authorizers(&stage)[0];
    let response = question.clone().bearer(mint::token().sign()).send(address);
    assert_eq!(
        (response.status, response.field("x-auth-subject")),
        (200, Some("alice"))
    );
    assert_eq!(
        question.send(address).code().as_deref(),
        Some("token_missing")
    );
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

#[cfg(feature = "ext-authz")]
mod grpc;
