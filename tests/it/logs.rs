//! No token ever stands in a log, wherever a request carried it and whatever became of it.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::{filter::LevelFilter, fmt, prelude::*};

use super::harness::{ISSUER, Request, Stage, Token, Upstream, get, mint, post};

/// Everything that anybody in this process has logged, down to TRACE.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The one log of this process; the first call starts it.
    pub(super) fn start() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let start = || {
            let log = Self::default();
            let writer = log.clone();
            let layer = fmt::layer()
                .with_ansi(false)
                .with_writer(move || writer.clone());
            // Also what is logged by other means than tracing.
            tracing_subscriber::registry()
                .with(LevelFilter::TRACE)
                .with(layer)
                .init();
            log
        };
        LOG.get_or_init(start).clone()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A request for each place of a token, on a path and with a field of its own that are private too.
fn everywhere(token: &str) -> Vec<Request> {
    vec![
        get("/").bearer(token),
        get("/").field("Cookie", format!("session={token}")),
        get(&format!("/?t={token}")),
        post("/", "").form(format!("access_token={token}")),
        // Where nobody looks for one.
        get(&format!("/?access_token={token}")),
        get(&format!("/{token}")),
        get("/").field("X-Token", token),
        get("/").field("Authorization", format!("Basic {token}")),
        post("/", token.to_owned()),
        // Two at once.
        get(&format!("/?t={token}")).bearer(token),
    ]
}

#[test]
fn no_token_ever_stands_in_a_log() {
    let log = Log::start();
    let stage = Stage::with(
        "[token]\ncookie = \"session\"\nquery_parameter = \"t\"\n\
         [[routes]]\npath = \"/{*rest}\"\naccess = \"optional\"\n",
    );
    let off = Stage::new();
    let mark = |token: Token<'_>, mark: &str| token.claim("mark", mark).sign();
    let tokens = [
        mark(mint::token(), "good-c0ffee"),
        mark(mint::token().claim("exp", 1), "expired-c0ffee"),
        mark(Token::of(mint::stranger()), "forged-c0ffee"),
        mark(mint::token().header("typ", "logout+jwt"), "typ-c0ffee"),
        mark(mint::token().claim("sub", "x\ny"), "claim-c0ffee"),
        format!("{}=", mark(mint::token(), "malformed-c0ffee")),
    ];
    let mut requests = Vec::new();
    for token in &tokens {
        for request in everywhere(token) {
            requests.push(stage.send(&request));
            requests.push(off.send(&request));
        }
    }
    assert!(requests.iter().any(|response| response.status == 200));
    let text = log.text();
    // Each refusal is there, by its code and its request's identifier.
    for response in requests.iter().filter(|response| response.status != 200) {
        let (code, id) = (
            response.code().unwrap(),
            response.field("x-request-id").unwrap(),
        );
        let line = text.lines().find(|line| line.contains(id)).unwrap();
        assert!(line.contains(&code), "{line}");
    }
    for token in &tokens {
        for part in token.trim_end_matches('=').split('.') {
            // A header is the same in many tokens, and in none of the logs.
            for piece in part.as_bytes().chunks(20).filter(|piece| piece.len() == 20) {
                let piece = std::str::from_utf8(piece).unwrap();
                assert!(!text.contains(piece), "the log holds {piece}");
            }
        }
    }
    assert!(!text.contains("c0ffee"), "the log holds a claim");
}

#[test]
fn no_session_ever_stands_in_a_log() {
    let log = Log::start();
    let stage = Stage::with(
        "[session]\nenabled = true\nlogout_path = \"/logout\"\n\
         [[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n[[routes]]\npath = \"/{*rest}\"\n",
    );
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    let cookie = response.field("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let send = |request: Request| stage.send(&request.field("Cookie", cookie)).status;
    assert_eq!(send(get("/")), 200);
    assert_eq!(send(get("/scoped")), 403);
    assert_eq!(send(post("/", "")), 401);
    assert_eq!(send(post("/logout", "")), 204);
    assert_eq!(send(get("/")), 401);
    let text = log.text();
    assert!(text.contains("scope_insufficient"));
    let (_, value) = cookie.split_once('=').unwrap();
    for piece in value
        .as_bytes()
        .chunks(20)
        .filter(|piece| piece.len() == 20)
    {
        let piece = std::str::from_utf8(piece).unwrap();
        assert!(!text.contains(piece), "the log holds {piece}");
    }
}

#[test]
fn an_issuer_that_is_asked_is_logged_without_the_token_and_without_our_secret() {
    let log = Log::start();
    for (kind, cause) in [
        (
            "client_id = \"us\"\nclient_secret = \"our-secret-c0ffee\"",
            "it refuses the gateway's credentials (401)",
        ),
        (
            "client_id = \"us\"\nclient_secret = \"our-secret-c0ffee\"\n\
             authentication = \"client_secret_post\"",
            "it refuses the gateway's credentials (401)",
        ),
        (
            "method = \"userinfo\"",
            "the issuer says that the token is not active",
        ),
    ] {
        let endpoint = Upstream::start();
        let stage = Stage::with(&format!(
            "[issuers.\"{ISSUER}\".introspection]\nendpoint = \"{}/\"\nopaque = true\n{kind}",
            endpoint.url()
        ));
        endpoint.replies_with("401 Unauthorized", "", "");
        let response = stage.send(&get("/").bearer("opaque-token-c0ffee"));
        let id = response.field("x-request-id").unwrap().to_owned();
        let text = log.text();
        let line = text.lines().find(|line| line.contains(&id)).unwrap();
        assert!(
            line.contains(cause) && line.contains(&response.code().unwrap()),
            "{line}"
        );
        assert_eq!(endpoint.count(), 1);
        // Neither as they are nor as they are sent.
        for secret in ["c0ffee", "b3VyLXNlY3JldC1jMGZmZWU", "dXM6b3VyLXNl"] {
            assert!(!text.contains(secret), "the log holds {secret}");
        }
    }
}
