//! What the steps of the pipeline have to say: values of the configuration may be shown to the operator.

use std::sync::Arc;

use super::{
    decryption::Opened,
    proof::Proof,
    trace::{Step, Trace},
};
use crate::{
    authz::Denied,
    claims::{Audiences, Evidence, Identity, Rules},
    clock::UnixTime,
    identity::{Account, IdentityClaims, Mapping, Principal},
    issuer::{Candidates, Issuer, KeyError, KeySource},
    jose::{Header, Key, Unverified, Verified},
    route::{NoRoute, Route},
    session::Session,
    token::RawToken,
    users::{LookupError, Users},
};

/// How many keys are named where all of them would be of interest.
const MAX_KEYS: usize = 20;

/// Which route it is, and why this one; `siblings` are all routes of its pattern.
pub(super) fn route<'r>(
    trace: &mut impl Trace,
    found: Result<&&Arc<Route>, &NoRoute>,
    siblings: impl FnOnce() -> Result<&'r Vec<Arc<Route>>, NoRoute>,
) {
    match found {
        Ok(route) => trace.pass(Step::Route, || {
            let access = route.access.name();
            let why = why(route, siblings().map_or(&[], Vec::as_slice));
            format!(
                "{} (number {}), access {access}: {why}",
                route.name,
                route.id + 1
            )
        }),
        Err(NoRoute::Filtered) => trace.fail(Step::Route, || {
            let filters = siblings().into_iter().flatten();
            let filters =
                filters.map(|route| format!("number {} when {}", route.id + 1, route.when));
            filters.collect::<Vec<_>>().join("; ")
        }),
        Err(NoRoute::NotFound | NoRoute::Method { .. }) => {}
    }
}

