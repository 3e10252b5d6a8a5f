//! Why a permitted request has no response from its upstream.

use std::{io, sync::Arc};

use super::{body::BodyError, reply::BadReply};

/// Why forwarding failed.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection could be made.
    #[error("cannot connect to the upstream: {0}")]
    Connect(io::Error),
    /// No connection was made in time.
    #[error("connecting to the upstream took too long")]
    ConnectTimeout,
    /// No name of the upstream has an address.
    #[error("the upstream's name cannot be looked up: {0}")]
    Lookup(Arc<str>),
    /// The upstream has as many requests as it may have, and so has its queue.
    #[error("the upstream has as many requests as it may have, and no place came free in time")]
    Full,
    /// The request's head has no form in the upstream's protocol. Nothing was sent.
    #[error("the request cannot be written in HTTP/2")]
    Unwritable,
    /// The connection broke before the response began.
    #[error("the upstream closed the connection before it answered: {0}")]
    Closed(io::Error),
    /// The response did not begin in time.
    #[error("the upstream did not answer in time")]
    ResponseTimeout,
    /// What came is no HTTP response.
    #[error("the upstream's answer is malformed: {0}")]
    Malformed(BadReply),
    /// The upstream switched protocols, which nobody had asked for.
    #[error("the upstream switched protocols unasked")]
    SwitchedProtocols,
    /// The request's body ended early: the client's fault.
    #[error(transparent)]
    Body(BodyError),
}
