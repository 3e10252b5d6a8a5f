//! Workers, listeners, connections, limits and drain.

use std::{net::SocketAddr, path::PathBuf};

pub use crate::limits::Limits;

/// How the gateway listens, prepared from `[server]`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; at least one.
    pub listen: Vec<ListenAddress>,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
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
}
