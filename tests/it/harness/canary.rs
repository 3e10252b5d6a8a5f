//! A port that nobody has any business to connect to.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

/// It listens, and answers nobody.
pub(crate) struct Canary(TcpListener);

impl Canary {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Whether nobody has connected.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.0.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}
