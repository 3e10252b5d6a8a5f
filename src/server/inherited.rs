//! Listening sockets that another process has opened: systemd, or whoever follows its protocol
//! (sd_listen_fds(3)). They outlive this process, so that a restart refuses nobody.

use std::{env, io, net::TcpListener, os::unix::net::UnixListener};

use listenfd::ListenFd;
use socket2::{SockRef, TcpKeepalive};

use super::listener::{KEEPALIVE, Listener};

/// The sockets that came with the process, until somebody takes them.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Socket>);

#[derive(Debug)]
struct Socket {
    name: String,
    listener: Listener,
}

/// The sockets' name where whoever opened them gave none.
const NAMELESS: &str = "unknown";

impl Inherited {
    /// Takes the sockets from the environment, once: `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`. They
    /// must be streams that listen. To be called before the process has threads.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn from_environment() -> io::Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = ListenFd::from_env();
        let mut inherited = Vec::new();
        for place in 0..sockets.len() {
            let name = names.next().filter(|name| !name.is_empty());
            let name = name.unwrap_or(NAMELESS).to_owned();
            // One that is for TCP is none of the other kind, and stays where it is.
            let listener = match sockets.take_tcp_listener(place) {
                Ok(socket) => socket.map(tcp).transpose()?,
                Err(_) => sockets.take_unix_listener(place)?.map(unix).transpose()?,
            };
            inherited.extend(listener.map(|listener| Socket { name, listener }));
        }
        Ok(Self(inherited))
    }

    /// Takes every socket of this name; with `None`, every one that is left.
    pub(crate) fn take(&mut self, name: Option<&str>) -> Vec<Listener> {
        let wanted = |socket: &Socket| name.is_none_or(|name| socket.name == name);
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(wanted);
        self.0 = left;
        let taken: Vec<Socket> = taken;
        taken.into_iter().map(|socket| socket.listener).collect()
    }

    /// The names of those that nobody has taken.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|socket| &*socket.name)
    }
}

fn tcp(listener: TcpListener) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    let socket = SockRef::from(&listener);
    listens(&socket)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    Ok(Listener::Tcp(listener))
}

fn unix(listener: UnixListener) -> io::Result<Listener> {
    listener.set_nonblocking(true)?;
    listens(&SockRef::from(&listener))?;
    Ok(Listener::Unix(listener))
}

fn listens(socket: &SockRef<'_>) -> io::Result<()> {
    if socket.is_listener()? {
        return Ok(());
    }
    let why = "an inherited socket does not listen";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(name: &str) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Socket {
            name: name.to_owned(),
            listener: tcp(listener).unwrap(),
        }
    }

    #[test]
    fn sockets_are_taken_by_name_and_once() {
        let mut inherited = Inherited(vec![socket("web"), socket("admin"), socket("web")]);
        assert_eq!(inherited.take(Some("none")).len(), 0);
        assert_eq!(inherited.take(Some("web")).len(), 2);
        assert_eq!(inherited.take(Some("web")).len(), 0);
        assert_eq!(inherited.names().collect::<Vec<_>>(), ["admin"]);
        assert_eq!(inherited.take(None).len(), 1);
        assert_eq!(inherited.take(None).len(), 0);
    }

    #[test]
    fn a_socket_that_does_not_listen_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(listens(&SockRef::from(&listener)).is_ok());
        assert!(listens(&SockRef::from(&client)).is_err());
    }
}
