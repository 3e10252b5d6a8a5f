//! One call for all requests with one token.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, watch};

use super::{CallError, IntrospectionError, Outcome, memory::Digest};

/// The calls that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Digest, Landing>>>);

/// Where the outcome of a call will be.
type Landing = watch::Receiver<Option<Outcome>>;

/// A call's place among the flights; it is given up with the call, however that ends.
struct Place {
    flights: Flights,
    token: Digest,
}

impl Flights {
    /// Waits for the call about `token` that is under way, or makes `call`, which needs one of `calls`. It
    /// goes on when this request is given up, for others may wait for it. `known` is asked once more, for
    /// what has landed since it was asked before.
    pub(super) async fn join(
        &self,
        token: Digest,
        known: impl FnOnce() -> Option<Outcome>,
        calls: &Arc<Semaphore>,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) -> Outcome {
        let mut landing = match self.board(token, calls, call, known) {
            Ok(landing) => landing,
            Err(outcome) => return outcome,
        };
        // An error says that the call's thread has ended before it.
        let landed = landing.wait_for(Option::is_some).await;
        let outcome = landed.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(CallError::GivenUp.into()))
    }

    fn board(
        &self,
        token: Digest,
        calls: &Arc<Semaphore>,
        call: impl Future<Output = Outcome> + Send + 'static,
        known: impl FnOnce() -> Option<Outcome>,
    ) -> Result<Landing, Outcome> {
        let mut flights = self.lock();
        if let Some(landing) = flights.get(&token) {
            return Ok(landing.clone());
        }
        if let Some(known) = known() {
            return Err(known);
        }
        let leave = Arc::clone(calls).try_acquire_owned();
        let leave = leave.map_err(|_| Err(IntrospectionError::Busy))?;
        let (land, landing) = watch::channel(None);
        flights.insert(token, landing.clone());
        let place = Place {
            flights: self.clone(),
            token,
        };
        tokio::spawn(async move {
            let outcome = call.await;
            // Nobody boards any more; whoever comes now finds what was learnt.
            drop((place, leave));
            let _ = land.send(Some(outcome));
        });
        Ok(landing)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Landing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.token);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const NO: Outcome = Err(IntrospectionError::Inactive);

    fn nothing() -> Option<Outcome> {
        None
    }

    #[tokio::test]
    async fn requests_with_one_token_share_one_call_and_others_do_not() {
        let (flights, calls) = (Flights::default(), Arc::new(Semaphore::new(1)));
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let (go, wait) = oneshot::channel::<()>();
        let first = async {
            let _ = wait.await;
            NO
        };
        let mut landing = flights.board(one, &calls, first, nothing).unwrap();
        // The second has no call of its own, and needs no leave.
        let second = flights.board(one, &calls, async { unreachable!() }, nothing);
        let mut second = second.unwrap();
        let busy = flights.join(other, nothing, &calls, async { NO }).await;
        assert_eq!(busy.unwrap_err(), IntrospectionError::Busy);
        go.send(()).unwrap();
        for landing in [&mut landing, &mut second] {
            assert!(landing.wait_for(Option::is_some).await.is_ok());
        }
        assert!(flights.lock().is_empty());
        let outcome = flights.join(other, nothing, &calls, async { NO }).await;
        assert_eq!(outcome.unwrap_err(), IntrospectionError::Inactive);
    }

    #[tokio::test]
    async fn what_has_landed_in_between_is_not_asked_again() {
        let (flights, calls) = (Flights::default(), Arc::new(Semaphore::new(1)));
        let known = || Some(NO);
        let call = async { unreachable!() };
        let outcome = flights.join(Digest::of(b"t"), known, &calls, call).await;
        assert_eq!(outcome.unwrap_err(), IntrospectionError::Inactive);
        assert_eq!(calls.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_call_that_ends_badly_leaves_nothing_behind() {
        let (flights, calls) = (Flights::default(), Arc::new(Semaphore::new(1)));
        let token = Digest::of(b"t");
        let call = async { panic!("as if the thread had ended") };
        let outcome = flights.join(token, nothing, &calls, call).await;
        assert_eq!(outcome.unwrap_err(), CallError::GivenUp.into());
        assert!(flights.lock().is_empty());
        assert_eq!(calls.available_permits(), 1);
    }
}
