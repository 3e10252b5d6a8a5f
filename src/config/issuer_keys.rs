//! Where an issuer's keys come from: one source, or discovery when it names none.

use std::sync::{Arc, LazyLock};

use super::{
    fetch, issuer_discovery,
    issuer_key_set::{file, union, usable},
    issuer_trust_store,
    schema::{Key, Schema, needed, unset},
    section::{Section, Text},
    shape::{Rule, Shape},
    value::{Node, Span, Value},
};
use crate::{
    issuer::{KeyForm, KeySource},
    jose::{
        self, AlgorithmSet,
        jwk::{JwkSet, Symmetric},
    },
};

/// The keys of an issuer that name its source.
pub(super) const KEYS: &[Key] = &[
    unset(
        "discovery_url",
        "\"https://idp.example.com/realms/orders/.well-known/openid-configuration\"",
        "At most one source of keys. The URL of its metadata; without a source: where its name says.",
    ),
    unset(
        "jwks_uri",
        "\"https://idp.example.com/realms/orders/protocol/openid-connect/certs\"",
        "Or the URL of its JWKS document, which is fetched.",
    ),
    unset(
        "jwks_file",
        "\"keys.json\"",
        "Or a JWKS document in a file, which is watched.",
    ),
    unset(
        "jwks",
        "{ keys = [{ kty = \"RSA\", n = \"…\", e = \"AQAB\" }] }",
        "Or the JWKS document itself.",
    )
    .is(Shape::Section(|| &SET)),
    unset(
        "certificate_file",
        "\"issuer.pem\"",
        "Or an X.509 certificate (PEM; of a chain the first), which is watched. Used while it is valid.",
    ),
    unset(
        "public_key_file",
        "\"issuer.pub\"",
        "Or a public key (PEM), which is watched.",
    ),
    unset(
        "truststore_file",
        "\"trust.p12\"",
        "Or a certificate in a Java trust store (PKCS#12 or JKS), which is watched.",
    ),
    unset(
        "truststore_alias",
        "\"issuer\"",
        "Which of its certificates.",
    ),
    unset(
        "truststore_password_file",
        "\"trust.password\"",
        "Its password.",
    ),
    unset(
        "truststore_password",
        "\"${TRUSTSTORE_PASSWORD}\"",
        "The same, as a value.",
    ),
    unset(
        "shared_secret_file",
        "\"secret\"",
        "Or a secret for HS256, HS384 and HS512 in a file.",
    ),
    unset(
        "shared_secret",
        "\"${SHARED_SECRET}\"",
        "The same, as a value.",
    ),
];

/// The source in Liberty Create's form.
pub(super) const CREATE_KEYS: &[Key] = &[unset(
    "key",
    "{ keys = [] }",
    "The keys themselves: an array or an object of JWKs.",
)
.is(Shape::Section(|| &SET))];

/// An issuer has one source of keys.
pub(super) const RULES: &[Rule] = &[Rule::OneOrNone(&SOURCES)];

/// The keys that name a source; the last one is for the issuers file alone.
const SOURCES: [&str; 10] = [
    "discovery_url",
    "jwks_uri",
    "jwks_file",
    "jwks",
    "certificate_file",
    "public_key_file",
    "truststore_file",
    "shared_secret",
    "shared_secret_file",
    "key",
];

static SET: LazyLock<Schema> = LazyLock::new(|| {
    const KEYS: &[Key] =
        &[needed("keys", "[]", "An array or an object of JWKs.").is(Shape::Anything)];
    Schema::new("the key set", KEYS).with(&[Rule::Some(&["keys"])])
});

/// What kind of source it is: some algorithms belong to some kinds only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Fetched: whatever is in it is public.
    Remote,
    /// JWKs that only the gateway's owner sees.
    Local,
    /// One shared secret.
    Secret,
}

/// A source, and what is known of its keys.
pub(super) struct Keys {
    pub(super) source: KeySource,
    pub(super) kind: Kind,
    /// The algorithms of the keys; `None` before they are fetched.
    pub(super) algorithms: Option<AlgorithmSet>,
    pub(super) span: Span,
}

