//! One URL of an upstream, as it is configured.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::HeaderValue;

use super::{super::UpstreamAddress, Place, tally::Tally};
use crate::tls::Outgoing;

/// One URL, and what came of the requests to it.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub address: UpstreamAddress,
    /// The `Host` that it gets unless something else is configured, rendered once.
    pub host: HeaderValue,
    /// TLS with it; `None`: plain HTTP.
    pub tls: Option<Outgoing>,
    /// The URL, in metrics and in logs.
    pub label: Arc<str>,
    pub(super) tally: Tally,
    pub(super) ejections: AtomicU64,
    /// Why its name could not be looked up the last time.
    lookup: Mutex<Option<Arc<str>>>,
}

impl Server {
    /// A server of which nothing is known yet.
    #[must_use]
    pub fn new(address: UpstreamAddress, host: HeaderValue, tls: Option<Outgoing>) -> Self {
        let label = address.to_string();
        let secure = label.strip_prefix("http:").filter(|_| tls.is_some());
        Self {
            label: secure
                .map_or(label.clone(), |rest| format!("https:{rest}"))
                .into(),
            address,
            host,
            tls,
            tally: Tally::default(),
            ejections: AtomicU64::new(0),
            lookup: Mutex::default(),
        }
    }

    /// How often one of its addresses was ejected.
    #[must_use]
    pub fn ejections(&self) -> u64 {
        self.ejections.load(Relaxed)
    }

    /// What came of the requests to it.
    #[must_use]
    pub fn counts(&self) -> super::Counts {
        self.tally.counts()
    }

    /// Why its name could not be looked up the last time; `None` if it could.
    #[must_use]
    pub fn lookup_error(&self) -> Option<Arc<str>> {
        let error = self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
        error.clone()
    }

    pub(super) fn set_lookup_error(&self, error: Option<Arc<str>>) {
        *self.lookup.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Its one address, if it is no name.
    pub(super) fn fixed(&self) -> Option<Place> {
        match (&self.address, self.name()) {
            (UpstreamAddress::Unix(path), _) => Some(Place::Unix(path.clone())),
            (_, Some((host, port))) => {
                let ip: IpAddr = host.parse().ok()?;
                Some(Place::Tcp(SocketAddr::new(ip, port)))
            }
            (_, None) => None,
        }
    }

    /// The host and the port to connect to, where it is reached by TCP.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        match &self.address {
            UpstreamAddress::Unix(_) => None,
            UpstreamAddress::Http(authority) => {
                let host = authority.host();
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Some((host, authority.port_u16().unwrap_or(80)))
            }
        }
    }
}

/// Two are the same when the configuration says the same of them.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.host == other.host && self.tls == other.tls
    }
}

impl Eq for Server {}
