//! What is known of a request when it has ended.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{Method, Version};

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It was forwarded, or answered by the gateway itself, and the response came to its end.
    Allow,
    /// It was refused.
    Refuse,
    /// The upstream failed, or the gateway did.
    Fail,
    /// The upstream broke its response off.
    CutOff,
    /// The client left before the response, or before its end.
    #[default]
    Left,
}

/// One request. What a client may choose is cut to a bounded length when it is put in.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// When it began, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// Its identifier.
    pub request_id: Box<str>,
    /// What became of it.
    pub outcome: Outcome,
    /// The status of the response; `None`: there was none.
    pub status: Option<u16>,
    /// The code of its refusal, or of why the response was cut off.
    pub code: Option<&'static str>,
    /// Its method and the protocol; `None`: it never became a request.
    pub line: Option<(Method, Version)>,
    /// Its path as the client sent it, without its query.
    pub path: Box<str>,
    /// The route that it took.
    pub route: Option<Arc<str>>,
    /// The issuer that its token names, where that is one of the configuration.
    pub issuer: Option<Arc<str>>,
    /// Who it was, where that is wanted and proven.
    pub subject: Option<Box<str>>,
    /// The other end of the connection; `None` on a Unix socket.
    pub client: Option<IpAddr>,
    /// The version of TLS with the client.
    pub tls: Option<&'static str>,
    /// Its `User-Agent`.
    pub user_agent: Option<Box<[u8]>>,
    /// The address that it was sent to last.
    pub upstream: Option<Box<str>>,
    /// Until the end of its response.
    pub duration: Duration,
    /// What of it the upstream took to begin its response.
    pub upstream_duration: Option<Duration>,
    /// What was read of its body, in bytes.
    pub received: u64,
    /// What was sent of the response's body, in bytes.
    pub sent: u64,
}

impl Outcome {
    /// Its name in a line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Fail => "fail",
            Self::CutOff => "cut_off",
            Self::Left => "left",
        }
    }
}
