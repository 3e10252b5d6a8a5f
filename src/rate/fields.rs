//! What responses say of limits: `RateLimit-Policy` and `RateLimit`, as the IETF's draft "RateLimit header fields
//! for HTTP" has them since its eighth version, lists of structured fields (RFC 9651).

use std::{fmt::Write as _, time::Duration};

use http::{HeaderName, HeaderValue, Response};

use super::RateLimit;
use crate::store::Level;

/// What the limits are.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Both fields of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    pub(super) policy: HeaderValue,
    pub(super) left: HeaderValue,
}

impl Fields {
    /// Adds them to `response`. An upstream may have limits of its own, and a list goes on in a further field.
    pub fn write<B>(&self, response: &mut Response<B>) {
        let fields = response.headers_mut();
        fields.append(RATE_LIMIT_POLICY, self.policy.clone());
        fields.append(RATE_LIMIT, self.left.clone());
    }
}

/// `"subject";q=200;w=2`: a bucket of 200 that fills in two seconds. `None` when nothing is told.
pub(super) fn policy(limits: &[RateLimit]) -> Option<HeaderValue> {
    let mut text = String::new();
    for limit in limits.iter().filter(|limit| limit.told) {
        // The interval is rounded up; what that adds is no second.
        let window = Duration::from_millis(limit.rate.whole().as_millis() as u64);
        let (quota, window) = (limit.rate.burst(), seconds(window).max(1));
        let _ = write!(
            text,
            "{}\"{}\";q={quota};w={window}",
            comma(&text),
            limit.name
        );
    }
    value(text)
}

/// `"subject";r=42;t=2`: 42 requests are left, and in two seconds the bucket is full; or, where none is left, in
/// two seconds there is one again.
pub(super) fn left<'l>(
    limits: impl Iterator<Item = (&'l RateLimit, &'l Level)>,
) -> Option<HeaderValue> {
    let mut text = String::new();
    for (limit, level) in limits {
        let (left, reset) = match level.allowed {
            true => (level.remaining, level.reset_after),
            false => (0, level.retry_after),
        };
        let reset = seconds(reset);
        let _ = write!(
            text,
            "{}\"{}\";r={left};t={reset}",
            comma(&text),
            limit.name
        );
    }
    value(text)
}

/// Whole seconds, rounded up: nobody comes too early for it.
pub fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

const fn comma(text: &str) -> &'static str {
    if text.is_empty() { "" } else { ", " }
}

fn value(text: String) -> Option<HeaderValue> {
    let value = HeaderValue::try_from(text).ok();
    value.filter(|value| !value.is_empty())
}
