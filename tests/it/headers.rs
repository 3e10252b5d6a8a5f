//! Header fields on their way: what only the gateway may say, what ends at a connection, and what is
//! said about the client.

use super::harness::{Connection, Seen, Stage, get, mint, post};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const OPTIONAL: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"optional\"\n";
const TRUSTED: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

const SPOOFED: [&str; 9] = [
    "X-Auth-Subject",
    "x-auth-SUBJECT",
    "X_Auth_Subject",
    "X.Auth.Subject",
    "x-auth_subject",
    "X-Auth-Issuer",
    "X_AUTH_REALM",
    "x.auth-groups",
    "X-Auth-Scope",
];

fn all<'s>(seen: &'s Seen, name: &str) -> Vec<&'s str> {
    seen.head.all(name)
}

#[test]
fn nobody_says_who_he_is() {
    for routes in ["", PUBLIC, OPTIONAL] {
        let stage = Stage::with(routes);
        for name in SPOOFED {
            let spoofed = get("/").field(name, "admin").field(name, "root");
            if !routes.is_empty() {
                assert_eq!(stage.allows(&spoofed).identity(), [], "{name}");
            }
            let seen = stage.allows(&spoofed.bearer(mint::token().sign()));
            let admin = seen
                .identity()
                .iter()
                .any(|(_, value)| value == "admin" || value == "root");
            assert!(!admin, "{name}: {:?}", seen.head);
            if routes != PUBLIC {
                assert_eq!(seen.field("x-auth-subject"), Some("alice"));
            }
        }
        let other = stage.allows(
            &get("/")
                .bearer(mint::token().sign())
                .field("X-Auth-Subjects", "x"),
        );
        assert_eq!(other.field("x-auth-subjects"), Some("x"));
    }
}

