//! Which connections of a worker are awake: they have the HTTP library's buffers, some twenty kilobytes.
//! One that has asked nothing for a while is told to rest, and then takes a fraction of that.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use super::client::Client;

/// The connections that are awake.
#[derive(Default)]
pub(super) struct Awake {
    clients: RefCell<Vec<Rc<Client>>>,
    /// How many came since somebody looked.
    came: Cell<usize>,
}

/// How often the worker looks. Whoever has asked nothing from one look to the next may rest.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// After how many newcomers it looks anyway: a crowd that comes at once and asks once each would else
/// be awake all at the same time.
const CROWD: usize = 64;

impl Awake {
    /// `client` is awake from now on.
    pub(super) fn enter(&self, client: &Rc<Client>) {
        let came = self.came.get() + 1;
        self.came.set(came);
        let count = {
            let mut clients = self.clients.borrow_mut();
            client.wakes(clients.len());
            clients.push(Rc::clone(client));
            clients.len()
        };
        // In relation to their number, so that a newcomer costs the same however many there are.
        if came >= CROWD.max(count / 4) {
            self.look();
        }
    }

    /// `client` is awake no more.
    pub(super) fn leave(&self, client: &Client) {
        let mut clients = self.clients.borrow_mut();
        let place = client.place();
        if place < clients.len() {
            clients.swap_remove(place);
            if let Some(moved) = clients.get(place) {
                moved.moves_to(place);
            }
        }
    }

    /// Tells those to rest that have asked nothing since the last look.
    pub(super) fn look(&self) {
        self.came.set(0);
        for client in self.clients.borrow().iter() {
            client.is_looked_at();
        }
    }
}
