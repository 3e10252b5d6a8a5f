//! Bodies over HTTP/2 (RFC 9113), whichever side the gateway is on: with flow control, resets and
//! trailers.

pub mod receive;
pub mod send;

pub use receive::Received;
pub use send::{SendError, Sending};

#[cfg(test)]
mod tests;
