//! The workers together: how many connections each has, and who gets a new one.
//!
//! The system spreads new connections over the listeners by a hash. With few connections that leaves, by
//! chance, one worker idle while another queues; so whoever accepts one for which another worker has more
//! time hands it over. Only sockets from which nothing was read change hands, once at most.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc;

use super::{
    addresses::{Addresses, Claim},
    load::{AWAKE, Load, ONE},
    seat::Seat,
    socket::Fresh,
};

/// All workers of a gateway.
pub struct Crew {
    desks: Box<[Desk]>,
    /// How many connections all workers have.
    connections: AtomicUsize,
    /// How many of them each address has.
    addresses: Arc<Addresses>,
}

/// One worker's part in its crew.
pub struct Member {
    pub(super) crew: Arc<Crew>,
    pub(super) number: usize,
    /// What the others hand over.
    pub(super) fresh: mpsc::Receiver<Fresh>,
}

struct Desk {
    load: AtomicU64,
    /// How often its worker said that it goes on.
    beats: AtomicU64,
    door: mpsc::Sender<Fresh>,
}

/// How many connections may be on their way to one worker; more are kept by those who accepted them.
const DOOR: usize = 256;

/// How often a count may change under the eyes of the one who compares it.
const TRIES: usize = 8;

impl Crew {
    /// A crew of so many workers, and each one's part in it.
    #[must_use]
    pub fn of(workers: usize) -> (Arc<Self>, Vec<Member>) {
        let (desks, doors): (Vec<_>, Vec<_>) = (0..workers)
            .map(|_| {
                let (door, fresh) = mpsc::channel(DOOR);
                let load = AtomicU64::new(0);
                let beats = AtomicU64::new(0);
                (Desk { load, beats, door }, fresh)
            })
            .unzip();
        let crew = Arc::new(Self {
            desks: desks.into(),
            connections: AtomicUsize::new(0),
            addresses: Arc::new(Addresses::new()),
        });
        let member = |(number, fresh)| Member {
            crew: Arc::clone(&crew),
            number,
            fresh,
        };
        let members = doors.into_iter().enumerate().map(member).collect();
        (crew, members)
    }

    /// What each worker has to do, with the connections that are on their way to it.
    pub fn loads(&self) -> impl Iterator<Item = Load> {
        let load = |desk: &Desk| Load(desk.load.load(Ordering::Relaxed));
        self.desks.iter().map(load)
    }

    /// How often each worker said that it goes on: one that stands still hangs.
    pub fn beats(&self) -> impl Iterator<Item = u64> {
        self.desks
            .iter()
            .map(|desk| desk.beats.load(Ordering::Relaxed))
    }

