//! `[tracing]`.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use reqwest::Url;

/// What the configuration says of traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whose `traceparent` is continued.
    pub trust: Trust,
    /// Where spans go; `None`: nothing is recorded.
    pub export: Option<Export>,
}

/// Whose `traceparent` is continued. Anybody else's is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Everybody's.
    #[default]
    All,
    /// That of `server.trusted_proxies`.
    TrustedProxies,
    /// Nobody's.
    None,
}

/// What is recorded, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Where a collector takes OTLP over HTTP (protobuf), with its path.
    pub endpoint: Url,
    /// What it is shown; values are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whom to trust instead of the machine's authorities (PEM).
    pub authorities: Option<Vec<u8>>,
    /// What this service is called in traces.
    pub service_name: Box<str>,
    /// How many of 2^32 traces that begin here are recorded.
    pub sample: u64,
    /// How many requests are recorded in a second at most.
    pub per_second: u32,
    /// How many recorded requests wait at most.
    pub queue: usize,
    /// How many recorded requests go out together at most.
    pub batch: usize,
    /// How long the first of them waits for others.
    pub interval: Duration,
    /// The most time that one call may take.
    pub timeout: Duration,
}

impl Trust {
    /// Whether it holds for a client that is, or is not, a trusted proxy.
    #[must_use]
    pub const fn holds(self, trusted: bool) -> bool {
        match self {
            Self::All => true,
            Self::TrustedProxies => trusted,
            Self::None => false,
        }
    }
}
