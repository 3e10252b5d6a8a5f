//! A whole gateway in this process: the configuration's text goes in, addresses come out.

use std::{net::SocketAddr, path::Path};

use super::client::AdminAddress;
use portcullis::{
    app::{App, Running},
    clock::Clock,
    config,
    forward::balance::Resolver,
};

/// A gateway that serves on ports of its own; it drains when it is dropped.
pub(crate) struct Gateway {
    running: Option<Running>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Gateway {
    /// Starts a gateway with the configuration `text`. Relative paths in it are relative to `base`.
    ///
    /// # Panics
    /// With every error of the configuration, when it has one.
    pub(crate) fn start(
        text: &str,
        base: &Path,
        clock: &Clock,
        resolver: Option<Resolver>,
    ) -> Self {
        let config = config::parse("test.toml", text, base, &|_| None, clock);
        Self::run(
            config.unwrap_or_else(|report| panic!("{report:?}\n{text}")),
            clock,
            resolver,
        )
    }

    /// As [`Gateway::start`], with the configuration in `file`.
    pub(crate) fn start_from(file: &Path, clock: &Clock, resolver: Option<Resolver>) -> Self {
        let config = config::load(file, clock);
        Self::run(
            config.unwrap_or_else(|report| panic!("{report:?}")),
            clock,
            resolver,
        )
    }

    fn run(config: config::Config, clock: &Clock, resolver: Option<Resolver>) -> Self {
        let mut app = App::bind(config, clock.clone()).unwrap();
        if let Some(resolver) = resolver {
            app = app.resolving_with(resolver);
        }
        let running = app.start().unwrap();
        // One that forwards nothing is asked.
        let mut addresses = running.addresses().iter().chain(running.authorizers());
        Self {
            address: *addresses.next().unwrap(),
            admin: running.admin_address(),
            running: Some(running),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin listener is.
    pub(crate) fn admin(&self) -> AdminAddress {
        AdminAddress(self.admin.unwrap())
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Reads the keys of the issuer `name` now, and returns when that has ended, well or not.
    pub(crate) fn refresh(&self, name: &str) {
        let snapshot = self.running().gateway().snapshot();
        let issuer = snapshot.policy.registry.get(name).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(issuer.keys.refresh_now());
    }

    /// Drains; true if every request finished in time.
    pub(crate) fn drain(mut self) -> bool {
        self.running.take().unwrap().drain()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A test that has failed does not wait for its requests as well.
        if let Some(running) = self.running.take()
            && !std::thread::panicking()
        {
            running.drain();
        }
    }
}
