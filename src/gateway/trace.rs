//! The steps of the pipeline, for whoever wants to see them: `explain` does, a served request does not.

use crate::claims;

/// A step of the pipeline, in the order in which a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the steps' own")]
pub enum Step {
    Request,
    Route,
    Token,
    Shape,
    Issuer,
    Header,
    Key,
    Signature,
    Time,
    Audience,
    Claims,
    Identity,
    Scope,
    Upstream,
}

impl Step {
    /// The steps that decide, in order; the way to the upstream comes after them.
    pub const DECIDING: [Self; 13] = [
        Self::Request,
        Self::Route,
        Self::Token,
        Self::Shape,
        Self::Issuer,
        Self::Header,
        Self::Key,
        Self::Signature,
        Self::Time,
        Self::Audience,
        Self::Claims,
        Self::Identity,
        Self::Scope,
    ];

    /// Its name in the output of `explain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Route => "route",
            Self::Token => "token",
            Self::Shape => "shape",
            Self::Issuer => "issuer",
            Self::Header => "header",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Identity => "identity",
            Self::Scope => "scope",
            Self::Upstream => "upstream",
        }
    }
}

impl From<claims::Step> for Step {
    fn from(step: claims::Step) -> Self {
        match step {
            claims::Step::Issuer => Self::Issuer,
            claims::Step::Time => Self::Time,
            claims::Step::Audience => Self::Audience,
            claims::Step::Claims => Self::Claims,
        }
    }
}

/// Who is told of each step that passes.
pub trait Trace {
    /// `step` passed; `detail` says what was found, and is not made when nobody wants it.
    fn pass(&mut self, step: Step, detail: impl FnOnce() -> String);
}

/// Nobody is told: what a served request uses, and it costs nothing.
pub struct Silent;

impl Trace for Silent {
    fn pass(&mut self, _step: Step, _detail: impl FnOnce() -> String) {}
}

/// Every step that passed, with what was found.
#[derive(Debug, Default)]
pub struct Record(pub Vec<(Step, String)>);

impl Trace for Record {
    fn pass(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.0.push((step, detail()));
    }
}

/// What the steps of the pipeline have to say. Values of the configuration may be shown to the operator.
pub(super) mod say {
    use std::sync::Arc;

    use super::{Step, Trace};
    use crate::{
        claims::{Audiences, Identity, Rules},
        clock::UnixTime,
        gateway::proof::Proof,
        identity::Principal,
        jose::{Header, Key, Unverified, Verified},
        route::Route,
    };

    pub fn route(trace: &mut impl Trace, route: &Route) {
        trace.pass(Step::Route, || {
            let access = route.access.name();
            format!("{} (number {}), access {access}", route.name, route.id + 1)
        });
    }

    pub fn shape(trace: &mut impl Trace, token: &Unverified<'_>) {
        trace.pass(Step::Shape, || {
            format!(
                "three parts, typ {}",
                token.header().typ().unwrap_or("absent")
            )
        });
    }

    pub fn header(trace: &mut impl Trace, header: &Header) {
        trace.pass(Step::Header, || {
            format!("{} is allowed", header.algorithm())
        });
    }

    pub fn keys(trace: &mut impl Trace, keys: &[Arc<Key>]) {
        trace.pass(Step::Key, || {
            let kids: Vec<&str> = keys
                .iter()
                .map(|key| key.kid().unwrap_or("(no kid)"))
                .collect();
            kids.join(", ")
        });
    }

    pub fn signature(trace: &mut impl Trace, verified: &Verified) {
        trace.pass(Step::Signature, || {
            let header = verified.header();
            format!(
                "{} with key {}",
                header.algorithm(),
                header.kid().unwrap_or("(no kid)")
            )
        });
    }

    pub fn remembered(trace: &mut impl Trace, proof: &Proof) {
        trace.pass(Step::Issuer, || proof.issuer.name.to_string());
        trace.pass(Step::Signature, || {
            "known to be good from an earlier request".to_owned()
        });
    }

    pub fn claims(trace: &mut impl Trace, identity: &Identity, rules: &Rules, now: UnixTime) {
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

    pub fn principal(trace: &mut impl Trace, principal: &Principal) {
        trace.pass(Step::Identity, || {
            let headers: Vec<String> = principal
                .headers()
                .iter()
                .map(|(name, value)| {
                    format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
                })
                .collect();
            headers.join(", ")
        });
    }

    pub fn scopes(trace: &mut impl Trace, route: &Route) {
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
}
