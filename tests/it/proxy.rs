//! The PROXY protocol: a balancer says whose a connection is, and nobody else may.

use super::harness::{Connection, PATIENCE, Response, Stage, get, post, refused};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";
const LINE: &str = "PROXY TCP4 192.0.2.7 198.51.100.2 4711 443\r\n";

/// A stage whose clients, all of this machine, may say whose a connection is.
fn behind_a_balancer(mode: &str, more: &str) -> Stage {
    Stage::with(&format!(
        "[server]\nproxy_protocol = \"{mode}\"\ntrusted_proxies = [\"127.0.0.1\"]\n{more}\n{PUBLIC}"
    ))
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend(rest);
    bytes
}

fn sent(stage: &Stage, header: impl AsRef<[u8]>, request: &[u8]) -> Option<Response> {
    let mut connection = Connection::open(stage.address());
    connection.offer([header.as_ref(), request].concat());
    connection.try_read(false)
}

/// What the upstream is told about the client of a connection that begins with `header`.
fn forwarded_for(stage: &Stage, header: impl AsRef<[u8]>) -> String {
    let before = stage.upstream.count();
    let request = get("/").field("X-Forwarded-For", "203.0.113.9").bytes();
    let response = sent(stage, header, &request).unwrap();
    assert_eq!(response.status, 200);
    let seen = stage.upstream.wait_for(before);
    // A trusted proxy's own comes first.
    seen.head.all("x-forwarded-for").join(", ")
}

#[track_caller]
fn closed_total(stage: &Stage, reason: &str, count: u64) {
    let line = format!("portcullis_connections_closed_total{{reason=\"{reason}\"}} {count}\n");
    let began = std::time::Instant::now();
    loop {
        let metrics = get("/metrics").send(stage.gateway.admin()).text();
        if metrics.contains(&line) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{line} is not in {metrics}");
        std::thread::yield_now();
    }
}

