//! Addresses where nobody listens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

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

/// An address where nobody listens until the tests are over.
pub(crate) fn nobody() -> SocketAddr {
    let nobody = Nobody::new();
    let address = nobody.address();
    std::mem::forget(nobody);
    address
}
