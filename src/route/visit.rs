//! What filters look at beside host and path.

use std::net::IpAddr;

use http::{HeaderName, request::Parts};

/// A request, as filters see it.
#[derive(Clone, Debug)]
pub struct Visit<'v> {
    /// Its head, with its canonical path.
    pub head: &'v Parts,
    /// Its canonical host.
    pub host: &'v str,
    /// The client's address in its canonical form; `None` when it is not known.
    pub address: Option<IpAddr>,
    /// The fields that end at the gateway, because `Connection` names them.
    pub gone: Vec<HeaderName>,
}
