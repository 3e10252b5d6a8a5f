//! Rate limits of routes: asked when everything else about a request is known to be good, so that nobody uses up
//! what belongs to somebody else, and before a token that is good once is used up.

use smallvec::SmallVec;

use super::*;
use crate::{
    clock::Moment,
    rate::{Asker, Fields, Known, NotCounted, seconds},
    store::{Ask, Buckets, Level, LocalBuckets, StoreError, Use},
};

/// Why a request is not let through by a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// There were too many.
    #[error("the limit \"{name}\" of {rate} is used up; the next request may come in {wait} s")]
    Exceeded {
        /// The limit's name.
        name: Box<str>,
        /// Its rate, as in the configuration.
        rate: Box<str>,
        /// Whole seconds, at least one.
        wait: u64,
    },
    /// It cannot be said for whom it would count.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// The shared store does not say how many are left.
    #[error("how many requests are left is not known: {0}")]
    Unknown(#[from] StoreError),
}

/// Where requests are counted.
pub(super) struct Counters {
    /// For those whom tokens name.
    verified: LocalBuckets,
    /// For addresses. Kept apart: whoever has many of them takes no room from the others.
    addresses: LocalBuckets,
    /// For limits that several gateways share.
    shared: Option<Arc<dyn Buckets>>,
}

/// How many buckets there are of each kind at most.
const CAPACITY: usize = 1 << 18;

/// What a request asks of one place: the limits' numbers, and their buckets.
type Asks = SmallVec<[(usize, Ask); 2]>;

impl Default for Counters {
    fn default() -> Self {
        Self {
            verified: LocalBuckets::new(CAPACITY),
            addresses: LocalBuckets::new(CAPACITY),
            shared: None,
        }
    }
}

impl Gateway {
    /// The same gateway with buckets that other gateways count in too, for limits that say `shared`.
    #[must_use]
    pub fn with_buckets(mut self, buckets: Option<Arc<dyn Buckets>>) -> Self {
        self.counters = Arc::new(Counters {
            shared: buckets,
            ..Counters::default()
        });
        self
    }

