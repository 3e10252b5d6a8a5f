//! A gateway beside the running one, for whoever asks what would become of a request.

use super::*;
use crate::{clock::UnixTime, secret::Secret};

impl Gateway {
    /// A gateway that decides as this one does at `at`, or now, and leaves no trace in it: it has the same
    /// snapshot, keys, store and session keys, and a proof cache and counters of its own.
    ///
    /// The times of what is asked of others (an issuer about a token, a directory) stay those of this one's clock,
    /// so that no answer is remembered for longer than it holds.
    #[must_use]
    pub fn aside(&self, at: Option<UnixTime>) -> Self {
        Self {
            snapshot: ArcSwap::new(self.snapshot()),
            proofs: Proofs::default(),
            decryption: Decryption::default(),
            limits: self.limits.clone(),
            clock: at.map_or_else(|| self.clock.clone(), Clock::standing_at),
            present: Some(self.clock.clone()),
            metrics: Arc::default(),
            store: Arc::clone(&self.store),
            records: Arc::clone(&self.records),
            guesses: Guesses::default(),
            session_keys: self.session_keys.clone(),
            calls: Arc::clone(&self.calls),
            pressure: Pressure::default(),
            on_store_failure: self.on_store_failure,
            counters: Arc::clone(&self.counters),
            access_log: None,
            tracing: Tracing::default(),
            refusals: Refusals::default(),
        }
    }

    /// Its policy, if nobody else has it.
    #[must_use]
    pub fn into_policy(self) -> Option<Policy> {
        Some(Arc::into_inner(self.snapshot.into_inner())?.policy)
    }

    /// What the gateway answers itself, so that no route sees it; `head` is as it came.
    #[must_use]
    pub fn answers_itself(&self, head: &Parts) -> Option<&'static str> {
        let snapshot = self.snapshot();
        if snapshot
            .metadata
            .as_ref()
            .and_then(|m| m.at(head))
            .is_some()
        {
            Some("the document about its resources (RFC 9728)")
        } else if login::end_asked_for(&snapshot, head).is_some() {
            Some("the end of a session")
        } else {
            token_endpoint::asked_for(&snapshot, head).map(|_| "its token service")
        }
    }

    /// The time at which others are asked; that of its clock unless it is beside another gateway.
    pub(super) fn present(&self) -> UnixTime {
        self.present.as_ref().unwrap_or(&self.clock).now()
    }

    /// The token that a request carries where its route looks for one; `body` is the whole of its body.
    #[must_use]
    pub fn token_of(&self, head: &Parts, body: &[u8], peer: Option<IpAddr>) -> Option<Secret> {
        let route = self.route_for(head.clone(), peer)?;
        let form = token::wants_form(head, &route.token).then_some(body);
        match token::extract(head, form, &route.token) {
            Ok(Presented::Token(token)) => Some(Secret::new(token.expose().to_vec())),
            Ok(Presented::None(_)) | Err(_) => None,
        }
    }
}
