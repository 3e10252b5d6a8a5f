//! What a running gateway cannot change.

use crate::{
    access_log,
    config::{Config, Report},
    issuer::KeyCache,
    server, spans, store,
};

/// The settings that are laid down when a gateway starts.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    server: server::Settings,
    admin: Option<server::ListenAddress>,
    refusals: Option<usize>,
    key_cache: Option<KeyCache>,
    store: store::Settings,
    access_log: Option<access_log::Settings>,
    tracing: spans::Settings,
    has_tls: bool,
}

impl Fixed {
    /// Those of `config`.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            server: config.server.clone(),
            admin: config.admin.as_ref().map(|admin| admin.listen.clone()),
            refusals: config.admin.as_ref().map(|admin| admin.refusals),
            key_cache: config.key_cache.clone(),
            store: config.store.clone(),
            access_log: config.access_log.clone(),
            tracing: config.tracing.clone(),
            has_tls: config.policy.tls.is_some(),
        }
    }

    /// Refuses a configuration that says something else about them. Half of it would be no
    /// configuration that anybody wrote.
    ///
    /// # Errors
    /// A [`Report`] that names each of them.
    pub(super) fn check(&self, config: &Config) -> Result<(), Report> {
        let new = Self::of(config);
        let changed = [
            ("server.listen", self.server.listen != new.server.listen),
            (
                "authorizers.listen",
                self.server.authorizers != new.server.authorizers,
            ),
            ("server.workers", self.server.workers != new.server.workers),
            (
                "server.proxy_protocol",
                self.server.proxy_protocol != new.server.proxy_protocol,
            ),
            ("server.http2", self.server.http2 != new.server.http2),
            (
                "server.http2_cleartext",
                self.server.http2_cleartext != new.server.http2_cleartext,
            ),
            ("server.limits", self.server.limits != new.server.limits),
            // New connections would be plain for clients that were promised they are not.
            ("server.tls", self.has_tls != new.has_tls),
            ("admin.listen", self.admin != new.admin),
            ("admin.refusals", self.refusals != new.refusals),
            ("key_cache_dir", self.key_cache != new.key_cache),
            ("access_log", self.access_log != new.access_log),
            ("store.max_entries", self.store.entries != new.store.entries),
            ("store.path", self.store.path != new.store.path),
            ("store.max_size", self.store.max_size != new.store.max_size),
            ("tracing", self.tracing != new.tracing),
            // And what stands beside it: the server, its password and its certificates.
            ("store.url", self.store.redis != new.store.redis),
            (
                "store.on_failure",
                self.store.on_failure != new.store.on_failure,
            ),
        ];
        let messages: Vec<_> = changed
            .into_iter()
            .filter(|(_, changed)| *changed)
            .map(|(key, _)| {
                format!(
                    "\"{key}\" changed, and needs a restart: restart the gateway, or put it back"
                )
            })
            .collect();
        if messages.is_empty() {
            Ok(())
        } else {
            Err(Report::of(messages))
        }
    }
}
