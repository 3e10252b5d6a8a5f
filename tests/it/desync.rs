//! One request in, one clean request out: whatever a client writes, the upstream sees requests that any
//! parser reads alike, or nothing. The upstream here keeps bytes, and a parser of its own judges them.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::harness::{Connection, Stage, get, refused};

const PUBLIC: &str = "[[routes]]\npath = \"/{*rest}\"\naccess = \"public\"\n";

/// An upstream that answers what its own strict parser finds in the bytes that come, and keeps it.
#[derive(Clone, Default)]
struct Recorder {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    requests: Vec<Plain>,
    wrong: Vec<String>,
}

/// One request, of which nothing can be read in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    line: String,
    body: Vec<u8>,
}

/// What the strict parser makes of the beginning of some bytes.
enum Parsed {
    Whole(Plain, usize),
    Unfinished,
    Wrong(String),
}

impl Recorder {
    fn start() -> (Stage, Self) {
        Self::start_with("")
    }

    fn start_with(limits: &str) -> (Stage, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let recorder = Self::default();
        let own = recorder.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let own = own.clone();
                thread::spawn(move || own.record(stream.unwrap()));
            }
        });
        let stage = Stage::with(&format!("[upstream]\nurl = \"{url}\"\n{limits}{PUBLIC}"));
        (stage, recorder)
    }

    /// Until the connection ends. What ends in the middle of a request is no request for anybody.
    fn record(&self, mut stream: TcpStream) {
        let (mut rest, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            rest.extend_from_slice(&piece[..read]);
            let mut answers = 0;
            let mut taken = self.taken.lock().unwrap();
            taken.bytes.extend_from_slice(&piece[..read]);
            loop {
                match parse(&rest) {
                    Parsed::Whole(request, length) => {
                        taken.requests.push(request);
                        rest.drain(..length);
                        answers += 1;
                    }
                    Parsed::Unfinished => break,
                    Parsed::Wrong(why) => {
                        taken
                            .wrong
                            .push(format!("{why}: {:?}", String::from_utf8_lossy(&rest)));
                        return;
                    }
                }
            }
            drop(taken);
            for _ in 0..answers {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        }
    }

    /// Every request from number `first` on; fails when anything came that is none.
    #[track_caller]
    fn requests_from(&self, first: usize) -> Vec<Plain> {
        let taken = self.taken.lock().unwrap();
        assert!(taken.wrong.is_empty(), "{:#?}", taken.wrong);
        taken.requests[first..].to_vec()
    }

    #[track_caller]
    fn requests(&self) -> Vec<Plain> {
        self.requests_from(0)
    }

    fn count(&self) -> usize {
        self.taken.lock().unwrap().requests.len()
    }

    #[track_caller]
    fn lines_from(&self, first: usize) -> Vec<String> {
        let requests = self.requests_from(first).into_iter();
        requests.map(|plain| plain.line).collect()
    }
}

/// Reads one request as strictly as it can be read: CRLF, token names, visible values, one framing.
fn parse(bytes: &[u8]) -> Parsed {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Parsed::Unfinished;
    };
    let head = &bytes[..end];
    if let Some(wrong) = head
        .iter()
        .find(|b| !matches!(b, b'\r' | b'\n' | b' '..=b'~'))
    {
        return Parsed::Wrong(format!("byte {wrong:#x}"));
    }
    let head = String::from_utf8(head.to_vec()).unwrap();
    let lines: Vec<_> = head.split("\r\n").collect();
    if lines.iter().any(|line| line.contains(['\r', '\n'])) {
        return Parsed::Wrong("a line end that is none".to_owned());
    }
    let words: Vec<_> = lines[0].split(' ').collect();
    if words.len() != 3 || !words[1].starts_with('/') || words[2] != "HTTP/1.1" {
        return Parsed::Wrong("the request line".to_owned());
    }
    let (mut framing, mut hosts) = (Vec::new(), 0);
    for line in &lines[1..] {
        let Some((name, value)) = line.split_once(": ") else {
            return Parsed::Wrong(format!("the field {line:?}"));
        };
        let token =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.~!#$%&'*+^`|".contains(&b);
        if name.is_empty() || !name.bytes().all(token) || value.trim() != value {
            return Parsed::Wrong(format!("the field {line:?}"));
        }
        match name {
            "host" => hosts += 1,
            "content-length" | "transfer-encoding" => framing.push((name, value)),
            "connection" | "te" | "trailer" | "upgrade" | "expect" | "keep-alive" => {
                return Parsed::Wrong(format!("{name} is of one connection only"));
            }
            _ => {}
        }
    }
    if hosts != 1 {
        return Parsed::Wrong(format!("{hosts} hosts"));
    }
    let body = &bytes[end + 4..];
    let taken = match framing[..] {
        [] => Ok(Some((Vec::new(), 0))),
        [("content-length", length)] => of_length(body, length),
        [("transfer-encoding", "chunked")] => of_chunks(body),
        _ => Err(format!("the framing {framing:?}")),
    };
    match taken {
        Ok(Some((body, length))) => Parsed::Whole(
            Plain {
                line: lines[0].to_owned(),
                body,
            },
            end + 4 + length,
        ),
        Ok(None) => Parsed::Unfinished,
        Err(why) => Parsed::Wrong(why),
    }
}

