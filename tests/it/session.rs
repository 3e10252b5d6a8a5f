//! A cookie that stands for a token.

use super::harness::{
    ISSUER, NOW, Publish, Reply, Request, Response, Stage, Token, get, mint, post, refused, request,
};

const NAME: &str = "__Host-portcullis";

fn enabled(more: &str) -> String {
    format!("[session]\nenabled = true\n{more}\n")
}

fn stage(more: &str) -> Stage {
    Stage::with(&enabled(more))
}

/// What a response does to the session cookie: its value, and the line.
fn set_cookie(response: &Response) -> Option<(String, String)> {
    let mut lines = response.head.fields.iter().filter(|(name, value)| {
        name.eq_ignore_ascii_case("set-cookie") && value.contains("portcullis=")
    });
    let (_, line) = lines.next()?;
    assert!(lines.next().is_none(), "{:?}", response.head);
    let (_, rest) = line.split_once('=').unwrap();
    let (value, _) = rest.split_once(';').unwrap();
    Some((value.to_owned(), line.clone()))
}

/// Sends a token once, and gives the `Cookie` of the session that it begins.
#[track_caller]
fn log_in_with(stage: &Stage, token: &str) -> String {
    let response = stage.send(&get("/").bearer(token));
    assert_eq!(response.status, 200, "{}", response.text());
    let (value, _) = set_cookie(&response).unwrap();
    format!("{NAME}={value}")
}

#[track_caller]
fn log_in(stage: &Stage) -> String {
    log_in_with(stage, &mint::token().sign())
}

fn with(cookie: &str) -> Request {
    get("/").field("Cookie", cookie)
}

/// Nobody is logged in by `request`, and nobody is asked to forget the cookie.
#[track_caller]
fn is_nobody(stage: &Stage, request: &Request) -> Response {
    stage.refuses(request, 401, "token_missing")
}

#[track_caller]
fn is_cleared(response: &Response) {
    let (value, line) = set_cookie(response).unwrap();
    assert_eq!(value, "");
    assert!(line.contains("; Max-Age=0;"), "{line}");
}

#[test]
fn a_token_begins_a_session_and_the_cookie_goes_on_with_it() {
    let stage = stage("");
    let token = mint::token().claim("email", "alice@example.com").sign();
    let response = stage.send(&get("/").bearer(&token));
    let (value, line) = set_cookie(&response).unwrap();
    let attributes = "; Path=/; Max-Age=300; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(line, format!("{NAME}={value}{attributes}"));
    assert_eq!(response.field("cache-control"), Some("private"));
    assert!(!value.contains(&token[..20]));
    let seen = stage.allows(&with(&format!("a=1; {NAME}={value}; b=2")));
    // The upstream hears who it is, and sees the other cookies only.
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("cookie"), Some("a=1; b=2"));
    assert_eq!(seen.field("authorization"), None);
    let response = stage.send(&with(&format!("{NAME}={value}")));
    assert_eq!(set_cookie(&response), None);
    assert_eq!(response.field("cache-control"), Some("private"));
    // Without the cookie, or with one of another name, it is nobody.
    let response = is_nobody(&stage, &get("/"));
    assert_eq!(set_cookie(&response), None);
    is_nobody(&stage, &with(&format!("portcullis={value}")));
}

#[test]
fn without_the_section_there_is_no_session() {
    let other = stage("");
    let cookie = log_in(&other);
    let stage = Stage::new();
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    assert_eq!(set_cookie(&response), None);
    assert_eq!(response.field("cache-control"), None);
    let response = is_nobody(&stage, &with(&cookie));
    assert_eq!(set_cookie(&response), None);
}

#[test]
fn a_refused_token_begins_no_session() {
    let stage = Stage::with(&format!(
        "{}[[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n[[routes]]\npath = \"/{{*rest}}\"\n",
        enabled("")
    ));
    let forged = Token::of(mint::stranger()).sign();
    let response = stage.refuses(&get("/").bearer(&forged), 401, "signature_invalid");
    assert_eq!(set_cookie(&response), None);
    let good = mint::token().sign();
    let response = stage.refuses(&get("/scoped").bearer(&good), 403, "scope_insufficient");
    assert_eq!(set_cookie(&response), None);
    // Nor does a session get further than its token.
    let cookie = log_in_with(&stage, &good);
    let request = get("/scoped").field("Cookie", cookie);
    stage.refuses(&request, 403, "scope_insufficient");
}