fn why(route: &Route, siblings: &[Arc<Route>]) -> String {
    let mut why = match &route.host {
        Some(_) => "the most specific path, of this host alone".to_owned(),
        None => "the most specific path".to_owned(),
    };
    if !route.when.is_empty() {
        why.push_str(&format!(", when {}", route.when));
    }
    for passed in siblings.iter().take_while(|sibling| sibling.id != route.id) {
        let number = passed.id + 1;
        let filter = match passed.when.is_empty() {
            true => "is for other methods".to_owned(),
            false => format!("is for other methods, or not when {}", passed.when),
        };
        why.push_str(&format!("; number {number} before it {filter}"));
    }
    why
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

pub(super) fn token(trace: &mut impl Trace, token: &RawToken<'_>, session: Option<&Session>) {
    let length = token.expose().len();
    trace.pass(Step::Token, || match session {
        None => format!("found, {length} bytes"),
        Some(session) => format!("{length} bytes, of a session until {}", session.until),
    });
    if let Some(session) = session {
        trace.pass(Step::Session, || {
            format!("it goes on until {}", session.until)
        });
    }
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

/// Which keys are tried, and where they are from; of a failed look, why others are not in use.
pub(super) fn keys(trace: &mut impl Trace, issuer: &Issuer, keys: &Result<Candidates, KeyError>) {
    match keys {
        Ok(keys) => trace.pass(Step::Key, || {
            let keys: Vec<String> = keys.iter().map(|key| one_key(key)).collect();
            format!("{}, from {}", keys.join(", "), origin(issuer))
        }),
        Err(_) => trace.fail(Step::Key, || held(issuer)),
    }
}

pub(super) fn one_key(key: &Key) -> String {
    let kid = key.kid().unwrap_or("(no kid)");
    let (kty, algorithms) = (key.kty(), key.algorithms());
    match key.public_thumbprint() {
        Some(thumbprint) => format!("{kid} ({kty} for {algorithms}, thumbprint {thumbprint})"),
        None => format!("{kid} ({kty} for {algorithms})"),
    }
}

/// Where the issuer's keys come from, and since when they are as they are.
pub(super) fn origin(issuer: &Issuer) -> String {
    let kind = issuer.keys.source().kind();
    match (issuer.keys.source(), issuer.keys.status().read_at) {
        (KeySource::Fixed(_), _) | (_, None) => kind.to_owned(),
        (_, Some(read_at)) => format!("{kind}, read at {read_at}"),
    }
}

/// The issuer's keys, for whoever wonders why none of them is for a token. At most [`MAX_KEYS`] are named.
fn held(issuer: &Issuer) -> String {
    let origin = origin(issuer);
    let error = issuer.keys.status().error;
    let Some(set) = issuer.keys.current() else {
        let error = error.map(|error| format!(": {error}")).unwrap_or_default();
        return format!("it has none, from {origin}{error}");
    };
    let used = set.keys.iter().map(|key| one_key(key));
    let skipped = set.skipped.iter().map(|skipped| {
        let kid = skipped.kid.as_deref().unwrap_or("(no kid)");
        format!("{kid} (not used: {})", skipped.reason)
    });
    let mut named: Vec<String> = used.chain(skipped).take(MAX_KEYS + 1).collect();
    if named.len() > MAX_KEYS {
        named.truncate(MAX_KEYS);
        named.push("and more".to_owned());
    }
    let failed = error.map(|error| format!("; the last read failed: {error}"));
    let (named, failed) = (named.join(", "), failed.unwrap_or_default());
    format!("it has {named}, from {origin}{failed}")
}

pub(super) fn signature(trace: &mut impl Trace, issuer: &Issuer, verified: &Verified) {
    trace.pass(Step::Signature, || {
        let header = verified.header();
        format!(
            "{} with key {} of {}",
            header.algorithm(),
            header.kid().unwrap_or("(no kid)"),
            issuer.name
        )
    });
}

/// Whom the token was shown to, and what came of it.
pub(super) fn vouched(trace: &mut impl Trace, issuer: &Issuer, evidence: &Evidence) {
    trace.pass(Step::Signature, || {
        let name = &issuer.name;
        match evidence {
            Evidence::Signed(_) => format!("good, and {name} says that the token is active"),
            Evidence::Vouched(_) => format!("not asked for: {name} says that the token is active"),
            Evidence::Issued(_) => "not asked for: the token service has a record of it".to_owned(),
        }
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
            .and_then(|exp| exp.number()?.as_i64());
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

/// Who was asked about the subject, and what came of it.
pub(super) fn subject(
    trace: &mut impl Trace,
    users: &Users,
    settings: &IdentityClaims,
    found: &Result<Mapping, LookupError>,
) {
    let asked = || {
        let mapper = users.mapper(settings).map(|m| format!("the mapper {m}"));
        let registry = users.registry(settings);
        let registry = registry.map(|r| format!("the user registry {r}"));
        let asked: Vec<_> = [mapper, registry].into_iter().flatten().collect();
        match asked.is_empty() {
            true => "nobody was asked".to_owned(),
            false => format!("asked {}", asked.join(" and ")),
        }
    };
    match found {
        Ok(mapping) => trace.pass(Step::Identity, || match mapping.account.as_deref() {
            Some(account) => format!("{}: it is {}", asked(), one_account(account)),
            None => format!("{}: it is whom the token names", asked()),
        }),
        Err(_) => trace.fail(Step::Identity, asked),
    }
}

fn one_account(account: &Account) -> String {
    let groups: Vec<&str> = account.groups().collect();
    match groups.is_empty() {
        true => format!("{}, in no group", account.user()),
        false => format!("{}, in {}", account.user(), groups.join(", ")),
    }
}

pub(super) fn principal(trace: &mut impl Trace, principal: &Principal) {
    trace.pass(Step::Identity, || {
        let headers: Vec<String> = principal
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
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

/// The steps before the one at which the route said no did pass.
pub(super) fn denied(trace: &mut impl Trace, why: &Denied, route: &Route) {
    if matches!(why, Denied::Binding(_) | Denied::Rule(_)) {
        scopes(trace, route);
    }
    if matches!(why, Denied::Rule(_)) {
        bindings(trace, route);
    }
}

/// What was bound, and which rules were true.
pub(super) fn conditions(trace: &mut impl Trace, route: &Route) {
    bindings(trace, route);
    if !route.rules.is_empty() {
        trace.pass(Step::Rules, || {
            let rules: Vec<_> = route.rules.texts().collect();
            format!("true: {}", rules.join("; "))
        });
    }
}

fn bindings(trace: &mut impl Trace, route: &Route) {
    if route.bind.is_empty() {
        return;
    }
    trace.pass(Step::Binding, || {
        let bindings = route.bind.iter().map(|binding| {
            let required = if binding.required { " (required)" } else { "" };
            format!(
                "\"{}\" agrees with {}{required}",
                binding.claim, binding.place
            )
        });
        bindings.collect::<Vec<_>>().join(", ")
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        gateway::Record,
        issuer::tests::{issuer, jwk, set_of},
        jose::jwk::{Symmetric, parse_set},
    };

    fn with(jwks: &[&str]) -> Issuer {
        let set = parse_set(set_of(jwks).as_bytes(), Symmetric::Allowed).unwrap();
        issuer("i", KeySource::Fixed(set.into()), &Clock::system())
    }

    #[test]
    fn a_key_that_is_not_found_is_looked_for_among_all() {
        let issuer = with(&[&jwk("a"), r#"{"kty":"quantum","kid":"q"}"#]);
        let mut record = Record::default();
        keys(&mut record, &issuer, &Err(KeyError::NotFound));
        assert!(record.passed.is_empty());
        let (step, said) = record.failed.unwrap();
        assert_eq!(step, Step::Key);
        assert!(
            said.starts_with("it has a (EC for ES256, thumbprint "),
            "{said}"
        );
        let skipped = "q (not used: its \"kty\" is not supported), from inline";
        assert!(said.ends_with(skipped), "{said}");
    }

    #[test]
    fn a_key_that_is_tried_is_named_and_a_secret_has_no_thumbprint() {
        let secret = format!(r#"{{"kty":"oct","k":"{}"}}"#, "A".repeat(43));
        let issuer = with(&[&secret]);
        let found = issuer
            .keys
            .current()
            .unwrap()
            .keys
            .iter()
            .cloned()
            .collect();
        let mut record = Record::default();
        keys(&mut record, &issuer, &Ok(found));
        assert!(record.failed.is_none());
        let said = "(no kid) (oct for HS256), from inline".to_owned();
        assert_eq!(record.passed, [(Step::Key, said)]);
    }

    #[test]
    fn what_is_said_of_many_keys_is_bounded() {
        let jwks: Vec<String> = (0..=MAX_KEYS).map(|n| jwk(&n.to_string())).collect();
        let jwks: Vec<&str> = jwks.iter().map(String::as_str).collect();
        let said = held(&with(&jwks));
        assert!(said.ends_with(", and more, from inline"), "{said}");
        assert_eq!(said.matches("thumbprint").count(), MAX_KEYS);
        assert!(!held(&with(&jwks[1..])).contains("and more"));
        assert_eq!(
            held(&with(&[])),
            "it has none, from inline: the key set is empty"
        );
    }
}
