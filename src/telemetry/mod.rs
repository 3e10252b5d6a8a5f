//! What the gateway tells its operators: metrics and logs.

pub mod access_log;
pub mod closed;
mod histogram;
pub mod log;
pub mod metrics;
pub mod spans;
pub mod token_service;

pub use closed::Closed;
pub use metrics::Metrics;