    /// Worker `number` goes on.
    pub(super) fn beat(&self, number: usize) {
        if let Some(desk) = self.desks.get(number) {
            desk.beats.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A seat for a connection that worker `own` has accepted, at whoever has most time for it; `None`
    /// when there are `limit` connections already.
    pub(super) fn seat(self: &Arc<Self>, own: usize, limit: usize) -> Option<Seat> {
        if self.connections.fetch_add(1, Ordering::Relaxed) >= limit {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Seat::new(Arc::clone(self), self.choose(own)))
    }

    /// Counts one more connection for `address`; `None` when it has `limit` already.
    pub(super) fn claim(&self, address: IpAddr, limit: usize) -> Option<Claim> {
        self.addresses.claim(address, limit)
    }

    /// Hands a connection to the worker at whose desk its seat is; back it comes when that one has
    /// no time to open.
    pub(super) fn hand_over(&self, fresh: Fresh) -> Result<(), Fresh> {
        let Some(desk) = self.desks.get(fresh.seat.number()) else {
            return Err(fresh);
        };
        desk.door.try_send(fresh).map_err(|error| match error {
            mpsc::error::TrySendError::Full(fresh) | mpsc::error::TrySendError::Closed(fresh) => {
                fresh
            }
        })
    }

    /// Gives a seat back that was at the desk of worker `number`.
    pub(super) fn give_back(&self, number: usize, what: u64) {
        self.take(number, what);
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn add(&self, number: usize, what: u64) {
        if let Some(desk) = self.desks.get(number) {
            desk.load.fetch_add(what, Ordering::Relaxed);
        }
    }

    pub(super) fn take(&self, number: usize, what: u64) {
        if let Some(desk) = self.desks.get(number) {
            desk.load.fetch_sub(what, Ordering::Relaxed);
        }
    }

    /// The worker who gets one more connection, which is counted already.
    fn choose(&self, own: usize) -> usize {
        for _ in 0..TRIES {
            let Some((chosen, seen)) = self.lightest(own) else {
                break;
            };
            let Some(desk) = self.desks.get(chosen) else {
                break;
            };
            // Whoever counts in the same moment sees this one, or is seen.
            let counted = desk.load.compare_exchange(
                seen.0,
                seen.0.wrapping_add(ONE + AWAKE),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if counted.is_ok() {
                return chosen;
            }
        }
        self.add(own, ONE + AWAKE);
        own
    }

    /// The worker with the least to do; `own` unless another has clearly less.
    fn lightest(&self, own: usize) -> Option<(usize, Load)> {
        let mine = self.loads().nth(own)?;
        let (other, least) = self.loads().enumerate().min_by_key(|(_, load)| *load)?;
        Some(if mine.is_above(least) {
            (other, least)
        } else {
            (own, mine)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 10_000;

    fn counts(crew: &Crew) -> Vec<u32> {
        crew.loads().map(Load::all).collect()
    }

    fn awake(crew: &Crew) -> Vec<u32> {
        crew.loads().map(Load::awake).collect()
    }

    fn fill(crew: &Arc<Crew>, own: usize, count: usize) -> Vec<Seat> {
        (0..count).map(|_| crew.seat(own, MANY).unwrap()).collect()
    }

    #[test]
    fn four_connections_are_two_and_two_whoever_accepts_them() {
        for accepted_by in 0..16_usize {
            let (crew, _members) = Crew::of(2);
            let _seats: Vec<_> = (0..4)
                .map(|n| crew.seat(accepted_by >> n & 1, MANY).unwrap())
                .collect();
            assert_eq!(counts(&crew), [2, 2], "{accepted_by:04b}");
        }
    }

    #[test]
    fn threads_that_accept_at_once_are_no_less_fair() {
        let (crew, _members) = Crew::of(2);
        let filling = |own: usize| {
            let crew = Arc::clone(&crew);
            std::thread::spawn(move || fill(&crew, own, 2))
        };
        let threads = [filling(0), filling(0)];
        let _seats = threads.map(|thread| thread.join().unwrap());
        assert_eq!(counts(&crew), [2, 2]);
    }

    #[test]
    fn a_connection_stays_where_it_is_when_nobody_has_clearly_less() {
        let (crew, _members) = Crew::of(2);
        let even: Vec<_> = (0..80).flat_map(|n| fill(&crew, n & 1, 1)).collect();
        assert_eq!(counts(&crew), [40, 40]);
        let more: Vec<_> = (0..5).map(|_| crew.seat(0, MANY).unwrap()).collect();
        assert!(more.iter().all(|seat| seat.is_at(0)));
        assert!(crew.seat(0, MANY).unwrap().is_at(0));
        let _one_more = crew.seat(0, MANY).unwrap();
        assert!(crew.seat(0, MANY).unwrap().is_at(1));
        drop(even);
    }

    #[test]
    fn those_that_rest_count_only_when_nothing_else_differs() {
        let (crew, _members) = Crew::of(2);
        let seats = fill(&crew, 0, 8);
        seats.iter().for_each(Seat::rests);
        let busy = fill(&crew, 0, 1);
        assert!(busy[0].is_at(0));
        assert!(fill(&crew, 0, 1)[0].is_at(1), "the other has none awake");
        busy[0].rests();
        busy[0].rests();
        assert_eq!(awake(&crew), [0, 0]);
        busy[0].wakes();
        busy[0].wakes();
        assert_eq!(awake(&crew), [1, 0]);
    }

    #[test]
    fn there_are_no_more_seats_than_the_limit_and_each_comes_back() {
        let (crew, _members) = Crew::of(3);
        let mut seats: Vec<_> = (0..5).map_while(|_| crew.seat(1, 4)).collect();
        assert_eq!(seats.len(), 4);
        assert!(crew.seat(0, 4).is_none());
        assert_eq!(counts(&crew).iter().sum::<u32>(), 4);
        seats[0].rests();
        seats[0].move_to(2);
        drop(seats);
        assert!(crew.loads().all(|load| load == Load::default()));
        assert!(crew.seat(0, 1).is_some());
    }
}
