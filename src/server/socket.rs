//! The sockets of clients: of either kind, on their way to a worker or with one.

use std::{
    io,
    net::IpAddr,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use tokio_rustls::server::TlsStream;

use super::seat::Seat;
use crate::{gateway::Door, tls::Intake};

/// A connection from which nothing was read, on its way to a worker.
pub(super) struct Fresh {
    pub(super) socket: Socket,
    /// The client's address; `None` on a Unix socket.
    pub(super) address: Option<IpAddr>,
    pub(super) door: Door,
    pub(super) seat: Seat,
}

/// A socket that belongs to no worker.
pub(super) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A client's byte stream that belongs to a worker.
pub(super) trait Connected: AsyncRead + AsyncWrite + Unpin + 'static {
    /// The scheme of the requests on it.
    const SCHEME: &'static str;

    /// Ready when something can be read: bytes, the end, or an error.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Has its end look like a break, where the end is all that tells a whole message from a part. A
    /// stream that tells the two apart by itself has nothing to do.
    fn breaks(&self) {}
}

/// One that was just accepted, and can still go to another worker.
pub(super) trait Accepted: Connected {
    /// Gives it up.
    fn release(self) -> io::Result<Socket>;
}

impl Connected for TcpStream {
    const SCHEME: &'static str = "http";

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }

    fn breaks(&self) {
        // A reset instead of an orderly end.
        let _ = self.set_zero_linger();
    }
}

impl Accepted for TcpStream {
    fn release(self) -> io::Result<Socket> {
        self.into_std().map(Socket::Tcp)
    }
}

/// A stream with TLS rests with its session only: what was read and decrypted is taken before.
impl<S: Connected> Connected for TlsStream<Intake<S>> {
    const SCHEME: &'static str = "https";

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let (stream, session) = self.get_ref();
        if stream.holds_something() || !session.wants_read() {
            return Poll::Ready(());
        }
        stream.get_ref().poll_readable(context)
    }

    fn breaks(&self) {
        self.get_ref().0.get_ref().breaks();
    }
}

impl Connected for UnixStream {
    const SCHEME: &'static str = "http";

    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(context).map(drop)
    }
}

impl Accepted for UnixStream {
    fn release(self) -> io::Result<Socket> {
        self.into_std().map(Socket::Unix)
    }
}
