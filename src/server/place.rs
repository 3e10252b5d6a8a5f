//! A connection's place with its worker.

use std::rc::Rc;

use super::{client::Client, seat::Seat, worker::Shop};

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
        clients.remove(&self.id);
        self.shop.gateway.metrics().connections.dec();
        if clients.is_empty() {
            self.shop.emptied.notify_one();
        }
    }
}
