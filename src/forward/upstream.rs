//! Where requests are forwarded to.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderValue, uri::Authority};

use super::balance::Group;

/// One upstream, prepared from `[upstreams.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in the configuration, in metrics and in logs.
    pub name: Arc<str>,
    /// Where it is, and what is known about it. Clones share it.
    pub group: Arc<Group>,
    /// `host`: the `Host` that it gets instead of that of its URL.
    pub host: Option<HeaderValue>,
    /// A path in front of every target, without a slash at its end; empty: none.
    pub base_path: Box<str>,
    /// `preserve_host`: whether it gets the client's `Host` instead of its own.
    pub preserve_host: bool,
    /// `connect_timeout`: for a new connection.
    pub connect_timeout: Duration,
    /// `response_timeout`: from the end of the request to the header of the response.
    pub response_timeout: Duration,
    /// `stall_timeout`: between two pieces of a response's body.
    pub stall_timeout: Duration,
    /// `idle_timeout`: how long an unused connection is kept.
    pub idle_timeout: Duration,
    /// `protocol`: which HTTP it is spoken to in.
    pub protocol: Protocol,
}

/// Which HTTP an upstream is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What is agreed on with the upstream; HTTP/1.1 where nothing is.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 (RFC 9113), by prior knowledge where nothing is agreed on.
    Http2,
}

impl Upstream {
    /// The same, with what `before` knows where it says the same: all of it, or some of its addresses.
    #[must_use]
    pub fn succeed(mut self, before: &[Self]) -> Self {
        if let Some(old) = before.iter().find(|old| old.name == self.name) {
            self.group = if self == *old {
                Arc::clone(&old.group)
            } else {
                Arc::new(self.group.succeed(&old.group))
            };
        }
        self
    }
}

/// How an upstream is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `http://host:port` or `https://host:port`.
    Http(Authority),
    /// `unix:/path/of/socket`.
    Unix(PathBuf),
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(authority) => write!(f, "http://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
