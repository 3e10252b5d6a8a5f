//! What signs: the gateway's own keys, or one key.

use std::sync::Arc;

use aws_lc_rs::digest;

use crate::{
    clock::UnixTime,
    signing::{Claims, Header, SignError, Signer, SigningKey},
};

/// Who signs. Two are the same when they sign by the same keys.
#[derive(Clone, Debug)]
pub enum Signature {
    /// The keys of `[signing]`: whichever signs at the time.
    Own(Arc<Signer>),
    /// One key, and the SHA-256 of what it was read from.
    Key(Arc<SigningKey>, [u8; 32]),
}

impl Signature {
    /// That of `key`, which was read from `document`.
    #[must_use]
    pub fn of_key(key: SigningKey, document: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, document).as_ref());
        Self::Key(Arc::new(key), sum)
    }

    /// A compact JWS of `claims`.
    ///
    /// # Errors
    /// [`SignError`].
    pub(super) fn sign(
        &self,
        header: &Header,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<String, SignError> {
        match self {
            Self::Own(signer) => signer.sign(header, claims, now),
            Self::Key(key, _) => Ok(key.token(header, claims)?),
        }
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(other)) => is_same(one, other),
            (Self::Key(one, a), Self::Key(other, b)) => {
                a == b && one.kid() == other.kid() && one.algorithm() == other.algorithm()
            }
            (Self::Own(_), Self::Key(..)) | (Self::Key(..), Self::Own(_)) => false,
        }
    }
}

impl Eq for Signature {}

fn is_same(one: &Signer, other: &Signer) -> bool {
    let known = |signer: &Signer| {
        let keys = signer.keys().iter();
        let keys = keys.map(|held| {
            let public = held.key.public_jwk().cloned();
            (public, held.life, held.path.clone())
        });
        keys.collect::<Vec<_>>()
    };
    known(one) == known(other)
}
