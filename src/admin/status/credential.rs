//! What `/status` says of an upstream's credential.

use serde::Serialize;

use crate::outbound::Credential;

/// The credential of one upstream.
#[derive(Serialize)]
pub(super) struct CredentialStatus<'s> {
    upstream: &'s str,
    kind: &'static str,
    header: &'s str,
    /// How many tokens are kept.
    tokens: usize,
    fetched: u64,
    refused: u64,
    unavailable: u64,
    last_fetched_at: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<String>,
}

impl<'s> CredentialStatus<'s> {
    pub(super) fn of(credential: &'s Credential) -> Self {
        let (settings, counts) = (credential.settings(), credential.counts());
        let [(_, fetched), (_, refused), (_, unavailable)] = counts.by_outcome();
        let failure = counts.last_failure();
        let (at, error) = failure.map_or((None, None), |(at, error)| (Some(at), Some(error)));
        Self {
            upstream: credential.upstream(),
            kind: settings.kind.name(),
            header: settings.header.as_str(),
            tokens: credential.tokens(),
            fetched,
            refused,
            unavailable,
            last_fetched_at: counts.last_success().map(|at| at.to_string()),
            last_error: error,
            last_error_at: at.map(|at| at.to_string()),
        }
    }
}
