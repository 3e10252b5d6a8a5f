//! Clients of HTTP/2: one that keeps the rules, and one that sends any frames.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::Bytes;
use h2::{RecvStream, SendStream, client};
use http::Request;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::{PATIENCE, Response, TlsClient, wire::Head};

/// A client that keeps the rules. It moves only while something is awaited.
pub(crate) struct Http2 {
    pub(crate) runtime: Runtime,
    requests: client::SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// A request whose body has not ended.
pub(crate) struct Half {
    pub(crate) response: client::ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

/// A client that sends any frames.
pub(crate) struct Frames {
    stream: TcpStream,
}

/// One frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The pseudo-header fields of a plain GET.
pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "api.example.com"),
    (":path", "/"),
];

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Http2 {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let runtime = runtime();
        let stream = runtime.block_on(tokio::net::TcpStream::connect(address));
        Self::on(runtime, stream.unwrap())
    }

    /// Over TLS, to `name`; the gateway must choose HTTP/2.
    pub(crate) fn over_tls(address: SocketAddr, client: &TlsClient, name: &str) -> Self {
        let runtime = runtime();
        let client = client.offering(&["h2", "http/1.1"]);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let connector = TlsConnector::from(client.config().clone());
            connector.connect(name, stream).await.unwrap()
        });
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::on(runtime, stream)
    }

    fn on<S>(runtime: Runtime, stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = runtime.block_on(async {
            let (requests, connection) = client::handshake(stream).await.unwrap();
            (requests, tokio::spawn(connection))
        });
        Self {
            runtime,
            requests,
            connection,
        }
    }

    /// Waits for the connection's end; whether it was orderly.
    pub(crate) fn ends(self) -> bool {
        drop(self.requests);
        let ending = async { tokio::time::timeout(PATIENCE, self.connection).await };
        let ended = self.runtime.block_on(ending);
        ended.expect("it did not end").unwrap().is_ok()
    }

    /// The status of the answer to a request without a body, if there is one.
    pub(crate) fn status(&mut self, request: Request<()>) -> Result<u16, h2::Error> {
        self.runtime.block_on(async {
            let mut ready = self.requests.clone().ready().await?;
            let (response, _) = ready.send_request(request, true)?;
            let response = tokio::time::timeout(PATIENCE, response).await;
            Ok(response.expect("no answer came")?.status().as_u16())
        })
    }

    /// The status of the next interim response; `None` when the final one comes first.
    pub(crate) fn interim(&self, response: &mut client::ResponseFuture) -> Option<u16> {
        self.runtime.block_on(async {
            let interim = std::future::poll_fn(|context| response.poll_informational(context));
            let interim = tokio::time::timeout(PATIENCE, interim).await;
            let interim = interim.expect("nothing came")?;
            Some(interim.unwrap().status().as_u16())
        })
    }

    /// Sends a request without a body.
    pub(crate) fn ask(&mut self, request: Request<()>) -> client::ResponseFuture {
        let ready = self.runtime.block_on(self.requests.clone().ready());
        ready.unwrap().send_request(request, true).unwrap().0
    }

    /// Sends the head of a request whose body comes.
    pub(crate) fn begin(&mut self, request: Request<()>) -> Half {
        self.runtime.block_on(async {
            let mut ready = self.requests.clone().ready().await.unwrap();
            let (response, body) = ready.send_request(request, false).unwrap();
            Half { response, body }
        })
    }

    /// Sends a request and reads its response.
    pub(crate) fn exchange(&mut self, request: Request<()>, body: &[u8]) -> Response {
        if body.is_empty() {
            let response = self.ask(request);
            return self.read(response);
        }
        let mut half = self.begin(request);
        let body = Bytes::copy_from_slice(body);
        half.body.send_data(body, true).unwrap();
        self.read(half.response)
    }

    /// Reads a response to its end.
    pub(crate) fn read(&self, response: client::ResponseFuture) -> Response {
        self.runtime.block_on(async {
            let response = tokio::time::timeout(PATIENCE, response).await;
            let (head, stream) = response.expect("no answer came").unwrap().into_parts();
            let fields = head.headers.iter().map(|(name, value)| {
                let value = value.to_str().unwrap().to_owned();
                (name.as_str().to_owned(), value)
            });
            let fields = fields.collect();
            let read = tokio::time::timeout(PATIENCE, read_body(stream)).await;
            let (body, trailers, complete) = read.expect("no end came");
            Response {
                status: head.status.as_u16(),
                head: Head {
                    line: String::new(),
                    fields,
                },
                body,
                trailers,
                complete,
            }
        })
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn read_body(mut stream: RecvStream) -> (Vec<u8>, Vec<(String, String)>, bool) {
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let Ok(data) = data else {
            return (body, Vec::new(), false);
        };
        stream.flow_control().release_capacity(data.len()).unwrap();
        body.extend_from_slice(&data);
    }
    match stream.trailers().await {
        Err(_) => (body, Vec::new(), false),
        Ok(trailers) => {
            let trailers = trailers.iter().flatten().map(|(name, value)| {
                let value = value.to_str().unwrap().to_owned();
                (name.as_str().to_owned(), value)
            });
            (body, trailers.collect(), true)
        }
    }
}

impl Frames {
    /// A connection with its preface and empty settings.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::with_settings(address, &[])
    }

    pub(crate) fn with_settings(address: SocketAddr, settings: &[u8]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut this = Self { stream };
        this.send(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat());
        this
    }

    /// Sends bytes; who does not want them any more may have closed already.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame; `None` at the end.
    pub(crate) fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// The first frame of `kind`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, kind: u8) -> Frame {
        self.find(|frame| frame.kind == kind)
            .expect("the connection ended before it")
    }

    pub(crate) fn find(&mut self, mut wanted: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.read()?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Whether a PING is answered, and what came before the answer.
    pub(crate) fn is_alive(&mut self) -> (bool, Vec<Frame>) {
        self.send(&frame(PING, 0, 0, b"are you?"));
        let mut before = Vec::new();
        while let Some(frame) = self.read() {
            if frame.kind == PING && frame.payload == b"are you?" {
                return (true, before);
            }
            before.push(frame);
        }
        (false, before)
    }
}

impl Frame {
    /// The reason that RST_STREAM or GOAWAY gives.
    pub(crate) fn reason(&self) -> h2::Reason {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.payload[at..at + 4].try_into().unwrap();
        u32::from_be_bytes(code).into()
    }

    /// The status of a HEADERS frame, if it is one that has a number of its own in HPACK.
    pub(crate) fn status(&self) -> u16 {
        match self.payload[0] {
            0x88 => 200,
            0x8c => 400,
            other => u16::from(other),
        }
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Fields as HPACK: literals that nobody remembers.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer numbers are not needed here");
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A HEADERS frame with a whole block.
pub(crate) fn headers(stream: u32, fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, &block(fields))
}
