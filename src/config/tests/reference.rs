//! The shipped files, and the defaults that they show.

use std::time::Duration;

use super::*;
use crate::{
    claims::Audiences,
    issuer::KeySource,
    jose::AlgorithmSet,
    route::Access,
    server::{Limits, ListenAddress},
    token::Sources,
};

const FULL: &str = include_str!("../../../config/full.toml");
const MINIMAL: &str = include_str!("../../../config/minimal.toml");

/// After a change of keys: `UPDATE_REFERENCE=1 cargo test --lib full_toml`, and look at the difference.
#[test]
fn full_toml_shows_every_key_at_its_default() {
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/full.toml");
        std::fs::write(path, reference::reference()).unwrap();
    }
    assert_eq!(FULL, reference::reference());
}

#[test]
fn full_toml_can_be_used() {
    let config = accept(FULL);
    assert_eq!(config.policy.registry.iter().count(), 1);
    refuse_at(
        &FULL.replace("listen = \"127.0.0.1:8080\"", "lisen = \"\""),
        "15:1",
        &["\"lisen\""],
    );
}

#[test]
fn what_full_toml_sets_is_what_absent_keys_mean() {
    let (full, absent) = (accept(FULL), accept_with(""));
    assert_eq!(format!("{:?}", full.server), format!("{:?}", absent.server));
    assert_eq!(format!("{:?}", full.admin), format!("{:?}", absent.admin));
    let upstreams = |config: &Config| format!("{:?}", config.policy.upstreams);
    assert_eq!(upstreams(&full), upstreams(&absent));
    let routes = |config: &Config| format!("{:?}", config.policy.routes.all());
    assert_eq!(routes(&full), routes(&absent));
    let of = |config: &Config| {
        let issuer = config.policy.registry.iter().next().unwrap();
        let KeySource::Remote(remote) = issuer.keys.source() else {
            panic!("not fetched")
        };
        let mut remote = remote.clone();
        let mut rules = issuer.rules.clone();
        (rules.issuer, remote.uri) = ("".into(), "https://x".parse().unwrap());
        remote.metadata = None;
        format!(
            "{} {:?} {rules:?} {remote:?}",
            issuer.active, issuer.headers
        )
    };
    assert_eq!(of(&full), of(&absent));
}

#[test]
fn the_defaults_are_those_of_the_rooms() {
    let config = accept_with("");
    assert_eq!(config.server.limits, Limits::default());
    assert_eq!(
        config.server.listen,
        [ListenAddress::Tcp("127.0.0.1:8080".parse().unwrap())]
    );
    assert_eq!(
        config.admin.unwrap().listen,
        crate::server::ListenAddress::Tcp("127.0.0.1:9090".parse().unwrap())
    );
    let route = &config.policy.routes.all()[0];
    assert_eq!(
        format!("{:?}", route.token),
        format!("{:?}", Sources::default())
    );
    assert_eq!((&*route.path, route.access), ("/{*rest}", Access::Required));
    assert!(route.methods.is_none() && route.issuers.is_none() && route.host.is_none());
    let upstream = &config.policy.upstreams[0];
    assert_eq!(upstream.response_timeout, Duration::from_secs(30));
    assert_eq!(upstream.stall_timeout, Duration::from_secs(300));
    let issuer = config.policy.registry.find("https://idp.example").unwrap();
    assert_eq!(issuer.headers.algorithms, AlgorithmSet::asymmetric());
    assert_eq!(issuer.headers.types, ["jwt".into(), "at+jwt".into()]);
    assert_eq!(issuer.rules.audiences, Audiences::ResourcePrefix);
    assert_eq!((issuer.rules.clock_skew, issuer.rules.max_age), (60, None));
    let require: Vec<_> = issuer
        .rules
        .require
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(require, ["iss", "sub", "exp"]);
}

#[test]
fn minimal_toml_can_be_used_without_a_warning() {
    let config = accept(MINIMAL);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(
        config
            .policy
            .registry
            .find("https://idp.example.com/realms/orders")
            .is_ok()
    );
    refuse_at(
        &MINIMAL.replace("audiences", "audience"),
        "11:1",
        &["did you mean \"audiences\"?"],
    );
}

#[test]
fn every_default_in_the_tables_can_be_read() {
    for schema in [
        &root::SCHEMA,
        &server_section::SCHEMA,
        &limits::SCHEMA,
        &admin_section::SCHEMA,
        &token::SCHEMA,
        &upstream::SCHEMA,
        &upstream_balance::EJECTION,
        &upstream_balance::HEALTH,
        &upstream_balance::RETRY,
        &upstream_balance::LIMITS,
        &route::SCHEMA,
        &issuer::SCHEMA,
        &issuer::DEFAULTS,
        &fetch::SCHEMA,
    ] {
        for key in &schema.keys {
            if let schema::Setting::Default(text) = key.setting {
                assert!(schema.default(key.name).is_some(), "{} = {text}", key.name);
            }
        }
    }
}
