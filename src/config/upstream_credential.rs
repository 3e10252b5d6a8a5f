//! `[upstreams.NAME.credential]`: what the gateway shows to an upstream.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::HeaderName;

use super::{
    credential_endpoint, credential_token, fetch,
    schema::{Key, Schema, key, unset},
    section::Section,
    shape::{CENTI, DAY, HOUR, MINUTE, NONE, SECOND, Shape},
};
use crate::{
    forward::headers::is_reserved,
    jose::Algorithm,
    outbound::{Credential, Kind, Settings, SignedJwt, SubjectToken, TokenExchange},
    signing::Signer,
};

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream.credential]", KEYS));

const KEYS: &[Key] = &[
    key(
        "kind",
        "\"none\"",
        "none, forward (the inbound token), signed_jwt, client_credentials, jwt_bearer or token_exchange.",
    ).is(Shape::Choice(|| NAMES.map(|(word, _)| word).to_vec())),
    key(
        "header",
        "\"Authorization\"",
        "The field that it is shown in; clients cannot set it.",
    ),
    key(
        "scheme",
        "\"Bearer\"",
        "What stands in front of it. \"\": nothing.",
    ),
    unset(
        "private_key_file",
        "\"gateway.pem\"",
        "What signs: PEM, DER or a JWK. Absent: the keys of [signing].",
    ),
    unset(
        "algorithm",
        "\"ES256\"",
        "What that key signs by. Absent: the key's own.",
    ).is(Shape::Choice(|| Algorithm::ALL.map(Algorithm::name).to_vec())),
    unset(
        "key_id",
        "\"2026-01\"",
        "Its kid. Absent: the JWK's, or the thumbprint.",
    ),
    key(
        "type",
        "\"JWT\"",
        "Of a signed token: the typ of its header.",
    ),
    unset(
        "issuer",
        "\"https://gateway.example\"",
        "Its iss: a string, or { claim = \"azp\" }.",
    ).is(credential_token::TEXT),
    unset("subject", "{ claim = \"sub\" }", "Its sub, likewise.").is(credential_token::TEXT),
    unset(
        "audience",
        "\"https://orders.example\"",
        "Its aud: a string, a list, or a claim. Absent: token_endpoint, where there is one.",
    ).is(credential_token::AUDIENCE),
    key("lifetime", "\"5m\"", "Its exp, from now.").is(Shape::Duration(SECOND, DAY)),
    unset(
        "not_before",
        "\"30s\"",
        "Its nbf, so long before now. Absent: it has none.",
    ).is(Shape::Either(&[Shape::Duration(Duration::ZERO, HOUR), NONE])),
    unset(
        "claims",
        "{ role = \"x\", level = 3, tenant = { claim = \"/org/id\", optional = true } }",
        "More claims: of any type, or taken from the inbound token. An object: { value = { a = 1 } }.",
    ).is(credential_token::CLAIMS),
    key(
        "reuse",
        "true",
        "Whether a signed_jwt serves many requests; else each has its own jti.",
    ),
    unset(
        "token_endpoint",
        "\"https://idp.example.com/token\"",
        "Where a token is fetched.",
    ),
    unset(
        "client_id",
        "\"orders-gateway\"",
        "Who the gateway is there.",
    ),
    key(
        "authentication",
        "\"client_secret_basic\"",
        "Or client_secret_post, client_secret_jwt, private_key_jwt, none.",
    ).is(Shape::Choice(|| credential_endpoint::METHODS.map(|(word, _)| word).to_vec())),
    unset("client_secret_file", "\"client.secret\"", "Its secret."),
    unset(
        "client_secret",
        "\"${CLIENT_SECRET}\"",
        "The same, as a value.",
    ),
    unset(
        "authentication_audience",
        "\"https://idp.example.com\"",
        "The aud of private_key_jwt and client_secret_jwt. Absent: token_endpoint.",
    ),
    key("scopes", "[]", "What is asked for."),
    unset(
        "parameters",
        "{ audience = \"orders\", resource = [\"https://orders.example\"] }",
        "More parameters of the request.",
    ).is(Shape::Map(&Shape::Either(&[Shape::Text, Shape::List(0, &Shape::Text)]))),
    key(
        "subject_token",
        "\"inbound\"",
        "Of token_exchange: the inbound token, or \"own\": one that is signed as above.",
    ).is(Shape::Choice(|| vec!["inbound", "own"])),
    unset(
        "subject_token_type",
        "\"urn:ietf:params:oauth:token-type:access_token\"",
        "Absent: this, or \"…:jwt\" for one's own.",
    ),
    key(
        "actor_token",
        "\"none\"",
        "\"own\": one that is signed as above goes along.",
    ).is(Shape::Choice(|| vec!["none", "own"])),
    unset(
        "requested_token_type",
        "\"urn:ietf:params:oauth:token-type:access_token\"",
        "What is asked for.",
    ),
    key(
        "timeout",
        "\"5s\"",
        "The most time that one fetch may take.",
    ).is(Shape::Duration(CENTI, MINUTE)),
    key(
        "cooldown",
        "\"5s\"",
        "How long nothing is fetched after a failure.",
    ).is(Shape::Duration(SECOND, HOUR)),
    fetch::CA_FILE,
    key(
        "allow_http",
        "false",
        "Whether token_endpoint may be http on another machine than this one.",
    ),
];

