//! WebSockets and other protocols: nothing is forwarded before the upstream has agreed, and everything after.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
};

use super::harness::{Connection, NOW, PATIENCE, Stage, get, listen, mint, refused};

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An upstream that does what its test does.
struct Play {
    stage: Stage,
    listener: TcpListener,
}

/// What the upstream has of a request: its connection, and its head as text.
struct Taken {
    stream: TcpStream,
    head: String,
}

impl Play {
    fn with(text: &str) -> Self {
        let listener = listen();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let builder = Stage::builder().with(&format!("[upstream]\nurl = \"{url}\"\n"));
        Self {
            stage: builder.with(text).start(),
            listener,
        }
    }

    fn new() -> Self {
        Self::with("")
    }

    /// Sends what a WebSocket client sends, with `early` behind it in the same piece.
    fn ask(&self, early: &str) -> Connection {
        self.ask_with(&mint::token().sign(), "websocket", early)
    }

    fn ask_with(&self, token: &str, protocol: &str, early: &str) -> Connection {
        let mut connection = Connection::open(self.stage.address());
        connection.send(format!(
            "GET /chat HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: {protocol}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n{early}"
        ));
        connection
    }

    /// Takes the next connection and its request's head, and no byte more.
    fn take(&self) -> Taken {
        let (mut stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = head_of(&mut stream);
        Taken { stream, head }
    }

    /// A tunnel, and its upstream's end.
    fn tunnel(&self) -> (Connection, Taken) {
        let mut client = self.ask("");
        let mut taken = self.take();
        taken.stream.write_all(SWITCH).unwrap();
        assert!(client.read_head().line.starts_with("HTTP/1.1 101 "));
        (client, taken)
    }

    fn nobody_came(&self) {
        self.listener.set_nonblocking(true).unwrap();
        let error = self.listener.accept().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }

    fn metric(&self, line: &str) -> bool {
        let metrics = get("/metrics").send(self.stage.gateway.admin()).text();
        metrics.lines().any(|found| found == line)
    }

    /// Waits for it: who sees that a connection is closed may be a moment ahead of who counts it.
    #[track_caller]
    fn comes_to(&self, line: &str) {
        let begun = std::time::Instant::now();
        while !self.metric(line) {
            assert!(begun.elapsed() < PATIENCE, "never {line}");
            std::thread::yield_now();
        }
    }
}

fn head_of(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    String::from_utf8(read).unwrap()
}

fn nothing_waits(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let error = stream.peek(&mut [0]).unwrap_err().kind();
    stream.set_nonblocking(false).unwrap();
    error == std::io::ErrorKind::WouldBlock
}

fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_websocket_goes_through_once_its_token_is_good() {
    let play = Play::new();
    let mut client = play.ask("");
    let mut upstream = play.take();
    for line in [
        "GET /chat HTTP/1.1\r\n",
        "\r\nconnection: upgrade\r\n",
        "\r\nupgrade: websocket\r\n",
        "\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "\r\nx-auth-subject: alice\r\n",
    ] {
        assert!(upstream.head.contains(line), "{line} in {}", upstream.head);
    }
    assert!(!upstream.head.contains("uthorization"));
    // What the upstream says at once comes behind the head.
    upstream
        .stream
        .write_all(&[SWITCH, b"hello"].concat())
        .unwrap();
    let head = client.read_head();
    assert!(head.line.starts_with("HTTP/1.1 101 "));
    assert_eq!(head.get("upgrade"), Some("websocket"));
    assert_eq!(head.get("connection"), Some("upgrade"));
    assert_eq!(head.get("content-length"), None);
    assert_eq!(head.get("transfer-encoding"), None);
    assert_eq!(
        head.get("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert!(head.get("x-request-id").is_some());
    assert_eq!(client.read_bytes(5), b"hello");
    play.comes_to("portcullis_tunnels 1");
    // No HTTP, and more than any limit of a head: nobody judges it.
    let long = vec![0u8; 100_000];
    client.send(&long);
    assert_eq!(read(&mut upstream.stream, long.len()), long);
    upstream.stream.write_all(b"bye").unwrap();
    assert_eq!(client.read_bytes(3), b"bye");
    // Each end ends by itself.
    client.finish();
    assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0);
    upstream.stream.write_all(b"last").unwrap();
    assert_eq!(client.read_bytes(4), b"last");
    drop(upstream);
    assert!(client.is_closed());
    play.comes_to("portcullis_connections 0");
    play.comes_to("portcullis_tunnels 0");
}

#[test]
fn a_bad_token_opens_no_tunnel() {
    let play = Play::new();
    let expired = mint::token().claim("exp", 1_700_000_000).sign();
    for (token, code) in [(&*expired, "token_expired"), ("a.b.c", "token_malformed")] {
        let mut client = play.ask_with(token, "websocket", "");
        refused(&client.read(false), 401, code);
        // The connection is HTTP as before.
        refused(&client.exchange(&get("/")), 401, "token_missing");
    }
    play.nobody_came();
    play.comes_to("portcullis_tunnels 0");
}

#[test]
fn early_bytes_wait_for_the_switch() {
    let play = Play::new();
    let mut client = play.ask("early ");
    let mut upstream = play.take();
    client.send("bytes");
    // The gateway has had every chance to forward them when it has answered on another connection.
    for _ in 0..3 {
        refused(&play.stage.send(&get("/")), 401, "token_missing");
    }
    assert!(nothing_waits(&mut upstream.stream));
    upstream.stream.write_all(SWITCH).unwrap();
    assert!(client.read_head().line.starts_with("HTTP/1.1 101 "));
    client.send(" late");
    assert_eq!(read(&mut upstream.stream, 16), b"early bytes late");
}

#[test]
fn early_bytes_are_http_when_there_is_no_switch() {
    let play = Play::new();
    // A request without a token behind the one that asks for a tunnel: were it forwarded as a part of
    // that, nobody would have judged it.
    let smuggled = "GET /admin HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
    let mut client = play.ask(smuggled);
    let mut upstream = play.take();
    assert!(nothing_waits(&mut upstream.stream));
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno";
    upstream.stream.write_all(answer).unwrap();
    assert_eq!(client.read(false).text(), "no");
    refused(&client.read(false), 401, "token_missing");
    // And the next one is a request like any other, on both connections.
    client.send(get("/next").bearer(mint::token().sign()).bytes());
    assert!(head_of(&mut upstream.stream).starts_with("GET /next "));
    upstream.stream.write_all(answer).unwrap();
    assert_eq!(client.read(false).text(), "no");
    // What is no HTTP is refused then.
    let mut client = play.ask("\u{1}\u{2}\r\n\r\n");
    let _ = head_of(&mut upstream.stream);
    upstream.stream.write_all(answer).unwrap();
    assert_eq!(client.read(false).text(), "no");
    refused(&client.read(false), 400, "request_malformed");
    assert!(client.is_closed());
    assert!(nothing_waits(&mut upstream.stream));
}

#[test]
fn a_refusal_of_the_upstream_is_an_answer() {
    let play = Play::new();
    let mut client = play.ask("");
    let mut upstream = play.take();
    upstream
        .stream
        .write_all(
            b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\ncontent-length: 0\r\n\r\n",
        )
        .unwrap();
    let response = client.read(false);
    assert_eq!((response.status, response.field("upgrade")), (426, None));
    refused(&client.exchange(&get("/")), 401, "token_missing");
}

#[test]
fn another_protocol_than_was_asked_for_is_no_answer() {
    let play = Play::new();
    for switch in [
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
    ] {
        let mut client = play.ask("early");
        let mut upstream = play.take();
        let switch = format!("HTTP/1.1 101 Switching Protocols\r\n{switch}\r\nhello");
        upstream.stream.write_all(switch.as_bytes()).unwrap();
        refused(&client.read(false), 502, "upstream_malformed");
        // The early bytes were never sent, and the connection is not used again.
        assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0, "{switch}");
    }
}

#[test]
fn only_what_a_route_lists_is_asked_for() {
    let head = |play: &Play, protocol: &str| {
        let mut client = play.ask_with(&mint::token().sign(), protocol, "");
        let mut upstream = play.take();
        upstream
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        assert_eq!(client.read(false).status, 200);
        upstream.head
    };
    let asks = |head: &str| head.contains("upgrade: ") || head.contains("connection: ");
    let play = Play::new();
    assert!(asks(&head(&play, "websocket")) && asks(&head(&play, "WebSocket")));
    for protocol in ["h2c", "foo", "websocket, foo", "foo/2", "TLS/1.0"] {
        assert!(!asks(&head(&play, protocol)), "{protocol}");
    }
    let play = Play::with("[[routes]]\nupgrades = [\"foo/2\"]\n");
    assert!(asks(&head(&play, "foo/2")) && !asks(&head(&play, "websocket")));
    let play = Play::with("[[routes]]\naccess = \"public\"\n");
    assert!(!asks(&head(&play, "websocket")));
    let play = Play::with("[[routes]]\naccess = \"public\"\nupgrades = [\"websocket\"]\n");
    assert!(asks(&head(&play, "websocket")));
    // Rules make the gateway look at the request again, and drop what does not go on.
    let play = Play::with("[[routes]]\nrules = [\"claims.sub == 'alice'\"]\n");
    assert!(asks(&head(&play, "websocket")));
}

#[test]
fn a_silent_tunnel_is_closed() {
    let play =
        Play::with("[server.limits]\ntunnel_idle_timeout = \"2s\"\nidle_timeout = \"300ms\"\n");
    let (mut client, mut upstream) = play.tunnel();
    // It is not the time of HTTP that counts.
    let mut other = Connection::open(play.stage.address());
    refused(&other.exchange(&get("/")), 401, "token_missing");
    assert!(other.is_closed());
    client.send("still here");
    assert_eq!(read(&mut upstream.stream, 10), b"still here");
    assert!(client.is_closed());
    assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_tunnel_ends_with_its_token_unless_the_route_lets_it_go_on() {
    let short = || mint::token().claim("exp", NOW + 1).sign();
    for (goes_on, text) in [(false, ""), (true, "tunnel_until_expiry = false")] {
        let play = Play::with(&format!(
            "[[routes]]\n{text}\n[issuer_defaults]\nclock_skew = \"0s\"\n"
        ));
        let mut client = play.ask_with(&short(), "websocket", "");
        let mut upstream = play.take();
        upstream.stream.write_all(SWITCH).unwrap();
        client.read_head();
        let begun = std::time::Instant::now();
        if goes_on {
            outlast_the_token();
            client.send("on");
            assert_eq!(read(&mut upstream.stream, 2), b"on");
        } else {
            assert!(client.is_closed());
            assert!(begun.elapsed() >= std::time::Duration::from_millis(900));
            assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0);
        }
    }
}

/// Returns when a second and a half have passed for another gateway.
fn outlast_the_token() {
    let slow = Stage::with("[server.limits]\nheader_timeout = \"1500ms\"\n");
    let mut connection = Connection::open(slow.address());
    connection.send("G");
    refused(&connection.read(false), 408, "request_timeout");
}

#[test]
fn a_drain_lets_a_tunnel_finish_and_is_clean_without_it() {
    let play = Play::new();
    let (mut client, mut upstream) = play.tunnel();
    let Play { stage, listener } = play;
    let gateway = stage.gateway;
    let draining = std::thread::spawn(move || gateway.drain());
    client.send("more");
    assert_eq!(read(&mut upstream.stream, 4), b"more");
    upstream.stream.shutdown(Shutdown::Both).unwrap();
    client.finish();
    assert!(client.is_closed());
    assert!(draining.join().unwrap());
    drop(listener);

    let play = Play::with("[server.limits]\ndrain_timeout = \"200ms\"\n");
    let (mut client, upstream) = play.tunnel();
    // A tunnel is nobody's request: that one was answered.
    assert!(play.stage.gateway.drain());
    assert!(client.is_closed());
    drop(upstream);
}

#[test]
fn a_client_that_leaves_takes_its_tunnel_along() {
    let play = Play::new();
    let (client, mut upstream) = play.tunnel();
    drop(client);
    assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0);
    drop(upstream);
    // While the switch is awaited too.
    let client = play.ask("");
    let mut upstream = play.take();
    drop(client);
    assert_eq!(upstream.stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_end_that_does_not_read_holds_the_other_back() {
    let play = Play::with("[server.limits]\ntunnel_idle_timeout = \"300ms\"\n");
    let (mut client, mut upstream) = play.tunnel();
    let chunk = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while let Ok(count) = upstream.stream.write(&chunk) {
        sent += count;
        assert!(sent < 64 << 20, "the gateway holds it all");
    }
    // Nothing moved any more, so it was closed.
    let mut rest = 0;
    while !client.is_closed() {
        rest += 1;
    }
    assert!(rest > 0);
}
