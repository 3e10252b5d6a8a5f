//! TLS to an upstream: it always has to show who it is.

use super::harness::{Authority, Pair, Stage, TlsUpstream, get, mint, post};

/// A stage whose upstream is `upstream`, with these files beside its configuration.
fn stage(upstream: &TlsUpstream, files: &[(&str, &str)], tls: &str) -> Stage {
    let builder = Stage::builder();
    for (name, content) in files {
        std::fs::write(builder.directory().join(name), content).unwrap();
    }
    let url = upstream.url();
    builder
        .with(&format!(
            "[upstream]\nurl = \"{url}\"\n[upstream.tls]\n{tls}"
        ))
        .start()
}

fn trusting(upstream: &TlsUpstream, authority: &Authority, more: &str) -> Stage {
    let pem = authority.pem();
    stage(
        upstream,
        &[("ca.pem", &pem)],
        &format!("ca_file = \"ca.pem\"\n{more}"),
    )
}

#[track_caller]
fn is_unreachable(stage: &Stage, upstream: &TlsUpstream) {
    let before = upstream.visits().len();
    let request = get("/").bearer(mint::token().sign());
    stage.refuses(&request, 502, "upstream_unreachable");
    assert_eq!(upstream.visits().len(), before);
}

#[track_caller]
fn reaches(stage: &Stage, path: &str) {
    let response = stage.send(&get(path).bearer(mint::token().sign()));
    assert_eq!(response.status, 200, "{}", response.text());
}

const ADDRESS: &str = "127.0.0.1";

#[test]
fn an_authority_that_is_named_is_trusted_and_no_other() {
    let authority = Authority::new();
    let upstream = TlsUpstream::start(&authority.issue(&[ADDRESS]), None);
    let good = trusting(&upstream, &authority, "");
    reaches(&good, "/");
    assert_eq!(
        upstream.visits()[0].head.get("x-forwarded-proto"),
        Some("http")
    );
    good.refuses(&get("/"), 401, "token_missing");
    is_unreachable(&trusting(&upstream, &Authority::new(), ""), &upstream);
    // The machine's authorities do not know it either.
    is_unreachable(&stage(&upstream, &[], ""), &upstream);
    assert_eq!(upstream.visits().len(), 1);
}

#[test]
fn its_certificate_is_for_it_and_in_time() {
    let authority = Authority::new();
    let other = TlsUpstream::start(&authority.issue(&["orders.internal"]), None);
    is_unreachable(&trusting(&other, &authority, ""), &other);
    let named = trusting(&other, &authority, "server_name = \"orders.internal\"");
    reaches(&named, "/");
    assert_eq!(other.visits()[0].name.as_deref(), Some("orders.internal"));
    let wrong = trusting(&other, &authority, "server_name = \"stock.internal\"");
    is_unreachable(&wrong, &other);
    let expired = TlsUpstream::start(&authority.issue_expired(&[ADDRESS]), None);
    is_unreachable(&trusting(&expired, &authority, ""), &expired);
}

#[test]
fn a_certificate_is_shown_to_it() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let upstream = TlsUpstream::start(&authority.issue(&[ADDRESS]), Some(&clients));
    let pem = authority.pem();
    let with = |[certificate, key]: &Pair| {
        let files = [("ca.pem", &*pem), ("c.pem", certificate), ("c.key", key)];
        let tls = "ca_file = \"ca.pem\"\nclient_certificate_file = \"c.pem\"\n\
                   client_private_key_file = \"c.key\"";
        stage(&upstream, &files, tls)
    };
    reaches(&with(&clients.issue(&["gateway"])), "/");
    assert!(upstream.visits()[0].showed_certificate);
    let failed = |stage: Stage| {
        let before = upstream.visits().len();
        let response = stage.send(&get("/").bearer(mint::token().sign()));
        assert_eq!(response.status, 502, "{}", response.text());
        assert_eq!(upstream.visits().len(), before);
    };
    failed(trusting(&upstream, &authority, ""));
    failed(with(&Authority::new().issue(&["gateway"])));
}

#[test]
fn connections_are_used_again_and_sessions_taken_up() {
    let authority = Authority::new();
    let upstream = TlsUpstream::start(&authority.issue(&[ADDRESS]), None);
    let stage = trusting(&upstream, &authority, "");
    // The tickets that come after the handshake are no data: the connection stays good.
    for path in ["/1", "/2", "/close", "/4", "/5"] {
        reaches(&stage, path);
    }
    let visits = upstream.visits();
    let connections: Vec<_> = visits.iter().map(|visit| visit.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1, 1]);
    let resumed: Vec<_> = visits.iter().map(|visit| visit.resumed).collect();
    assert_eq!(resumed, [false, false, false, true, true]);
    stage.refuses(&get("/"), 401, "token_missing");
    assert_eq!(upstream.visits().len(), 5);
}

#[test]
fn large_bodies_go_both_ways() {
    let authority = Authority::new();
    let upstream = TlsUpstream::start(&authority.issue(&[ADDRESS]), None);
    let stage = trusting(&upstream, &authority, "");
    let token = mint::token().sign();
    let body = vec![b'x'; 1_000_000];
    for upload in [post("/", body.clone()), post("/", body.clone()).chunked()] {
        let response = stage.send(&upload.bearer(&token));
        assert_eq!((response.status, response.body.len()), (200, body.len()));
    }
    let visits = upstream.visits();
    assert!(visits.len() == 2 && visits.iter().all(|visit| visit.body == body.len()));
    stage.refuses(&post("/", body), 401, "token_missing");
    assert_eq!(upstream.visits().len(), 2);
}

#[test]
fn who_speaks_no_tls_is_unreachable() {
    let builder = Stage::builder();
    let url = builder.upstream_itself().url().replace("http:", "https:");
    let authority = Authority::new();
    std::fs::write(builder.directory().join("ca.pem"), authority.pem()).unwrap();
    let stage = builder
        .with(&format!(
            "[upstream]\nurl = \"{url}\"\n[upstream.tls]\nca_file = \"ca.pem\""
        ))
        .start();
    let response = stage.send(&get("/").bearer(mint::token().sign()));
    assert_eq!(response.code().as_deref(), Some("upstream_unreachable"));
    assert_eq!(stage.upstream.count(), 0);
}
