//! What one connection and one request may cost: `[server.limits]`.

use std::time::Duration;

use crate::pressure::Ceiling;

/// Bounds on everything that a stranger can grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `header_bytes`: the header fields of a request, in bytes.
    pub header_bytes: usize,
    /// `header_fields`: how many there are; each cookie crumb counts.
    pub header_fields: usize,
    /// `request_line_bytes`: method, target and version, in bytes.
    pub request_line_bytes: usize,
    /// `header_timeout`: from the first byte of a request to the end of its header.
    pub header_timeout: Duration,
    /// `handshake_timeout`: from the beginning of a connection to the end of its TLS handshake.
    pub handshake_timeout: Duration,
    /// `idle_timeout`: between two requests, and for each stall of a client in the middle of one.
    pub idle_timeout: Duration,
    /// `requests_per_connection`: then the connection is closed.
    pub requests_per_connection: u32,
    /// `connection_age`: then the connection is closed after the request at hand.
    pub connection_age: Duration,
    /// `http2_streams`: how many requests one connection may have under way over HTTP/2.
    pub http2_streams: u32,
    /// `http2_window`: how much of a body may be on its way unread over HTTP/2, in bytes.
    pub http2_window: u32,
    /// `body_bytes`: the body of a request; `None`: no limit.
    pub body_bytes: Option<u64>,
    /// `form_bytes`: a form body that is read for its token.
    pub form_bytes: usize,
    /// `bind_body_bytes`: a body that is read because a claim is bound to it.
    pub bind_body_bytes: usize,
    /// `introspection_calls`: how many calls to introspection endpoints may be under way.
    pub introspection_calls: usize,
    /// `body_rate`: the least that a request's body must bring while it is awaited, in bytes a second;
    /// `None`: no limit.
    pub body_rate: Option<u64>,
    /// `connections`: of all clients together.
    pub connections: usize,
    /// `connections_per_address`: of one address, a /64 for IPv6; 0: no limit.
    pub connections_per_address: usize,
    /// `memory`: what the process may hold.
    pub memory: Ceiling,
    /// `drain_delay`: from the signal to end until no new connection is accepted.
    pub drain_delay: Duration,
    /// `tunnel_idle_timeout`: how long nothing may move in a tunnel, either way.
    pub tunnel_idle_timeout: Duration,
    /// `drain_timeout`: how long requests may go on after the signal to end.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 16 * 1024,
            header_fields: 100,
            request_line_bytes: 8 * 1024,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            requests_per_connection: 1000,
            connection_age: Duration::from_secs(3600),
            http2_streams: 100,
            http2_window: 64 * 1024,
            body_bytes: None,
            form_bytes: 8 * 1024,
            bind_body_bytes: 64 * 1024,
            introspection_calls: 256,
            body_rate: Some(100),
            connections: 10_000,
            connections_per_address: 1000,
            memory: Ceiling::Group,
            drain_delay: Duration::ZERO,
            tunnel_idle_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
