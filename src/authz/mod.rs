//! May this identity do this request? The answer is a [`Permit`], and nothing else opens the way.

pub mod permit;

pub use permit::{Denied, Permit, permit};
