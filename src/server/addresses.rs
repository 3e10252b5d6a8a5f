//! How many connections each address has, over all workers.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The addresses that have connections; one without is not in it, so that it holds no more of them than
/// there may be connections.
#[derive(Debug)]
pub(super) struct Addresses {
    shards: [Mutex<HashMap<Who, usize>>; SHARDS],
    hasher: RandomState,
}

/// That a connection is counted for its address, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    addresses: Arc<Addresses>,
    who: Who,
}

/// Whom connections are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    V4(Ipv4Addr),
    /// The first 64 bits: whoever has one address of them has them all.
    V6(u64),
}

/// Workers that accept at once rarely meet.
const SHARDS: usize = 16;

impl Addresses {
    pub(super) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }

    /// Counts one more connection for `address`; `None` when it has `limit` already.
    pub(super) fn claim(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Claim> {
        let who = Who::of(address);
        match self.shard(who)?.entry(who) {
            Entry::Occupied(count) if *count.get() >= limit => return None,
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(none) => {
                none.insert(1);
            }
        }
        Some(Claim {
            addresses: Arc::clone(self),
            who,
        })
    }

    fn shard(&self, who: Who) -> Option<MutexGuard<'_, HashMap<Who, usize>>> {
        let place = self.hasher.hash_one(who) as usize % SHARDS;
        // Nothing in it is half-written when a panic unwinds.
        let shard = self.shards.get(place)?.lock();
        Some(shard.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Who {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(mut shard) = self.addresses.shard(self.who) else {
            return;
        };
        if let Entry::Occupied(mut count) = shard.entry(self.who) {
            if *count.get() > 1 {
                *count.get_mut() -= 1;
            } else {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn held(addresses: &Addresses) -> usize {
        let shards = addresses.shards.iter();
        shards.map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn an_address_has_so_many_and_nobody_else_suffers() {
        let addresses = Arc::new(Addresses::new());
        let one = addresses.claim(at("192.0.2.1"), 2).unwrap();
        let two = addresses.claim(at("::ffff:192.0.2.1"), 2).unwrap();
        assert!(addresses.claim(at("192.0.2.1"), 2).is_none());
        let other = addresses.claim(at("192.0.2.2"), 2);
        assert!(other.is_some());
        drop(one);
        let again = addresses.claim(at("192.0.2.1"), 2);
        assert!(again.is_some());
        assert!(addresses.claim(at("192.0.2.1"), 2).is_none());
        drop((two, other, again));
        assert_eq!(held(&addresses), 0, "what is gone takes no room");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let addresses = Arc::new(Addresses::new());
        let _one = addresses.claim(at("2001:db8:0:1::1"), 1).unwrap();
        assert!(addresses.claim(at("2001:db8:0:1:ffff::2"), 1).is_none());
        assert!(addresses.claim(at("2001:db8:0:2::1"), 1).is_some());
    }

    #[test]
    fn threads_at_once_get_no_more_than_the_limit() {
        let addresses = Arc::new(Addresses::new());
        let taking = || {
            let addresses = Arc::clone(&addresses);
            std::thread::spawn(move || {
                let tries = (0..100).map(|_| addresses.claim(at("192.0.2.1"), 50));
                tries.flatten().collect::<Vec<_>>()
            })
        };
        let claims = [taking(), taking()].map(|thread| thread.join().unwrap());
        assert_eq!(claims.iter().flatten().count(), 50);
        drop(claims);
        assert_eq!(held(&addresses), 0);
    }
}
