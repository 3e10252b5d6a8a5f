//! One worker's connections to one upstream: a lane for each of its addresses.

use super::*;
use crate::{
    clock::Clock,
    forward::balance::{Nowhere, Tried},
};

/// The connections to all addresses of one upstream.
pub struct Lanes {
    group: Arc<Group>,
    /// The lane to the only address.
    only: Option<Rc<Connections>>,
    /// The others, as far as they were used.
    lanes: RefCell<Vec<Rc<Connections>>>,
    is_retired: Cell<bool>,
}

impl Lanes {
    pub(super) fn new(upstream: &Upstream) -> Rc<Self> {
        let group = &upstream.group;
        let only = group.only().map(|only| Connections::new(group, only));
        Rc::new(Self {
            group: Arc::clone(group),
            only,
            lanes: RefCell::default(),
            is_retired: Cell::new(false),
        })
    }

    /// For one request only: nothing is kept.
    pub(super) fn for_once(upstream: &Upstream) -> Rc<Self> {
        let lanes = Self::new(upstream);
        lanes.retire();
        lanes
    }

    /// Whether they lead to the very same upstream.
    pub(super) fn are_of(&self, upstream: &Upstream) -> bool {
        Arc::ptr_eq(&self.group, &upstream.group)
    }

    /// The lane to the only address, where there is nothing to choose and nothing to count.
    pub(in super::super) const fn only(&self) -> Option<&Rc<Connections>> {
        self.only.as_ref()
    }

    /// The upstream itself.
    pub(in super::super) const fn group(&self) -> &Arc<Group> {
        &self.group
    }

    /// A place for a request, at an address that is chosen here. Waits where that is configured.
    ///
    /// # Errors
    /// [`ForwardError::Full`] when there is no place in time, [`ForwardError::Lookup`] when there is no
    /// address; `Ok(None)` when no connection could be made to any of them.
    pub(in super::super) async fn enter(
        &self,
        upstream: &Upstream,
        tried: &Tried,
        clock: &Clock,
    ) -> Result<Option<Stay>, ForwardError> {
        let share = &self.group.settings().share;
        let is_crowded = share.requests != 0 && self.group.waiting() > 0;
        let mut found = match is_crowded {
            true => Ok(None),
            false => self.group.enter(tried, clock),
        };
        if matches!(found, Err(Nowhere::NoAddress)) {
            self.group.first_address(upstream.connect_timeout).await?;
            found = self.group.enter(tried, clock);
        }
        match found {
            Ok(Some(endpoint)) => Ok(Some(self.stay(&endpoint))),
            Err(_) => Ok(None),
            Ok(None) => {
                let queue = &self.group.queue;
                let waiting = queue.join(share.queue).ok_or(ForwardError::Full)?;
                let entering = waiting.until(|| match self.group.enter(tried, clock) {
                    Ok(Some(endpoint)) => Some(Some(self.stay(&endpoint))),
                    Ok(None) => None,
                    Err(_) => Some(None),
                });
                let entered = tokio::time::timeout(share.queue_timeout, entering).await;
                entered.map_err(|_| ForwardError::Full)
            }
        }
    }

    /// The place of a request that was counted at `endpoint`.
    fn stay(&self, endpoint: &Arc<Endpoint>) -> Stay {
        let mut lanes = self.lanes.borrow_mut();
        let known = lanes
            .iter()
            .find(|one| Arc::ptr_eq(&one.endpoint, endpoint));
        if let Some(connections) = known {
            return connections.stay();
        }
        let connections = Connections::new(&self.group, endpoint);
        connections.is_retired.set(self.is_retired.get());
        let stay = connections.stay();
        lanes.push(connections);
        stay
    }

    /// Gives up buffers that are not needed, and connections to addresses that have gone.
    pub(super) fn look(&self, now: Instant) {
        if let Some(only) = &self.only {
            return only.look(now);
        }
        let endpoints = self.group.endpoints();
        let is_there = |lane: &Rc<Connections>| {
            let mut all = endpoints.iter();
            all.any(|endpoint| Arc::ptr_eq(endpoint, &lane.endpoint))
        };
        self.lanes.borrow_mut().retain(|lane| {
            let stays = is_there(lane);
            if stays {
                lane.look(now);
            } else {
                lane.retire();
            }
            stays
        });
    }

    /// Lets go of all connections, and keeps none from now on.
    pub(super) fn retire(&self) {
        self.is_retired.set(true);
        self.only.iter().for_each(|lane| lane.retire());
        let lanes = self.lanes.borrow();
        lanes.iter().for_each(|lane| lane.retire());
    }
}
