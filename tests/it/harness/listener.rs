//! Where a test listens itself, and addresses where nobody does.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, SockRef, Socket, Type};

use super::PATIENCE;

/// An address that is taken and refuses every connection. A port that was merely given back would soon be that of
/// another test.
pub(crate) struct Nobody(Socket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }

    /// Somebody listens from now on.
    pub(crate) fn listens(self) -> TcpListener {
        self.0.listen(128).unwrap();
        self.0.into()
    }
}

/// A port for a test that accepts by hand. Whoever does not come within [`PATIENCE`] fails it.
pub(crate) fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = SockRef::from(&listener);
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    listener
}

/// A listener that keeps its port while it does not listen. One that was asked for by its number is kept.
pub(super) fn lasting() -> TcpListener {
    loop {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        if let Ok(listener) = TcpListener::bind(address) {
            return listener;
        }
    }
}

/// An address where nobody listens until the tests are over.
pub(crate) fn nobody() -> SocketAddr {
    let nobody = Nobody::new();
    let address = nobody.address();
    std::mem::forget(nobody);
    address
}
