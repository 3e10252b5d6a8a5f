//! The decryption of a token, where it holds nobody up.
//!
//! An operation with a private key takes longer than everything else of a request together. It is done on
//! threads beside the workers; only so many run, and only so many wait.

use std::{num::NonZero, sync::Arc, thread};

use tokio::{sync::Semaphore, task};

use crate::{
    issuer::Issuer,
    jose::jwe::{self, Decrypted, JweError, Keychain},
};

/// How many tokens may be on their way at once, those that are being decrypted included. One takes less
/// than a millisecond, so that the last of them waits for a few hundredths of a second.
const PLACES: usize = 64;

/// The threads beside the workers, shared by all of them.
pub(super) struct Decryption {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A signed token: as it came, or as it was inside an encrypted one.
pub(super) enum Opened<'t> {
    Signed(&'t [u8]),
    Decrypted(Decrypted),
}

/// Why a token is refused over its encryption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptionError {
    /// It cannot be decrypted.
    #[error(transparent)]
    Token(#[from] JweError),
    /// It is only signed, and its issuer's tokens must be encrypted.
    #[error("the token is only signed, and the issuer's tokens must be encrypted")]
    Required,
    /// As many tokens as may wait do so.
    #[error("{PLACES} tokens wait to be decrypted, and no more may")]
    Overloaded,
}

impl Default for Decryption {
    /// Half of the cores for this work, and one at least: the rest is for requests that need none.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            turns: Arc::new(Semaphore::new((cores / 2).max(1))),
        }
    }
}

impl Decryption {
    /// The signed token that `token` is, or that is inside it. Without any key nothing is opened: who
    /// parses the token says so.
    ///
    /// # Errors
    /// [`DecryptionError`].
    pub(super) async fn open<'t>(
        &self,
        token: &'t [u8],
        keychain: &Keychain,
    ) -> Result<Opened<'t>, DecryptionError> {
        if keychain.is_empty() || !jwe::is_encrypted(token) {
            return Ok(Opened::Signed(token));
        }
        let encrypted = jwe::parse(token)?;
        let keys = keychain.find(encrypted.header())?;
        if !encrypted.header().algorithm().is_costly() {
            return Ok(Opened::Decrypted(jwe::decrypt(&encrypted, &keys)?));
        }
        let decrypted = self.aside(move || jwe::decrypt(&encrypted, &keys)).await?;
        Ok(Opened::Decrypted(decrypted?))
    }

    /// Does `work` on a thread beside the workers. Whoever gives up waiting gives its place up; work that
    /// has begun keeps its turn to the end.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DecryptionError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| DecryptionError::Overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| DecryptionError::Overloaded)?;
        let work = task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        work.await.map_err(|_| JweError::Failed.into())
    }
}

impl Opened<'_> {
    /// The signed token, of which nothing is proved.
    pub(super) fn signed(&self) -> &[u8] {
        match self {
            Self::Signed(token) => token,
            Self::Decrypted(decrypted) => decrypted.nested(),
        }
    }

    /// Whether `issuer` takes its tokens so: encrypted if it must be, and with a key that is for it.
    ///
    /// # Errors
    /// [`DecryptionError`].
    pub(super) fn admit(&self, issuer: &Issuer) -> Result<(), DecryptionError> {
        match self {
            Self::Signed(_) if issuer.encryption_required => Err(DecryptionError::Required),
            Self::Signed(_) => Ok(()),
            Self::Decrypted(decrypted) => Ok(decrypted.key().admit(&issuer.name)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn as_many_wait_as_may_and_the_next_is_refused_at_once() {
        let decryption = Decryption {
            places: Arc::new(Semaphore::new(2)),
            turns: Arc::new(Semaphore::new(1)),
        };
        let (release, wait) = mpsc::channel::<()>();
        let first = decryption.aside(move || wait.recv().is_ok());
        let second = decryption.aside(|| true);
        tokio::pin!(first, second);
        // Both have their place once they were polled.
        assert!(futures_are_pending(first.as_mut(), second.as_mut()).await);
        let third = decryption.aside(|| true).await;
        assert_eq!(third, Err(DecryptionError::Overloaded));
        release.send(()).unwrap();
        assert_eq!(first.await, Ok(true));
        assert_eq!(second.await, Ok(true));
        assert_eq!(decryption.aside(|| true).await, Ok(true));
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_its_place_and_a_panic_is_a_refusal() {
        let decryption = Decryption {
            places: Arc::new(Semaphore::new(2)),
            turns: Arc::new(Semaphore::new(1)),
        };
        let turn = Arc::clone(&decryption.turns).acquire_owned().await.unwrap();
        {
            let waiting = decryption.aside(|| true);
            tokio::pin!(waiting);
            let poll = std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
            });
            assert!(poll.await);
            assert_eq!(decryption.places.available_permits(), 1);
        }
        assert_eq!(decryption.places.available_permits(), 2);
        drop(turn);
        let failed = decryption.aside(|| panic!("on purpose")).await;
        let failed: Result<(), DecryptionError> = failed;
        assert_eq!(failed, Err(JweError::Failed.into()));
        assert_eq!(decryption.aside(|| true).await, Ok(true));
    }

    async fn futures_are_pending<F, G>(
        mut first: std::pin::Pin<&mut F>,
        mut second: std::pin::Pin<&mut G>,
    ) -> bool
    where
        F: Future,
        G: Future,
    {
        std::future::poll_fn(|context| {
            let both = first.as_mut().poll(context).is_pending()
                && second.as_mut().poll(context).is_pending();
            std::task::Poll::Ready(both)
        })
        .await
    }
}
