//! The keys of one issuer as they were read once: immutable, replaced as a whole.

use std::{collections::HashMap, sync::Arc};

use smallvec::SmallVec;

use crate::{
    clock::UnixTime,
    jose::{
        Header, Key, Thumbprint,
        jwk::{JwkSet, Skipped},
    },
};

/// How many keys are tried for one token. A token without a `kid` must not buy more than this many
/// signature checks.
pub const MAX_CANDIDATES: usize = 4;

/// The keys to try for one token, in the order of the set.
pub type Candidates = SmallVec<[Arc<Key>; MAX_CANDIDATES]>;

/// The keys of one issuer, as they were last read.
#[derive(Debug)]
pub struct KeySet {
    /// The usable keys, in the order of the document.
    pub keys: Vec<Arc<Key>>,
    /// The others, each with its reason.
    pub skipped: Vec<Skipped>,
    /// When they were read.
    pub read_at: UnixTime,
}

/// Why an issuer has no key for a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has keys, and none is for this header.
    #[error("the issuer has no key for this token")]
    NotFound,
    /// It has no keys at all, or they are older than `stale_for`: an outage, not the client's fault.
    #[error("the issuer's keys are not available")]
    Unavailable,
    /// It has keys, and not one whose certificate is valid now; treated as [`KeyError::Unavailable`].
    #[error("the certificates of the issuer's keys are expired, or not yet valid")]
    OutOfTime,
}

impl KeySet {
    /// The set of `document`, read at `read_at`. A key that `held` has too stays the same `Arc`, so
    /// that what is prepared for it stays warm.
    pub(super) fn new(document: JwkSet, held: Option<&Self>, read_at: UnixTime) -> Self {
        let JwkSet { mut keys, skipped } = document;
        let held: HashMap<_, _> = held
            .iter()
            .flat_map(|s| &s.keys)
            .map(|k| (name(k), k))
            .collect();
        for key in &mut keys {
            if let Some(same) = held.get(&name(key))
                && same.algorithms() == key.algorithms()
                && same.certificate() == key.certificate()
            {
                *key = Arc::clone(same);
            }
        }
        Self {
            keys,
            skipped,
            read_at,
        }
    }

    /// The keys to try for `header` at `now`, at most [`MAX_CANDIDATES`].
    ///
    /// # Errors
    /// [`KeyError::NotFound`] when there is none, [`KeyError::OutOfTime`] when there is none for anybody.
    pub(super) fn candidates(
        &self,
        header: &Header,
        now: UnixTime,
    ) -> Result<Candidates, KeyError> {
        let found: Candidates = self.fitting(header, now).cloned().collect();
        if !found.is_empty() {
            Ok(found)
        } else if self.keys.is_empty() || self.in_time(now).next().is_some() {
            Err(KeyError::NotFound)
        } else {
            Err(KeyError::OutOfTime)
        }
    }

    /// Whether the key of this thumbprint is one of the candidates for `header` at `now`.
    pub(super) fn holds(&self, thumbprint: Thumbprint, header: &Header, now: UnixTime) -> bool {
        self.fitting(header, now)
            .any(|key| key.thumbprint() == thumbprint)
    }

    /// The keys that may be used at `now`: all but those whose certificate is not valid then.
    pub fn in_time(&self, now: UnixTime) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().filter(move |key| key.is_valid_at(now.0))
    }

    /// A `kid` only narrows the choice (RFC 7515 §4.1.4). A token that has one gets the keys of that
    /// name, and when no key has it, those without a name: they cannot contradict it. Where the `kid`
    /// chose no key, the digest of a certificate narrows the choice to its keys (RFC 7515 §4.1.7 and
    /// §4.1.8). One that nobody has narrows nothing: a certificate may have been renewed with its key.
    fn fitting(&self, header: &Header, now: UnixTime) -> impl Iterator<Item = &Arc<Key>> {
        let wanted = header.kid();
        let is_known = wanted.is_some() && self.keys.iter().any(|key| key.kid() == wanted);
        let algorithm = header.algorithm();
        let fits = move |key: &&Arc<Key>| {
            let is_named = match key.kid() {
                _ if wanted.is_none() => true,
                None => !is_known,
                kid => kid == wanted,
            };
            is_named && key.algorithms().contains(algorithm) && key.is_valid_at(now.0)
        };
        let digest = Digest::of(header).filter(|digest| {
            let mut fitting = self.keys.iter().filter(fits);
            !is_known && fitting.any(|key| digest.is_of(key))
        });
        self.keys
            .iter()
            .filter(fits)
            .filter(move |key| digest.is_none_or(|digest| digest.is_of(key)))
            .take(MAX_CANDIDATES)
    }
}