#[test]
fn a_session_ends_with_its_token_or_before() {
    let stage = stage("max_age = \"200s\"");
    let (long, short) = (log_in(&stage), mint::token().claim("exp", NOW + 100));
    let short = log_in_with(&stage, &short.sign());
    stage.clock.advance(99);
    stage.allows(&with(&short));
    stage.clock.advance(1);
    is_cleared(&is_nobody(&stage, &with(&short)));
    stage.clock.advance(99);
    stage.allows(&with(&long));
    stage.clock.advance(1);
    is_cleared(&is_nobody(&stage, &with(&long)));
    // The token itself is still good; in the skew after its end it is, and begins nothing.
    stage.clock.advance(100);
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    assert_eq!(response.status, 200);
    assert_eq!(set_cookie(&response), None);
}

#[test]
fn what_is_no_cookie_of_ours_logs_nobody_in() {
    let stage = stage("");
    let cookie = log_in(&stage);
    stage.allows(&with(&cookie));
    let mut forged = cookie.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    for cookie in [
        forged,
        format!("{NAME}="),
        format!("{NAME}=a.b.c"),
        format!("{NAME}={}", mint::token().sign()),
    ] {
        is_nobody(&stage, &with(&cookie));
    }
    // Two of them are none: which one counts would be the client's to choose.
    is_nobody(&stage, &with(&format!("{cookie}; {cookie}")));
    // Another gateway made a key of its own.
    let cookie = log_in(&super::session::stage(""));
    is_cleared(&is_nobody(&stage, &with(&cookie)));
}

#[test]
fn a_session_ends_with_its_key() {
    let stage = stage("");
    let cookie = log_in(&stage);
    stage.allows(&with(&cookie));
    stage.issuer.publishes(&[mint::rsa()]);
    stage.gateway.refresh(ISSUER);
    is_cleared(&stage.refuses(&with(&cookie), 401, "key_not_found"));
    stage.issuer.does(Publish::Keys(vec![mint::es256().jwk()]));
    stage.gateway.refresh(ISSUER);
    stage.allows(&with(&cookie));
}

#[test]
fn a_session_ends_when_the_rules_of_its_issuer_change() {
    let mut stage = Stage::builder().with(&enabled("")).in_a_file().start();
    let cookie = log_in(&stage);
    stage.rewrites("[upstream]\nconnect_timeout = \"9s\"\n");
    stage.applies();
    stage.allows(&with(&cookie));
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nclock_skew = \"59s\"\n"));
    stage.applies();
    is_cleared(&is_nobody(&stage, &with(&cookie)));
    let cookie = log_in(&stage);
    stage.rewrites(&format!("[issuers.\"{ISSUER}\"]\nactive = false\n"));
    stage.applies();
    stage.refuses(&with(&cookie), 401, "issuer_inactive");
}

#[test]
fn with_a_key_file_sessions_outlive_a_restart_and_keys_rotate() {
    const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "8PECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let start = |keys: &str| {
        let builder = Stage::builder().with(&enabled("key_file = \"session.keys\""));
        std::fs::write(builder.directory().join("session.keys"), keys).unwrap();
        builder.in_a_file().start()
    };
    let mut first = start(OLD);
    let cookie = log_in(&first);
    start(OLD).allows(&with(&cookie));
    start(&format!("{NEW}\n{OLD}\n")).allows(&with(&cookie));
    is_cleared(&is_nobody(&start(NEW), &with(&cookie)));
    // In a running gateway too.
    std::fs::write(first.file("session.keys"), format!("{NEW}\n{OLD}\n")).unwrap();
    first.rewrites("");
    first.applies();
    first.allows(&with(&cookie));
    let newer = log_in(&first);
    start(NEW).allows(&with(&newer));
    is_cleared(&is_nobody(&start(OLD), &with(&newer)));
}

#[test]
fn a_token_that_comes_decides_and_not_the_session() {
    let stage = stage("");
    let alice = mint::token().sign();
    let cookie = log_in_with(&stage, &alice);
    let bob = mint::token().claim("sub", "bob").sign();
    let seen = stage.allows(&with(&cookie).bearer(&bob));
    assert_eq!(seen.field("x-auth-subject"), Some("bob"));
    assert_eq!(seen.field("cookie"), None);
    // Another token begins another session; the same one goes on with that which it has.
    assert!(set_cookie(&stage.send(&with(&cookie).bearer(&bob))).is_some());
    assert!(set_cookie(&stage.send(&with(&cookie).bearer(&alice))).is_none());
    let expired = mint::token().claim("exp", NOW - 100).sign();
    let response = stage.refuses(&with(&cookie).bearer(&expired), 401, "token_expired");
    assert_eq!(set_cookie(&response), None);
    let twice = with(&cookie).bearer(&bob).bearer(&bob);
    stage.refuses(&twice, 400, "token_ambiguous");
}