    /// How many buckets are held in memory.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.counters.verified.len() + self.counters.addresses.len()
    }

    /// The client's address, where a limit of the route may count by it. Asked before anything of the head is
    /// dropped.
    pub(super) fn counted_address(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        head: &Parts,
        note: &Note,
    ) -> Option<std::net::IpAddr> {
        match route.limits.is_empty() {
            true => None,
            false => client::address(snapshot, note.peer, &head.headers),
        }
    }

    /// Counts a request against each limit of its route, or against none of them when one is used up. `explain`
    /// only looks. What the client is told of them goes to `told`.
    ///
    /// # Errors
    /// [`RateError`].
    pub(super) async fn count(
        &self,
        route: &Route,
        principal: Option<&Principal>,
        address: Option<std::net::IpAddr>,
        told: &mut Option<Box<Fields>>,
        trace: &mut impl Trace,
    ) -> Result<(), RateError> {
        let who = principal.map(|principal| Known {
            issuer: principal.identity().issuer(),
            subject: principal.subject(),
            claims: principal.identity().claims(),
        });
        let asker = Asker { who, address };
        let mut levels = self.levels(route, &asker, trace.is_served()).await?;
        if levels.iter().any(|level| !level.allowed) {
            for (level, limit) in levels.iter_mut().zip(route.limits.iter()) {
                *level = level.untaken(&limit.rate);
            }
        }
        *told = route.limits.fields(&levels).map(Box::new);
        let each = || route.limits.iter().zip(&levels);
        let refused = each().filter(|(_, level)| !level.allowed);
        if let Some((limit, level)) = refused.max_by_key(|(_, level)| level.retry_after) {
            return Err(RateError::Exceeded {
                name: limit.name.clone(),
                rate: limit.text.clone(),
                wait: seconds(level.retry_after).max(1),
            });
        }
        trace.pass(Step::RateLimit, || {
            let each = each().map(|(limit, level)| {
                let (left, burst) = (level.remaining, limit.rate.burst());
                let (name, by, rate) = (&limit.name, &limit.by, &limit.text);
                format!("\"{name}\" ({rate} by {by}) has {left} of {burst} left after this one")
            });
            each.collect::<Vec<_>>().join("; ")
        });
        Ok(())
    }

    /// What each limit says, in their order.
    async fn levels(
        &self,
        route: &Route,
        asker: &Asker<'_>,
        is_served: bool,
    ) -> Result<SmallVec<[Level; 2]>, RateError> {
        let counters = &self.counters;
        let [verified, addresses, shared] = counters.asks(route, asker)?;
        let now = self.clock.moment();
        let mut levels: SmallVec<[(usize, Level); 2]> = SmallVec::new();
        let mut taken: SmallVec<[(&LocalBuckets, &Asks); 2]> = SmallVec::new();
        let refuses = |levels: &[(usize, Level)]| levels.iter().any(|(_, level)| !level.allowed);
        for (local, asks) in [
            (&counters.verified, &verified),
            (&counters.addresses, &addresses),
        ] {
            let each: SmallVec<[Ask; 2]> = asks.iter().map(|(_, ask)| *ask).collect();
            let takes = is_served && !refuses(&levels);
            let said = match takes {
                true => local.take_now(&each, now),
                false => local.look_now(&each, now),
            };
            if takes && said.iter().all(|level| level.allowed) {
                taken.push((local, asks));
            }
            levels.extend(asks.iter().map(|(number, _)| *number).zip(said));
        }
        let takes = is_served && !refuses(&levels);
        match counters.ask_shared(&shared, takes, now).await {
            Ok(said) => levels.extend(said),
            Err(error) => {
                if let Err(error) = self.despite(Use::RateLimits, error) {
                    give_back(&taken);
                    return Err(error.into());
                }
                // Let through, and no open door: until the store is back each gateway counts for itself. With
                // the addresses, since nothing is known of whom these limits count.
                let each: SmallVec<[Ask; 2]> = shared.iter().map(|(_, ask)| *ask).collect();
                let said = match takes {
                    true => counters.addresses.take_now(&each, now),
                    false => counters.addresses.look_now(&each, now),
                };
                if takes && said.iter().all(|level| level.allowed) {
                    taken.push((&counters.addresses, &shared));
                }
                levels.extend(shared.iter().map(|(number, _)| *number).zip(said));
            }
        }
        if refuses(&levels) {
            give_back(&taken);
        }
        levels.sort_unstable_by_key(|(number, _)| *number);
        Ok(levels.into_iter().map(|(_, level)| level).collect())
    }
}

impl Counters {
    /// What a request asks of each place: of the buckets of tokens, of those of addresses, of the shared ones.
    fn asks(&self, route: &Route, asker: &Asker<'_>) -> Result<[Asks; 3], NotCounted> {
        let (mut verified, mut addresses, mut shared) = (Asks::new(), Asks::new(), Asks::new());
        for (number, limit) in route.limits.iter().enumerate() {
            let counted = limit.count(asker)?;
            let place = match (limit.shared && self.shared.is_some(), counted.is_address) {
                (true, _) => &mut shared,
                (false, true) => &mut addresses,
                (false, false) => &mut verified,
            };
            let (key, rate) = (counted.key, limit.rate);
            place.push((number, Ask { key, rate }));
        }
        Ok([verified, addresses, shared])
    }

    async fn ask_shared(
        &self,
        asks: &Asks,
        takes: bool,
        now: Moment,
    ) -> Result<SmallVec<[(usize, Level); 2]>, StoreError> {
        let Some(buckets) = self.shared.as_ref().filter(|_| !asks.is_empty()) else {
            return Ok(SmallVec::new());
        };
        let each: Vec<Ask> = asks.iter().map(|(_, ask)| *ask).collect();
        let said = match takes {
            true => buckets.take(each, now).await?,
            false => buckets.look(each, now).await?,
        };
        // A limit without an answer would let everybody through.
        if said.len() != asks.len() {
            return Err(StoreError::Unavailable);
        }
        Ok(asks.iter().map(|(number, _)| *number).zip(said).collect())
    }
}

/// Who is refused takes nothing.
fn give_back(taken: &[(&LocalBuckets, &Asks)]) {
    for (local, asks) in taken {
        for (_, ask) in *asks {
            local.give_back(ask);
        }
    }
}
