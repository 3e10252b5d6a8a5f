//! Listening sockets: each worker has its own, and the system spreads the connections over them.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::{Inherited, ListenAddress};

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// For TCP.
    Tcp(TcpListener),
    /// For a Unix socket; removed from the file system by whoever bound it.
    Unix(UnixListener),
}

/// How addresses are opened.
#[derive(Debug, Default)]
pub struct Opening {
    /// The sockets that came with the process.
    pub inherited: Inherited,
    /// Whether a port may be shared with another gateway of the same user, which is about to end.
    pub takes_over: bool,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct ListenError {
    /// The address as configured.
    pub address: String,
    /// What the system said.
    pub error: io::Error,
}

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// After how long a silent client is asked whether it is still there.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(60);

impl Listener {
    /// Opens an address for `count` workers: so many sockets that share it, for each socket behind it. The
    /// port 0 becomes one free port for all of them.
    ///
    /// # Errors
    /// [`ListenError`] with what the system says.
    pub fn open(
        address: &ListenAddress,
        count: usize,
        opening: &mut Opening,
    ) -> Result<Vec<Vec<Self>>, ListenError> {
        let bound = match address {
            ListenAddress::Tcp(address) => {
                bind_tcp(*address, count, opening.takes_over).map(|bound| vec![bound])
            }
            ListenAddress::Unix(path) => bind_unix(path, count).map(|bound| vec![bound]),
            ListenAddress::Inherited(name) => share(opening.inherited.take(name.as_deref()), count),
        };
        bound.map_err(|error| ListenError {
            address: address.to_string(),
            error,
        })
    }

    /// The address with its port filled in; `None` for a Unix socket.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Another handle on the same socket.
    fn again(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inherited(Some(name)) => write!(f, "fd:{name}"),
            Self::Inherited(None) => f.write_str("systemd"),
        }
    }
}

fn bind_tcp(address: SocketAddr, count: usize, takes_over: bool) -> io::Result<Vec<Listener>> {
    // The first socket is bound alone: with SO_REUSEPORT a second gateway of the same user would
    // share the port in silence, and one that is in use should be reported. Unless it is to be shared,
    // with a gateway that is about to end.
    if !takes_over {
        probe(address)?;
    }
    let first = tcp_socket(address)?;
    let address = first.local_addr()?;
    let mut listeners = vec![Listener::Tcp(first)];
    for _ in 1..count {
        listeners.push(Listener::Tcp(tcp_socket(address)?));
    }
    Ok(listeners)
}

fn probe(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)
}

fn tcp_socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // Connections inherit it. Without it, a client that vanished while its response has nothing to
    // say (a stream of events) would keep its place for ever.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Each inherited socket for each worker: all of them take from its one queue.
fn share(sockets: Vec<Listener>, count: usize) -> io::Result<Vec<Vec<Listener>>> {
    if sockets.is_empty() {
        let why = "no such socket came with the process (LISTEN_FDS, LISTEN_FDNAMES)";
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    let shared = sockets.into_iter().map(|socket| {
        let mut all = Vec::with_capacity(count);
        for _ in 1..count {
            all.push(socket.again()?);
        }
        all.push(socket);
        Ok(all)
    });
    shared.collect()
}

fn bind_unix(path: &Path, count: usize) -> io::Result<Vec<Listener>> {
    remove_stale(path)?;
    let first = UnixListener::bind(path)?;
    first.set_nonblocking(true)?;
    let mut listeners = Vec::with_capacity(count);
    for _ in 1..count {
        listeners.push(Listener::Unix(first.try_clone()?));
    }
    listeners.push(Listener::Unix(first));
    Ok(listeners)
}

/// Removes a socket that nobody listens on any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::from(io::ErrorKind::AddrInUse)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

/// Removes the files of these addresses' sockets.
pub fn clean_up(addresses: &[ListenAddress]) {
    let paths = addresses.iter().filter_map(|address| match address {
        ListenAddress::Unix(path) => Some::<&PathBuf>(path),
        ListenAddress::Tcp(_) | ListenAddress::Inherited(_) => None,
    });
    for path in paths {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_inherit_that_vanishedclients_are_noticed() {
        let listener = tcp_socket("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        assert!(socket2::SockRef::from(&stream).keepalive().unwrap());
        assert!(!socket2::SockRef::from(&client).keepalive().unwrap());
    }
}