/// What a token says of its key's certificate: the better digest, if it has both.
#[derive(Clone, Copy)]
enum Digest<'h> {
    Sha1(&'h str),
    Sha256(&'h str),
}

impl<'h> Digest<'h> {
    fn of(header: &'h Header) -> Option<Self> {
        let sha256 = header.x5t_s256().map(Self::Sha256);
        sha256.or_else(|| header.x5t().map(Self::Sha1))
    }

    fn is_of(self, key: &Key) -> bool {
        key.certificate().is_some_and(|facts| match self {
            Self::Sha1(digest) => facts.x5t.as_deref() == Some(digest),
            Self::Sha256(digest) => facts.x5t_s256.as_deref() == Some(digest),
        })
    }
}

fn name(key: &Arc<Key>) -> (Thumbprint, Option<&str>) {
    (key.thumbprint(), key.kid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        issuer::tests::{header, jwk, set_of},
        jose::jwk::{Symmetric, parse_set},
    };

    fn set(jwks: &[String], held: Option<&KeySet>) -> KeySet {
        let jwks: Vec<_> = jwks.iter().map(String::as_str).collect();
        let document = parse_set(set_of(&jwks).as_bytes(), Symmetric::Refused).unwrap();
        assert_eq!(document.keys.len(), jwks.len());
        KeySet::new(document, held, UnixTime(0))
    }

    fn nameless() -> String {
        jwk("x").replace(r#""kid":"x","#, "")
    }

    fn without_kid(algorithm: &str) -> Header {
        Header::parse(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes()).unwrap()
    }

    /// The places in the set of the candidates.
    fn places(set: &KeySet, header: &Header) -> Vec<usize> {
        let found = set.candidates(header, UnixTime(0)).unwrap_or_default();
        let place = |key| {
            set.keys
                .iter()
                .position(|other| Arc::ptr_eq(other, key))
                .unwrap()
        };
        found.iter().map(place).collect()
    }

    #[test]
    fn a_kid_chooses_its_keys() {
        let set = set(&[jwk("a"), jwk("b"), nameless()], None);
        assert_eq!(places(&set, &header("b")), [1]);
        assert_eq!(places(&set, &header("a")), [0]);
    }

    #[test]
    fn an_unknown_kid_gets_the_keys_without_one_or_none() {
        let mixed = set(&[jwk("a"), nameless(), nameless()], None);
        assert_eq!(places(&mixed, &header("c")), [1, 2]);
        let named = set(&[jwk("a"), jwk("b")], None);
        assert_eq!(
            named.candidates(&header("c"), UnixTime(0)).err(),
            Some(KeyError::NotFound)
        );
        assert_eq!(
            named.candidates(&header("A"), UnixTime(0)).err(),
            Some(KeyError::NotFound)
        );
    }

    #[test]
    fn no_kid_gets_four_keys_at_most() {
        let set = set(&[jwk("a"), nameless(), jwk("c"), jwk("d"), jwk("e")], None);
        assert_eq!(places(&set, &without_kid("ES256")), [0, 1, 2, 3]);
        assert!(set.holds(set.keys[3].thumbprint(), &without_kid("ES256"), UnixTime(0)));
        assert!(!set.holds(set.keys[4].thumbprint(), &without_kid("ES256"), UnixTime(0)));
    }

    #[test]
    fn another_algorithm_finds_nothing_even_by_kid() {
        let set = set(&[jwk("a"), nameless()], None);
        assert_eq!(
            set.candidates(&without_kid("RS256"), UnixTime(0)).err(),
            Some(KeyError::NotFound)
        );
        let header = Header::parse(br#"{"alg":"HS256","kid":"a"}"#).unwrap();
        assert_eq!(
            set.candidates(&header, UnixTime(0)).err(),
            Some(KeyError::NotFound)
        );
        assert!(!set.holds(set.keys[0].thumbprint(), &header, UnixTime(0)));
    }

    #[test]
    fn only_the_same_key_under_the_same_name_stays_the_same() {
        let (a, b) = (jwk("a"), jwk("b"));
        let old = set(&[a.clone(), b.clone(), jwk("c")], None);
        let renamed = b.replace(r#""kid":"b""#, r#""kid":"d""#);
        let new = set(&[jwk("c"), renamed, a], Some(&old));
        assert!(Arc::ptr_eq(&new.keys[2], &old.keys[0]));
        assert_eq!(new.keys[1].thumbprint(), old.keys[1].thumbprint());
        assert_eq!(new.keys[1].kid(), Some("d"));
        assert!(!Arc::ptr_eq(&new.keys[0], &old.keys[2]));
    }
}
