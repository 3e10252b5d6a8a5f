//! The certificate that a client has shown, and that was checked.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;

use super::{Certificate, distinguished_name};

/// A client's certificate, with what others are told of it rendered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    subject: HeaderValue,
    fingerprint: HeaderValue,
    x5t_s256: Box<str>,
}

/// The longest subject that goes into a header field, in bytes.
const MAX_SUBJECT: usize = 2048;

impl PeerCertificate {
    /// Of the certificate `der`, which the TLS library has checked.
    #[must_use]
    pub fn new(der: &[u8]) -> Self {
        let own = digest(&SHA256, der);
        let mut fingerprint = [0; 2 * SHA256_OUTPUT_LEN];
        for (pair, byte) in fingerprint.chunks_exact_mut(2).zip(own.as_ref()) {
            for (place, digit) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
                *place = if digit < 10 {
                    b'0' + digit
                } else {
                    b'a' + digit - 10
                };
            }
        }
        let subject = Certificate::parse(der)
            .and_then(|certificate| distinguished_name::text(&certificate.subject))
            .filter(|text| text.len() <= MAX_SUBJECT)
            .unwrap_or_default();
        let empty = || HeaderValue::from_static("");
        Self {
            subject: HeaderValue::try_from(subject).unwrap_or_else(|_| empty()),
            fingerprint: HeaderValue::from_bytes(&fingerprint).unwrap_or_else(|_| empty()),
            x5t_s256: URL_SAFE_NO_PAD.encode(own).into(),
        }
    }

    /// Its subject (RFC 4514), in ASCII; empty when it has none, or a very long one.
    #[must_use]
    pub const fn subject(&self) -> &HeaderValue {
        &self.subject
    }

    /// Its SHA-256 digest in lower-case hexadecimal.
    #[must_use]
    pub const fn fingerprint(&self) -> &HeaderValue {
        &self.fingerprint
    }

    /// Its SHA-256 digest as RFC 8705 §3.1 writes it.
    #[must_use]
    pub const fn x5t_s256(&self) -> &str {
        &self.x5t_s256
    }
}
