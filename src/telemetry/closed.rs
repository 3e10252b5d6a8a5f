//! Why clients' connections end, counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// Why a client's connection ended, or why it was never served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Closed {
    /// The client ended it, or asked for its end.
    Client,
    /// Nothing came, or a head or a PROXY header too slowly: `header_timeout`.
    HeaderTimeout,
    /// No further request came: `idle_timeout`.
    Idle,
    /// A body came too slowly: `idle_timeout`, `body_rate`, or `header_timeout` for one that is held back.
    BodyTimeout,
    /// The client did not read: `idle_timeout`.
    SlowReader,
    /// It has had its requests: `requests_per_connection`.
    Requests,
    /// It was old: `connection_age`.
    Age,
    /// The gateway drains.
    Drain,
    /// What came is no HTTP, or can be read in two ways.
    Malformed,
    /// A head or a body is larger than its limit.
    TooLarge,
    /// A request was refused as `overloaded`.
    Overloaded,
    /// There is no room for one more: `connections`.
    Connections,
    /// Its address has too many: `connections_per_address`.
    PerAddress,
    /// There is no memory left for one more: `memory`.
    Memory,
    /// There was no good PROXY header where one must be, or it came from somebody who may send none.
    ProxyHeader,
    /// There was no TLS handshake, or none in time: `portcullis_tls_handshakes_total` says more.
    Handshake,
    /// Over HTTP/2, what came brought no request further, again and again.
    Flood,
    /// The gateway has a defect, which ended this connection only.
    Panic,
}

impl Closed {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::Client,
        Self::HeaderTimeout,
        Self::Idle,
        Self::BodyTimeout,
        Self::SlowReader,
        Self::Requests,
        Self::Age,
        Self::Drain,
        Self::Malformed,
        Self::TooLarge,
        Self::Overloaded,
        Self::Connections,
        Self::PerAddress,
        Self::Memory,
        Self::ProxyHeader,
        Self::Handshake,
        Self::Flood,
        Self::Panic,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::HeaderTimeout => "header_timeout",
            Self::Idle => "idle",
            Self::BodyTimeout => "body_timeout",
            Self::SlowReader => "slow_reader",
            Self::Requests => "requests",
            Self::Age => "age",
            Self::Drain => "drain",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Overloaded => "overloaded",
            Self::Connections => "connections",
            Self::PerAddress => "per_address",
            Self::Memory => "memory",
            Self::ProxyHeader => "proxy_header",
            Self::Handshake => "handshake",
            Self::Flood => "flood",
            Self::Panic => "panic",
        }
    }
}

/// `portcullis_connections_closed_total`. Each reason is there from the start, so that the first one is a
/// rise, and counting is one atomic addition.
#[derive(Debug)]
pub struct ConnectionsClosed {
    pub(super) family: Family<ClosedLabels, Counter>,
    counters: Box<[Counter]>,
}

/// The labels of `portcullis_connections_closed_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClosedLabels {
    /// A [`Closed::name`].
    pub reason: &'static str,
}

impl Default for ConnectionsClosed {
    fn default() -> Self {
        let family = Family::<ClosedLabels, Counter>::default();
        let counter = |closed: Closed| {
            let reason = closed.name();
            family.get_or_create(&ClosedLabels { reason }).clone()
        };
        let counters = Closed::ALL.into_iter().map(counter).collect();
        Self { family, counters }
    }
}

impl ConnectionsClosed {
    /// Counts one that ended for this reason.
    pub fn inc(&self, closed: Closed) {
        if let Some(counter) = self.counters.get(closed as usize) {
            counter.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let closed = ConnectionsClosed::default();
        for (place, reason) in Closed::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.name());
            closed.inc(reason);
        }
        assert!(closed.counters.iter().all(|counter| counter.get() == 1));
    }
}
