//! Signature algorithms by their registered names (RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9864, RFC 9964).

use std::{fmt, str::FromStr};

/// A signature algorithm that the gateway can verify. `none` is not one and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// ECDSA over secp256k1 with SHA-256 (RFC 8812).
    Es256k,
    /// EdDSA as RFC 8037 names it; only Ed25519 is supported.
    EdDsa,
    /// EdDSA over Ed25519 by its fully specified name (RFC 9864).
    Ed25519,
    /// ML-DSA-44 (FIPS 204, RFC 9964): the signature takes 2,420 bytes.
    MlDsa44,
    /// ML-DSA-65 (FIPS 204, RFC 9964): the signature takes 3,309 bytes.
    MlDsa65,
    /// ML-DSA-87 (FIPS 204, RFC 9964): the signature takes 4,627 bytes.
    MlDsa87,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// A name that is no supported signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a supported signature algorithm")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// Every algorithm, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Es256k,
        Self::EdDsa,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// The registered name, as `alg` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Es256k => "ES256K",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether whoever can verify can also sign.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are case-sensitive (RFC 7515 §4.1.1).
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}

/// A set of algorithms in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AlgorithmSet(u32);

impl AlgorithmSet {
    /// No algorithm at all.
    pub const EMPTY: Self = Self(0);

    /// Every algorithm whose verifier cannot sign.
    #[must_use]
    pub fn asymmetric() -> Self {
        Algorithm::ALL
            .into_iter()
            .filter(|a| !a.is_symmetric())
            .collect()
    }

    /// Whether `algorithm` is in the set.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u32) != 0
    }

    /// Adds `algorithm`.
    pub const fn insert(&mut self, algorithm: Algorithm) {
        self.0 |= 1 << algorithm as u32;
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        let mut set = Self::EMPTY;
        for algorithm in algorithms {
            set.insert(algorithm);
        }
        set
    }
}

impl fmt::Display for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, algorithm) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(algorithm.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_in_no_other_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            let other = algorithm.name().to_lowercase();
            assert_eq!(other.parse::<Algorithm>(), Err(UnknownAlgorithm));
        }
        for name in ["none", "None", "", "RS256 ", "RS1", "Ed448"] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: AlgorithmSet = [Algorithm::Es256, Algorithm::Rs256].into_iter().collect();
        assert_eq!(set.to_string(), "RS256, ES256");
        for algorithm in Algorithm::ALL {
            let expected = [Algorithm::Rs256, Algorithm::Es256].contains(&algorithm);
            assert_eq!(set.contains(algorithm), expected);
        }
        assert!(AlgorithmSet::EMPTY.is_empty());
        assert!(!set.is_empty());
        assert!(set.intersection(AlgorithmSet::EMPTY).is_empty());
    }

    #[test]
    fn the_asymmetric_ones_are_all_but_hmac() {
        let set = AlgorithmSet::asymmetric();
        for algorithm in Algorithm::ALL {
            assert_eq!(set.contains(algorithm), !algorithm.name().starts_with("HS"));
        }
    }
}
