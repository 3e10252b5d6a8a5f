//! May this identity do this request? The answer is a [`Permit`], and nothing else opens the way.

use std::sync::Arc;

use http::request::Parts;

use crate::{claims::Identity, route::Route};

pub mod scope;

/// Leave to forward one request: it holds the request's head, so it cannot serve another.
pub struct Permit {
    head: Parts,
    route: Arc<Route>,
    identity: Option<Identity>,
}

/// Why an identity may not do a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A scope that the route asks for is missing.
    #[error("the token's scope does not cover what the route asks for")]
    Scope,
}
