//! TLS with clients: versions, names, sessions, and those who do not speak it.

use rustls::{NamedGroup, ProtocolVersion};

use super::harness::{
    Authority, Connection, Pair, Reply, Stage, TlsClient, get, mint, post, refused,
};

/// A stage with these files beside its configuration, and `tls` in `[server.tls]`.
pub(crate) fn stage(files: &[(&str, &str)], tls: &str) -> Stage {
    let builder = Stage::builder();
    for (name, content) in files {
        std::fs::write(builder.directory().join(name), content).unwrap();
    }
    builder
        .in_a_file()
        .with(&format!("[server.tls]\n{tls}"))
        .start()
}

/// One certificate for this name.
pub(crate) fn simple([certificate, key]: &Pair, more: &str) -> Stage {
    stage(
        &[("api.pem", certificate), ("api.key", key)],
        &format!("certificate_file = \"api.pem\"\nprivate_key_file = \"api.key\"\n{more}"),
    )
}

pub(crate) const NAME: &str = "api.example.com";

fn metric(stage: &Stage, outcome: &str, version: &str) -> u64 {
    let text = get("/metrics").send(stage.gateway.admin()).text();
    let labels = format!("{{outcome=\"{outcome}\",version=\"{version}\"}} ");
    let line = format!("portcullis_tls_handshakes_total{labels}");
    let found = text.lines().find_map(|l| l.strip_prefix(&line));
    found.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn requests_come_over_both_versions_and_the_upstream_hears_of_it() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let token = mint::token().sign();
    for (client, version, label) in [
        (
            TlsClient::trusting(&authority),
            ProtocolVersion::TLSv1_3,
            "1.3",
        ),
        (
            TlsClient::of_12(&authority),
            ProtocolVersion::TLSv1_2,
            "1.2",
        ),
    ] {
        let before = stage.upstream.count();
        let mut connection = client.connect(stage.address(), NAME).unwrap();
        assert_eq!(connection.version(), version);
        let response = connection.exchange(&get("/").bearer(&token)).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        let seen = stage.upstream.wait_for(before);
        assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
        assert!(seen.field("forwarded").unwrap().ends_with(";proto=https"));
        // The twin: the same connection without a token.
        refused(
            &connection.exchange(&get("/")).unwrap(),
            401,
            "token_missing",
        );
        assert_eq!(stage.upstream.count(), before + 1);
        assert_eq!(metric(&stage, "full", label), 1);
    }
}

#[test]
fn keys_are_agreed_on_with_a_post_quantum_group() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    let connection = client.connect(stage.address(), NAME).unwrap();
    assert_eq!(connection.group(), NamedGroup::X25519MLKEM768);
}

#[test]
fn the_name_that_is_asked_for_chooses_the_certificate() {
    let authority = Authority::new();
    let [first, exact, wild] = [
        authority.issue(&["first.example"]),
        authority.issue(&["a.example"]),
        authority.issue(&["*.w.example", "named.other"]),
    ];
    let files = [
        ("1.pem", &*first[0]),
        ("1.key", &first[1]),
        ("2.pem", &exact[0]),
        ("2.key", &exact[1]),
        ("3.pem", &wild[0]),
        ("3.key", &wild[1]),
    ];
    let stage = stage(
        &files,
        "certificates = [{ certificate_file = \"1.pem\", private_key_file = \"1.key\" }, \
         { certificate_file = \"2.pem\", private_key_file = \"2.key\" }, \
         { certificate_file = \"3.pem\", private_key_file = \"3.key\", names = [\"*.w.example\"] }]",
    );
    let client = TlsClient::trusting(&authority);
    let shown = |name: &str| {
        client
            .connect(stage.address(), name)
            .map(|c| c.certificate())
    };
    let der = |pair: &Pair| {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        CertificateDer::from_pem_slice(pair[0].as_bytes()).unwrap()
    };
    assert_eq!(shown("a.example").unwrap(), der(&exact));
    assert_eq!(shown("b.w.example").unwrap(), der(&wild));
    assert_eq!(shown("first.example").unwrap(), der(&first));
    // Nobody has this name, or one that was not given to it: the first is shown, and the client goes.
    assert!(shown("a.b.w.example").is_err());
    assert!(shown("named.other").is_err());
    stage.upstream.saw_nothing();
}

