//! One connection to a directory: one operation after another, each answer bounded.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    LdapError, Security, Settings, ber,
    message::{self, Done, Entry, Response, SUCCESS, Search},
    tls,
};

/// A connection whose user is bound.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// The identifier of the last message.
    id: u32,
    used_at: Instant,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The longest message that is read, in bytes: 1 MiB.
const MAX_MESSAGE: usize = 1 << 20;

/// The most that one search may bring, in bytes: 4 MiB.
const MAX_ANSWER: usize = 4 << 20;

/// How long an unused connection is worth another try.
const IDLE: Duration = Duration::from_secs(30);

impl Connection {
    /// Connects, makes the connection safe, and binds.
    pub(super) async fn open(
        settings: &Settings,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, LdapError> {
        let (host, port) = (&*settings.host, settings.port);
        // In a URL an IPv6 address stands in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let connected = TcpStream::connect((host, port)).await;
        let mut stream = connected.map_err(|e| LdapError::Connect(e.to_string().into()))?;
        let _ = stream.set_nodelay(true);
        let mut id = 0;
        let stream: Box<dyn Stream> = match (settings.security, config) {
            (Security::Plain, _) => Box::new(stream),
            (Security::Tls, Some(config)) => Box::new(tls::connect(config, host, stream).await?),
            (Security::StartTls, Some(config)) => {
                id += 1;
                start_tls(&mut stream, id).await?;
                Box::new(tls::connect(config, host, stream).await?)
            }
            (Security::Tls | Security::StartTls, None) => {
                return Err(LdapError::Trust("there are no settings".into()));
            }
        };
        let mut connection = Self {
            stream,
            id,
            used_at: Instant::now(),
        };
        if let Some((dn, password)) = &settings.bind {
            connection.bind(dn, password.expose_secret()).await?;
        }
        Ok(connection)
    }

    /// Whether the server may still be at the other end.
    pub(super) fn is_fresh(&self) -> bool {
        self.used_at.elapsed() < IDLE
    }

    async fn bind(&mut self, dn: &str, password: &[u8]) -> Result<(), LdapError> {
        self.id = self.id.wrapping_add(1);
        let request = message::bind(self.id, dn, password);
        send(&mut self.stream, &request).await?;
        let answer = receive(&mut self.stream).await?;
        match of(self.id, &answer)? {
            Response::Bind(done) => success("bind", done),
            _ => Err(LdapError::Malformed("no answer to a bind")),
        }
    }

    /// Searches, and calls `each` with every entry.
    pub(super) async fn search(
        &mut self,
        search: &Search<'_>,
        mut each: impl FnMut(&Entry<'_>) -> Result<(), LdapError>,
    ) -> Result<Done, LdapError> {
        // It stays positive for two milliards of searches, more than a connection lives to see.
        self.id = self.id.wrapping_add(1) & 0x7fff_ffff;
        send(&mut self.stream, &message::search(self.id, search)).await?;
        let (mut bytes, mut entries) = (0, 0);
        loop {
            let answer = receive(&mut self.stream).await?;
            bytes += answer.len();
            if bytes > MAX_ANSWER {
                return Err(LdapError::TooLarge);
            }
            match of(self.id, &answer)? {
                Response::Entry(entry) => {
                    entries += 1;
                    if entries > search.most {
                        return Err(LdapError::TooLarge);
                    }
                    each(&entry)?;
                }
                Response::Search(done) => {
                    self.used_at = Instant::now();
                    return Ok(done);
                }
                // References lead to other servers, where nobody is asked.
                Response::Other => {}
                Response::Bind(_) | Response::Extended(_) => {
                    return Err(LdapError::Malformed("no answer to a search"));
                }
            }
        }
    }
}

/// Nothing may be read beyond the answer: what follows in plain text was not said under TLS.
async fn start_tls(stream: &mut TcpStream, id: u32) -> Result<(), LdapError> {
    send(stream, &message::start_tls(id)).await?;
    let answer = receive(stream).await?;
    match of(id, &answer)? {
        Response::Extended(done) => success("StartTLS", done),
        _ => Err(LdapError::Malformed("no answer to StartTLS")),
    }
}

/// That `done` is a success.
pub(super) const fn success(operation: &'static str, done: Done) -> Result<(), LdapError> {
    match done.code {
        SUCCESS => Ok(()),
        code => Err(LdapError::Refused { operation, code }),
    }
}

/// What `answer` says to the message `id`.
fn of(id: u32, answer: &[u8]) -> Result<Response<'_>, LdapError> {
    match message::read(answer) {
        Ok((answered, response)) if answered == id => Ok(response),
        // The server takes its leave (RFC 4511 §4.4.1).
        Ok((0, _)) => Err(exchange(&io::ErrorKind::ConnectionAborted.into())),
        Ok(_) => Err(LdapError::Malformed("an answer to something else")),
        Err(ber::Malformed) => Err(LdapError::Malformed("no message of LDAP")),
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), request: &[u8]) -> Result<(), LdapError> {
    let sent = async {
        stream.write_all(request).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| exchange(&error))
}

/// The content of one message, and not a byte more.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, LdapError> {
    let mut start = Vec::with_capacity(ber::MAX_HEADER);
    let header = loop {
        match ber::header(&start) {
            Ok(Some(header)) => break header,
            Ok(None) => start.push(read_byte(stream).await?),
            Err(ber::Malformed) => return Err(LdapError::Malformed("no message of LDAP")),
        }
    };
    if header.tag != ber::SEQUENCE {
        return Err(LdapError::Malformed("no message of LDAP"));
    }
    if header.length > MAX_MESSAGE {
        return Err(LdapError::TooLarge);
    }
    // Only as much as comes: the length is the server's word.
    let mut content = Vec::new();
    let mut rest = stream.take(header.length as u64);
    rest.read_to_end(&mut content)
        .await
        .map_err(|error| exchange(&error))?;
    if content.len() < header.length {
        return Err(exchange(&io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(content)
}

async fn read_byte(stream: &mut (impl AsyncRead + Unpin)) -> Result<u8, LdapError> {
    stream.read_u8().await.map_err(|error| exchange(&error))
}

fn exchange(error: &io::Error) -> LdapError {
    LdapError::Exchange(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<Vec<u8>, LdapError> {
        receive(&mut bytes).await
    }

    #[tokio::test]
    async fn a_message_is_read_to_its_end_and_no_further() {
        let mut bytes = &[48, 3, 1, 2, 3, 9, 9][..];
        assert_eq!(receive(&mut bytes).await, Ok(vec![1, 2, 3]));
        assert_eq!(bytes, [9, 9]);
    }

    #[tokio::test]
    async fn what_is_no_message_or_too_long_is_refused() {
        let malformed = Err(LdapError::Malformed("no message of LDAP"));
        assert_eq!(read(b"HTTP/1.1 400").await, malformed);
        assert_eq!(read(&[48, 0x80]).await, malformed);
        assert_eq!(
            read(&[48, 0x84, 0, 0x10, 0, 1]).await,
            Err(LdapError::TooLarge)
        );
        for short in [&[][..], &[48], &[48, 0x82, 1], &[48, 3, 1]] {
            assert!(
                matches!(read(short).await, Err(LdapError::Exchange(_))),
                "{short:?}"
            );
        }
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let done = ber::constructed(0x65, &[ber::number(ber::ENUMERATED, 0)]);
        let answer = [ber::number(ber::INTEGER, 4), done].concat();
        assert!(of(4, &answer).is_ok());
        assert!(matches!(of(5, &answer), Err(LdapError::Malformed(_))));
        let leave = [ber::number(ber::INTEGER, 0), vec![0x78, 0]].concat();
        assert!(of(5, &leave).is_err());
    }
}
