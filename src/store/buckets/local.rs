//! Buckets in the gateway's own memory, for all of its workers.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use quick_cache::{UnitWeighter, sync::Cache};
use smallvec::SmallVec;

use super::{Answer, Ask, Buckets, Level};
use crate::{clock::Moment, store::Key};

/// Buckets in memory, at most so many. Beyond that one is forgotten for each that comes, of those that are asked
/// for seldom; whoever it was has a full one again. Nobody is refused because others have taken the room.
pub struct LocalBuckets {
    capacity: usize,
    /// Made for the first who asks: most gateways have no limits.
    held: OnceLock<Cache<Key, Full, UnitWeighter>>,
}

/// When a bucket is full, in nanoseconds since 1970. Nothing else hangs on its value, so no order is asked for.
type Full = Arc<AtomicI64>;

/// The answers to a few asks.
pub type Levels = SmallVec<[Level; 2]>;

impl LocalBuckets {
    /// At most `capacity` buckets, of about 150 bytes each. It takes no memory before it is used.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            held: OnceLock::new(),
        }
    }

    /// How many buckets it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.get().map_or(0, Cache::len)
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`Buckets::take`], at once.
    pub fn take_now(&self, asks: &[Ask], now: Moment) -> Levels {
        let looked = self.look_now(asks, now);
        if !looked.iter().all(|level| level.allowed) {
            for ask in asks {
                self.settle(ask, now);
            }
            return looked;
        }
        let mut levels = Levels::new();
        let mut taken: SmallVec<[(Full, i64); 2]> = SmallVec::new();
        for ask in asks {
            let bucket = self.bucket(ask.key);
            let level = take(&bucket, ask, now);
            levels.push(level);
            if !level.allowed {
                // Somebody was faster between the look and now: what was taken is put back.
                for (bucket, interval) in &taken {
                    bucket.fetch_sub(*interval, Relaxed);
                }
                return self.padded(levels, asks, now);
            }
            taken.push((bucket, ask.rate.interval));
        }
        levels
    }

    /// Puts one back that was taken, for a request that was refused elsewhere.
    pub fn give_back(&self, ask: &Ask) {
        if let Some(bucket) = self.held.get().and_then(|held| held.get(&ask.key)) {
            bucket.fetch_sub(ask.rate.interval, Relaxed);
        }
    }

    /// As [`Buckets::look`], at once.
    pub fn look_now(&self, asks: &[Ask], now: Moment) -> Levels {
        asks.iter().map(|ask| self.look_one(ask, now)).collect()
    }

    /// Empties a bucket no further than empty, where the clock was set back or the rate has changed: else who is
    /// refused now would be refused for as long as the old time says.
    fn settle(&self, ask: &Ask, now: Moment) {
        let Some(bucket) = self.held.get().and_then(|held| held.get(&ask.key)) else {
            return;
        };
        let seen = bucket.load(Relaxed);
        let (level, full) = ask.rate.take(Moment(seen), now);
        if !level.allowed && full.0 < seen {
            // Whoever was faster has settled it.
            let _ = bucket.compare_exchange(seen, full.0, Relaxed, Relaxed);
        }
    }

    fn look_one(&self, ask: &Ask, now: Moment) -> Level {
        let held = self.held.get().and_then(|held| held.get(&ask.key));
        let full = held.map_or(now, |full| Moment(full.load(Relaxed)));
        ask.rate.take(full, now).0
    }

    /// The answers of all asks, the last of `levels` being the one that was refused.
    fn padded(&self, mut levels: Levels, asks: &[Ask], now: Moment) -> Levels {
        let rest = asks.iter().skip(levels.len());
        levels.extend(rest.map(|ask| self.look_one(ask, now)));
        levels
    }

    fn bucket(&self, key: Key) -> Full {
        let held = self.held.get_or_init(|| {
            let at_first = self.capacity.min(1024);
            Cache::with_weighter(at_first, self.capacity as u64, UnitWeighter)
        });
        let none = || Ok::<_, std::convert::Infallible>(Arc::new(AtomicI64::new(i64::MIN)));
        match held.get_or_insert_with(&key, none) {
            Ok(bucket) => bucket,
            Err(never) => match never {},
        }
    }
}

/// Takes one from `bucket`; of two who ask at once for the last one, one gets it.
fn take(bucket: &AtomicI64, ask: &Ask, now: Moment) -> Level {
    let mut seen = bucket.load(Relaxed);
    loop {
        let (level, full) = ask.rate.take(Moment(seen), now);
        if !level.allowed {
            return level;
        }
        match bucket.compare_exchange_weak(seen, full.0, Relaxed, Relaxed) {
            Ok(_) => return level,
            Err(other) => seen = other,
        }
    }
}

impl Buckets for LocalBuckets {
    fn take(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(async move { Ok(self.take_now(&asks, now).into_vec()) })
    }

    fn look(&self, asks: Vec<Ask>, now: Moment) -> Answer<'_, Vec<Level>> {
        Box::pin(async move { Ok(self.look_now(&asks, now).into_vec()) })
    }
}
