use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NOW: Moment = Moment(1_800_000_000_000_000_000);

fn rate(requests: u32, period: Duration, burst: u32) -> Rate {
    Rate::new(requests, period, burst).unwrap()
}

fn ask(name: &str, rate: Rate) -> Ask {
    let key = Key::of("test", &[name.as_bytes()]);
    Ask { key, rate }
}

fn later(time: Duration) -> Moment {
    Moment(NOW.0 + i64::try_from(time.as_nanos()).unwrap())
}

fn take(buckets: &LocalBuckets, asked: Ask, now: Moment) -> Level {
    buckets.take_now(&[asked], now)[0]
}

/// A bucket as one would draw it: it holds parts of requests, counted in nanoseconds.
struct Drawn {
    rate: Rate,
    held: i128,
    at: Moment,
}

impl Drawn {
    fn take(&mut self, now: Moment) -> (bool, u32) {
        let interval = i128::from(self.rate.interval);
        let most = interval * i128::from(self.rate.burst);
        self.held = (self.held + i128::from(now.0 - self.at.0)).min(most);
        self.at = now;
        let allowed = self.held >= interval;
        if allowed {
            self.held -= interval;
        }
        (allowed, u32::try_from(self.held / interval).unwrap())
    }
}

proptest! {
    /// A time instead of a count, and the same answers.
    #[test]
    fn it_lets_through_what_a_bucket_would(
        requests in 1_u32..2_000,
        period in prop::sample::select(vec![1_u64, 60, 3600]),
        burst in 1_u32..50,
        pauses in prop::collection::vec(0_u64..3_000_000_000, 1..200),
    ) {
        let rate = rate(requests, Duration::from_secs(period), burst);
        let buckets = LocalBuckets::new(8);
        let mut drawn = Drawn { rate, held: i128::from(rate.whole_nanos()), at: NOW };
        let mut now = NOW;
        for pause in pauses {
            now = Moment(now.0 + i64::try_from(pause).unwrap());
            let looked = buckets.look_now(&[ask("a", rate)], now)[0];
            let level = take(&buckets, ask("a", rate), now);
            prop_assert_eq!(looked, level);
            let (allowed, remaining) = drawn.take(now);
            prop_assert_eq!(level.allowed, allowed);
            prop_assert_eq!(level.remaining, remaining);
            if !allowed {
                // Exactly as long as it says: a nanosecond before, it is still empty.
                let again = Moment(now.0 + i64::try_from(level.retry_after.as_nanos()).unwrap());
                prop_assert!(buckets.look_now(&[ask("a", rate)], again)[0].allowed);
                prop_assert!(!buckets.look_now(&[ask("a", rate)], Moment(again.0 - 1))[0].allowed);
            }
        }
    }

    /// Whatever the clock and the rates do, nobody waits for longer than one bucket takes to fill.
    #[test]
    fn no_clock_and_no_change_locks_anybody_out(
        steps in prop::collection::vec((any::<i64>(), 1_u32..100, 1_u32..100), 1..50),
    ) {
        let buckets = LocalBuckets::new(8);
        for (now, requests, burst) in steps {
            let rate = rate(requests, SECOND, burst);
            let level = take(&buckets, ask("a", rate), Moment(now));
            prop_assert!(level.retry_after <= rate.whole());
            prop_assert!(level.reset_after <= rate.whole());
            prop_assert!(level.remaining < burst);
            if !level.allowed {
                let wait = i64::try_from(level.retry_after.as_nanos()).unwrap();
                let again = Moment(now.saturating_add(wait));
                prop_assert!(again.0 == i64::MAX || take(&buckets, ask("a", rate), again).allowed);
            }
        }
    }
}

