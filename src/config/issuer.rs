//! One issuer: what its tokens must be. The same for TOML and for the issuers file.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{
    decryption::{self, Decryption},
    fetch, introspection, issuer_headers, issuer_identity,
    issuer_keys::{self, Keys, Kind},
    parts::Parts,
    schema::{Key, Schema, key, section, unset},
    section::Section,
    shape::{NONE, SECOND, SOME_TEXTS, Shape},
    value::{Node, Span, Value},
};
use crate::{
    claims::{Audiences, ClaimPath, Rules},
    identity::IdentityClaims,
    issuer::{Issuer, KeyRing, Replay},
    jose::Algorithm,
};

/// Of `[issuers."…"]`.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of("[issuers.\"…\"]", &[KEYS, issuer_keys::KEYS, SECTIONS]).with(issuer_keys::RULES)
});
/// Of an issuer in the issuers file.
pub(super) static CREATE: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of(
        "the issuer",
        &[KEYS, issuer_keys::KEYS, issuer_keys::CREATE_KEYS, SECTIONS],
    )
});
/// Of `[issuer_defaults]`: a source of keys is no issuer's default.
pub(super) static DEFAULTS: LazyLock<Schema> =
    LazyLock::new(|| Schema::of("[issuer_defaults]", &[KEYS, SECTIONS]));

const KEYS: &[Key] = &[
    key("active", "true", "Whether its tokens are accepted at all."),
    unset(
        "algorithms",
        "[\"RS256\", \"ES256\"]",
        "Absent: every asymmetric one that its keys are for. HS256/384/512 only with local keys.",
    )
    .is(Shape::List(
        1,
        &Shape::Choice(|| Algorithm::ALL.map(Algorithm::name).to_vec()),
    )),
    key(
        "types",
        "[\"JWT\", \"at+jwt\"]",
        "Accepted typ headers; a missing typ counts as JWT.",
    )
    .is(SOME_TEXTS),
    unset(
        "audiences",
        "[\"https://api.example.com\"]",
        "Absent: aud must be a prefix of the resource's URL. [\"ALL_AUDIENCES\"]: not looked at.",
    )
    .is(SOME_TEXTS),
    key(
        "require",
        "[\"iss\", \"sub\", \"exp\"]",
        "Claims that must be there.",
    ),
    key(
        "claims",
        "{}",
        "Claims that must be there with one of the listed values: { azp = [\"orders-web\"] }.",
    )
    .is(ALLOWED),
    key(
        "clock_skew",
        "\"60s\"",
        "How far clocks may differ; at most 10m.",
    )
    .is(Shape::Duration(Duration::ZERO, Duration::from_secs(600))),
    key("max_age", "\"\"", "How old iat may be. \"\": any age.").is(Shape::Either(&[
        Shape::Duration(SECOND, Duration::from_secs(366 * 86_400)),
        NONE,
    ])),
    key(
        "replay",
        "\"allow\"",
        "\"reject\": a token with a jti is good for one request.",
    )
    .is(Shape::Choice(|| {
        [Replay::Allow, Replay::Reject].map(Replay::name).to_vec()
    })),
    key(
        "critical",
        "[]",
        "Extension names in crit that are understood.",
    ),
    section("identity", "Which of its claims say who somebody is.")
        .is(Shape::Section(|| &issuer_identity::SCHEMA)),
];

const SECTIONS: &[Key] = &[
    section("fetch", "How the keys are fetched.").is(Shape::Section(|| &fetch::SCHEMA)),
    section(
        "decryption",
        "What this issuer's tokens are encrypted with.",
    )
    .is(Shape::Section(|| &decryption::ISSUERS)),
    section("introspection", "Where the issuer is asked about tokens.")
        .is(Shape::Section(|| &introspection::SCHEMA)),
];

/// Values that a claim may have.
const ALLOWED: Shape = Shape::Map(&Shape::Either(&[
    Shape::Text,
    Shape::Boolean,
    Shape::Decimal,
    Shape::List(
        1,
        &Shape::Either(&[Shape::Text, Shape::Boolean, Shape::Decimal]),
    ),
]));

/// What the warnings about all issuers together are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AudienceRule {
    /// Some audiences are listed.
    Listed,
    /// `aud` is not looked at.
    All,
    /// None are listed.
    Absent,
}

/// Reads one issuer; `None` when its source of keys is wrong.
pub(super) fn decode(
    issuer: &Section<'_>,
    name: &Arc<str>,
    span: Span,
    parts: &Parts,
    decryption: &mut Decryption,
) -> Option<Issuer> {
    let keys = issuer_keys::decode(issuer, name, span);
    let active = issuer.boolean("active").unwrap_or_default();
    let headers = issuer_headers::decode(issuer, keys.as_ref());
    let rules = rules(issuer, Arc::clone(name), parts);
    let encryption_required = decryption.of_issuer(issuer, name, active);
    let replay = replay(issuer, &rules);
    let endpoint = issuer.child("introspection", &introspection::SCHEMA);
    let endpoint = introspection::decode(&endpoint, name);
    let Keys {
        source,
        kind,
        algorithms,
        span,
    } = keys?;
    let none = kind == Kind::Local
        && algorithms.is_some_and(|own| own.intersection(headers.algorithms).is_empty());
    if none && active && !headers.algorithms.is_empty() {
        let help = format!("the issuer allows {}", headers.algorithms);
        issuer
            .context
            .error_with_help(span, "no key is for an algorithm of the issuer", help);
    }
    let keys = Arc::new(KeyRing::new(source, issuer.context.clock.clone()));
    Some(Issuer {
        name: Arc::clone(name),
        active,
        encryption_required,
        headers: parts.headers.as_before(headers),
        rules,
        replay,
        identity: identity(issuer, parts),
        keys,
        introspection: endpoint,
    })
}