const SHOWN: &[&str] = &["header", "scheme"];
const KEY: &[&str] = &["private_key_file", "algorithm", "key_id"];
const SIGNED: &[&str] = &[
    "type",
    "issuer",
    "subject",
    "audience",
    "lifetime",
    "not_before",
    "claims",
];
const FETCHED: &[&str] = &[
    "token_endpoint",
    "client_id",
    "authentication",
    "client_secret_file",
    "client_secret",
    "authentication_audience",
    "scopes",
    "parameters",
    "timeout",
    "cooldown",
    "ca_file",
    "allow_http",
];
const EXCHANGED: &[&str] = &[
    "subject_token",
    "subject_token_type",
    "actor_token",
    "requested_token_type",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    None,
    Forward,
    SignedJwt,
    ClientCredentials,
    JwtBearer,
    TokenExchange,
}

const NAMES: [(&str, Name); 6] = [
    ("none", Name::None),
    ("forward", Name::Forward),
    ("signed_jwt", Name::SignedJwt),
    ("client_credentials", Name::ClientCredentials),
    ("jwt_bearer", Name::JwtBearer),
    ("token_exchange", Name::TokenExchange),
];

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Reads the credential of `upstream`; `signer` are the gateway's own keys.
pub(super) fn decode(
    upstream: &Section<'_>,
    name: &Arc<str>,
    signer: Option<&Arc<Signer>>,
) -> Option<Arc<Credential>> {
    let section = &upstream.child("credential", &SCHEMA);
    let errors = section.context.errors();
    let kind_name = section.choice("kind", &NAMES)?;
    refuse_idle(section, kind_name);
    let header = header(section);
    let scheme = scheme(section);
    let kind = kind(section, kind_name, signer);
    if section.context.errors() > errors {
        return None;
    }
    let settings = Settings {
        header: header?,
        scheme: scheme?,
        kind: kind?,
    };
    Some(Arc::new(Credential::new(Arc::clone(name), settings)))
}

/// `None` for none, and when something is wrong.
fn kind(section: &Section<'_>, name: Name, signer: Option<&Arc<Signer>>) -> Option<Kind> {
    match name {
        Name::None => None,
        Name::Forward => Some(Kind::Forward),
        Name::SignedJwt => {
            let reuse = section.boolean("reuse");
            let assertion = credential_token::assertion(section, signer, None)?;
            Some(Kind::SignedJwt(SignedJwt {
                assertion,
                reuse: reuse?,
            }))
        }
        Name::ClientCredentials => {
            let endpoint = credential_endpoint::decode(section, signer)?;
            credential_endpoint::check_confidential(section, &endpoint);
            Some(Kind::ClientCredentials(endpoint))
        }
        Name::JwtBearer => {
            let endpoint = credential_endpoint::decode(section, signer)?;
            let assertion = credential_token::assertion(section, signer, Some(&endpoint))?;
            credential_token::check_complete(section, &assertion);
            Some(Kind::JwtBearer(endpoint, assertion))
        }
        Name::TokenExchange => {
            let endpoint = credential_endpoint::decode(section, signer)?;
            let subject = subject(section)?;
            let signs = subject == SubjectToken::Own || has_actor(section);
            let own = match signs {
                true => Some(credential_token::assertion(
                    section,
                    signer,
                    Some(&endpoint),
                )?),
                false => None,
            };
            let usual = match subject {
                SubjectToken::Inbound => ACCESS_TOKEN,
                SubjectToken::Own => JWT,
            };
            let written = |name| section.written(name).and_then(|_| section.some_text(name));
            let subject_type = written("subject_token_type").map_or(usual, |text| text.text);
            let exchange = TokenExchange {
                subject,
                subject_type: subject_type.into(),
                own,
                requested_type: written("requested_token_type").map(|text| text.text.into()),
            };
            Some(Kind::TokenExchange(endpoint, exchange))
        }
    }
}

