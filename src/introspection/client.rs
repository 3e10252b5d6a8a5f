//! The HTTP client of one endpoint.

use reqwest::Client;

use super::{CallError, Settings};
use crate::call::{self, Trust};

/// How many connections are kept.
const MAX_IDLE: usize = 16;

/// Makes the client.
///
/// # Errors
/// [`CallError::Trust`].
pub(super) fn of(settings: &Settings) -> Result<Client, CallError> {
    let trust = Trust::of(&settings.endpoint, settings.authorities.as_deref());
    let client = trust.client(call::builder().pool_max_idle_per_host(MAX_IDLE));
    client.map_err(|why| CallError::Trust(why.to_string()))
}
