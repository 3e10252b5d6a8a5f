//! The way to the upstream: headers, target, connections, bodies.

pub mod upstream;

pub use upstream::{Upstream, UpstreamAddress};
