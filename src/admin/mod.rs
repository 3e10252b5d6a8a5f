//! The admin listener: health, metrics and status.

use std::net::SocketAddr;

use crate::secret::Secret;

/// How the admin listener runs, prepared from `[admin]`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The bearer secret of `token_file`; must be there when `listen` is not loopback.
    pub token: Option<Secret>,
}
