//! Workers, listeners, connections and drain: one thread a core, and no request crosses a thread.

use std::{net::SocketAddr, path::PathBuf};

mod accept;
mod addresses;
mod alarm;
mod answer;
mod arrival;
mod awake;
mod begun;
mod chunks;
mod client;
mod connection;
mod crew;
mod farewell;
mod h2;
mod handshake;
mod head;
mod inherited;
pub mod listener;
mod load;
mod place;
mod protocol;
mod proxy;
mod seat;
mod socket;
mod stream;
mod switch;
mod tunnel;
mod watch;
pub mod worker;

pub use crate::limits::Limits;
pub use alarm::Alarm;
pub use crew::{Crew, Member};
pub use inherited::Inherited;
pub use listener::{ListenError, Listener};
pub use load::Load;
pub use proxy::ProxyProtocol;
pub use worker::{Course, Worker};

/// How the gateway listens, prepared from `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; at least one, here or among the authorizers.
    pub listen: Vec<ListenAddress>,
    /// Where the authorizers are asked, in the order of their numbers.
    pub authorizers: Vec<ListenAddress>,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
    /// Which connections begin with a PROXY header.
    pub proxy_protocol: ProxyProtocol,
    /// Whether clients may choose HTTP/2 in a TLS handshake.
    pub http2: bool,
    /// Whether clients without TLS may begin with HTTP/2 at once.
    pub http2_cleartext: bool,
    /// What one connection and one request may cost.
    pub limits: Limits,
}

/// Where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// Sockets that came with the process: those of this name, or every one that nothing else names.
    Inherited(Option<Box<str>>),
}

impl ListenAddress {
    /// Whether it is one place, so that two listeners cannot have it: the system may choose another port for
    /// each.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        !matches!(self, Self::Tcp(address) if address.port() == 0)
    }
}
