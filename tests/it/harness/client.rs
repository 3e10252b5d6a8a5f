//! A plain HTTP/1.1 client that sends what it is told, also when that is no HTTP at all.

use std::{
    fmt,
    io::{BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use serde_json::Value;

use super::{
    PATIENCE,
    wire::{Body, Head},
};

/// A connection to the gateway, or to whoever else speaks HTTP.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// A request, written as it is built: nothing is added but `Host` and a `Content-Length`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    /// `None`: what the destination is called.
    host: Option<String>,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    chunked: bool,
}

/// Where a request goes, and what it calls that if nothing else was said.
pub(crate) trait Destination {
    fn address(&self) -> SocketAddr;
    fn host(&self) -> &str;
    /// What bodies are, if nothing else was said.
    fn body(&self) -> Option<&str> {
        None
    }
}

/// An admin listener, which answers to names of this machine only, and takes JSON only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdminAddress(pub(crate) SocketAddr);

/// The host of the API that the gateways of the tests guard.
const API_HOST: &str = "api.example.com";

impl Destination for SocketAddr {
    fn address(&self) -> SocketAddr {
        *self
    }

    fn host(&self) -> &str {
        API_HOST
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Destination for AdminAddress {
    fn address(&self) -> SocketAddr {
        self.0
    }

    fn host(&self) -> &str {
        "localhost"
    }

    fn body(&self) -> Option<&str> {
        Some("application/json")
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether the body came to the end that its framing promised.
    pub(crate) complete: bool,
}

pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Request {
    request("POST", target).body(body)
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        host: None,
        fields: Vec::new(),
        body: None,
        chunked: false,
    }
}

impl Request {
    /// Adds a field; the same name again makes a second line.
    pub(crate) fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// `Authorization: Bearer …`.
    pub(crate) fn bearer(self, token: impl AsRef<str>) -> Self {
        let value = format!("Bearer {}", token.as_ref());
        self.field("Authorization", value)
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A form body.
    pub(crate) fn form(self, body: impl Into<String>) -> Self {
        self.field("Content-Type", "application/x-www-form-urlencoded")
            .body(body.into())
    }

    /// Sends the body in chunks of 1,000 bytes instead of with a length.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The bytes that go out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let host = self.host.as_deref().unwrap_or(API_HOST);
        text += &format!("Host: {host}\r\n");
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        match &self.body {
            Some(_) if self.chunked => text += "Transfer-Encoding: chunked\r\n\r\n",
            Some(body) => text += &format!("Content-Length: {}\r\n\r\n", body.len()),
            None => text += "\r\n",
        }
        let mut bytes = text.into_bytes();
        match &self.body {
            Some(body) if self.chunked => {
                for chunk in body.chunks(1000) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
            Some(body) => bytes.extend_from_slice(body),
            None => {}
        }
        bytes
    }

    /// Sends it on a connection of its own.
    pub(crate) fn send(&self, to: impl Destination) -> Response {
        let mut request = self.clone();
        request.host.get_or_insert_with(|| to.host().to_owned());
        let is_typed = request
            .fields
            .iter()
            .any(|(name, _)| name == "Content-Type");
        if let (Some(kind), Some(_), false) = (to.body(), &request.body, is_typed) {
            request = request.field("Content-Type", kind);
        }
        Connection::open(to.address()).exchange(&request)
    }
}

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends these very bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes that the other end may not want any more; an error is no failure.
    pub(crate) fn offer(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.get_mut().shutdown(Shutdown::Write);
    }

    /// Sends a request and reads its response. The body is sent beside the reading, because the
    /// gateway may answer before it has it all.
    pub(crate) fn exchange(&mut self, request: &Request) -> Response {
        self.try_exchange(request)
            .expect("the connection ended before a response")
    }

    /// As [`Connection::exchange`]; `None` when the connection ends instead.
    pub(crate) fn try_exchange(&mut self, request: &Request) -> Option<Response> {
        let mut writer = self.stream.get_ref().try_clone().unwrap();
        let bytes = request.bytes();
        let is_head = request.method() == "HEAD";
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&bytes));
            self.try_read(is_head)
        })
    }

    /// Reads one response; `is_head` when it answers HEAD and so has no body.
    pub(crate) fn read(&mut self, is_head: bool) -> Response {
        self.try_read(is_head)
            .expect("the connection ended before a response")
    }

    /// As [`Connection::read`]; `None` when the connection ends instead.
    pub(crate) fn try_read(&mut self, is_head: bool) -> Option<Response> {
        let head = Head::read(&mut self.stream).ok()??;
        Some(self.read_behind(head, is_head))
    }

    /// Reads what follows a head that was read already.
    pub(crate) fn read_behind(&mut self, head: Head, is_head: bool) -> Response {
        let (status, body) = self.rest(&head, is_head);
        Response {
            status,
            head,
            body: body.bytes,
            trailers: body.trailers,
            complete: body.complete,
        }
    }

    /// Reads a response's head and leaves its body on the connection.
    pub(crate) fn read_head(&mut self) -> Head {
        Head::read(&mut self.stream).unwrap().unwrap()
    }

    /// Reads exactly so many bytes.
    pub(crate) fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whether the other end closes the connection without another byte. Blocks until it does, or
    /// sends something.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0; 1]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Whether the other end breaks the connection, and does not just end it.
    pub(crate) fn is_reset(&mut self) -> bool {
        let read = self.stream.read(&mut [0; 1]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    }

    fn rest(&mut self, head: &Head, is_head: bool) -> (u16, Body) {
        let status: u16 = head.line.split(' ').nth(1).unwrap().parse().unwrap();
        let bodiless = is_head || status == 204 || status == 304 || status < 200;
        let body = if bodiless {
            Body {
                complete: true,
                ..Body::default()
            }
        } else {
            head.read_body(&mut self.stream, true)
        };
        (status, body)
    }
}

impl Response {
    /// The one value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in the body of {}: {:?}", self.status, self.text())
        })
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("code")?.as_str()?.to_owned())
    }
}
