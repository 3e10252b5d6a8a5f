//! What the gateway tells its operators: metrics and logs.

pub mod log;
pub mod metrics;

pub use metrics::Metrics;