type Read = Result<Option<(Vec<u8>, usize)>, String>;

fn of_length(body: &[u8], length: &str) -> Read {
    let digits: usize = length.parse().map_err(|_| format!("the length {length}"))?;
    if digits.to_string() != length {
        return Err(format!("the length {length}"));
    }
    Ok(body.get(..digits).map(|body| (body.to_vec(), digits)))
}

/// Chunks as plain as they can be: no extension, no leading zero, no trailer.
fn of_chunks(body: &[u8]) -> Read {
    let (mut whole, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&body[at..], b"\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&body[at..at + end]).into_owned();
        let size = usize::from_str_radix(&text, 16).map_err(|_| format!("the size {text:?}"))?;
        if !format!("{size:x}").eq_ignore_ascii_case(&text) {
            return Err(format!("the size {text:?}"));
        }
        at += end + 2;
        let Some(data) = body.get(at..at + size + 2) else {
            return Ok(None);
        };
        if !data.ends_with(b"\r\n") {
            return Err("what stands behind a chunk".to_owned());
        }
        at += size + 2;
        if size == 0 {
            return Ok(Some((whole, at)));
        }
        whole.extend_from_slice(&data[..size]);
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Every answer on one connection to these bytes, by status, until the gateway closes it.
fn statuses(stage: &Stage, bytes: &[u8]) -> Vec<u16> {
    let mut connection = Connection::open(stage.address());
    connection.offer(bytes);
    std::iter::from_fn(|| connection.try_read(false))
        .map(|response| response.status)
        .collect()
}

const HEAD: &str = "POST /first HTTP/1.1\r\nHost: a\r\n";
/// As it is the last, the connection ends behind it.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Chunked bodies in which some parser or other sees an end that is none.
const BODIES: [&str; 36] = [
    // The data's end: one byte, two other bytes, none.
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabc\r0\r\n\r\n",
    "3\r\nabcXX0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "3\r\nabc\r\n\r\n0\r\n\r\n",
    "3\r\nabc\n\r\n0\r\n\r\n",
    // The size's line: its end, its digits, what stands behind them.
    "3\nabc\r\n0\r\n\r\n",
    "3\rabc\r\n0\r\n\r\n",
    "3\n\r\nabc\r\n0\r\n\r\n",
    "3\r\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 3\r\nabc\r\n0\r\n\r\n",
    "3_\r\nabc\r\n0\r\n\r\n",
    "3\x0b\r\nabc\r\n0\r\n\r\n",
    "3\0\r\nabc\r\n0\r\n\r\n",
    "3.0\r\nabc\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "00000000000000003\r\nabc\r\n0\r\n\r\n",
    "fffffffffffffffe\r\nabc\r\n0\r\n\r\n",
    "\r\n3\r\nabc\r\n0\r\n\r\n",
    ";x\r\nabc\r\n0\r\n\r\n",
    // Extensions that hold a line end.
    "3;\nabc\r\n0\r\n\r\n",
    "3;a=\"\nb\"\r\nabc\r\n0\r\n\r\n",
    "3;a\rb\r\nabc\r\n0\r\n\r\n",
    "0;\n\r\n\r\n",
    "3;\0\r\nabc\r\n0\r\n\r\n",
    // The end: trailers whose lines end otherwise, or go on.
    "3\r\nabc\r\n0\n\r\n",
    "3\r\nabc\r\n0\r\n\n",
    "3\r\nabc\r\n0\r\nX: y\n\r\n",
    "3\r\nabc\r\n0\r\nX: y\n\n",
    "3\r\nabc\r\n0\r\nX: y\rZ: 1\r\n\r\n",
    "3\r\nabc\r\n0\r\nX: y\r\n Z: 1\r\n\r\n",
    "3\r\nabc\r\n0\r\n\rGET",
];

#[test]
fn a_body_has_one_end() {
    let (stage, recorder) = Recorder::start();
    for body in BODIES {
        let bytes = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}");
        let statuses = statuses(&stage, bytes.as_bytes());
        assert_eq!(statuses, [400], "{body:?}");
        assert!(recorder.requests().is_empty(), "{body:?}");
    }
    // The twin: what stands behind a body that ends is a request, and one only.
    for body in [
        "3\r\nabc\r\n0\r\n\r\n",
        "0003 ;x=\"y\"\r\nabc\r\n0;z\r\nX-T: 1\r\n\r\n",
    ] {
        let before = recorder.count();
        let bytes = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [200, 200], "{body:?}");
        let seen = recorder.requests_from(before);
        assert_eq!(seen[0].body, b"abc");
        let lines: Vec<_> = seen.iter().map(|plain| &*plain.line).collect();
        assert_eq!(lines, ["POST /first HTTP/1.1", "GET /smuggled HTTP/1.1"]);
    }
}

