//! The demo over real sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use bytes::Bytes;
use http::Request;

use super::{guide::Case, *};

/// Sends `head` (without the lines that every request has) and `body`, and reads to the end.
fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends what curl would.
fn send(gateway: SocketAddr, case: &Case) -> String {
    let mut head = format!("GET {} HTTP/1.1", case.path);
    if !case.form.is_empty() {
        head =
            head.replacen("GET", "POST", 1) + "\r\ncontent-type: application/x-www-form-urlencoded";
    }
    for header in &case.headers {
        head = head + "\r\n" + header;
    }
    ask(gateway, &head, &case.form.join("&"))
}

#[test]
fn the_background_serves_until_it_is_dropped() {
    let ports = Ports::take(&Options::on_free_ports()).unwrap();
    let address = ports.addresses.upstream;
    let echo = Arc::new(|request: Request<Bytes>| upstream::echo(&request));
    let background = Background::start(vec![(ports.upstream, echo as Arc<Answer>)]).unwrap();
    let answer = ask(address, "GET /orders/42?full=1 HTTP/1.1", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#""query": "full=1""#), "{answer}");
    drop(background);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_gateway_takes_the_shown_configuration_without_a_warning() {
    let text = Options::default().addresses().configuration();
    let nothing = |_: &str| None;
    match config::parse(
        "demo.toml",
        &text,
        Path::new("."),
        &nothing,
        &Clock::system(),
    ) {
        Ok(config) => assert_eq!(config.warnings, Vec::<String>::new()),
        Err(report) => panic!("{report}"),
    }
}

#[test]
fn every_case_of_the_guide_ends_as_it_says() {
    let demo = Demo::start(&Options::on_free_ports()).unwrap();
    let gateway = demo.addresses.gateway;
    for case in guide::cases(&demo.addresses, &demo.issuer).unwrap() {
        let answer = send(gateway, &case);
        let (status, code) = match case.expected.split_once(' ') {
            Some((status, code)) => (status, format!(r#""code":"{code}""#)),
            None => (case.expected, format!(r#""path": "{}""#, case.path)),
        };
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{case}\n{answer}"
        );
        assert!(answer.contains(&code), "{case}\n{answer}");
        assert!(!answer.contains("root"), "{case}\n{answer}");
    }
    assert!(demo.gateway.drain());
}
