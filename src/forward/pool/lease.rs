//! A connection in use, and the place that its request takes.

use super::{
    super::{balance::Server, connect},
    Connections, ForwardError, Look, Rc, Upstream, Wire,
};

/// A connection in use. It goes back to the pool only by [`Lease::give_back`].
pub(in super::super) struct Lease {
    wire: Option<Box<Wire>>,
    stay: Option<Stay>,
    /// Whether it has carried a request before this one.
    pub(in super::super) reused: bool,
}

/// That a request is under way at an address, until it is dropped.
pub(in super::super) struct Stay {
    home: Rc<Connections>,
}

impl Stay {
    /// One at `home`, where it was counted.
    pub(super) fn at(home: &Rc<Connections>) -> Self {
        let home = Rc::clone(home);
        Self { home }
    }

    /// The connections that it takes one of.
    pub(in super::super) const fn lane(&self) -> &Rc<Connections> {
        &self.home
    }

    /// As [`Connections::lease`].
    pub(in super::super) async fn lease(
        self,
        upstream: &Upstream,
        look: Look,
    ) -> Result<Lease, ForwardError> {
        match self.home.unused(upstream, look) {
            Some(wire) => Ok(Lease::of(wire, self, true)),
            None => self.new_lease(upstream).await,
        }
    }

    /// As [`Connections::new_lease`].
    pub(in super::super) async fn new_lease(
        self,
        upstream: &Upstream,
    ) -> Result<Lease, ForwardError> {
        let wire = connect::connect(upstream, &self.home.endpoint).await?;
        Ok(Lease::of(Box::new(wire), self, false))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.home.slot.ends();
        if self.home.is_shared {
            self.home.endpoint.leave();
            if self.home.group.waiting() > 0 {
                self.home.group.queue.frees();
            }
        }
    }
}

impl Lease {
    pub(super) const fn of(wire: Box<Wire>, stay: Stay, reused: bool) -> Self {
        Self {
            wire: Some(wire),
            stay: Some(stay),
            reused,
        }
    }

    /// The connection itself; `None` once it was given back or discarded.
    pub(in super::super) fn wire(&mut self) -> Option<&mut Wire> {
        self.wire.as_deref_mut()
    }

    /// As [`Lease::wire`], and where it leads.
    pub(in super::super) fn wire_of(&mut self) -> Option<(&mut Wire, &Server)> {
        let stay = self.stay.as_ref()?;
        Some((self.wire.as_deref_mut()?, &stay.home.endpoint.server))
    }

    /// As [`Lease::wire`], to look at.
    pub(in super::super) fn wire_ref(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    /// Gives the connection back for the next request.
    pub(in super::super) fn give_back(&mut self) {
        if let (Some(wire), Some(stay)) = (self.wire.take(), self.stay.take()) {
            stay.home.keep(wire);
        }
    }

    /// Hands the connection over; this lease has none any more.
    pub(in super::super) fn take(&mut self) -> Self {
        Self {
            wire: self.wire.take(),
            stay: self.stay.take(),
            reused: self.reused,
        }
    }

    /// Never uses the connection again.
    pub(in super::super) fn discard(&mut self) {
        self.wire = None;
        self.stay = None;
    }
}
