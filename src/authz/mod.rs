//! May this identity do this request? The answer is a [`Permit`], and nothing else opens the way.

pub mod permit;
pub mod scope;

pub use permit::{Denied, Permit, permit};
pub use scope::Scopes;
