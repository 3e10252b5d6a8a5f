//! Which address a request goes to: the one with fewer requests under way, of two at random.

use std::{cell::Cell, sync::Arc};

use smallvec::SmallVec;

use super::Endpoint;
use crate::clock::Clock;

/// Where a request has been already.
#[derive(Default)]
pub(in super::super) struct Tried {
    /// Here an attempt was made: elsewhere is better.
    been: SmallVec<[Arc<Endpoint>; 4]>,
    /// Here no connection could be made: never again for this request.
    closed: SmallVec<[Arc<Endpoint>; 4]>,
}

/// Why there is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoChoice {
    /// Every one that is left has as much as it may have.
    Full,
    /// There is none that is left.
    Nobody,
}

impl Tried {
    pub(in super::super) fn was_at(&mut self, endpoint: &Arc<Endpoint>) {
        self.been.push(Arc::clone(endpoint));
    }

    pub(in super::super) fn found_closed(&mut self, endpoint: &Arc<Endpoint>) {
        self.closed.push(Arc::clone(endpoint));
    }
}

/// The choice among `all`; who is out counts only when nobody else is left, for to refuse everything helps
/// nobody. `limit` is how much one may have, 0 for no limit.
pub(super) fn choose<'e>(
    all: &'e [Arc<Endpoint>],
    tried: &Tried,
    limit: usize,
    clock: &Clock,
    random: &mut fastrand::Rng,
) -> Result<&'e Arc<Endpoint>, NoChoice> {
    let is_in = |list: &[Arc<Endpoint>], one: &Arc<Endpoint>| {
        list.iter().any(|other| Arc::ptr_eq(other, one))
    };
    let left = |one: &Arc<Endpoint>| !is_in(&tried.closed, one);
    let fresh = |one: &Arc<Endpoint>| left(one) && !is_in(&tried.been, one);
    let up = |one: &Arc<Endpoint>| one.is_available(clock);
    let full = Cell::new(false);
    let mut pick = |admits: &dyn Fn(&Arc<Endpoint>) -> bool| {
        let mut candidates: SmallVec<[&Arc<Endpoint>; 16]> = SmallVec::new();
        for endpoint in all.iter().filter(|endpoint| admits(endpoint)) {
            if limit != 0 && endpoint.load() >= limit {
                full.set(true);
            } else {
                candidates.push(endpoint);
            }
        }
        less_loaded(&candidates, random)
    };
    let found = pick(&|one| fresh(one) && up(one)).or_else(|| pick(&|one| left(one) && up(one)));
    if let Some(found) = found {
        return Ok(found);
    }
    if full.get() {
        // Those that are up have enough to do; those that are out would not help them.
        return Err(NoChoice::Full);
    }
    let found = pick(&fresh).or_else(|| pick(&left));
    found.ok_or(if full.get() {
        NoChoice::Full
    } else {
        NoChoice::Nobody
    })
}

/// The less loaded of two at random ("power of two choices"): nearly as even as to ask all, and never a
/// herd that runs to the one that was least loaded a moment ago.
fn less_loaded<'e>(
    candidates: &[&'e Arc<Endpoint>],
    random: &mut fastrand::Rng,
) -> Option<&'e Arc<Endpoint>> {
    let count = candidates.len();
    if count < 2 {
        return candidates.first().copied();
    }
    let first = random.usize(..count);
    let second = (first + random.usize(1..count)) % count;
    let (first, second) = (candidates.get(first)?, candidates.get(second)?);
    Some(if second.load() < first.load() {
        second
    } else {
        first
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;

    use super::*;
    use crate::{
        clock::UnixTime,
        forward::{
            UpstreamAddress,
            balance::{Ejection, Place, Server},
        },
    };

    fn endpoints(count: u16) -> Vec<Arc<Endpoint>> {
        let address = UpstreamAddress::Http("10.0.0.1:80".parse().unwrap());
        let server = Arc::new(Server::new(address, HeaderValue::from_static("a"), None));
        let place = |port| Place::Tcp(([10, 0, 0, 1], port).into());
        (0..count)
            .map(|port| Arc::new(Endpoint::new(&server, place(port))))
            .collect()
    }

    fn clock() -> Clock {
        Clock::standing_at(UnixTime(1000))
    }

    fn eject(endpoint: &Endpoint) {
        let rule = Ejection {
            failures: 1,
            time: std::time::Duration::from_secs(10),
            max_percent: 100,
        };
        assert!(endpoint.conduct.fails(&rule, &clock(), || true).is_some());
    }

    fn spread(all: &[Arc<Endpoint>], tried: &Tried, rounds: usize) -> Vec<usize> {
        let mut random = fastrand::Rng::with_seed(7);
        let mut counts = vec![0; all.len()];
        for _ in 0..rounds {
            let chosen = choose(all, tried, 0, &clock(), &mut random).unwrap();
            let at = all.iter().position(|one| Arc::ptr_eq(one, chosen));
            counts[at.unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn requests_that_end_at_once_are_spread_evenly() {
        let counts = spread(&endpoints(4), &Tried::default(), 4000);
        assert!(counts.iter().all(|n| (900..1100).contains(n)), "{counts:?}");
    }

    #[test]
    fn requests_that_stay_are_spread_more_evenly_than_by_chance() {
        let all = endpoints(5);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..1000 {
            let chosen = choose(&all, &Tried::default(), 0, &clock(), &mut random).unwrap();
            assert!(chosen.enter(0));
        }
        let loads: Vec<_> = all.iter().map(|one| one.load()).collect();
        assert!(loads.iter().all(|n| (195..=205).contains(n)), "{loads:?}");
    }

    #[test]
    fn who_is_out_gets_nothing_unless_all_are() {
        let all = endpoints(3);
        eject(&all[1]);
        let counts = spread(&all, &Tried::default(), 300);
        assert!(counts[1] == 0 && counts[0] > 0 && counts[2] > 0);
        eject(&all[0]);
        assert!(all[2].is_checked(false, 1));
        let counts = spread(&all, &Tried::default(), 300);
        assert!(counts.iter().all(|n| *n > 50), "{counts:?}");
    }

    #[test]
    fn elsewhere_is_better_and_a_closed_door_is_not_tried_again() {
        let all = endpoints(2);
        let mut tried = Tried::default();
        tried.was_at(&all[0]);
        assert_eq!(spread(&all, &tried, 10), [0, 10]);
        tried.found_closed(&all[1]);
        assert_eq!(spread(&all, &tried, 10), [10, 0]);
        tried.found_closed(&all[0]);
        let mut random = fastrand::Rng::with_seed(7);
        let chosen = choose(&all, &tried, 0, &clock(), &mut random);
        assert_eq!(chosen.unwrap_err(), NoChoice::Nobody);
    }

    #[test]
    fn who_has_as_much_as_it_may_have_gets_no_more() {
        let all = endpoints(2);
        let mut random = fastrand::Rng::with_seed(7);
        let mut choose = || {
            let chosen = choose(&all, &Tried::default(), 2, &clock(), &mut random);
            chosen.map(Arc::clone)
        };
        for _ in 0..4 {
            assert!(choose().unwrap().enter(2));
        }
        assert_eq!(choose().unwrap_err(), NoChoice::Full);
        assert!(!all[0].enter(2));
        all[0].leave();
        assert!(Arc::ptr_eq(&choose().unwrap(), &all[0]));
    }
}
