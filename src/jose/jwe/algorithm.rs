//! Algorithms of encrypted tokens by their registered names (RFC 7518 §4.1, §5.1).

use std::{fmt, str::FromStr};

/// How the content encryption key comes to its reader. RSA1_5, PBES2 and AES-GCM key wrapping are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum KeyManagement {
    RsaOaep256,
    RsaOaep,
    EcdhEs,
    EcdhEsA128Kw,
    EcdhEsA192Kw,
    EcdhEsA256Kw,
    A128Kw,
    A192Kw,
    A256Kw,
    Dir,
}

/// How the content is encrypted and authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum ContentEncryption {
    A256Gcm,
    A192Gcm,
    A128Gcm,
    A256CbcHs512,
    A192CbcHs384,
    A128CbcHs256,
}

/// A name that is no supported algorithm for encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a supported algorithm for encryption")]
pub struct UnknownEncryption;

impl KeyManagement {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RsaOaep256,
        Self::RsaOaep,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
        Self::A128Kw,
        Self::A192Kw,
        Self::A256Kw,
        Self::Dir,
    ];

    /// Those that agree on a key.
    pub(super) const AGREEMENT: [Self; 4] = [
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA192Kw,
        Self::EcdhEsA256Kw,
    ];

    /// The registered name, as `alg` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::RsaOaep => "RSA-OAEP",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA192Kw => "ECDH-ES+A192KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
            Self::A128Kw => "A128KW",
            Self::A192Kw => "A192KW",
            Self::A256Kw => "A256KW",
            Self::Dir => "dir",
        }
    }

    /// The length of the key that wraps the content encryption key, in bytes, if one does.
    #[must_use]
    pub const fn wrapping_key_length(self) -> Option<usize> {
        match self {
            Self::A128Kw | Self::EcdhEsA128Kw => Some(16),
            Self::A192Kw | Self::EcdhEsA192Kw => Some(24),
            Self::A256Kw | Self::EcdhEsA256Kw => Some(32),
            Self::RsaOaep | Self::RsaOaep256 | Self::EcdhEs | Self::Dir => None,
        }
    }

    /// Whether it takes long enough to hold up others: an operation with a private key does.
    #[must_use]
    pub const fn is_costly(self) -> bool {
        !matches!(self, Self::A128Kw | Self::A192Kw | Self::A256Kw | Self::Dir)
    }
}

impl ContentEncryption {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::A256Gcm,
        Self::A192Gcm,
        Self::A128Gcm,
        Self::A256CbcHs512,
        Self::A192CbcHs384,
        Self::A128CbcHs256,
    ];

    /// The registered name, as `enc` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A256Gcm => "A256GCM",
            Self::A192Gcm => "A192GCM",
            Self::A128Gcm => "A128GCM",
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A128CbcHs256 => "A128CBC-HS256",
        }
    }

    /// The length of its key in bytes.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyManagement {
    type Err = UnknownEncryption;

    /// Names are case-sensitive (RFC 7516 §4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownEncryption> {
        let mut all = Self::ALL.into_iter();
        all.find(|a| a.name() == name).ok_or(UnknownEncryption)
    }
}

impl FromStr for ContentEncryption {
    type Err = UnknownEncryption;

    /// Names are case-sensitive (RFC 7516 §4.1.2).
    fn from_str(name: &str) -> Result<Self, UnknownEncryption> {
        let mut all = Self::ALL.into_iter();
        all.find(|a| a.name() == name).ok_or(UnknownEncryption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_in_no_other_case() {
        for algorithm in KeyManagement::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            let other = format!("{algorithm} ");
            assert_eq!(other.parse::<KeyManagement>(), Err(UnknownEncryption));
        }
        for encryption in ContentEncryption::ALL {
            assert_eq!(encryption.name().parse(), Ok(encryption));
            let other = encryption.name().to_lowercase();
            assert_eq!(other.parse::<ContentEncryption>(), Err(UnknownEncryption));
        }
        for name in [
            "RSA1_5",
            "PBES2-HS256+A128KW",
            "A128GCMKW",
            "A256GCMKW",
            "DIR",
            "rsa-oaep",
            "",
            "RSA-OAEP-512",
            "RS256",
            "none",
        ] {
            assert_eq!(
                name.parse::<KeyManagement>(),
                Err(UnknownEncryption),
                "{name}"
            );
        }
    }
}
