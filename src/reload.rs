//! Reloads of the configuration: who asks for one, and what came of the last.
//!
//! [`Reloads`] is for those who ask, [`Inbox`] for the one who does it.

use std::sync::Arc;

use tokio::sync::{
    mpsc::{self, Receiver, Sender, error::TrySendError},
    oneshot, watch,
};

use crate::clock::UnixTime;

/// Where reloads are asked for. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Reloads {
    orders: Sender<Order>,
    last: watch::Sender<Option<Reload>>,
}

/// What was asked for, for the one who reloads.
#[derive(Debug)]
pub struct Inbox {
    orders: Receiver<Order>,
    last: watch::Sender<Option<Reload>>,
}

/// Somebody wants the configuration read again.
#[derive(Debug)]
pub struct Order {
    /// Why.
    pub cause: Cause,
    answer: Option<oneshot::Sender<Reload>>,
}

/// Why the configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SIGHUP.
    Signal,
    /// One of its files changed.
    File,
    /// `POST /reload` on the admin listener.
    Admin,
}

/// One reload that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When.
    pub at: UnixTime,
    /// Why.
    pub cause: Cause,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new configuration is in force, under this generation.
    Applied(u64),
    /// The configuration says what it said before; this generation stays in force.
    Unchanged(u64),
    /// The new configuration cannot be used, and the old one stays in force. The errors are as `check`
    /// prints them, without secrets.
    Refused(Arc<str>),
}

/// Why nobody reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Too many ask at once.
    #[error("too many reloads are asked for at once: try again")]
    Busy,
    /// The gateway is about to end.
    #[error("the gateway is ending")]
    Ended,
}

/// How many may wait. One reload answers all of them.
const MAX_ORDERS: usize = 16;

impl Reloads {
    /// The two ends.
    #[must_use]
    pub fn new() -> (Self, Inbox) {
        let (sender, orders) = mpsc::channel(MAX_ORDERS);
        let last = watch::Sender::default();
        let inbox = Inbox {
            orders,
            last: last.clone(),
        };
        let reloads = Self {
            orders: sender,
            last,
        };
        (reloads, inbox)
    }

    /// Asks for a reload, and does not wait for it.
    ///
    /// # Errors
    /// [`OrderError`] when there will be none.
    pub fn order(&self, cause: Cause) -> Result<(), OrderError> {
        let answer = None;
        Ok(self.orders.try_send(Order { cause, answer })?)
    }

    /// Asks for a reload that begins after this call, and waits for what comes of it.
    ///
    /// # Errors
    /// [`OrderError`] when there will be none.
    pub async fn ask(&self, cause: Cause) -> Result<Reload, OrderError> {
        let (sender, answer) = oneshot::channel();
        let order = Order {
            cause,
            answer: Some(sender),
        };
        self.orders.try_send(order)?;
        answer.await.map_err(|_| OrderError::Ended)
    }

    /// The last reload, if there was one.
    #[must_use]
    pub fn last(&self) -> Option<Reload> {
        self.last.borrow().clone()
    }

    /// Tells of every reload from now on; one that is followed closely by another may be left out.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Reload>> {
        self.last.subscribe()
    }
}

impl Inbox {
    /// Every order that is there, at least one; `None` when nobody can give any more.
    pub async fn orders(&mut self) -> Option<Vec<Order>> {
        let mut orders = Vec::new();
        let count = self.orders.recv_many(&mut orders, MAX_ORDERS).await;
        (count > 0).then_some(orders)
    }

    /// Tells everybody of `reload`, and those first who asked for it.
    pub fn ended(&self, reload: &Reload, orders: Vec<Order>) {
        self.last.send_replace(Some(reload.clone()));
        for answer in orders.into_iter().filter_map(|order| order.answer) {
            // Whoever does not wait any more needs no answer.
            let _ = answer.send(reload.clone());
        }
    }
}

impl Cause {
    /// Its name in logs and in the status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
            Self::Admin => "admin",
        }
    }
}

impl Outcome {
    /// Its name in metrics, logs and the status.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Unchanged(_) => "unchanged",
            Self::Refused(_) => "refused",
        }
    }

    /// What was wrong, if it was refused.
    #[must_use]
    pub fn errors(&self) -> Option<&str> {
        match self {
            Self::Refused(errors) => Some(errors),
            Self::Applied(_) | Self::Unchanged(_) => None,
        }
    }
}

impl<T> From<TrySendError<T>> for OrderError {
    fn from(error: TrySendError<T>) -> Self {
        match error {
            TrySendError::Full(_) => Self::Busy,
            TrySendError::Closed(_) => Self::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_reload_answers_all_who_wait_and_no_more_may() {
        let (reloads, mut inbox) = Reloads::new();
        let asks = (0..MAX_ORDERS).map(|_| {
            let reloads = reloads.clone();
            tokio::spawn(async move { reloads.ask(Cause::Admin).await })
        });
        let asks: Vec<_> = asks.collect();
        while reloads.orders.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(reloads.order(Cause::Signal), Err(OrderError::Busy));
        let orders = inbox.orders().await.unwrap();
        assert_eq!(orders.len(), MAX_ORDERS);
        let reload = Reload {
            at: UnixTime(7),
            cause: Cause::Admin,
            outcome: Outcome::Unchanged(1),
        };
        inbox.ended(&reload, orders);
        for ask in asks {
            assert_eq!(ask.await.unwrap(), Ok(reload.clone()));
        }
        assert_eq!(reloads.last(), Some(reload));
        assert_eq!(reloads.order(Cause::Signal), Ok(()));
    }

    #[tokio::test]
    async fn nobody_waits_for_who_has_ended() {
        let (reloads, inbox) = Reloads::new();
        let asking = tokio::spawn({
            let reloads = reloads.clone();
            async move { reloads.ask(Cause::Admin).await }
        });
        while reloads.orders.capacity() == MAX_ORDERS {
            tokio::task::yield_now().await;
        }
        drop(inbox);
        assert_eq!(asking.await.unwrap(), Err(OrderError::Ended));
        assert_eq!(reloads.order(Cause::Signal), Err(OrderError::Ended));
    }
}