#[test]
fn trailers_and_extensions_have_a_size() {
    let (stage, recorder) = Recorder::start();
    let chunked = |body: &str| {
        let bytes = format!("{HEAD}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        statuses(&stage, bytes.as_bytes())
    };
    for body in [
        format!("0\r\n{}\r\n", "X: y\r\n".repeat(10_000)),
        format!("0\r\nX: {}\r\n\r\n", "y".repeat(100_000)),
        format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(100_000)),
        format!(
            "{}0\r\n\r\n",
            format!("1;{}\r\na\r\n", "x".repeat(99)).repeat(1000)
        ),
        format!("{}3\r\nabc\r\n0\r\n\r\n", "0".repeat(100_000)),
    ] {
        assert_eq!(chunked(&body), [400], "{}", &body[..20]);
        assert!(recorder.requests().is_empty(), "{}", &body[..20]);
    }
    assert_eq!(chunked("1;x=y\r\na\r\n0\r\nX: y\r\n\r\n"), [200]);
    assert_eq!(recorder.requests()[0].body, b"a");
}

/// Two requests on one connection, where the first's framing is said in an unusual way.
#[test]
fn a_request_behind_another_is_one_for_everybody_or_for_nobody() {
    let (stage, recorder) = Recorder::start();
    let length = SMUGGLED.len();
    for fields in [
        format!("Content-Length: {length}\r\nContent-Length: 0"),
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Content-Length: {length}\r\n Transfer-Encoding: chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding\r\n : chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding\0: chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding\t: chunked"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: \x0cchunked"),
        format!("Content-Length: {length}\r\nX: y\rTransfer-Encoding: chunked"),
        format!("Content-Length : {length}"),
        format!("Content-Length: {length}\x0b"),
        format!("Content-Length: {length};x"),
        format!("Content-Length: \"{length}\""),
        format!("Content-Length: {length}e0"),
        format!("Content-Length: {length}_"),
        "Content-Length: \u{0663}\u{0665}".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".to_owned(),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked".to_owned(),
        "Transfer-Encoding: chunked,".to_owned(),
        "Transfer-Encoding: ,chunked".to_owned(),
        "Transfer-Encoding: chunked\x0c".to_owned(),
        "Transfer-Encoding: chunked\u{a0}".to_owned(),
        "Transfer-Encoding: chunKed\u{212a}".to_owned(),
        "Transfer-Encoding: 'chunked'".to_owned(),
        "Transfer-Encoding: chunked x".to_owned(),
        "Transfer-Encoding:\r\n chunked".to_owned(),
        "Transfer-Encoding:\r\n\tchunked".to_owned(),
        "X: y\r\n Content-Length: 5".to_owned(),
    ] {
        let bytes = format!("{HEAD}{fields}\r\n\r\n{SMUGGLED}");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [400], "{fields:?}");
        assert!(recorder.requests().is_empty(), "{fields:?}");
    }
    // Names that only look like framing frame nothing, here and behind here.
    for name in [
        "Content_Length",
        "Content.Length",
        "Transfer_Encoding",
        "Transfer.Encoding",
    ] {
        let before = recorder.count();
        let bytes = format!("{HEAD}{name}: {length}\r\n\r\n{SMUGGLED}");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [200, 200], "{name}");
        assert_eq!(recorder.lines_from(before).len(), 2, "{name}");
        let taken = recorder.taken.lock().unwrap().bytes.clone();
        let text = String::from_utf8(taken).unwrap().to_lowercase();
        assert!(!text.contains(&name.to_lowercase()), "{name}");
    }
}

