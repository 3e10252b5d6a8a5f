//! Agreement on a key with an ephemeral one (ECDH-ES, RFC 7518 §4.6; X25519: RFC 8037 §3.2).

use aws_lc_rs::{
    agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey, X25519},
    kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{JweError, header::Agreement};

/// The first byte of a point that is not compressed (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A curve that both sides must be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    X25519,
}

/// The sender's public key, for this one token. Whether it is on its curve, the library finds out.
#[derive(Debug)]
pub(super) struct EphemeralKey {
    curve: Curve,
    public: Vec<u8>,
}

/// The gateway's own key.
pub(super) struct AgreementKey {
    pub(super) curve: Curve,
    pub(super) private: agreement::PrivateKey,
}

impl Curve {
    pub(super) const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::X25519];

    /// The curve that `crv` names in a key of the kind `kty`.
    pub(super) fn of(kty: &str, crv: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|c| c.kty() == kty && c.name() == crv)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::X25519 => "X25519",
        }
    }

    const fn kty(self) -> &'static str {
        match self {
            Self::P256 | Self::P384 | Self::P521 => "EC",
            Self::X25519 => "OKP",
        }
    }

    /// The length of a coordinate, and of a private key, in bytes.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(super) const fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
            Self::X25519 => &X25519,
        }
    }

    /// The encoding of a public key that the library reads, of coordinates with the curve's length.
    pub(super) fn point(self, x: &[u8], y: Option<&[u8]>) -> Option<Vec<u8>> {
        let is_coordinate = |bytes: &[u8]| bytes.len() == self.length();
        match (self, y) {
            (Self::X25519, None) if is_coordinate(x) => Some(x.to_vec()),
            (Self::P256 | Self::P384 | Self::P521, Some(y))
                if is_coordinate(x) && is_coordinate(y) =>
            {
                Some([&[UNCOMPRESSED], x, y].concat())
            }
            _ => None,
        }
    }
}

impl EphemeralKey {
    /// Reads `epk` (RFC 7518 §4.6.1.1).
    pub(super) fn read(epk: &Map<String, Value>) -> Result<Self, JweError> {
        let wrong = || JweError::Malformed("epk");
        let text = |name: &str| epk.get(name).and_then(Value::as_str);
        if epk.contains_key("d") {
            return Err(wrong());
        }
        let (kty, crv) = (
            text("kty").ok_or_else(wrong)?,
            text("crv").ok_or_else(wrong)?,
        );
        let curve = Curve::of(kty, crv).ok_or_else(wrong)?;
        let bytes = |name| match text(name) {
            Some(encoded) => URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong()),
            None => Err(wrong()),
        };
        let x = bytes("x")?;
        let y = match curve {
            Curve::X25519 => None,
            Curve::P256 | Curve::P384 | Curve::P521 => Some(bytes("y")?),
        };
        let public = curve.point(&x, y.as_deref()).ok_or_else(wrong)?;
        Ok(Self { curve, public })
    }
}

/// The key of `length` bytes that both sides derive, for the algorithm that `id` names.
///
/// # Errors
/// [`JweError::Failed`] when the ephemeral key is on another curve, or on none.
pub(super) fn derive(
    own: &AgreementKey,
    other: &Agreement,
    id: &str,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    if own.curve != other.ephemeral.curve {
        return Err(JweError::Failed);
    }
    let public = UnparsedPublicKey::new(own.curve.algorithm(), &other.ephemeral.public);
    agreement::agree(&own.private, public, JweError::Failed, |secret| {
        concat_kdf(secret, id, &other.apu, &other.apv, length)
    })
}

/// The Concat KDF with SHA-256 (RFC 7518 §4.6.2), which is the one-step KDF of NIST SP 800-56C.
fn concat_kdf(
    secret: &[u8],
    id: &str,
    apu: &[u8],
    apv: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut info = Vec::new();
    for field in [id.as_bytes(), apu, apv] {
        let length = u32::try_from(field.len()).map_err(|_| JweError::Failed)?;
        info.extend_from_slice(&length.to_be_bytes());
        info.extend_from_slice(field);
    }
    let bits = u32::try_from(length * 8).map_err(|_| JweError::Failed)?;
    info.extend_from_slice(&bits.to_be_bytes());
    let sha256 =
        get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(JweError::Failed)?;
    let mut key = Zeroizing::new(vec![0; length]);
    sskdf_digest(sha256, secret, &info, &mut key).map_err(|_| JweError::Failed)?;
    Ok(key)
}