#[test]
fn a_session_only_reads() {
    let stage = stage("");
    let cookie = log_in(&stage);
    for method in ["GET", "HEAD", "OPTIONS"] {
        let response = stage.send(&request(method, "/").field("Cookie", &cookie));
        assert_eq!(response.status, 200, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let request = request(method, "/")
            .field("Cookie", &cookie)
            .field("Sec-Fetch-Site", "same-origin");
        let response = is_nobody(&stage, &request);
        assert_eq!(set_cookie(&response), None);
    }
    stage.allows(&post("/", "x").bearer(mint::token().sign()));
}

#[test]
fn where_a_session_may_change_things_the_request_must_be_of_the_same_origin() {
    let stage = stage("unsafe_methods = true");
    let cookie = log_in(&stage);
    let post = || post("/", "x").field("Cookie", &cookie);
    stage.allows(&post().field("Sec-Fetch-Site", "same-origin"));
    stage.allows(&post().field("Origin", "https://api.example.com"));
    is_nobody(&stage, &post());
    is_nobody(&stage, &post().field("Sec-Fetch-Site", "cross-site"));
    is_nobody(&stage, &post().field("Sec-Fetch-Site", "same-site"));
    is_nobody(&stage, &post().field("Origin", "https://evil.example"));
    is_nobody(&stage, &post().field("Origin", "http://api.example.com"));
    is_nobody(&stage, &post().field("Origin", "null"));
}

#[test]
fn a_log_out_ends_the_session_for_good() {
    let stage = stage("logout_path = \"/logout\"");
    let (token, count) = (mint::token().sign(), stage.upstream.count());
    let cookie = log_in_with(&stage, &token);
    let other = log_in_with(&stage, &token);
    let response = stage.send(&request("GET", "/logout").field("Cookie", &cookie));
    refused(&response, 405, "method_not_allowed");
    assert_eq!(response.field("allow"), Some("POST"));
    // Somebody else's page cannot do it.
    let out = || post("/logout", "").field("Cookie", &cookie);
    stage.refuses(
        &out().field("Sec-Fetch-Site", "cross-site"),
        401,
        "token_missing",
    );
    stage.refuses(
        &out().field("Origin", "https://evil.example"),
        401,
        "token_missing",
    );
    stage.allows(&with(&cookie));
    let response = stage.send(&out().field("Origin", "https://api.example.com"));
    assert_eq!(response.status, 204);
    assert_eq!(response.field("cache-control"), Some("no-store"));
    assert!(response.field("x-request-id").is_some());
    is_cleared(&response);
    is_cleared(&is_nobody(&stage, &with(&cookie)));
    // It is that session which ended, and not the other one, nor the token.
    stage.allows(&with(&other));
    log_in_with(&stage, &token);
    // Once more, or without one, is no fault.
    assert_eq!(stage.send(&out()).status, 204);
    assert_eq!(stage.send(&post("/logout", "")).status, 204);
    is_cleared(&is_nobody(&stage, &with(&cookie)));
    assert_eq!(stage.upstream.count(), count + 5);
}

#[test]
fn a_log_out_that_cannot_be_remembered_is_none() {
    let stage = stage("logout_path = \"/logout\"\n[store]\nmax_entries = 100");
    let token = mint::token().sign();
    let out = |cookie: &str| stage.send(&post("/logout", "").field("Cookie", cookie));
    for _ in 0..25 {
        assert_eq!(out(&log_in_with(&stage, &token)).status, 204);
    }
    let cookie = log_in_with(&stage, &token);
    let response = out(&cookie);
    refused(&response, 503, "overloaded");
    assert_eq!(set_cookie(&response), None);
    stage.allows(&with(&cookie));
}

#[test]
fn a_token_that_is_good_once_begins_a_session_that_goes_on() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with(&enabled(""))
        .start();
    let token = mint::token().claim("jti", "1").sign();
    let cookie = log_in_with(&stage, &token);
    stage.allows(&with(&cookie));
    stage.allows(&with(&cookie));
    let response = stage.refuses(&get("/").bearer(&token), 401, "token_replayed");
    assert_eq!(set_cookie(&response), None);
    stage.refuses(&with(&cookie).bearer(&token), 401, "token_replayed");
}

