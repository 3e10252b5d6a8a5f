//! TLS (RFC 8446, RFC 5246): what the gateway shows to its clients and asks of them, and whom it trusts
//! as an upstream. rustls does the protocol, aws-lc-rs the cryptography.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub mod authorities;
mod certificate;
mod distinguished_name;
pub mod identity;
mod incoming;
mod intake;
mod names;
mod outgoing;
mod peer;

pub use authorities::{Authorities, AuthoritiesError};
pub use certificate::Certificate;
pub use identity::{Identity, IdentityError};
pub use incoming::{ClientCertificates, Incoming, IncomingSettings, MinVersion};
pub use intake::Intake;
pub use outgoing::Outgoing;
pub use peer::PeerCertificate;

/// The name of HTTP/2 among application protocols (RFC 7301).
pub const HTTP_2: &[u8] = b"h2";
/// The name of HTTP/1.1 among them.
pub const HTTP_11: &[u8] = b"http/1.1";

/// Why settings cannot be used, although every part of them can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the TLS library does not take it: {0}")]
pub struct TlsError(pub(crate) String);

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self(error.to_string())
    }
}

/// The one source of cryptography. Keys are agreed on with X25519MLKEM768 where the other side knows it.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

#[cfg(test)]
mod tests;
