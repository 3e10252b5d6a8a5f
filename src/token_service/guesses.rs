//! A limit on requests that fail: per address, and per client.
//!
//! A client that others fail in the name of is not locked out: where its name has failed too often, only
//! addresses are refused that have failed themselves.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::clock::UnixTime;

/// How many failures of one address are forgiven at once, and how many seconds take one back.
const ADDRESS: Allowance = Allowance {
    burst: 20,
    pause: 3,
};
/// The same for one client, from all addresses.
const CLIENT: Allowance = Allowance {
    burst: 100,
    pause: 1,
};
/// The most addresses and clients that are remembered; the others share one place.
const MAX: usize = 65_536;

/// Who has failed how often, lately.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<Who, Bucket>>);

#[derive(Clone, Copy)]
struct Allowance {
    burst: i64,
    pause: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// Of IPv6 the network: a host has a whole one.
    Address(IpAddr),
    /// A Unix socket, or a proxy that does not say.
    Nowhere,
    Client(Arc<str>),
    /// Whoever came when the map was full.
    Others,
}

/// Failures that are not taken back yet.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    failures: i64,
    since: UnixTime,
}

impl Guesses {
    /// Whether `address` may try, and in the name of `client`; else how many seconds it has to wait.
    pub(super) fn check(
        &self,
        address: Option<IpAddr>,
        client: Option<&Arc<str>>,
        now: UnixTime,
    ) -> Result<(), i64> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |who: &Who, allowance: Allowance| {
            let bucket = map.get(who).or_else(|| {
                let full = map.len() >= MAX;
                map.get(&Who::Others).filter(|_| full)
            });
            bucket.map_or(0, |bucket| bucket.level(allowance, now))
        };
        let own = level(&Who::at(address), ADDRESS);
        if own >= ADDRESS.burst {
            return Err((own - ADDRESS.burst + 1) * ADDRESS.pause);
        }
        let Some(client) = client.filter(|_| own > 0) else {
            return Ok(());
        };
        let all = level(&Who::Client(Arc::clone(client)), CLIENT);
        if all >= CLIENT.burst {
            return Err((all - CLIENT.burst + 1) * CLIENT.pause);
        }
        Ok(())
    }

    /// A request of `address` failed, in the name of `client` if that is one.
    pub(super) fn failed(&self, address: Option<IpAddr>, client: Option<&Arc<str>>, now: UnixTime) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX {
            map.retain(|who, bucket| bucket.level(who.allowance(), now) > 0);
        }
        let client = client.map(|client| Who::Client(Arc::clone(client)));
        for mut who in std::iter::once(Who::at(address)).chain(client) {
            if map.len() >= MAX && !map.contains_key(&who) {
                who = Who::Others;
            }
            let allowance = who.allowance();
            let bucket = map.entry(who).or_insert(Bucket {
                failures: 0,
                since: now,
            });
            // No further than twice the burst: whoever stops is let in again in a while.
            let failures = bucket.level(allowance, now) + 1;
            *bucket = Bucket {
                failures: failures.min(allowance.burst * 2),
                since: now,
            };
        }
    }
}

impl Who {
    fn at(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Nowhere,
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self::Address(Ipv6Addr::from(network).into())
            }
            Some(address) => Self::Address(address),
        }
    }

    const fn allowance(&self) -> Allowance {
        match self {
            Self::Client(_) => CLIENT,
            Self::Address(_) | Self::Nowhere | Self::Others => ADDRESS,
        }
    }
}

impl Bucket {
    fn level(self, allowance: Allowance, now: UnixTime) -> i64 {
        let forgiven = now.since(self.since).max(0) / allowance.pause;
        (self.failures - forgiven).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_that_fails_too_often_waits_and_no_other_one_does() {
        let guesses = Guesses::default();
        for _ in 0..20 {
            assert_eq!(guesses.check(address("192.0.2.1"), None, NOW), Ok(()));
            guesses.failed(address("192.0.2.1"), None, NOW);
        }
        assert_eq!(guesses.check(address("192.0.2.1"), None, NOW), Err(3));
        assert_eq!(guesses.check(address("192.0.2.2"), None, NOW), Ok(()));
        assert_eq!(guesses.check(None, None, NOW), Ok(()));
        assert_eq!(
            guesses.check(address("192.0.2.1"), None, NOW.plus(3)),
            Ok(())
        );
        // A clock that goes back forgives nothing.
        assert_eq!(
            guesses.check(address("192.0.2.1"), None, NOW.plus(-9)),
            Err(3)
        );
        guesses.failed(address("2001:db8::1"), None, NOW);
        assert_eq!(
            Who::at(address("2001:db8::1")),
            Who::at(address("2001:db8::2"))
        );
        assert_ne!(
            Who::at(address("2001:db8::1")),
            Who::at(address("2001:db8:0:1::1"))
        );
    }

    #[test]
    fn strangers_do_not_lock_a_client_out() {
        let guesses = Guesses::default();
        let client = "erp".into();
        for number in 0..100 {
            guesses.failed(address(&format!("192.0.2.{number}")), Some(&client), NOW);
        }
        assert!(
            guesses
                .check(address("192.0.2.7"), Some(&client), NOW)
                .is_err()
        );
        assert!(guesses.check(address("192.0.2.7"), None, NOW).is_ok());
        assert!(
            guesses
                .check(address("198.51.100.1"), Some(&client), NOW)
                .is_ok()
        );
        assert!(
            guesses
                .check(address("192.0.2.7"), Some(&client), NOW.plus(1))
                .is_ok()
        );
    }

    #[test]
    fn the_map_is_bounded() {
        let guesses = Guesses::default();
        for number in 0..70_000_u32 {
            let address = IpAddr::from(std::net::Ipv4Addr::from(number));
            guesses.failed(Some(address), None, NOW);
        }
        assert!(guesses.0.lock().unwrap().len() <= MAX + 1);
        assert!(guesses.check(address("203.0.113.1"), None, NOW).is_err());
        // What is forgiven makes room.
        guesses.failed(address("203.0.113.1"), None, NOW.plus(600));
        assert_eq!(guesses.0.lock().unwrap().len(), 1);
    }
}
