//! The addresses that the names of a group stand for now.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{
    super::{Endpoint, Place, Server},
    Arc, ForwardError, Group,
};

impl Group {
    /// Waits until a name was looked up, within `patience`: nobody has an address yet.
    ///
    /// # Errors
    /// [`ForwardError::Lookup`] when there is none.
    pub(in super::super::super) async fn first_address(
        &self,
        patience: Duration,
    ) -> Result<(), ForwardError> {
        let looking = async {
            loop {
                let mut looked_up = std::pin::pin!(self.looked_up.notified());
                looked_up.as_mut().enable();
                if !self.endpoints.load().is_empty() {
                    return Ok(());
                }
                let errors = self.servers.iter().filter_map(|one| one.lookup_error());
                let errors: Vec<_> = errors.collect();
                if errors.len() == self.servers.len() {
                    self.wants_look_up();
                    return Err(ForwardError::Lookup(errors.join("; ").into()));
                }
                looked_up.await;
            }
        };
        let looked = tokio::time::timeout(patience, looking).await;
        looked.unwrap_or(Err(ForwardError::ConnectTimeout))
    }

    /// A connection could not be made: perhaps the addresses are others by now.
    pub(in super::super::super) fn wants_look_up(&self) {
        self.wanted.notify_one();
    }

    pub(in super::super) async fn look_up_is_wanted(&self) {
        self.wanted.notified().await;
    }

    /// The name of `server` has these addresses now. Those that stay keep what is known of them.
    pub(in super::super) fn found(&self, server: &Arc<Server>, addresses: &BTreeSet<SocketAddr>) {
        let before = self.endpoints.load_full();
        let mut endpoints = Vec::new();
        for one in &self.servers {
            let own = before.iter().filter(|old| Arc::ptr_eq(&old.server, one));
            if !Arc::ptr_eq(one, server) {
                endpoints.extend(own.map(Arc::clone));
                continue;
            }
            for address in addresses {
                let place = Place::Tcp(*address);
                let known = own.clone().find(|old| old.place == place);
                endpoints
                    .push(known.map_or_else(|| Arc::new(Endpoint::new(server, place)), Arc::clone));
            }
        }
        let same = endpoints.len() == before.len()
            && endpoints
                .iter()
                .zip(&*before)
                .all(|(new, old)| Arc::ptr_eq(new, old));
        if !same {
            self.endpoints.store(Arc::new(endpoints));
        }
        self.looked_up.notify_waiters();
    }

    /// A look-up failed. What was found before stays.
    pub(in super::super) fn found_nothing(&self) {
        self.looked_up.notify_waiters();
    }
}
