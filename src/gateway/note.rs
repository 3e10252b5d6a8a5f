//! What is known of a request by the time it is refused: for the log and the metrics.

use std::sync::Arc;

use crate::{issuer::Issuer, route::Route};

/// Filled in as a request goes along. Both are names of the configuration, not of the request.
#[derive(Default)]
pub struct Note {
    /// The route that it took.
    pub route: Option<Arc<Route>>,
    /// The issuer that its token names, if it is in the registry.
    pub issuer: Option<Arc<Issuer>>,
}
