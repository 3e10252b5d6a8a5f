//! One question for all who ask the same, and an answer that counts for a while.

use std::{
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::unsync::Cache;
use tokio::{
    sync::{Semaphore, watch},
    time,
};

use super::{Answer, thread::Thread};
use crate::{clock::UnixTime, identity::Account};

/// Asks questions of one kind: by the key `K`, with the error `E`. Cloning shares it.
#[derive(Clone)]
pub(super) struct Desk<K, E>(Arc<Inner<K, E>>);

struct Inner<K, E> {
    seats: Mutex<Cache<K, Seat<E>>>,
    thread: Thread,
    /// How many questions may be under way.
    room: Arc<Semaphore>,
    times: Times,
    failures: Failures<E>,
}

/// The times of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// How long one question may take.
    pub(super) timeout: Duration,
    /// How long an answer counts, in seconds of the clock, from the moment of the question.
    pub(super) ttl: i64,
}

/// What it is called when there is no answer at all.
pub(super) struct Failures<E> {
    /// Too many questions are under way, or the one who asked is gone.
    pub(super) overloaded: E,
    /// There was no answer in time.
    pub(super) timeout: E,
}

/// What is known under one key.
#[derive(Clone)]
struct Seat<E> {
    asked_at: UnixTime,
    said: watch::Receiver<Option<Said<E>>>,
}

type Said<E> = Result<Option<Arc<Account>>, E>;

/// How many answers are remembered.
const CAPACITY: usize = 10_000;

/// How many questions may be under way.
const ROOM: usize = 1024;

impl<K, E> Desk<K, E>
where
    K: Clone + Eq + Hash + Send + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// A desk where nothing is known yet.
    pub(super) fn new(times: Times, failures: Failures<E>) -> Self {
        Self(Arc::new(Inner {
            seats: Mutex::new(Cache::new(CAPACITY)),
            thread: Thread::default(),
            room: Arc::new(Semaphore::new(ROOM)),
            times,
            failures,
        }))
    }

    /// The times.
    pub(super) fn times(&self) -> Times {
        self.0.times
    }

    /// What is known under `key`, or what `question` brings: begun once for all who wait, on the thread
    /// of this desk. A failure is told to all who waited, and not remembered.
    ///
    /// # Errors
    /// That of the question, or one of the [`Failures`].
    pub(super) async fn ask<F>(
        &self,
        key: K,
        now: UnixTime,
        question: impl FnOnce() -> F,
    ) -> Result<Answer, E>
    where
        F: Future<Output = Said<E>> + Send + 'static,
    {
        let Seat { asked_at, mut said } = self.seat(key, now, question)?;
        let said = match said.wait_for(Option::is_some).await {
            Ok(said) => said.clone(),
            Err(_) => None,
        };
        let overloaded = || Err(self.0.failures.overloaded.clone());
        Ok(Answer {
            account: said.unwrap_or_else(overloaded)?,
            until: asked_at.plus(self.0.times.ttl),
        })
    }

    fn seat<F>(&self, key: K, now: UnixTime, question: impl FnOnce() -> F) -> Result<Seat<E>, E>
    where
        F: Future<Output = Said<E>> + Send + 'static,
    {
        // Nothing in here is half-written when a panic unwinds through it.
        let mut seats = self.0.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.get(&key).filter(|seat| self.is_good(seat, now)) {
            return Ok(seat.clone());
        }
        let Ok(permit) = Arc::clone(&self.0.room).try_acquire_owned() else {
            return Err(self.0.failures.overloaded.clone());
        };
        let (tell, said) = watch::channel(None);
        let seat = Seat {
            asked_at: now,
            said,
        };
        seats.insert(key, seat.clone());
        drop(seats);
        let (limit, timeout) = (self.0.times.timeout, self.0.failures.timeout.clone());
        let question = question();
        self.0.thread.spawn(async move {
            let said = time::timeout(limit, question).await;
            tell.send_replace(Some(said.unwrap_or(Err(timeout))));
            drop(permit);
        });
        Ok(seat)
    }

    /// Whether whoever asks now may have the same answer: it is still to come, or it is good and counts.
    fn is_good(&self, seat: &Seat<E>, now: UnixTime) -> bool {
        match &*seat.said.borrow() {
            None => seat.said.has_changed().is_ok(),
            Some(Ok(_)) => (0..self.0.times.ttl).contains(&now.since(seat.asked_at)),
            Some(Err(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    fn desk(timeout: Duration) -> Desk<&'static str, &'static str> {
        let times = Times { timeout, ttl: 30 };
        let failures = Failures {
            overloaded: "overloaded",
            timeout: "timeout",
        };
        Desk::new(times, failures)
    }

    fn account() -> Said<&'static str> {
        Ok(Some(Arc::new(Account::new("alice", ["a"]).unwrap())))
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn all_who_wait_get_one_answer_and_it_counts_for_a_while() {
        let (desk, asked, gate) = (
            desk(LONG),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(Notify::new()),
        );
        let ask = |now: i64| {
            let (desk, asked, gate) = (desk.clone(), Arc::clone(&asked), Arc::clone(&gate));
            async move {
                let question = || async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    gate.notified().await;
                    account()
                };
                desk.ask("alice", UnixTime(now), question).await
            }
        };
        let (one, two, ()) = tokio::join!(ask(100), ask(101), async { gate.notify_one() });
        assert_eq!(one.unwrap().until, UnixTime(130));
        assert_eq!(two.unwrap().until, UnixTime(130));
        assert_eq!(ask(129).await.unwrap().until, UnixTime(130));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // Too old, and from a time that is yet to come: a clock was set back.
        for (number, now) in [(2, 130), (3, 99)] {
            gate.notify_one();
            assert_eq!(ask(now).await.unwrap().until, UnixTime(now + 30));
            assert_eq!(asked.load(Ordering::SeqCst), number);
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let desk = desk(LONG);
        let failed = desk.ask("bob", UnixTime(0), || async { Err("down") }).await;
        assert_eq!(failed.err(), Some("down"));
        let found = desk.ask("bob", UnixTime(0), || async { Ok(None) }).await;
        assert!(found.unwrap().account.is_none());
    }

    #[tokio::test]
    async fn a_question_ends_in_time_and_a_panic_ends_only_itself() {
        let desk = desk(Duration::from_millis(1));
        let late = desk.ask("a", UnixTime(0), std::future::pending).await;
        assert_eq!(late.err(), Some("timeout"));
        let lost = desk
            .ask("b", UnixTime(0), || async { panic!("for a test") })
            .await;
        assert_eq!(lost.err(), Some("overloaded"));
        let found = desk.ask("b", UnixTime(0), || async { account() }).await;
        assert!(found.unwrap().account.is_some());
    }

    #[tokio::test]
    async fn the_questions_under_way_are_bounded() {
        let desk = desk(LONG);
        let all = Arc::clone(&desk.0.room)
            .try_acquire_many_owned(ROOM as u32)
            .unwrap();
        let refused = desk.ask("a", UnixTime(0), || async { account() }).await;
        assert_eq!(refused.err(), Some("overloaded"));
        drop(all);
        assert!(
            desk.ask("a", UnixTime(0), || async { account() })
                .await
                .is_ok()
        );
    }
}
