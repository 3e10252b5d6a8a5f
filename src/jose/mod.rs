//! JOSE, pure: no input or output, no clock, no async.
//!
//! [`compact::parse`] makes [`Unverified`], [`verify::verify`] alone makes [`Verified`]. A token that is
//! encrypted as well takes two steps before: [`jwe::parse`] and [`jwe::decrypt`].

pub mod algorithm;
pub mod compact;
mod excerpt;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod header;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod pem;
pub mod policy;
pub mod verify;

pub use algorithm::{Algorithm, AlgorithmSet};
pub use compact::Unverified;
pub use header::Header;
pub use jwk::{Key, Thumbprint};
pub use verify::Verified;