#[test]
fn the_client_is_whom_the_balancer_names() {
    let four = [192, 0, 2, 7, 198, 51, 100, 2, 1, 1, 2, 2];
    let mut six = [0; 36];
    six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    six[15] = 7;
    for mode in ["required", "trusted"] {
        let stage = behind_a_balancer(mode, "");
        let named = |header: &[u8]| forwarded_for(&stage, header);
        assert_eq!(named(LINE.as_bytes()), "192.0.2.7");
        assert_eq!(named(&version_2(0x21, 0x11, &four)), "192.0.2.7");
        let notes = [&four[..], &[4, 0, 3, 1, 2, 3]].concat();
        assert_eq!(named(&version_2(0x21, 0x11, &notes)), "192.0.2.7");
        assert_eq!(named(&version_2(0x21, 0x21, &six)), "2001:db8::7");
        assert_eq!(named(b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n"), "2001:db8::7");
    }
}

#[test]
fn what_the_named_client_says_of_others_counts_only_if_it_is_trusted_too() {
    let stage = behind_a_balancer("required", "");
    let trusted = "PROXY TCP4 127.0.0.1 198.51.100.2 4711 443\r\n";
    let both = forwarded_for(&stage, trusted);
    assert!(
        both.contains("203.0.113.9") && both.contains("127.0.0.1"),
        "{both}"
    );
    assert_eq!(forwarded_for(&stage, LINE), "192.0.2.7");
}

#[test]
fn a_balancer_that_asks_for_itself_is_itself_and_an_unknown_client_is_nobody() {
    let stage = behind_a_balancer("required", "");
    let own = forwarded_for(&stage, version_2(0x20, 0x00, &[]));
    assert!(
        own.contains("203.0.113.9") && own.contains("127.0.0.1"),
        "{own}"
    );
    for unknown in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        version_2(0x21, 0x00, &[]),
        version_2(0x21, 0x31, &[b'x'; 216]),
    ] {
        // Else whoever comes through such a balancer could say whom he likes.
        let nobody = forwarded_for(&stage, unknown);
        assert_eq!(nobody, "unknown");
    }
}

#[test]
fn a_header_that_is_missing_or_wrong_ends_the_connection() {
    for mode in ["required", "trusted"] {
        let stage = behind_a_balancer(mode, "");
        let four = [192, 0, 2, 7, 198, 51, 100, 2, 1, 1, 2, 2];
        let bad: [Vec<u8>; 8] = [
            Vec::new(),
            b"PROXY TCP4 192.0.2.7 198.51.100.2 4711\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 198.51.100.2 4711 443\n".to_vec(),
            [b"PROXY UNKNOWN ", &[b'x'; 200][..], b"\r\n"].concat(),
            version_2(0x21, 0x12, &four),
            version_2(0x31, 0x11, &four),
            version_2(0x21, 0x11, &four[1..]),
            version_2(0x21, 0x11, &[0; 5000]),
        ];
        let count = bad.len() as u64;
        for header in bad {
            assert!(sent(&stage, header, &get("/").bytes()).is_none());
        }
        stage.upstream.saw_nothing();
        closed_total(&stage, "proxy_header", count);
        assert_eq!(forwarded_for(&stage, LINE), "192.0.2.7");
    }
}

#[test]
fn nobody_else_may_send_one() {
    let stage = Stage::with(&format!(
        "[server]\nproxy_protocol = \"required\"\ntrusted_proxies = [\"192.0.2.1\"]\n{PUBLIC}"
    ));
    assert!(sent(&stage, LINE, &get("/").bytes()).is_none());
    assert!(sent(&stage, "", &get("/").bytes()).is_none());
    closed_total(&stage, "proxy_header", 2);
    stage.upstream.saw_nothing();
    // Where others may connect directly, a header of theirs is no HTTP.
    let stage = Stage::with(&format!(
        "[server]\nproxy_protocol = \"trusted\"\ntrusted_proxies = [\"192.0.2.1\"]\n{PUBLIC}"
    ));
    for header in [LINE.as_bytes(), &version_2(0x20, 0, &[])] {
        refused(
            &sent(&stage, header, &get("/").bytes()).unwrap(),
            400,
            "request_malformed",
        );
    }
    stage.upstream.saw_nothing();
    stage.allows(&get("/"));
    // And where it is off, also for whoever is trusted.
    let stage = behind_a_balancer("off", "");
    let refusal = sent(&stage, LINE, &get("/").bytes()).unwrap();
    refused(&refusal, 400, "request_malformed");
    stage.upstream.saw_nothing();
    stage.allows(&get("/"));
}

#[test]
fn every_cut_of_a_header_is_the_same_header() {
    let stage = behind_a_balancer("required", "");
    let four = [192, 0, 2, 7, 198, 51, 100, 2, 1, 1, 2, 2];
    for header in [LINE.as_bytes().to_vec(), version_2(0x21, 0x11, &four)] {
        for cut in 1..header.len() {
            let before = stage.upstream.count();
            let (first, second) = header.split_at(cut);
            let mut connection = Connection::open(stage.address());
            connection.send(first);
            connection.send(second);
            connection.send(post("/", "body").bytes());
            assert_eq!(connection.read(false).status, 200, "cut at {cut}");
            let seen = stage.upstream.wait_for(before);
            assert_eq!(seen.field("x-forwarded-for"), Some("192.0.2.7"));
            assert_eq!(seen.body, b"body");
        }
    }
}

#[test]
fn a_header_that_does_not_come_ends_the_connection_in_time() {
    let stage = behind_a_balancer("required", "[server.limits]\nheader_timeout = \"500ms\"\n");
    for begun in ["", "P", "PROXY TCP4 192.0.2.7", "\r\n\r\n\0\r\nQUIT\n"] {
        let mut connection = Connection::open(stage.address());
        connection.send(begun);
        assert!(connection.is_closed(), "{begun:?}");
    }
    closed_total(&stage, "header_timeout", 4);
    assert_eq!(forwarded_for(&stage, LINE), "192.0.2.7");
}

#[test]
fn an_address_has_so_many_connections_and_the_balancer_as_many_as_it_likes() {
    let stage = behind_a_balancer("required", "[server.limits]\nconnections_per_address = 2\n");
    let open = |address: &str| {
        let mut connection = Connection::open(stage.address());
        connection.offer(format!("PROXY TCP4 {address} 198.51.100.2 4711 443\r\n"));
        connection.offer(get("/").bytes());
        let response = connection.read(false);
        (connection, response)
    };
    let mut held: Vec<_> = (0..2).map(|_| open("192.0.2.7")).collect();
    assert!(held.iter().all(|(_, response)| response.status == 200));
    for _ in 0..3 {
        let (mut third, refusal) = open("192.0.2.7");
        refused(&refusal, 503, "overloaded");
        assert_eq!(refusal.field("retry-after"), Some("5"));
        assert!(third.is_closed());
    }
    assert_eq!(stage.upstream.count(), 2);
    closed_total(&stage, "per_address", 3);
    // Others are served, and so is the balancer itself, whom many clients stand behind.
    assert_eq!(open("192.0.2.8").1.status, 200);
    for _ in 0..4 {
        held.push(open("127.0.0.1"));
        assert_eq!(held.last().unwrap().1.status, 200);
    }
    // A place that is given back is taken.
    held.remove(0);
    closed_total(&stage, "client", 2);
    assert_eq!(open("192.0.2.7").1.status, 200);
}

#[test]
fn on_a_unix_socket_the_header_must_come_whoever_connects() {
    use std::io::{Read, Write};
    for mode in ["trusted", "required"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let stage = Stage::with(&format!(
            "[server]\nlisten = [\"127.0.0.1:0\", \"unix:{}\"]\nproxy_protocol = \"{mode}\"\n\
             trusted_proxies = [\"192.0.2.1\"]\n{PUBLIC}",
            path.display()
        ));
        let asked = |header: &str| {
            let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let request = get("/").field("Connection", "close").bytes();
            let _ = stream.write_all(&[header.as_bytes(), &request].concat());
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        };
        assert_eq!(asked(""), "", "it is closed without a word");
        stage.upstream.saw_nothing();
        assert!(asked(LINE).starts_with("HTTP/1.1 200 "));
        let seen = stage.upstream.wait_for(0);
        assert_eq!(seen.field("x-forwarded-for"), Some("192.0.2.7"));
    }
}
