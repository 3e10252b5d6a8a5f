//! One fetch for all requests that wait for the same token.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{CallError, CredentialError, tokens::Token};
use crate::store::Key;

/// What came of a fetch.
pub(super) type Outcome = Result<Arc<Token>, CredentialError>;

/// The fetches that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Key, Landing>>>);

/// Where the outcome of a fetch will be.
type Landing = watch::Receiver<Option<Outcome>>;

/// A fetch's place among the flights; it is given up with the fetch, however that ends.
struct Place {
    flights: Flights,
    key: Key,
}

/// How many fetches of one upstream may be under way or wait for their turn.
const MOST: usize = 1024;

impl Flights {
    /// Waits for the fetch of `key` that is under way, or for `fetch`. It goes on when this request is given
    /// up, for others may wait for it. `known` is asked once more, for what has landed in between.
    pub(super) async fn join(
        &self,
        key: Key,
        known: impl FnOnce() -> Option<Outcome>,
        fetch: impl Future<Output = Outcome> + Send + 'static,
    ) -> Outcome {
        let mut landing = match self.board(key, known, fetch) {
            Ok(landing) => landing,
            Err(outcome) => return outcome,
        };
        // An error says that the fetch's thread has ended before it.
        let landed = landing.wait_for(Option::is_some).await;
        let outcome = landed.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(CallError::GivenUp.into()))
    }

    /// As [`Flights::join`], and nobody waits.
    pub(super) fn begin(
        &self,
        key: Key,
        known: impl FnOnce() -> Option<Outcome>,
        fetch: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let _ = self.board(key, known, fetch);
    }

    fn board(
        &self,
        key: Key,
        known: impl FnOnce() -> Option<Outcome>,
        fetch: impl Future<Output = Outcome> + Send + 'static,
    ) -> Result<Landing, Outcome> {
        let mut flights = self.lock();
        if let Some(landing) = flights.get(&key) {
            return Ok(landing.clone());
        }
        if let Some(known) = known() {
            return Err(known);
        }
        if flights.len() >= MOST {
            return Err(Err(CallError::Busy.into()));
        }
        let (land, landing) = watch::channel(None);
        flights.insert(key, landing.clone());
        let place = Place {
            flights: self.clone(),
            key,
        };
        tokio::spawn(async move {
            let outcome = fetch.await;
            // Nobody boards any more; whoever comes now finds what was learnt.
            drop(place);
            let _ = land.send(Some(outcome));
        });
        Ok(landing)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Landing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
