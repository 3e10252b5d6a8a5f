//! The connections to a directory: a bounded number, used again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{LdapError, connection::Connection};

/// Connections that wait for work, and a bound on how many there are.
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    room: Semaphore,
}

impl Pool {
    /// At most `size` connections.
    pub(super) fn new(size: usize) -> Self {
        Self {
            idle: Mutex::default(),
            room: Semaphore::new(size),
        }
    }

    /// Waits for leave to use one.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, LdapError> {
        let permit = self.room.acquire().await;
        permit.map_err(|_| LdapError::Overloaded)
    }

    /// One that was used a short while ago.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(Connection::is_fresh);
        idle.pop()
    }

    /// Keeps one for the next question. Whoever returns it still holds its leave.
    pub(super) fn put(&self, connection: Connection) {
        self.idle().push(connection);
    }

    /// Closes those that wait: a server that did not answer on one is on none of them.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