#[test]
fn a_target_goes_on_in_one_form() {
    let (stage, recorder) = Recorder::start();
    for (target, forwarded) in [
        ("http://a", "/"),
        ("http://a/", "/"),
        ("http://a?x=y", "/?x=y"),
        ("http://a/?x=y", "/?x=y"),
        ("HTTP://A/b%61", "/ba"),
        ("https://a/b", "/b"),
        ("/?http://b/", "/?http://b/"),
        ("/b?", "/b?"),
    ] {
        let before = recorder.count();
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [200], "{target}");
        let line = format!("GET {forwarded} HTTP/1.1");
        assert_eq!(recorder.lines_from(before), [line], "{target}");
    }
    let before = recorder.count();
    for target in [
        "ftp://a/b",
        "ws://a/b",
        "file:///etc/passwd",
        "javascript:x",
        "http:/a/b",
        "http:a",
        "http:///b",
        "http://a:80/b",
        "http://b/b",
        "http://a@b/",
        "http://a\\@b/",
        "//a/b",
        "/\\a/b",
        "a:80",
        "a",
        "*",
        "?x",
        "/a/..//b",
        "/.",
        "/a\x0b",
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n{SMUGGLED}");
        let first = statuses(&stage, bytes.as_bytes())[0];
        assert_eq!(first, 400, "{target:?}");
    }
    // What stood behind those that were understood as requests was one itself.
    assert!(
        recorder
            .lines_from(before)
            .iter()
            .all(|line| line == "GET /smuggled HTTP/1.1")
    );
}

#[test]
fn a_host_that_is_read_in_two_ways_is_none() {
    let (stage, recorder) = Recorder::start();
    for host in [
        "a..",
        "a..b",
        ".a",
        ".",
        "a:65536",
        "a:080808",
        "a:+80",
        "a:80:80",
        "a,b",
        "a b",
        "a\tb",
        "a@b",
        "@a",
        "a%20b",
        "a%2eb",
        "a/b",
        "a?b",
        "a#b",
        "a;b",
        "[::1%25lo]",
        "[::1%lo]",
        "[::1]a",
        "[::1].",
        "::1",
        "a\u{a0}",
        "\u{ff41}",
        "a\x0b",
        "\"a\"",
        "a\\b",
        "http://a",
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [400], "{host:?}");
    }
    assert!(recorder.requests().is_empty());
    for host in [
        "a",
        "a:",
        "a:80",
        "a.:80",
        "A.b",
        "a_b",
        "[::1]",
        "[::1]:80",
        "192.0.2.1",
        " a\t",
    ] {
        let before = recorder.count();
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&stage, bytes.as_bytes()), [200], "{host:?}");
        assert_eq!(recorder.lines_from(before).len(), 1);
    }
}

#[test]
fn every_byte_in_every_place_of_a_framing_is_one_request_or_none() {
    let (stage, recorder) = Recorder::start_with(
        "[server.limits]\nheader_timeout = \"100ms\"\nidle_timeout = \"100ms\"\n",
    );
    let bytes = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n{SMUGGLED}"
    );
    let from = HEAD.len();
    let upto = bytes.len() - SMUGGLED.len();
    for place in from..upto {
        for byte in b"\0\n\x0b\r 0;:" {
            for insert in [true, false] {
                let mut mutated = bytes.clone().into_bytes();
                if insert {
                    mutated.insert(place, *byte);
                } else {
                    mutated[place] = *byte;
                }
                let before = recorder.count();
                let statuses = statuses(&stage, &mutated);
                let lines = recorder.lines_from(before);
                let seen: Vec<_> = lines.iter().map(String::as_str).collect();
                let text = String::from_utf8_lossy(&mutated).into_owned();
                let allowed = statuses.iter().filter(|status| **status == 200).count();
                assert_eq!(seen.len(), allowed, "{text:?}: {statuses:?} {seen:?}");
                // The second is seen only behind a first that everybody read to the same end.
                assert!(
                    matches!(
                        seen[..],
                        [] | ["POST /first HTTP/1.1"]
                            | ["POST /first HTTP/1.1", "GET /smuggled HTTP/1.1"]
                    ),
                    "{text:?}: {seen:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_behind_a_refused_request_is_taken_for_what_it_is_not() {
    let stage = Stage::new();
    let body = "x".repeat(100);
    for (head, status, code) in [
        ("POST / HTTP/1.1\r\nHost: a\r\n", 401, "token_missing"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n", 405, "method_not_allowed"),
        (
            "POST /../ HTTP/1.1\r\nHost: a\r\n",
            400,
            "request_malformed",
        ),
        ("POST / HTTP/1.1\r\nHost: a..\r\n", 400, "request_malformed"),
    ] {
        for framing in [
            format!("Content-Length: 100\r\n\r\n{body}"),
            format!("Transfer-Encoding: chunked\r\n\r\n64\r\n{body}\r\n0\r\n\r\n"),
        ] {
            let mut connection = Connection::open(stage.address());
            connection.offer(format!("{head}{framing}{SMUGGLED}"));
            refused(&connection.read(false), status, code);
            // The next is refused for itself, or the connection is closed: no third answer.
            if let Some(next) = connection.try_read(false) {
                refused(&next, 401, "token_missing");
                assert!(connection.is_closed());
            }
        }
    }
    stage.upstream.saw_nothing();
    stage.refuses(&get("/"), 401, "token_missing");
}
