//! What bindings and rules look at beside the head of a request, and the look itself.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;

use super::Denied;
use crate::{
    identity::Principal,
    route::{Route, host, pattern},
    rule::{Asked, Inputs, Who},
};

/// What is known of a request beside its head. Only bindings and rules look at it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// The whole body, when the route's bindings want it.
    pub body: Option<Bytes>,
}

/// Checks the bindings and then the rules of `route`; nobody is a principal without claims.
pub(super) fn check(
    principal: Option<&Principal>,
    route: &Route,
    head: &Parts,
    facts: &Facts,
) -> Result<(), Denied> {
    if !route.bind.is_empty() {
        let claims = principal.map(|principal| principal.identity().claims());
        route.bind.check(claims, head, facts.body.as_deref())?;
    }
    if !route.rules.is_empty() {
        route.rules.check(&inputs(principal, route, head, facts))?;
    }
    Ok(())
}

fn inputs<'i>(
    principal: Option<&'i Principal>,
    route: &'i Route,
    head: &'i Parts,
    facts: &Facts,
) -> Inputs<'i> {
    let path = head.uri.path();
    let params = pattern::parameters(&route.path).map(|(name, segment)| {
        let value = segment.of(path).unwrap_or_default();
        (name, String::from_utf8_lossy(&value).into_owned())
    });
    Inputs {
        claims: principal.map(|principal| principal.identity().claims()),
        identity: principal.map(who).unwrap_or_default(),
        request: Asked {
            method: head.method.as_str(),
            path,
            // It was read when the route was looked for, so it is there.
            host: host::of(head).unwrap_or_default(),
            headers: &head.headers,
            query: head.uri.query().unwrap_or_default(),
            remote_address: facts.address,
            params: params.collect(),
        },
    }
}

/// The identity as the upstream is told.
fn who(principal: &Principal) -> Who<'_> {
    let mut who = Who::default();
    // No element of a list holds a comma: such a claim is refused before.
    for (name, value) in principal.headers().iter() {
        match name {
            "x-auth-subject" => who.subject = value,
            "x-auth-issuer" => who.issuer = value,
            "x-auth-realm" => who.realm = value,
            "x-auth-groups" => who.groups = value.split(',').collect(),
            "x-auth-scope" => who.scopes = value.split(',').collect(),
            _ => {}
        }
    }
    who
}