fn subject(section: &Section<'_>) -> Option<SubjectToken> {
    let choices = [
        ("inbound", SubjectToken::Inbound),
        ("own", SubjectToken::Own),
    ];
    let subject = section.choice("subject_token", &choices)?;
    if subject == SubjectToken::Own && has_actor(section) {
        let message = "the subject's token and the actor's cannot both be the gateway's own";
        let help = "leave \"actor_token\" out";
        let place = section.place("actor_token");
        section.context.error_with_help(place, message, help);
        return None;
    }
    Some(subject)
}

fn has_actor(section: &Section<'_>) -> bool {
    section.choice("actor_token", &[("none", false), ("own", true)]) == Some(true)
}

/// A key that does nothing was meant to do something.
fn refuse_idle(section: &Section<'_>, name: Name) {
    let own = section
        .written("subject_token")
        .is_some_and(|n| n.is_text("own"))
        || section
            .written("actor_token")
            .is_some_and(|n| n.is_text("own"));
    let by_key = section
        .written("authentication")
        .is_some_and(|n| n.is_text("private_key_jwt"));
    let signs = match name {
        Name::SignedJwt | Name::JwtBearer => true,
        Name::TokenExchange => own,
        Name::None | Name::Forward | Name::ClientCredentials => false,
    };
    let fetches = matches!(
        name,
        Name::ClientCredentials | Name::JwtBearer | Name::TokenExchange
    );
    let groups = [
        (SHOWN, name != Name::None),
        (KEY, signs || fetches && by_key),
        (SIGNED, signs),
        (&["reuse"][..], name == Name::SignedJwt),
        (FETCHED, fetches),
        (EXCHANGED, name == Name::TokenExchange),
    ];
    let idle = groups.into_iter().filter(|(_, used)| !used);
    let shown = NAMES.iter().find(|(_, own)| *own == name);
    let shown = shown.map_or("", |(text, _)| text);
    for written in idle.flat_map(|(names, _)| names).copied() {
        if section
            .written(written)
            .is_some_and(|node| !is_default(node, written))
        {
            let message = format!("\"{written}\" does nothing here with kind = \"{shown}\"");
            let help = "leave it out, or choose another \"kind\"";
            let place = section.place(written);
            section.context.error_with_help(place, message, help);
        }
    }
}

/// The reference file shows every key at its default.
fn is_default(node: &super::value::Node, name: &str) -> bool {
    let default = SCHEMA.default(name);
    default.is_some_and(|default| default.value.to_json() == node.value.to_json())
}

fn header(section: &Section<'_>) -> Option<HeaderName> {
    let text = section.text("header")?;
    let Ok(name) = HeaderName::from_bytes(text.text.as_bytes()) else {
        let message = "not a header's name (RFC 9110 §5.1)";
        section.context.error(text.span, message);
        return None;
    };
    if is_reserved(name.as_str()) && name != http::header::AUTHORIZATION {
        let help = "write \"Authorization\", or a name of your own, such as \"X-Api-Token\"";
        let message = "this header has a meaning of its own and cannot carry a credential";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    Some(name)
}

fn scheme(section: &Section<'_>) -> Option<Box<str>> {
    let text = section.text("scheme")?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !text.text.bytes().all(legal) {
        let help = "write one word: \"Bearer\"";
        section
            .context
            .error_with_help(text.span, "not a scheme", help);
        return None;
    }
    Some(text.text.into())
}
