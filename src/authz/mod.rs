//! May this identity do this request? The answer is a [`Permit`], and nothing else opens the way.

pub mod facts;
pub mod permit;

pub use facts::Facts;
pub use permit::{Denied, Permit, permit};