#[test]
fn trailers_say_nothing_at_all() {
    for routes in ["", PUBLIC] {
        let stage = Stage::with(routes);
        let token = mint::token().sign();
        let trailer = format!("X-Auth-Subject: admin\r\nAuthorization: Bearer {token}\r\nX: y\r\n");
        let body = format!("3\r\nabc\r\n0\r\n{trailer}\r\n");
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nTE: trailers\r\n";
        let mut connection = Connection::open(stage.address());
        connection.send(format!("{head}Authorization: Bearer {token}\r\n\r\n{body}"));
        assert_eq!(connection.read(false).status, 200);
        let seen = stage.upstream.wait_for(0);
        assert_eq!((&*seen.body, seen.complete), (&b"abc"[..], true));
        assert_eq!(seen.trailers, []);
        assert_eq!((seen.field("trailer"), seen.field("te")), (None, None));
    }
    // A token in a trailer is none.
    let stage = Stage::new();
    let token = mint::token().sign();
    let mut connection = Connection::open(stage.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.offer(format!("0\r\nAuthorization: Bearer {token}\r\n\r\n"));
    let response = connection.read(false);
    assert_eq!(response.code().as_deref(), Some("token_missing"));
    stage.upstream.saw_nothing();
}

#[test]
fn connection_takes_nothing_away_that_the_gateway_says() {
    let stage = Stage::with(PUBLIC.replace("public", "required").as_str());
    let token = mint::token().claim("scope", "read").sign();
    for connection in [
        "x-auth-subject, x-auth-scope",
        "X-AUTH-SUBJECT,X-Auth-Scope",
        "close, X-Auth-Subject,\tx-auth-scope",
        "x-forwarded-for, x-forwarded-host, x-request-id, forwarded, via, host, traceparent",
        "authorization",
        "content-length, transfer-encoding",
    ] {
        for lines in [
            &["keep-alive", connection][..],
            &[connection],
            &[connection, "Keep-Alive"],
        ] {
            let mut request = post("/", "abc").bearer(&token);
            for line in lines {
                request = request.field("Connection", *line);
            }
            let seen = stage.allows(&request);
            assert_eq!(seen.field("x-auth-subject"), Some("alice"), "{connection}");
            assert_eq!(seen.field("x-auth-scope"), Some("read"), "{connection}");
            assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
            assert_eq!(seen.field("x-forwarded-host"), Some("api.example.com"));
            assert!(seen.field("x-request-id").is_some() && seen.field("host").is_some());
            assert_eq!(all(&seen, "via"), ["1.1 portcullis"]);
            assert_eq!((&*seen.body, seen.complete), (&b"abc"[..], true));
            assert!(!all(&seen, "connection").contains(&connection));
        }
    }
}

#[test]
fn what_ends_at_a_connection_goes_no_further() {
    let stage = Stage::with(PUBLIC);
    let request = get("/")
        .field("CONNECTION", "X-Hop")
        .field("connection", "Upgrade, HTTP2-Settings, X-Hop-2")
        .field("X-Hop", "1")
        .field("x-hop-2", "1")
        .field("Keep-Alive", "timeout=5")
        .field("Proxy-Connection", "keep-alive")
        .field("Proxy-Authorization", "Basic YTpi")
        .field("TE", "trailers")
        .field("Upgrade", "h2c")
        .field("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA")
        .field("X-Stays", "1");
    let seen = stage.allows(&request);
    for name in [
        "x-hop",
        "x-hop-2",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
        "connection",
    ] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!(seen.field("x-stays"), Some("1"));
}

#[test]
fn the_upstreams_connection_is_its_own_affair() {
    let stage = Stage::with(PUBLIC);
    let fields = "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n\
                  Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Stays: 1\r\nX-Request-Id: theirs\r\n";
    stage.upstream.replies_with("200 OK", fields, "ok");
    let response = stage.send(&get("/"));
    for name in [
        "x-hop",
        "keep-alive",
        "proxy-authenticate",
        "upgrade",
        "connection",
    ] {
        assert_eq!(response.field(name), None, "{name}");
    }
    assert_eq!(response.field("x-stays"), Some("1"));
    assert_ne!(response.field("x-request-id"), Some("theirs"));
    assert_eq!(response.text(), "ok");
}

#[test]
fn an_untrusted_clients_word_about_itself_does_not_count() {
    let says = || {
        get("/")
            .bearer(mint::token().sign())
            .field("X-Forwarded-For", "10.0.0.1")
            .field("X-Forwarded-For", "10.0.0.2")
            .field("X-Forwarded-Proto", "https")
            .field("X-Forwarded-Host", "admin.example.com")
            .field("X-Forwarded-Port", "443")
            .field("Forwarded", "for=10.0.0.1;proto=https")
            .field("X-Request-Id", "mine")
            .field("Via", "1.0 elsewhere")
    };
    let seen = Stage::new().allows(&says());
    assert_eq!(all(&seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-host"), Some("api.example.com"));
    assert_eq!(seen.field("x-forwarded-port"), None);
    assert_eq!(
        seen.field("forwarded"),
        Some("for=127.0.0.1;host=\"api.example.com\";proto=http")
    );
    assert_ne!(seen.field("x-request-id"), Some("mine"));

    let seen = Stage::with(TRUSTED).allows(&says());
    assert_eq!(
        all(&seen, "x-forwarded-for"),
        ["10.0.0.1", "10.0.0.2", "127.0.0.1"]
    );
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-host"), Some("admin.example.com"));
    assert_eq!(seen.field("x-request-id"), Some("mine"));
    assert_eq!(all(&seen, "via"), ["1.0 elsewhere", "1.1 portcullis"]);
}

#[test]
fn aliases_of_what_the_gateway_says_do_not_get_through_even_from_a_trusted_proxy() {
    for config in ["", TRUSTED] {
        let stage = Stage::with(config);
        for name in [
            "x_forwarded_for",
            "X.Forwarded.For",
            "x_forwarded-proto",
            "X_Request_ID",
            "x_auth_subject",
        ] {
            let seen = stage.allows(&get("/").bearer(mint::token().sign()).field(name, "spoofed"));
            let there = seen.head.fields.iter().any(|(_, value)| value == "spoofed");
            assert!(!there, "{name}: {:?}", seen.head);
        }
    }
}

#[test]
fn a_claim_that_would_split_a_header_is_refused() {
    let stage = Stage::new();
    for value in [
        "alice\r\nX-Auth-Groups: admin",
        "alice\nX: y",
        "alice\rX: y",
        "alice\0",
        "alice\u{85}",
        " alice",
        "alice\t",
    ] {
        stage.rejects(&mint::token().claim("sub", value), "claim_malformed");
        stage.rejects(
            &mint::token().claim("groupIds", vec![value]),
            "claim_malformed",
        );
    }
    stage.upstream.saw_nothing();
    let seen = stage.accepts(&mint::token().claim("sub", "Ålice B"));
    assert!(
        seen.head
            .fields
            .iter()
            .any(|(name, _)| name == "x-auth-subject")
    );
}

#[test]
fn a_refusal_repeats_nothing_that_could_split_it() {
    let stage = Stage::new();
    let mut connection = Connection::open(stage.address());
    connection
        .send("GET /%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: a\r\nX-Request-Id: a%0d%0ab\r\n\r\n");
    let response = connection.read(false);
    assert_eq!(response.code().as_deref(), Some("request_malformed"));
    assert_eq!(response.field("set-cookie"), None);
    assert!(
        response
            .field("x-request-id")
            .is_some_and(|id| id.len() == 32)
    );
}
