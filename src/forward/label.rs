//! What an exchange is called after its response has begun.

use std::sync::Arc;

use smallvec::SmallVec;

/// What an exchange is called in logs and metrics, for what happens after its response has begun.
#[derive(Clone, Debug)]
pub struct Label {
    /// The route's name.
    pub route: Arc<str>,
    /// The request's identifier. The gateway's own ones fit in without an allocation.
    pub request_id: SmallVec<[u8; 32]>,
}
