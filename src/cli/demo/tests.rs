//! The demo's parts over real sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use bytes::Bytes;
use http::Request;

use super::*;

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_background_serves_until_it_is_dropped() {
    let ports = Ports::take(&Options::on_free_ports()).unwrap();
    let address = ports.addresses.upstream;
    let echo = Arc::new(|request: Request<Bytes>| upstream::echo(&request));
    let background = Background::start(vec![(ports.upstream, echo as Arc<Answer>)]).unwrap();
    let answer = get(address, "/orders/42?full=1");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#""query": "full=1""#), "{answer}");
    drop(background);
    assert!(TcpStream::connect(address).is_err());
}
