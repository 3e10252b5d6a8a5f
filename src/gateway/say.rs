//! What the steps of the pipeline have to say: values of the configuration may be shown to the operator.

use std::sync::Arc;

use super::{
    decryption::Opened,
    proof::Proof,
    trace::{Step, Trace},
};
use crate::{
    claims::{Audiences, Identity, Rules},
    clock::UnixTime,
    identity::Principal,
    jose::{Header, Key, Unverified, Verified},
    route::Route,
};

pub(super) fn route(trace: &mut impl Trace, route: &Route) {
    trace.pass(Step::Route, || {
        let access = route.access.name();
        format!("{} (number {}), access {access}", route.name, route.id + 1)
    });
}

pub(super) fn decryption(trace: &mut impl Trace, opened: &Opened<'_>) {
    trace.pass(Step::Decryption, || match opened {
        Opened::Signed(_) => "not encrypted".to_owned(),
        Opened::Decrypted(decrypted) => {
            let (algorithm, encryption) = decrypted.algorithms();
            format!("{algorithm} and {encryption} with key {}", decrypted.key())
        }
    });
}

pub(super) fn shape(trace: &mut impl Trace, token: &Unverified<'_>) {
    trace.pass(Step::Shape, || {
        format!(
            "three parts, typ {}",
            token.header().typ().unwrap_or("absent")
        )
    });
}

pub(super) fn header(trace: &mut impl Trace, header: &Header) {
    trace.pass(Step::Header, || {
        format!("{} is allowed", header.algorithm())
    });
}

pub(super) fn keys(trace: &mut impl Trace, keys: &[Arc<Key>]) {
    trace.pass(Step::Key, || {
        let kids: Vec<&str> = keys
            .iter()
            .map(|key| key.kid().unwrap_or("(no kid)"))
            .collect();
        kids.join(", ")
    });
}

pub(super) fn signature(trace: &mut impl Trace, verified: &Verified) {
    trace.pass(Step::Signature, || {
        let header = verified.header();
        format!(
            "{} with key {}",
            header.algorithm(),
            header.kid().unwrap_or("(no kid)")
        )
    });
}

pub(super) fn remembered(trace: &mut impl Trace, proof: &Proof) {
    trace.pass(Step::Issuer, || proof.issuer.name.to_string());
    trace.pass(Step::Signature, || {
        "known to be good from an earlier request".to_owned()
    });
}

pub(super) fn claims(trace: &mut impl Trace, identity: &Identity, rules: &Rules, now: UnixTime) {
    trace.pass(Step::Time, || {
        let exp = identity
            .claims()
            .get("exp")
            .and_then(serde_json::Value::as_i64);
        let left = exp.map_or_else(
            || "no exp".to_owned(),
            |exp| format!("{} s until it expires", UnixTime(exp).since(now)),
        );
        format!("{left}, skew {} s", rules.clock_skew)
    });
    trace.pass(Step::Audience, || match &rules.audiences {
        Audiences::All => "not checked: ALL_AUDIENCES".to_owned(),
        Audiences::OneOf(allowed) => format!("one of {}", allowed.join(", ")),
        Audiences::ResourcePrefix => "none, or a prefix of the resource's URL".to_owned(),
    });
    trace.pass(Step::Claims, || {
        let names = rules
            .require
            .iter()
            .chain(rules.allowed.iter().map(|(name, _)| name));
        names
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    });
}

pub(super) fn principal(trace: &mut impl Trace, principal: &Principal) {
    trace.pass(Step::Identity, || {
        let headers: Vec<String> = principal
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.join(", ")
    });
}

pub(super) fn scopes(trace: &mut impl Trace, route: &Route) {
    trace.pass(Step::Scope, || {
        match (route.scopes.is_empty(), route.any_scopes.is_empty()) {
            (true, true) => "the route asks for none".to_owned(),
            (false, true) => format!("has {}", route.scopes.join(" ")),
            (true, false) => format!("has one of {}", route.any_scopes.join(" ")),
            (false, false) => {
                format!(
                    "has {} and one of {}",
                    route.scopes.join(" "),
                    route.any_scopes.join(" ")
                )
            }
        }
    });
}
