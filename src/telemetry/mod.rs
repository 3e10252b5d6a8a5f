//! What the gateway tells its operators: metrics and logs.

mod histogram;
pub mod log;
pub mod metrics;

pub use metrics::Metrics;
