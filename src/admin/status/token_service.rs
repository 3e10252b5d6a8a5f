//! The token service in `/status`.

use serde::Serialize;

use crate::{
    clock::UnixTime,
    token_service::{Service, key_name},
};

/// The most clients that are listed.
const MAX: usize = 1000;

/// The token service, and its clients.
#[derive(Serialize)]
pub(super) struct TokenServiceStatus<'s> {
    issuer: &'s str,
    access_token: &'static str,
    refresh_tokens: bool,
    /// The `kid` of the key that signs now.
    signing_key: Option<&'s str>,
    clients: Vec<ClientStatus<'s>>,
}

#[derive(Serialize)]
struct ClientStatus<'s> {
    client: &'s str,
    active: bool,
    /// How many of its keys serve; a client with a secret may have none.
    keys: usize,
    key_error: Option<String>,
}

impl<'s> TokenServiceStatus<'s> {
    pub(super) fn of(service: &'s Service, now: UnixTime) -> Self {
        let settings = &service.settings;
        let clients = settings.clients.iter().take(MAX).map(|(name, client)| {
            let keys = service.keys.get(&key_name(name));
            ClientStatus {
                client: name,
                active: client.active,
                keys: keys.map_or(0, |keys| keys.keys.usable()),
                key_error: keys.and_then(|keys| keys.keys.status().error),
            }
        });
        Self {
            issuer: &settings.issuer,
            access_token: settings.access_token.name(),
            refresh_tokens: settings.refresh_token_lifetime.is_some(),
            signing_key: service.signer.key_at(now).and_then(|held| held.key.kid()),
            clients: clients.collect(),
        }
    }
}