/// Looks at `[issuer_defaults]` on its own: it may be wrong where no issuer shows it.
pub(super) fn check_defaults(defaults: &Section<'_>, parts: &Parts) {
    let _ = issuer_headers::decode(defaults, None);
    let rules = rules(defaults, "".into(), &Parts::default());
    let _ = replay(defaults, &rules);
    let _ = identity(defaults, parts);
    let _ = defaults.boolean("active");
    let _ = fetch::decode(&defaults.child("fetch", &fetch::SCHEMA));
    decryption::check_defaults(defaults);
    let _ = introspection::settings(&defaults.child("introspection", &introspection::SCHEMA));
}

/// Which audience rule the issuer ends up with.
pub(super) const fn audience_rule(issuer: &Issuer) -> AudienceRule {
    match issuer.rules.audiences {
        Audiences::All => AudienceRule::All,
        Audiences::OneOf(_) => AudienceRule::Listed,
        Audiences::ResourcePrefix => AudienceRule::Absent,
    }
}

fn identity(issuer: &Section<'_>, parts: &Parts) -> Arc<IdentityClaims> {
    if issuer.written("identity").is_none() {
        return parts.subjects.silent();
    }
    let section = issuer.child("identity", &issuer_identity::SCHEMA);
    parts.identity.as_before(parts.subjects.decode(&section))
}

fn rules(issuer: &Section<'_>, name: Arc<str>, parts: &Parts) -> Rules {
    let ten_minutes = Duration::from_secs(600);
    let year = Duration::from_secs(366 * 86_400);
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let skew = issuer.some_duration("clock_skew", Duration::ZERO..=ten_minutes);
    let max_age = issuer.duration("max_age", Duration::from_secs(1)..=year);
    Rules {
        issuer: name,
        require: parts.claims.as_before(required(issuer)),
        audiences: audiences(issuer, parts),
        allowed: parts.allowed.as_before(allowed(issuer)),
        clock_skew: skew.map(seconds).unwrap_or_default(),
        max_age: max_age.map(seconds),
    }
}

/// A token that never ends would have to be remembered for ever.
fn replay(issuer: &Section<'_>, rules: &Rules) -> Replay {
    let choices = [Replay::Allow, Replay::Reject].map(|replay| (replay.name(), replay));
    let replay = issuer.choice("replay", &choices).unwrap_or_default();
    let ends = rules.max_age.is_some() || rules.require.contains(&ClaimPath::named("exp"));
    if replay == Replay::Reject && !ends {
        let message = "\"replay\" can be \"reject\" only where tokens end";
        let help = "have \"exp\" in \"require\", or set \"max_age\"";
        issuer
            .context
            .error_with_help(issuer.place("replay"), message, help);
    }
    replay
}

fn required(issuer: &Section<'_>) -> Vec<ClaimPath> {
    let texts = issuer.texts("require").unwrap_or_default();
    let path = |t: &super::section::Text<'_>| claim(issuer, t.text, t.span);
    texts.iter().filter_map(path).collect()
}

fn claim(issuer: &Section<'_>, name: &str, span: Span) -> Option<ClaimPath> {
    name.parse()
        .map_err(|error: crate::claims::path::ClaimPathError| {
            issuer.context.error(span, error.to_string());
        })
        .ok()
}

fn audiences(issuer: &Section<'_>, parts: &Parts) -> Audiences {
    let Some(node) = issuer.written("audiences") else {
        return Audiences::ResourcePrefix;
    };
    let texts = issuer.texts("audiences").unwrap_or_default();
    let all = texts.iter().find(|t| t.text == "ALL_AUDIENCES");
    if node.is_empty_list() {
        let help =
            "leave it out for the URL-prefix rule, or write [\"ALL_AUDIENCES\"] for no check";
        issuer
            .context
            .error_with_help(node.span, "no audience at all", help);
    }
    match all {
        Some(_) if texts.len() == 1 => Audiences::All,
        Some(all) => {
            issuer
                .context
                .error(all.span, "\"ALL_AUDIENCES\" must stand alone");
            Audiences::OneOf(Arc::default())
        }
        None => {
            let texts: Vec<Box<str>> = texts.iter().map(|t| t.text.into()).collect();
            Audiences::OneOf(parts.audiences.as_before(texts))
        }
    }
}

fn allowed(issuer: &Section<'_>) -> Vec<(ClaimPath, Vec<serde_json::Value>)> {
    let entries = issuer.entries("claims").iter();
    entries
        .filter_map(|entry| {
            let path = claim(issuer, &entry.key, entry.key_span);
            let values = values(issuer, &entry.node);
            Some((path?, values))
        })
        .collect()
}

fn values(issuer: &Section<'_>, node: &Node) -> Vec<serde_json::Value> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() {
        issuer
            .context
            .error(node.span, "no value at all: no token would pass");
    }
    for node in nodes {
        match &node.value {
            Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
            Value::Null | Value::Date | Value::List(_) | Value::Table(_) => {
                let kind = node.value.kind();
                let message =
                    format!("an allowed value is a string, a number or a boolean, not {kind}");
                issuer.context.error(node.span, message);
            }
        }
    }
    nodes.iter().map(|n| n.value.to_json()).collect()
}
