//! The composition root: a configuration becomes a running gateway, and ends in a clean drain.

use std::net::SocketAddr;

use crate::{clock::Clock, config::Config};

/// A gateway whose sockets are bound and which serves nobody yet.
pub struct App {}

/// A gateway that serves, on threads of its own.
pub struct Running {}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A socket cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address as configured.
        address: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A thread or its runtime cannot be made.
    #[error("cannot start a worker: {0}")]
    Thread(std::io::Error),
}

impl App {
    /// Binds every socket of `config`.
    ///
    /// # Errors
    /// [`AppError`] when one cannot be bound.
    pub fn bind(_config: Config, _clock: Clock) -> Result<Self, AppError> {
        todo!()
    }

    /// Starts the workers, the background work and the admin listener.
    ///
    /// # Errors
    /// [`AppError`] when a thread cannot be started.
    pub fn start(self) -> Result<Running, AppError> {
        todo!()
    }
}

impl Running {
    /// The TCP addresses that it serves on, in the order of the configuration, ports filled in.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        todo!()
    }

    /// The admin listener's address, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// Stops accepting, lets requests finish within the drain time-out, and returns when all is done.
    /// True if every request finished in time.
    pub fn drain(self) -> bool {
        todo!()
    }

    /// Serves until SIGTERM or SIGINT, then drains; a second signal ends at once.
    /// True if every request finished in time.
    pub fn serve_until_signal(self) -> bool {
        todo!()
    }
}
