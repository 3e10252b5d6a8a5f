//! `[token_service]`: tokens that the gateway issues itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{
    issuers::Own,
    schema::{Key, Schema, key, section},
    section::Section,
    shape::{HOUR, MINUTE, Shape},
    token_service_client as client, url,
    value::Span,
};
use crate::{
    claims::{Audiences, ClaimPath, Rules},
    clock::UnixTime,
    jose::{AlgorithmSet, jwk, jwk::Symmetric, policy::HeaderPolicy},
    route::target,
    signing::Signer,
    token_service::{Endpoint, Form, Service, Settings},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[token_service]", KEYS));

const KEYS: &[Key] = &[
    key(
        "enabled",
        "false",
        "Whether registered clients get access tokens here, for assertions that they sign (RFC 7523). Needs [signing].",
    ),
    key(
        "issuer",
        "\"\"",
        "The iss of the tokens. \"\": server.public_url. No other issuer may have the name.",
    ),
    key(
        "prefix",
        "\"/oauth\"",
        "What the paths begin with: /token, /revoke, /introspect and /tokeninfo stand below.",
    ),
    key(
        "audience",
        "[]",
        "The aud of the tokens. []: the URL that the endpoints stand below. The gateway accepts its tokens for these.",
    ),
    key(
        "access_token",
        "\"jwt\"",
        "\"jwt\": signed (RFC 9068); \"opaque\": random, and the claims are kept here.",
    )
    .is(Shape::Choice(|| {
        [Form::Jwt, Form::Opaque].map(Form::name).to_vec()
    })),
    key(
        "access_token_lifetime",
        "\"1h\"",
        "How long an access token lives; a signed one at most as long as the signing key allows.",
    )
    .is(Shape::Duration(
        Duration::from_secs(10),
        Duration::from_secs(365 * 86_400),
    )),
    key(
        "refresh_tokens",
        "false",
        "Whether clients with that grant get refresh tokens, each good once.",
    ),
    key(
        "refresh_token_lifetime",
        "\"24h\"",
        "How long they can be exchanged, from the first one on.",
    )
    .is(Shape::Duration(MINUTE, Duration::from_secs(365 * 86_400))),
    key(
        "assertion_audience",
        "\"\"",
        "What must be in the aud of an assertion. \"\": the URL of the token endpoint.",
    ),
    key(
        "assertion_lifetime",
        "\"5m\"",
        "How far away the end of an assertion may be, and how far its exp from its iat.",
    )
    .is(Shape::Duration(Duration::from_secs(10), HOUR)),
    key(
        "clock_skew",
        "\"60s\"",
        "How far clocks may differ; at most 10m.",
    )
    .is(Shape::Duration(Duration::ZERO, Duration::from_secs(600))),
    section("clients", "[token_service.clients.NAME]: who may ask.")
        .is(Shape::Map(&Shape::Section(|| &client::SCHEMA))),
];

const CLIENTS: &str = "clients";

/// What the token service fits in with.
pub(super) struct Around<'s> {
    pub(super) public_url: Option<&'s str>,
    pub(super) signer: Option<&'s Arc<Signer>>,
    /// Whether `[signing]` names a directory: then what is wrong with it has been said.
    pub(super) has_directory: bool,
}

/// A token service, and the issuer that its tokens are of.
pub(super) struct Prepared {
    pub(super) service: Service,
    pub(super) own: Own,
}

/// Reads `[token_service]`; `None` when it is turned off or wrong.
pub(super) fn decode(section: &Section<'_>, around: &Around<'_>) -> Option<Prepared> {
    let context = section.context;
    let errors = context.errors();
    let (clients, keys) = client::decode_all(section, CLIENTS);
    let enabled = section.boolean("enabled").unwrap_or_default();
    let times = Times::read(section);
    let names = Names::read(section, around.public_url, enabled);
    let choices = [Form::Jwt, Form::Opaque].map(|form| (form.name(), form));
    let access_token = section.choice("access_token", &choices);
    if !enabled {
        for name in ["issuer", CLIENTS] {
            section.idle(name, "while \"enabled\" is false");
        }
        return None;
    }
    let span = section.place("enabled");
    let Some(signer) = around.signer else {
        if !around.has_directory {
            let help = "set \"directory\" in [signing]; portcullis keys generate makes a key";
            section.missing(span, "the token service has no key to sign with", help);
        }
        return None;
    };
    let (names, access_token) = (names?, access_token?);
    if access_token == Form::Jwt {
        check_lifetime(section, signer, times.access_token);
    }
    if clients.is_empty() {
        context.warn("[token_service] has no client: nobody gets a token");
    }
    let own = own(
        &names,
        signer,
        times.skew,
        section.key_span("issuer").unwrap_or(span),
    );
    let mut settings = Settings {
        issuer: names.issuer,
        base: names.base,
        prefix: names.prefix,
        audience: names.audience,
        access_token,
        access_token_lifetime: times.access_token,
        refresh_token_lifetime: times.refresh_token,
        assertion_audience: "".into(),
        assertion_lifetime: times.assertion,
        clock_skew: times.skew,
        clients,
    };
    let audience = section.some_text("assertion_audience");
    settings.assertion_audience = match audience {
        Some(text) => text.text.into(),
        None => settings.url(Endpoint::Token).into(),
    };
    let service = Service {
        settings,
        signer: Arc::clone(signer),
        keys,
    };
    (context.errors() == errors).then_some(Prepared { service, own })
}

