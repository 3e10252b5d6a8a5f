//! Asking an issuer about a token: whether it is active (RFC 7662), or whose it is (OpenID Connect
//! Core 1.0 §5.3).
//!
//! [`Introspection::ask`] alone makes a [`Vouched`]. What it learns is remembered for a short while, and
//! requests with one token share one call.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use reqwest::Client;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{clock::UnixTime, jose::json::Object};

mod answer;
mod call;
mod client;
mod flight;
mod memory;
mod settings;

pub use call::CallError;
pub use settings::{Authentication, Credentials, Jwt, Method, Settings};

use flight::Flights;
use memory::{Digest, Memory};

/// The most bytes that an answer may have: 64 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// What an issuer said of a token that it calls active. Cloning shares it.
///
/// Only [`Introspection::ask`] makes one:
///
/// ```compile_fail,E0423
/// use portcullis::introspection::Vouched;
///
/// fn forge() -> Vouched {
///     Vouched(Default::default())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Vouched(Arc<Object>);

/// One issuer's endpoint, and what it said lately. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Introspection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: Arc<str>,
    settings: Settings,
    client: OnceLock<Result<Client, CallError>>,
    memory: Memory,
    flights: Flights,
    counts: Counts,
}

/// What came of calls.
#[derive(Debug, Default)]
struct Counts {
    active: AtomicU64,
    inactive: AtomicU64,
    failure: AtomicU64,
}

/// What came of asking.
type Outcome = Result<Vouched, IntrospectionError>;

/// Why an issuer does not vouch for a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntrospectionError {
    /// It says so: unknown, expired, revoked, or not for us to know.
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// It is active, and something else: a refresh token, or one that is bound to a key.
    #[error("the issuer says that the token is no bearer access token")]
    OtherType,
    /// What the issuer says is not about the token that was verified here.
    #[error("the issuer's answer has another \"iss\" or \"sub\" than the token")]
    OtherToken,
    /// No access token looks like this (RFC 6749 appendix A.12): nobody was asked.
    #[error("the token holds characters that no access token has")]
    Characters,
    /// There is no room for one more call: nobody was asked.
    #[error("\"server.limits.introspection_calls\" calls are under way")]
    Busy,
    /// It could not be asked, or not be understood.
    #[error("the issuer's introspection endpoint is of no use: {0}")]
    Unavailable(#[from] CallError),
}

/// Whether `token` has neither the three parts of a signed JWT nor the five of an encrypted one.
#[must_use]
pub fn is_opaque(token: &[u8]) -> bool {
    !matches!(memchr::memchr_iter(b'.', token).take(5).count(), 2 | 4)
}

impl Vouched {
    /// What the issuer said, which nobody has checked yet. `iss` is there: if the issuer left it out,
    /// it is the issuer's name.
    #[must_use]
    pub fn claims(&self) -> &Object {
        &self.0
    }
}

impl Introspection {
    /// The endpoint of `issuer`.
    #[must_use]
    pub fn new(issuer: Arc<str>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            issuer,
            settings,
            client: OnceLock::new(),
            memory: Memory::default(),
            flights: Flights::default(),
            counts: Counts::default(),
        }))
    }

    /// How it is asked.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// How many calls ended in which way; what was answered from memory is not counted.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let Counts {
            active,
            inactive,
            failure,
        } = &self.0.counts;
        [
            ("active", active.load(Relaxed)),
            ("inactive", inactive.load(Relaxed)),
            ("failure", failure.load(Relaxed)),
        ]
    }

    /// Remembers no more than half of what it remembers now; without `cut`, again as much as ever.
    pub fn cut_memory(&self, cut: bool) {
        self.0.memory.cut(cut);
    }

    /// What the issuer says of `token`, from memory if it was asked lately. Each of `calls` is leave for
    /// one call; waiting for the call of another request needs none.
    ///
    /// # Errors
    /// [`IntrospectionError`] when it does not vouch for the token, whatever the reason.
    pub async fn ask(
        &self,
        token: &[u8],
        now: UnixTime,
        calls: &Arc<Semaphore>,
    ) -> Result<Vouched, IntrospectionError> {
        // RFC 6749 appendix A.12. Nothing else may reach a header of ours.
        if !token.iter().all(|b| matches!(b, 0x21..=0x7e)) {
            return Err(IntrospectionError::Characters);
        }
        let digest = Digest::of(token);
        if let Some(known) = self.0.memory.find(&digest, now) {
            return known;
        }
        let inner = Arc::clone(&self.0);
        let bytes = Zeroizing::new(token.to_vec());
        let call = async move {
            let outcome = inner.call(&bytes).await;
            inner.counts.count(&outcome);
            inner
                .memory
                .keep(digest, &outcome, now, inner.settings.cache);
            outcome
        };
        let known = || self.0.memory.find(&digest, now);
        self.0.flights.join(digest, known, calls, call).await
    }
}

impl Counts {
    fn count(&self, outcome: &Outcome) {
        let counter = match outcome {
            Ok(_) => &self.active,
            Err(IntrospectionError::Unavailable(_)) => &self.failure,
            Err(_) => &self.inactive,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl Inner {
    async fn call(&self, token: &[u8]) -> Outcome {
        let settings = &self.settings;
        let client = self.client.get_or_init(|| client::of(settings));
        let client = client.as_ref().map_err(Clone::clone)?;
        // One limit over everything: a body that drips in does not stretch it.
        let call = call::call(client, settings, token);
        let limit = settings.timeout;
        let body = tokio::time::timeout(limit, call)
            .await
            .unwrap_or(Err(CallError::Timeout(limit).into()))?;
        match settings.method {
            Method::Introspect => answer::introspected(body, &self.issuer),
            Method::Userinfo => answer::userinfo(body, &self.issuer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_other_parts_than_a_jwt_is_opaque() {
        for opaque in [
            "",
            "a",
            "a.b",
            ".",
            "a.b.c.d",
            "...",
            "a.b.c.d.e.f",
            ".....",
        ] {
            assert!(is_opaque(opaque.as_bytes()), "{opaque}");
        }
        for jwt in ["a.b.c", "..", "a.b.", "a.b.c.d.e", "...."] {
            assert!(!is_opaque(jwt.as_bytes()), "{jwt}");
        }
    }
}
