//! What `/status` says of one issuer and of each of its keys.

use serde::Serialize;

use crate::{
    clock::UnixTime,
    issuer::{Issuer, KeySource, KeysStatus, warning},
    jose::{Algorithm, Key, jwk::Skipped},
};

#[derive(Serialize)]
pub(super) struct IssuerStatus<'s> {
    issuer: &'s str,
    active: bool,
    /// Whether tokens of it can be accepted now.
    ready: bool,
    source_kind: &'static str,
    source: String,
    jwks_uri: Option<String>,
    keys: Vec<KeyStatus>,
    skipped: Vec<SkippedKey>,
    restored: bool,
    cache_error: Option<String>,
    age_seconds: Option<i64>,
    read_at: Option<String>,
    tried_at: Option<String>,
    next_at: Option<String>,
    next_in_seconds: Option<i64>,
    fetches: u64,
    failures: u64,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct KeyStatus {
    kid: Option<String>,
    kty: &'static str,
    algorithms: Vec<&'static str>,
    /// Whether it is within the time of its certificate, where it has one.
    in_time: bool,
    /// Not of a shared secret: it would help whoever guesses at it (RFC 7638 §7).
    thumbprint: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    warning: Option<String>,
}

#[derive(Serialize)]
struct SkippedKey {
    position: usize,
    kid: Option<String>,
    reason: String,
}

impl<'s> IssuerStatus<'s> {
    pub(super) fn of(issuer: &'s Issuer, now: UnixTime) -> Self {
        let KeysStatus {
            read_at,
            tried_at,
            next_at,
            error,
            jwks_uri,
            restored,
            cache_error,
            successes,
            failures,
        } = issuer.keys.status();
        let set = issuer.keys.current();
        let keys = set.iter().flat_map(|set| &set.keys);
        let skipped = set.iter().flat_map(|set| &set.skipped);
        let text = |time: Option<UnixTime>| time.map(|time| time.to_string());
        Self {
            issuer: &issuer.name,
            active: issuer.active,
            ready: issuer.active && issuer.is_ready(),
            source_kind: issuer.keys.source().kind(),
            source: match issuer.keys.source() {
                KeySource::Remote(remote) => remote.uri.to_string(),
                KeySource::File(file) => file.path.display().to_string(),
                KeySource::Fixed(_) => "the configuration".to_owned(),
            },
            jwks_uri,
            keys: keys.map(|key| KeyStatus::of(key, now)).collect(),
            skipped: skipped.map(SkippedKey::of).collect(),
            restored,
            cache_error,
            age_seconds: read_at.map(|read_at| now.since(read_at)),
            read_at: text(read_at),
            tried_at: text(tried_at),
            next_at: text(next_at),
            next_in_seconds: next_at.map(|next_at| next_at.since(now).max(0)),
            fetches: successes,
            failures,
            last_error: error,
        }
    }
}

impl KeyStatus {
    fn of(key: &Key, now: UnixTime) -> Self {
        let (start, end) = match key.validity() {
            Some(validity) => (Some(validity.not_before), Some(validity.not_after)),
            None => (None, None),
        };
        let text = |time: Option<i64>| time.map(|time| UnixTime(time).to_string());
        Self {
            kid: key.kid().map(str::to_owned),
            kty: key.kty(),
            algorithms: key.algorithms().iter().map(Algorithm::name).collect(),
            in_time: key.is_valid_at(now.0),
            thumbprint: key
                .public_thumbprint()
                .map(|thumbprint| thumbprint.to_string()),
            not_before: text(start),
            not_after: text(end),
            warning: warning::of(key, now).map(|w| format!("the certificate {w}")),
        }
    }
}

impl SkippedKey {
    fn of(skipped: &Skipped) -> Self {
        Self {
            position: skipped.position,
            kid: skipped.kid.as_deref().map(str::to_owned),
            reason: skipped.reason.to_string(),
        }
    }
}