#[test]
fn a_token_that_is_too_long_for_a_cookie_is_good_without_one() {
    let stage = stage("");
    let claim = |length: usize| mint::token().claim("x", "x".repeat(length)).sign();
    assert!(set_cookie(&stage.send(&get("/").bearer(claim(2500)))).is_some());
    let response = stage.send(&get("/").bearer(claim(3000)));
    assert_eq!(response.status, 200);
    assert_eq!(set_cookie(&response), None);
    let metrics = get("/metrics").send(stage.gateway.admin()).text();
    let line = "portcullis_sessions_total{outcome=\"too_large\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn each_route_says_whether_sessions_count() {
    let stage = Stage::with(&format!(
        "{}[[routes]]\npath = \"/none\"\nsession = false\n\
         [[routes]]\npath = \"/maybe\"\naccess = \"optional\"\n\
         [[routes]]\npath = \"/public\"\naccess = \"public\"\n\
         [[routes]]\npath = \"/{{*rest}}\"\n",
        enabled("")
    ));
    let cookie = log_in(&stage);
    let at = |path: &str| get(path).field("Cookie", &cookie);
    is_nobody(&stage, &at("/none"));
    let response = stage.send(&get("/none").bearer(mint::token().sign()));
    assert_eq!(response.status, 200);
    assert_eq!(set_cookie(&response), None);
    let seen = stage.allows(&at("/maybe"));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    // A public route knows nobody, and its upstream sees no session either.
    let seen = stage.allows(&at("/public"));
    assert_eq!(seen.identity(), []);
    assert_eq!(seen.field("cookie"), None);
    // A cookie that is no session is none: anonymous, and the client forgets it.
    let response = stage.send(&get("/maybe").field("Cookie", format!("{NAME}=x")));
    assert_eq!(response.status, 200);
    is_cleared(&response);
    assert_eq!(stage.upstream.seen().last().unwrap().identity(), []);
}

#[test]
fn on_loopback_the_cookie_may_do_without_https() {
    let stage = stage("secure = false\nsame_site = \"strict\"");
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    let (value, line) = set_cookie(&response).unwrap();
    let attributes = "; Path=/; Max-Age=300; HttpOnly; SameSite=Strict";
    assert_eq!(line, format!("portcullis={value}{attributes}"));
    stage.allows(&with(&format!("portcullis={value}")));
    is_nobody(&stage, &with(&format!("{NAME}={value}")));
}

#[test]
fn a_session_begins_although_the_upstream_fails() {
    let stage = Stage::builder()
        .issuer("replay = \"reject\"")
        .with(&enabled(""))
        .start();
    stage.upstream.replies(Reply::Last(Vec::new()));
    let token = mint::token().claim("jti", "1").sign();
    let response = stage.send(&get("/").bearer(&token));
    refused(&response, 502, "upstream_unreachable");
    let (value, _) = set_cookie(&response).unwrap();
    // So a client whose token was used up can try again.
    stage.upstream.replies_with("200 OK", "", "");
    stage.allows(&with(&format!("{NAME}={value}")));
}

#[test]
fn nobody_elses_page_begins_a_session() {
    let stage = stage("[token]\nquery_parameter = \"t\"");
    let token = mint::token().sign();
    let begins = |request: Request| {
        let response = stage.send(&request);
        assert_eq!(response.status, 200, "{}", response.text());
        set_cookie(&response).is_some()
    };
    let form = || post("/", "").form(format!("access_token={token}"));
    let query = || get(&format!("/?t={token}"));
    let own = |request: Request| request.field("Origin", "https://api.example.com");
    let other = |request: Request| request.field("Origin", "https://evil.example");
    let site = |request: Request| request.field("Sec-Fetch-Site", "cross-site");
    assert!(begins(form()) && begins(query()) && begins(own(form())));
    assert!(!begins(other(form())) && !begins(site(form())) && !begins(site(query())));
    // A page cannot set this for another origin, unless the API lets it.
    let header = || get("/").bearer(&token);
    assert!(begins(header()) && begins(other(header())));
}

#[test]
fn what_the_upstream_says_stays_beside_it() {
    let stage = stage("");
    let fields = "Set-Cookie: theirs=1\r\nCache-Control: max-age=60\r\n";
    stage.upstream.replies_with("200 OK", fields, "");
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    let cookies = response.head.all("set-cookie");
    assert_eq!(cookies.len(), 2);
    assert_eq!(cookies[0], "theirs=1");
    assert!(cookies[1].starts_with(NAME));
    let cached = response.head.all("cache-control");
    assert_eq!(cached, ["max-age=60", "private"]);
    // Nor is what it refuses the session's fault.
    let cookie = cookies[1].split(';').next().unwrap();
    stage.upstream.replies_with("401 Unauthorized", "", "");
    let response = stage.send(&with(cookie));
    assert_eq!(response.status, 401);
    assert_eq!(set_cookie(&response), None);
    stage.upstream.replies_with("200 OK", "", "");
    stage.allows(&with(cookie));
}