/// The times, in seconds.
struct Times {
    access_token: i64,
    refresh_token: Option<i64>,
    assertion: i64,
    skew: i64,
}

impl Times {
    fn read(section: &Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        let day = second * 86_400;
        let time = |name, range| {
            let time = section.some_duration(name, range).unwrap_or_default();
            i64::try_from(time.as_secs()).unwrap_or_default()
        };
        let refresh_token = time("refresh_token_lifetime", second * 60..=day * 365);
        let refresh_tokens = section.boolean("refresh_tokens").unwrap_or_default();
        if !refresh_tokens {
            section.idle(
                "refresh_token_lifetime",
                "while \"refresh_tokens\" is false",
            );
        }
        Self {
            access_token: time("access_token_lifetime", second * 10..=day * 365),
            refresh_token: refresh_tokens.then_some(refresh_token),
            assertion: time("assertion_lifetime", second * 10..=second * 3600),
            skew: time("clock_skew", Duration::ZERO..=second * 600),
        }
    }
}

/// What everything is called.
struct Names {
    issuer: Arc<str>,
    base: Box<str>,
    prefix: Box<str>,
    audience: Vec<String>,
}

impl Names {
    fn read(section: &Section<'_>, public_url: Option<&str>, enabled: bool) -> Option<Self> {
        let context = section.context;
        let written = section.some_text("issuer");
        let issuer: Arc<str> = match (written, public_url) {
            (Some(text), _) => {
                url::parse(context, text, &["https", "http"])?;
                text.text.into()
            }
            (None, Some(url)) => url.into(),
            (None, None) => {
                if enabled {
                    let help = "set \"issuer\" here, or \"public_url\" in [server]";
                    let message = "the token service has no name";
                    section.missing(section.place("enabled"), message, help);
                }
                return None;
            }
        };
        let base: Box<str> = public_url.unwrap_or(&issuer).trim_end_matches('/').into();
        let audience = section.texts("audience").unwrap_or_default();
        let audience = match audience.as_slice() {
            [] => vec![base.to_string()],
            some => some.iter().map(|text| text.text.to_owned()).collect(),
        };
        Some(Self {
            prefix: prefix(section)?,
            issuer,
            base,
            audience,
        })
    }
}

fn prefix(section: &Section<'_>) -> Option<Box<str>> {
    let text = section.text("prefix")?;
    let canonical = target::canonical(text.text);
    let plain = text.text.len() > 1
        && !text.text.ends_with('/')
        && !text.text.contains(['?', '#'])
        && canonical.is_ok_and(|canonical| *canonical == *text.text);
    if plain {
        return Some(text.text.into());
    }
    let help = "write a path without a slash at its end: \"/oauth\"";
    let message = "\"prefix\" is not a path that a request could have";
    section.context.error_with_help(text.span, message, help);
    None
}

/// A key refuses tokens that would outlive it, so none would be issued.
fn check_lifetime(section: &Section<'_>, signer: &Signer, lifetime: i64) {
    let now: UnixTime = section.context.clock.now();
    let keys = signer.key_at(now).into_iter().chain(signer.next_at(now));
    let most = keys.map(|held| held.life.dates.token_lifetime).min();
    if most.is_some_and(|most| most < lifetime) {
        let message = format!(
            "a signing key is for tokens of at most {} s",
            most.unwrap_or_default()
        );
        let help = "set \"access_token_lifetime\" to less, or make a key for longer: set \
                    token_lifetime in [signing], then portcullis keys rotate";
        let place = section.place("access_token_lifetime");
        section.context.error_with_help(place, message, help);
    }
}

/// The issuer of the tokens, as the gateway's own routes know it.
fn own(names: &Names, signer: &Signer, clock_skew: i64, span: Span) -> Own {
    let mut jwks: Vec<serde_json::Value> = Vec::new();
    for held in signer.keys() {
        jwks.extend(held.key.public_jwk().cloned().map(Into::into));
    }
    let keys = jwk::from_values(&jwks.into(), Symmetric::Refused).unwrap_or_default();
    let require = ["iss", "sub", "exp", "client_id", "jti"].map(ClaimPath::named);
    Own {
        name: Arc::clone(&names.issuer),
        span,
        keys,
        headers: HeaderPolicy {
            algorithms: AlgorithmSet::asymmetric(),
            types: vec!["at+jwt".into()],
            critical: Vec::new(),
        },
        rules: Rules {
            issuer: Arc::clone(&names.issuer),
            require: require.into(),
            audiences: Audiences::OneOf(
                names
                    .audience
                    .iter()
                    .map(|aud| aud.as_str().into())
                    .collect(),
            ),
            allowed: Arc::default(),
            clock_skew,
            max_age: None,
        },
    }
}

/// For [`client::decode_all`].
pub(super) type Clients = BTreeMap<Arc<str>, crate::token_service::Client>;
