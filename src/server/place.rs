//! A connection's place with its worker.

use std::{net::IpAddr, rc::Rc};

use super::{addresses::Claim, client::Client, seat::Seat, worker::Shop};
use crate::{gateway::Door, telemetry::Closed};

/// A place among the connections of a worker; given back when it is dropped, the seat first: whoever
/// sees that a connection is gone may count on it.
pub(super) struct Place {
    seat: Seat,
    entry: Entry,
}

/// That a client is here.
struct Entry {
    shop: Rc<Shop>,
    id: u64,
}

/// That a connection is awake, until it is dropped.
pub(super) struct Waking<'p> {
    place: &'p Place,
    client: &'p Client,
}

impl Place {
    /// The place of the client with the number `id`.
    pub(super) const fn new(seat: Seat, shop: Rc<Shop>, id: u64) -> Self {
        let entry = Entry { shop, id };
        Self { seat, entry }
    }

    /// The worker's own.
    pub(super) fn shop(&self) -> &Rc<Shop> {
        &self.entry.shop
    }

    /// The place is that of a client at `address` from now on, whom a balancer has named.
    pub(super) fn changes_hands(&self, address: Option<IpAddr>) -> Rc<Client> {
        self.shop().admit_at(self.entry.id, address, Door::Public)
    }

    /// It is counted for its address by `claim`, where that has a limit.
    pub(super) fn counts_for(&mut self, claim: Option<Claim>) {
        self.seat.counts_for(claim);
    }

    /// The connection of `client`, whose place it is, is awake.
    pub(super) fn wakes<'p>(&'p self, client: &'p Rc<Client>) -> Waking<'p> {
        self.seat.wakes();
        self.shop().awake.enter(client);
        Waking {
            place: self,
            client,
        }
    }
}

impl Drop for Waking<'_> {
    fn drop(&mut self) {
        self.place.shop().awake.leave(self.client);
        self.place.seat.rests();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut clients = self.shop.clients.borrow_mut();
        let client = clients.remove(&self.id);
        let metrics = self.shop.gateway.metrics();
        metrics.connections.dec();
        metrics.connections_closed.inc(if std::thread::panicking() {
            Closed::Panic
        } else {
            client.map_or(Closed::Client, |client| client.closed())
        });
        if clients.is_empty() {
            self.shop.emptied.notify_one();
        }
    }
}
