//! `identity` of an issuer: which of its claims say who somebody is.

use std::{
    cell::{OnceCell, RefCell},
    sync::{Arc, LazyLock},
};

use http::HeaderValue;

use super::{
    claim_headers,
    schema::{Key, Schema, key, unset},
    section::Section,
};
use crate::{
    claims::{ClaimPath, path::ClaimPathError},
    identity::{ClaimHeader, IdentityClaims, OwnHeaders, is_header_value},
};

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[issuers.\"…\".identity]", KEYS));

const KEYS: &[Key] = &[
    key(
        "subject",
        "\"sub\"",
        "The claim that names the user: a name, or a JSON Pointer.",
    ),
    key(
        "unique_name",
        "\"\"",
        "The claim with the name that nobody else has; it becomes x-auth-unique-name. \"\": none.",
    ),
    key(
        "groups",
        "\"groupIds\"",
        "The claim with the groups: an array of strings, or one string.",
    ),
    key("realm", "\"\"", "The realm, whatever the token says."),
    key(
        "realm_claim",
        "\"realmName\"",
        "The claim with the realm otherwise; without it, the issuer is the realm.",
    ),
    key(
        "headers",
        "{}",
        "As in [identity], for this issuer; they go before those.",
    )
    .is(claim_headers::SHAPE),
    unset(
        "mapper",
        "true",
        "Whether the mapper of [identity.mapper] is asked. Absent: if there is one.",
    ),
    unset(
        "user_registry",
        "true",
        "Whether the subject must be in the [user_registry]. Absent: if there is one.",
    ),
];

/// What the rest of the configuration says about all issuers' subjects.
#[derive(Default)]
pub(super) struct Subjects {
    /// `[identity.headers]`.
    headers: Vec<ClaimHeader>,
    has_mapper: bool,
    has_registry: bool,
    /// For issuers that say nothing: most do.
    silent: OnceCell<Arc<IdentityClaims>>,
    /// The names of all headers of choice.
    names: RefCell<Vec<Box<str>>>,
}

impl Subjects {
    pub(super) fn new(headers: Vec<ClaimHeader>, has_mapper: bool, has_registry: bool) -> Self {
        let names = headers.iter().map(|header| header.name.clone()).collect();
        Self {
            headers,
            has_mapper,
            has_registry,
            silent: OnceCell::new(),
            names: RefCell::new(names),
        }
    }

    /// What an issuer without `identity` has.
    pub(super) fn silent(&self) -> Arc<IdentityClaims> {
        let claims = || {
            Arc::new(IdentityClaims {
                headers: self.headers.as_slice().into(),
                ..IdentityClaims::default()
            })
        };
        Arc::clone(self.silent.get_or_init(claims))
    }

    /// Reads the `identity` of an issuer.
    pub(super) fn decode(&self, identity: &Section<'_>) -> IdentityClaims {
        let own = claim_headers::decode(identity);
        let names = own.iter().map(|header| header.name.clone());
        self.names.borrow_mut().extend(names);
        let default = IdentityClaims::default();
        IdentityClaims {
            subject: claim(identity, "subject").unwrap_or(default.subject),
            unique_name: claim(identity, "unique_name"),
            groups: claim(identity, "groups").unwrap_or(default.groups),
            realm: realm(identity),
            realm_claim: claim(identity, "realm_claim").unwrap_or(default.realm_claim),
            headers: claim_headers::over(own, &self.headers).into(),
            mapper: asked(identity, "mapper", self.has_mapper, "[identity.mapper]"),
            user_registry: asked(
                identity,
                "user_registry",
                self.has_registry,
                "[user_registry]",
            ),
        }
    }

    /// The headers that no request may bring along.
    pub(super) fn own_headers(&self) -> OwnHeaders {
        OwnHeaders::new(self.names.borrow().iter().map(|name| &**name))
    }
}

/// Absent is the same as true: where there is nobody, nobody is asked.
fn asked(identity: &Section<'_>, name: &str, there: bool, section: &str) -> bool {
    if identity.written(name).is_none() {
        return true;
    }
    let asked = identity.boolean(name).unwrap_or(true);
    if asked && !there {
        let help = format!("set {section}, or leave \"{name}\" out");
        let message = format!("there is no {section}");
        identity
            .context
            .error_with_help(identity.place(name), message, help);
    }
    asked
}

fn claim(identity: &Section<'_>, name: &str) -> Option<ClaimPath> {
    let optional = name == "unique_name";
    let text = identity.text(name)?;
    if text.text.is_empty() && optional {
        return None;
    }
    text.text
        .parse()
        .map_err(|error: ClaimPathError| identity.context.error(text.span, error.to_string()))
        .ok()
}

fn realm(identity: &Section<'_>) -> Option<HeaderValue> {
    let text = identity.some_text("realm")?;
    let value = HeaderValue::from_bytes(text.text.as_bytes()).ok();
    let value = value.filter(|_| is_header_value(text.text));
    if value.is_none() {
        let help = "leave out control characters, and blanks at its ends";
        let message = "the realm cannot be a header value";
        identity.context.error_with_help(text.span, message, help);
    }
    value
}