#[test]
fn a_session_is_taken_up_again() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let token = mint::token().sign();
    for client in [
        TlsClient::trusting(&authority),
        TlsClient::of_12(&authority),
    ] {
        for resumed in [false, true] {
            let mut connection = client.connect(stage.address(), NAME).unwrap();
            assert_eq!(connection.is_resumed(), resumed);
            let response = connection.exchange(&get("/").bearer(&token)).unwrap();
            assert_eq!(response.status, 200);
            refused(
                &connection.exchange(&get("/")).unwrap(),
                401,
                "token_missing",
            );
        }
    }
    assert_eq!(stage.upstream.count(), 4);
    assert_eq!(
        metric(&stage, "resumed", "1.2") + metric(&stage, "resumed", "1.3"),
        2
    );
}

#[test]
fn old_versions_are_refused() {
    let authority = Authority::new();
    let pair = authority.issue(&[NAME]);
    let new = simple(&pair, "min_version = \"1.3\"");
    assert!(
        TlsClient::of_12(&authority)
            .connect(new.address(), NAME)
            .is_err()
    );
    TlsClient::trusting(&authority)
        .connect(new.address(), NAME)
        .unwrap();
    new.upstream.saw_nothing();

    let stage = simple(&pair, "");
    TlsClient::of_12(&authority)
        .connect(stage.address(), NAME)
        .unwrap();
    let mut old = Connection::open(stage.address());
    old.send(hello(0x0302));
    // An alert: fatal, protocol_version (RFC 8446 §6.2).
    let alert = old.read_bytes(7);
    assert_eq!((alert[0], &alert[5..]), (21, &[2, 70][..]));
    assert!(old.is_closed());
    stage.upstream.saw_nothing();
    assert_eq!(metric(&stage, "failed", "-"), 1);
}

/// A ClientHello of this version, with one cipher suite, one signature algorithm and one group.
fn hello(version: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body.extend_from_slice(&[0, 16, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 29]);
    let length = body.len() as u8;
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend_from_slice(&body);
    record
}

#[test]
fn who_speaks_no_tls_is_told_that_this_port_does() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let request = get("/").bearer(mint::token().sign());
    stage.refuses(&request, 400, "tls_required");
    stage.upstream.saw_nothing();
    assert_eq!(metric(&stage, "plain", "-"), 1);
    let client = TlsClient::trusting(&authority);
    assert_eq!(
        client.send(stage.address(), NAME, &request).unwrap().status,
        200
    );
}

#[test]
fn a_handshake_that_does_not_come_is_given_up() {
    let authority = Authority::new();
    let stage = simple(
        &authority.issue(&[NAME]),
        "[server.limits]\nhandshake_timeout = \"1s\"\nheader_timeout = \"1h\"",
    );
    let mut silent = Connection::open(stage.address());
    assert!(silent.is_closed());
    let mut half = Connection::open(stage.address());
    half.send(&hello(0x0303)[..20]);
    assert!(half.is_closed());
    assert_eq!(metric(&stage, "timed_out", "-"), 2);
    stage.upstream.saw_nothing();
    // Who is through has all the time that a header has.
    let client = TlsClient::trusting(&authority);
    let request = get("/").bearer(mint::token().sign());
    assert_eq!(
        client.send(stage.address(), NAME, &request).unwrap().status,
        200
    );
}

#[test]
fn a_connection_rests_and_goes_on() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let request = get("/").bearer(mint::token().sign());
    let client = TlsClient::trusting(&authority);
    let mut connection = client.connect(stage.address(), NAME).unwrap();
    for _ in 0..3 {
        // Two in one record: what is decrypted and not yet read must not be forgotten.
        connection
            .send([request.bytes(), request.bytes()].concat())
            .unwrap();
        assert_eq!(connection.read(false).unwrap().status, 200);
        assert_eq!(connection.read(false).unwrap().status, 200);
        let awake = || stage.gateway.running().loads()[0].awake();
        let began = std::time::Instant::now();
        while awake() > 0 {
            assert!(began.elapsed() < super::harness::PATIENCE);
            std::thread::yield_now();
        }
    }
    connection
        .send("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        .unwrap();
    refused(&connection.read(false).unwrap(), 400, "request_malformed");
    assert_eq!(stage.upstream.count(), 6);
}

#[test]
fn large_bodies_go_both_ways() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let token = mint::token().sign();
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), &body].concat();
    stage.upstream.replies(Reply::Bytes(answer));
    let client = TlsClient::trusting(&authority);
    let mut connection = client.connect(stage.address(), NAME).unwrap();
    let upload = post("/", body.clone()).bearer(&token);
    for number in 0..2 {
        let response = connection.exchange(&upload).unwrap();
        assert!(response.complete && response.body == body);
        assert!(stage.upstream.wait_for(number).body == body);
    }
    let response = connection.exchange(&post("/", body.clone())).unwrap();
    refused(&response, 401, "token_missing");
    assert_eq!(stage.upstream.count(), 2);
}
