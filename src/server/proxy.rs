//! The first stage of a connection: a balancer says in a PROXY header whose it is.
//!
//! Who it names is the peer from then on: for the cap of its address, for logs, for what the upstream is
//! told, and for `trusted_proxies`. So the balancer's own place in that list makes nobody's
//! `X-Forwarded-*` count: a balancer that writes PROXY headers does not look at the requests, whose fields
//! are the client's own. They count only when the address that it names is in the list too.

use std::{net::IpAddr, pin::pin, rc::Rc, task::Poll};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{
    client::Client, connection, place::Place, socket::Connected, stream::ClientStream, worker::Shop,
};
use crate::{
    gateway::{Code, request_id},
    telemetry::Closed,
};

mod header;

use header::{HeaderError, LONGEST_LINE, Named, PREAMBLE};

/// Which connections begin with a PROXY header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// None.
    #[default]
    Off,
    /// Those of `trusted_proxies`; everybody else connects directly.
    Trusted,
    /// All, and only `trusted_proxies` may connect.
    Required,
}

/// Why a connection has no client.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the PROXY header breaks off: {0}")]
    Read(#[from] std::io::Error),
    /// Whoever connected may not say whose the connection is.
    #[error("only trusted_proxies may connect, with a PROXY header")]
    Stranger,
}

/// The shortest line of version 1 and the shortest that has addresses, with their ends, in bytes.
const SHORTEST_LINE: usize = 15;
const SHORTEST_WITH_ADDRESSES: usize = 32;

/// Whether a connection begins with a PROXY header, or ends because it cannot.
pub(super) fn is_expected(client: &Client, shop: &Shop) -> bool {
    match shop.proxy_protocol {
        ProxyProtocol::Off => false,
        ProxyProtocol::Required => true,
        ProxyProtocol::Trusted => may_introduce(client, shop),
    }
}

/// A Unix socket has no address: who can reach it is decided by who may open its file.
fn may_introduce(client: &Client, shop: &Shop) -> bool {
    let peer = client.peer.address;
    peer.is_none_or(|peer| shop.gateway.snapshot().trusts(Some(peer.to_canonical())))
}

/// Reads the header; the client that it names has the place then. `None`: the connection ends, and why
/// is noted. No byte behind the header is read.
pub(super) async fn introduce<S: Connected>(
    stream: &mut S,
    client: Rc<Client>,
    place: &mut Place,
) -> Option<Rc<Client>> {
    let named = match read_in_time(stream, &client, place.shop()).await? {
        Ok(named) => named,
        Err(error) => {
            tracing::info!(
                client = client.peer.address.map(tracing::field::display),
                cause = %error,
                "closed: PROXY header"
            );
            client.closes(Closed::ProxyHeader);
            return None;
        }
    };
    let address = match named {
        // Its requests are its own.
        Named::Balancer => return Some(client),
        // Not the balancer's address, whose requests might be believed more than a stranger's.
        Named::Unknown => None,
        Named::Client(address) => Some(address),
    };
    match seated(address, &client, place) {
        Ok(client) => Some(client),
        Err(client) => {
            client.closes(Closed::PerAddress);
            let shop = Rc::clone(place.shop());
            if shop.gateway.tls().is_some() {
                // A plain answer would not be understood.
                let id = request_id::new();
                shop.gateway
                    .refuse_unread(Code::Overloaded, &id, &client.peer);
                return None;
            }
            let mut stream = ClientStream::new(stream, Rc::clone(&client));
            connection::say_farewell(&mut stream, Code::Overloaded, &client, &shop.gateway).await;
            None
        }
    }
}

/// Gives the place to the client at `address`; `Err` when that one has too many.
fn seated(
    address: Option<IpAddr>,
    before: &Client,
    place: &mut Place,
) -> Result<Rc<Client>, Rc<Client>> {
    let client = place.changes_hands(address);
    if before.is_leaving() {
        client.leave();
    }
    let shop = Rc::clone(place.shop());
    match shop.claim(address) {
        Ok(claim) => {
            place.counts_for(claim);
            Ok(client)
        }
        Err(_) => Err(client),
    }
}