/// Finds the one source that `issuer` names; discovery if it names none. `name` and `span` are the issuer's.
pub(super) fn decode(issuer: &Section<'_>, name: &str, span: Span) -> Option<Keys> {
    let named: Vec<_> = SOURCES
        .into_iter()
        .filter(|source| issuer.key_span(source).is_some() && issuer.has(source))
        .collect();
    let has_store = issuer.key_span("truststore_file").is_some();
    for name in [
        "truststore_alias",
        "truststore_password_file",
        "truststore_password",
    ] {
        if let Some(span) = issuer.key_span(name).filter(|_| !has_store) {
            issuer.missing(
                span,
                format!("\"{name}\" without \"truststore_file\""),
                "set \"truststore_file\"",
            );
        }
    }
    match named.as_slice() {
        [source] => one(issuer, source, name),
        [] => {
            // One that is there and empty was meant to be another: nothing is guessed for it.
            let is_meant = SOURCES.into_iter().any(|s| issuer.key_span(s).is_some());
            if issuer_discovery::is_url(name) && !is_meant {
                return discovered(issuer, name, span);
            }
            if is_opaque(issuer) && !is_meant {
                return Some(Keys {
                    source: KeySource::Fixed(Arc::default()),
                    kind: Kind::Remote,
                    algorithms: None,
                    span,
                });
            }
            let help = "name one of discovery_url, jwks_uri, jwks_file, jwks, certificate_file, \
                        public_key_file, truststore_file, shared_secret_file";
            issuer.missing(span, "the issuer has no source of keys", help);
            None
        }
        [first, others @ ..] => {
            for other in others {
                let message =
                    format!("\"{other}\" beside \"{first}\": an issuer has one source of keys");
                issuer
                    .context
                    .error(issuer.key_span(other).unwrap_or(span), message);
            }
            None
        }
    }
}

/// Whether the issuer is asked about tokens that are no JWTs, so that it can do without a key.
fn is_opaque(issuer: &Section<'_>) -> bool {
    let opaque = match issuer.written("introspection").map(|node| &node.value) {
        Some(Value::Table(table)) => table.get("opaque"),
        _ => None,
    };
    opaque.is_some_and(|node| matches!(node.value, Value::Boolean(true)))
}

fn one(issuer: &Section<'_>, source: &str, name: &str) -> Option<Keys> {
    let is_remote = matches!(source, "jwks_uri" | "discovery_url");
    if !is_remote && issuer.key_span("fetch").is_some() {
        issuer.context.warn(format!(
            "issuer {name}: \"fetch\" does nothing beside \"{source}\""
        ));
    }
    match source {
        "jwks_uri" => remote(issuer, issuer.some_text(source)?, None),
        "discovery_url" => remote(issuer, issuer.some_text(source)?, Some(name)),
        "jwks_file" => file(issuer, source, name, KeyForm::Jwks),
        "certificate_file" => file(issuer, source, name, KeyForm::Certificate),
        "public_key_file" => file(issuer, source, name, KeyForm::PublicKey),
        "truststore_file" => {
            let form = issuer_trust_store::form(issuer);
            file(issuer, source, name, form?)
        }
        "jwks" | "key" => inline(issuer, source, name),
        _ => secret(issuer),
    }
}

/// Keys from the document at `text`, or from the one that the metadata of `issuer` there name.
fn remote(section: &Section<'_>, text: Text<'_>, issuer: Option<&str>) -> Option<Keys> {
    let fetch = fetch::decode(&section.child("fetch", &fetch::SCHEMA));
    Some(Keys {
        source: KeySource::Remote(Box::new(fetch.of(section, text, issuer)?)),
        kind: Kind::Remote,
        algorithms: None,
        span: text.span,
    })
}

fn discovered(issuer: &Section<'_>, name: &str, span: Span) -> Option<Keys> {
    let url = issuer_discovery::place(issuer, name, span)?;
    remote(issuer, Text { text: &url, span }, Some(name))
}

fn inline(issuer: &Section<'_>, source: &str, name: &str) -> Option<Keys> {
    let section = issuer.child(source, &SET);
    let span = issuer.place(source);
    let Some(Node {
        value,
        span: keys_span,
    }) = section.written("keys")
    else {
        issuer
            .context
            .error(span, format!("\"{source}\" has no \"keys\""));
        return None;
    };
    let set = jose::jwk::from_values(&value.to_json(), Symmetric::Allowed);
    let set = usable(issuer, set, *keys_span, name)?;
    let algorithms = Some(union(&set));
    Some(Keys {
        source: KeySource::Fixed(Arc::new(set)),
        kind: Kind::Local,
        algorithms,
        span,
    })
}

fn secret(issuer: &Section<'_>) -> Option<Keys> {
    let (secret, span) = issuer.secret("shared_secret", "shared_secret_file")?;
    let key = match jose::Key::from_shared_secret(secret.expose_secret()) {
        Ok(key) => key,
        Err(error) => {
            let help = "make one with: openssl rand -base64 64";
            issuer
                .context
                .error_with_help(span, error.to_string(), help);
            return None;
        }
    };
    let algorithms = Some(key.algorithms());
    let set = JwkSet {
        keys: vec![Arc::new(key)],
        skipped: Vec::new(),
    };
    Some(Keys {
        source: KeySource::Fixed(Arc::new(set)),
        kind: Kind::Secret,
        algorithms,
        span,
    })
}
