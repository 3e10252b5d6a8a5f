//! Who is in a refresher's care: issuers come and go while it runs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc::{Receiver, Sender, UnboundedSender, channel};

use super::{Refresher, Slot};
use crate::issuer::{Change, Issuer};

/// Tells a refresher which issuers it has to care for from now on. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Roster {
    asks: UnboundedSender<usize>,
    changes: Sender<Change>,
    /// No place is given twice: an attempt that is under way cannot be taken for another issuer's.
    next: Arc<AtomicUsize>,
}

impl Roster {
    pub(super) fn new(asks: UnboundedSender<usize>) -> (Self, Receiver<Change>) {
        let (changes, told) = channel(1);
        let next = Arc::default();
        let roster = Self {
            asks,
            changes,
            next,
        };
        (roster, told)
    }

    /// Gives a place to each issuer that comes. Once this is done, requests may ask for their keys, and
    /// wait until [`Roster::tell`] has told the refresher.
    pub fn prepare(&self, change: &Change) {
        for issuer in &change.come {
            self.place(issuer);
        }
    }

    /// Tells the refresher: keys of new issuers are read at once, and those of issuers that are gone no
    /// more. For all others nothing happens.
    pub async fn tell(&self, change: Change) {
        // A refresher that has ended needs to know nothing.
        let _ = self.changes.send(change).await;
    }

    pub(super) fn place(&self, issuer: &Issuer) -> usize {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        issuer.keys.attach(self.asks.clone(), index);
        index
    }
}

impl Refresher {
    /// Whom to tell that issuers come or go.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Takes over a change of the registry.
    pub(super) fn change(&mut self, change: Change) {
        let now = super::Instant::now();
        for issuer in change.gone {
            self.dismiss(&issuer);
        }
        for issuer in change.stay {
            let slot = issuer.keys.place().and_then(|i| self.slots.get_mut(&i));
            if let Some(slot) = slot {
                slot.issuer = issuer;
            }
        }
        for issuer in change.come {
            if let Some(index) = issuer.keys.place() {
                self.slots.insert(index, Slot::new(&issuer));
                self.schedule.set(index, now);
                if issuer.keys.is_asked() {
                    // Somebody was faster than this news, and does not queue behind slow providers.
                    self.asked.push_back(index);
                }
            }
        }
    }

    /// Whoever waits for an attempt that is under way still gets what comes of it.
    fn dismiss(&mut self, issuer: &Issuer) {
        let Some(index) = issuer.keys.place() else {
            return;
        };
        self.schedule.clear(index);
        if self.places.values().any(|place| *place == index) {
            if let Some(slot) = self.slots.get_mut(&index) {
                slot.is_leaving = true;
            }
        } else {
            self.slots.remove(&index);
            issuer.keys.detach();
        }
    }
}
