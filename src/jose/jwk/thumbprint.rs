//! JWK thumbprints (RFC 7638).

use std::fmt;

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The RFC 7638 SHA-256 thumbprint: the same key material has the same one, whatever its `kid`.
///
/// That of a shared secret helps whoever guesses at it (RFC 7638 §7): it is not for printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

impl Thumbprint {
    pub(super) fn rsa(e: &[u8], n: &[u8]) -> Self {
        Self::of(&[
            br#"{"e":""#,
            &encoded(e),
            br#"","kty":"RSA","n":""#,
            &encoded(n),
            br#""}"#,
        ])
    }

    pub(super) fn ec(crv: &str, x: &[u8], y: &[u8]) -> Self {
        let (x, y) = (encoded(x), encoded(y));
        let crv = crv.as_bytes();
        Self::of(&[
            br#"{"crv":""#,
            crv,
            br#"","kty":"EC","x":""#,
            &x,
            br#"","y":""#,
            &y,
            br#""}"#,
        ])
    }

    pub(super) fn okp(crv: &str, x: &[u8]) -> Self {
        let crv = crv.as_bytes();
        Self::of(&[
            br#"{"crv":""#,
            crv,
            br#"","kty":"OKP","x":""#,
            &encoded(x),
            br#""}"#,
        ])
    }

    /// RFC 9964 §6: `alg` is one of the required members.
    pub(super) fn akp(alg: &str, public: &[u8]) -> Self {
        Self::of(&[
            br#"{"alg":""#,
            alg.as_bytes(),
            br#"","kty":"AKP","pub":""#,
            &encoded(public),
            br#""}"#,
        ])
    }

    pub(super) fn oct(k: &[u8]) -> Self {
        Self::of(&[br#"{"k":""#, &encoded(k), br#"","kty":"oct"}"#])
    }

    /// Hashes the required members in lexicographic order. Each value is base64url or a curve's name:
    /// none needs an escape.
    fn of(pieces: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&SHA256);
        for piece in pieces {
            context.update(piece);
        }
        let mut thumbprint = [0; 32];
        for (to, from) in thumbprint.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(thumbprint)
    }
}

/// In base64url, as RFC 7638 §3.1 writes it.
impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

fn encoded(bytes: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    URL_SAFE_NO_PAD.encode(bytes).into_bytes().into()
}