#[test]
fn a_burst_passes_and_then_one_in_each_interval() {
    let (buckets, asked) = (LocalBuckets::new(8), ask("a", rate(10, SECOND, 3)));
    for remaining in [2, 1, 0] {
        let level = take(&buckets, asked, NOW);
        assert!(level.allowed);
        assert_eq!(level.remaining, remaining);
    }
    let refused = take(&buckets, asked, NOW);
    assert!(!refused.allowed);
    assert_eq!(refused.retry_after, Duration::from_millis(100));
    assert_eq!(refused.reset_after, Duration::from_millis(300));
    // Who is refused takes nothing: he waits no longer for having asked.
    let soon = later(Duration::from_millis(99));
    assert_eq!(
        take(&buckets, asked, soon).retry_after,
        Duration::from_millis(1)
    );
    assert!(take(&buckets, asked, later(Duration::from_millis(100))).allowed);
    assert!(!take(&buckets, asked, later(Duration::from_millis(100))).allowed);
    // Nobody else is in that bucket.
    assert!(take(&buckets, ask("b", asked.rate), NOW).allowed);
}

#[test]
fn of_several_buckets_all_are_taken_from_or_none() {
    let buckets = LocalBuckets::new(8);
    let (wide, narrow) = (
        ask("wide", rate(10, SECOND, 10)),
        ask("narrow", rate(1, SECOND, 1)),
    );
    let first = buckets.take_now(&[wide, narrow], NOW);
    assert!(first.iter().all(|level| level.allowed));
    for _ in 0..20 {
        let refused = buckets.take_now(&[wide, narrow], NOW);
        assert_eq!([refused[0].allowed, refused[1].allowed], [true, false]);
    }
    assert_eq!(take(&buckets, wide, NOW).remaining, 8);
}

#[test]
fn a_rate_is_bounded() {
    let new = |requests, period, burst| Rate::new(requests, period, burst).is_some();
    assert!(new(1, SECOND, 1));
    assert!(new(1_000_000, SECOND, 1_000_000));
    assert!(!new(0, SECOND, 1));
    assert!(!new(1, SECOND, 0));
    assert!(!new(1, Duration::ZERO, 1));
    assert!(!new(2, Duration::from_nanos(1), 1));
    // A bucket that would be full again next year holds what nobody meant.
    assert!(new(1, Duration::from_hours(1), 24 * 31));
    assert!(!new(1, Duration::from_hours(1), 24 * 31 + 1));
    assert!(!new(1, Duration::MAX, u32::MAX));
    // Never more than is said.
    assert_eq!(
        rate(3, SECOND, 1).interval(),
        Duration::from_nanos(333_333_334)
    );
}

#[test]
fn of_many_at_once_so_many_pass() {
    let buckets = Arc::new(LocalBuckets::new(64));
    let threads = 8;
    for round in 0..20 {
        let (start, rate) = (Barrier::new(threads), rate(1, Duration::from_hours(1), 20));
        let (one, two) = (format!("one {round}"), format!("two {round}"));
        let passed = std::thread::scope(|scope| {
            let work = || {
                start.wait();
                let asks = [ask(&one, rate), ask(&two, rate)];
                let levels = (0..10).map(|_| buckets.take_now(&asks, NOW));
                levels
                    .filter(|l| l.iter().all(|level| level.allowed))
                    .count()
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<usize>()
        });
        // What one took and put back may have kept another one out, and never let one in.
        assert!(passed <= 20, "{passed}");
        assert!(passed >= 20 - threads, "{passed}");
    }
}

#[test]
fn the_room_is_bounded_and_nobody_is_refused_for_it() {
    let buckets = LocalBuckets::new(1000);
    let rate = rate(1, Duration::from_hours(1), 1);
    assert!(buckets.is_empty());
    for stranger in 0..20_000 {
        let asked = ask(&stranger.to_string(), rate);
        assert!(take(&buckets, asked, NOW).allowed, "{stranger}");
    }
    assert!(buckets.len() <= 1100, "{}", buckets.len());
    // The last that came is not the one that was forgotten.
    assert!(!take(&buckets, ask("19999", rate), NOW).allowed);
}

#[tokio::test]
async fn others_may_wait_for_the_same_answer() {
    let buckets: Arc<dyn Buckets> = Arc::new(LocalBuckets::new(8));
    let asks = || vec![ask("a", rate(1, SECOND, 1))];
    assert!(buckets.look(asks(), NOW).await.unwrap()[0].allowed);
    assert!(buckets.take(asks(), NOW).await.unwrap()[0].allowed);
    assert!(!buckets.look(asks(), NOW).await.unwrap()[0].allowed);
    assert!(!buckets.take(asks(), NOW).await.unwrap()[0].allowed);
}
