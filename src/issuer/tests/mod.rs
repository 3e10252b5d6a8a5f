//! The room as a whole, against key servers on this machine.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use self::key_server::KeyServer;
use super::*;
use crate::{
    claims::Audiences,
    clock::{Clock, UnixTime},
    jose::{AlgorithmSet, Header},
};

mod answers;
mod certificates;
mod discovery;
mod files;
mod kept;
mod key_server;
mod kidless;
mod same;
mod sharing;
mod succession;

const HOUR: Duration = Duration::from_secs(3600);

/// A registry of one issuer, and the refresher at work on it.
struct Bench {
    registry: Registry,
    clock: Clock,
}

impl Bench {
    fn new(source: KeySource) -> Self {
        let clock = Clock::standing_at(UnixTime(1_800_000_000));
        let registry = Registry::new([issuer("one", source, &clock)]);
        Self { registry, clock }
    }

    fn start(self) -> Self {
        tokio::spawn(self.refresher().run());
        self
    }

    fn refresher(&self) -> Refresher {
        Refresher::new(&self.registry, self.clock.clone())
    }

    fn issuer(&self) -> Arc<Issuer> {
        Arc::clone(self.registry.find("one").unwrap())
    }

    async fn find(&self, kid: &str) -> Result<String, KeyError> {
        find(self.issuer(), kid.to_owned()).await
    }

    fn ring(&self) -> &KeyRing {
        &self.registry.find("one").unwrap().keys
    }

    fn error(&self) -> String {
        self.ring().status().error.unwrap_or_default()
    }
}

/// The `kid` of the one key that is found for an ES256 token with `kid`.
async fn find(issuer: Arc<Issuer>, kid: String) -> Result<String, KeyError> {
    let keys = issuer.keys.find(&header(&kid)).await?;
    assert_eq!(keys.len(), 1);
    Ok(keys[0].kid().unwrap().to_owned())
}

pub(crate) fn issuer(name: &str, source: KeySource, clock: &Clock) -> Issuer {
    Issuer {
        identity: Arc::default(),
        replay: super::Replay::Allow,
        name: name.into(),
        active: true,
        encryption_required: false,
        headers: Arc::new(HeaderPolicy {
            algorithms: AlgorithmSet::asymmetric(),
            types: Vec::new(),
            critical: Vec::new(),
        }),
        rules: claims::Rules {
            issuer: name.into(),
            require: Arc::default(),
            audiences: Audiences::All,
            allowed: Arc::default(),
            clock_skew: 0,
            max_age: None,
        },
        keys: Arc::new(KeyRing::new(source, clock.clone())),
        introspection: None,
    }
}

/// A source with times that no test waits for.
fn remote(server: &KeyServer) -> Remote {
    Remote {
        uri: server.url.clone(),
        metadata: None,
        refresh: HOUR,
        cooldown: HOUR,
        stale_for: 24 * HOUR,
        timeout: Duration::from_secs(30),
        authorities: None,
        client_certificate: None,
        credentials: None,
    }
}

fn source(remote: Remote) -> KeySource {
    KeySource::Remote(Box::new(remote))
}

/// A source that never answers.
pub(crate) fn unreachable() -> KeySource {
    source(Remote {
        uri: "https://idp.invalid/keys".parse().unwrap(),
        metadata: None,
        refresh: HOUR,
        cooldown: HOUR,
        stale_for: HOUR,
        timeout: HOUR,
        authorities: None,
        client_certificate: None,
        credentials: None,
    })
}

pub(super) fn header(kid: &str) -> Header {
    Header::parse(format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#).as_bytes()).unwrap()
}

/// A new P-256 key as a JWK.
pub(crate) fn jwk(kid: &str) -> String {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let x = URL_SAFE_NO_PAD.encode(&point[1..33]);
    let y = URL_SAFE_NO_PAD.encode(&point[33..]);
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}"#)
}

pub(crate) fn set_of(jwks: &[&str]) -> String {
    format!(r#"{{"keys":[{}]}}"#, jwks.join(","))
}