/// `None` when time is up, which is sooner when the worker leaves.
async fn read_in_time(
    stream: &mut (impl AsyncRead + Unpin),
    client: &Client,
    shop: &Shop,
) -> Option<Result<Named, ProxyError>> {
    if !may_introduce(client, shop) {
        return Some(Err(ProxyError::Stranger));
    }
    let mut reading = pin!(read(stream));
    std::future::poll_fn(|context| {
        if let Poll::Ready(read) = reading.as_mut().poll(context) {
            return Poll::Ready(Some(read));
        }
        client.poll_expired(context).map(|()| {
            client.expires();
            None
        })
    })
    .await
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Named, ProxyError> {
    // Both versions are known by their first byte, so that what is neither is told from it at once.
    match stream.read_u8().await? {
        b'P' => read_line(stream).await,
        b'\r' => read_version_2(stream).await,
        _ => Err(HeaderError::Missing.into()),
    }
}

/// Never reads more than is certainly the header's: what follows is for others to read.
async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> Result<Named, ProxyError> {
    let mut line = Vec::with_capacity(LONGEST_LINE);
    line.push(b'P');
    while !line.ends_with(b"\n") {
        let certain = match line.len() {
            1 => SHORTEST_LINE,
            SHORTEST_LINE => SHORTEST_WITH_ADDRESSES,
            LONGEST_LINE => return Err(HeaderError::Line.into()),
            length => length + 1,
        };
        let is_unknown = line.starts_with(b"PROXY UNKNOWN");
        let certain = if is_unknown { line.len() + 1 } else { certain };
        if !line.is_empty() && !line.starts_with(b"PROXY ") && line.len() >= SHORTEST_LINE {
            return Err(HeaderError::Missing.into());
        }
        let begun = line.len();
        line.resize(certain, 0);
        stream
            .read_exact(line.get_mut(begun..).unwrap_or_default())
            .await?;
        // An end that came earlier than it can means that something behind it was read as well.
        let end = line.len() - 1;
        if line.get(..end).is_none_or(|line| line.contains(&b'\n')) {
            return Err(HeaderError::Line.into());
        }
    }
    Ok(header::line(&line)?)
}

async fn read_version_2(stream: &mut (impl AsyncRead + Unpin)) -> Result<Named, ProxyError> {
    let mut bytes = [0; PREAMBLE];
    bytes[0] = b'\r';
    stream.read_exact(&mut bytes[1..]).await?;
    let preamble = header::preamble(&bytes)?;
    let mut rest = vec![0; preamble.length];
    stream.read_exact(&mut rest).await?;
    Ok(preamble.names(&rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header from `bytes`, in pieces of one byte; and what is left behind it.
    async fn read_all(bytes: &[u8]) -> (Result<Named, ProxyError>, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(1);
        let writing = async {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut far, bytes).await;
            drop(far);
        };
        let reading = async {
            let named = read(&mut near).await;
            let mut rest = Vec::new();
            near.read_to_end(&mut rest).await.unwrap();
            (named, rest)
        };
        tokio::join!(writing, reading).1
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_follows_the_header_is_left_alone() {
        let version_2 =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\0\x01\0\x02";
        for header in [
            &b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"[..],
            b"PROXY TCP4 192.0.2.1 1.1.1.1 0 0\r\n",
            version_2,
        ] {
            let bytes = [header, b"GET / HTTP/1.1\r\n\r\n"].concat();
            let (named, rest) = read_all(&bytes).await;
            assert_eq!(named.unwrap(), Named::Client([192, 0, 2, 1].into()));
            assert_eq!(rest, b"GET / HTTP/1.1\r\n\r\n");
        }
        for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN 1 2 3 4\r\n"] {
            let (named, rest) = read_all(format!("{unknown}x").as_bytes()).await;
            assert_eq!((named.unwrap(), &*rest), (Named::Unknown, &b"x"[..]));
        }
        let shortest = read_all(b"PROXY TCP4 1.1.1.1 1.1.1.1 0 0\r\nx").await;
        assert_eq!(shortest.0.unwrap(), Named::Client([1, 1, 1, 1].into()));
        assert_eq!(shortest.1, b"x");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_no_header_or_breaks_off_is_refused() {
        let line = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n";
        for cut in 0..line.len() {
            let (named, _) = read_all(&line.as_bytes()[..cut]).await;
            assert!(matches!(named, Err(ProxyError::Read(_))), "cut at {cut}");
        }
        for bad in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "PROXY\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "PROXY TCP4\r\nGET / HTTP/1.1\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            let (named, _) = read_all(bad.as_bytes()).await;
            assert!(matches!(named, Err(ProxyError::Header(_))), "{bad:?}");
        }
        let endless = read_all(&[b"PROXY TCP4 ", &[b'1'; 1000][..]].concat()).await;
        assert!(matches!(
            endless.0,
            Err(ProxyError::Header(HeaderError::Line))
        ));
        assert!(
            endless.1.len() > 900,
            "no more was read than a line may have"
        );
    }
}
