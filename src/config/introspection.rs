//! `introspection` of an issuer: where it is asked about tokens.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{
    fetch,
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{CENTI, HOUR, MINUTE, Shape},
    url,
};
use crate::introspection::{Authentication, Credentials, Introspection, Jwt, Method, Settings};

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[issuers.\"…\".introspection]", KEYS));

const KEYS: &[Key] = &[
    unset(
        "endpoint",
        "\"https://idp.example.com/realms/orders/introspect\"",
        "Where the issuer is asked about tokens. Absent: it is not asked.",
    ),
    key(
        "method",
        "\"introspect\"",
        "What stands there: \"introspect\" (RFC 7662) or \"userinfo\", which is shown the token itself.",
    ).is(Shape::Choice(|| vec!["introspect", "userinfo"])),
    unset("client_id", "\"portcullis\"", "Who the gateway is there."),
    unset(
        "client_secret_file",
        "\"introspection.secret\"",
        "Its secret.",
    ),
    unset(
        "client_secret",
        "\"${INTROSPECTION_SECRET}\"",
        "The same, as a value.",
    ),
    key(
        "authentication",
        "\"client_secret_basic\"",
        "How both are sent: \"client_secret_basic\" or \"client_secret_post\".",
    ).is(Shape::Choice(|| vec!["client_secret_basic", "client_secret_post"])),
    key(
        "jwt",
        "\"local\"",
        "JWTs: never asked about; \"fallback\": when no key verifies one; \"always\": after a key did.",
    ).is(Shape::Choice(|| vec!["local", "fallback", "always"])),
    key(
        "opaque",
        "false",
        "Whether it is asked about tokens that are no JWTs. At most one issuer on each route.",
    ),
    key("timeout", "\"5s\"", "The most time that one call may take.").is(Shape::Duration(CENTI, MINUTE)),
    key(
        "cache",
        "\"60s\"",
        "How long a good answer is believed, at most until exp: so long a revoked token passes.",
    ).is(Shape::Duration(Duration::ZERO, HOUR)),
    fetch::CA_FILE,
    key(
        "allow_http",
        "false",
        "Whether tokens may be sent over http to other machines than this one.",
    ),
];

/// Reads `introspection` of the issuer `name`.
pub(super) fn decode(section: &Section<'_>, name: &Arc<str>) -> Option<Introspection> {
    let settings = settings(section)?;
    Some(Introspection::new(Arc::clone(name), settings))
}

/// Reads it without an issuer. It is looked at as a whole also where no endpoint is named.
pub(super) fn settings(section: &Section<'_>) -> Option<Settings> {
    let second = Duration::from_secs(1);
    let methods = [
        ("introspect", Method::Introspect),
        ("userinfo", Method::Userinfo),
    ];
    let words = [
        ("local", Jwt::Local),
        ("fallback", Jwt::Fallback),
        ("always", Jwt::Always),
    ];
    let method = section.choice("method", &methods);
    let jwt = section.choice("jwt", &words);
    let opaque = section.boolean("opaque");
    let timeout = section.some_duration("timeout", second / 100..=second * 60);
    let cache = section.some_duration("cache", Duration::ZERO..=second * 3600);
    let authorities = fetch::authorities(section);
    let allow_http = section.boolean("allow_http").unwrap_or_default();
    let credentials = credentials(section);
    let Some(text) = section.some_text("endpoint") else {
        let meant = [
            ("client_id", credentials.is_some()),
            ("opaque", opaque == Some(true)),
            ("jwt", jwt.is_some_and(|jwt| jwt != Jwt::Local)),
        ];
        for (name, _) in meant.into_iter().filter(|(_, is_meant)| *is_meant) {
            let message = format!("\"{name}\" without \"endpoint\"");
            section.missing(section.place(name), message, "set \"endpoint\"");
        }
        return None;
    };
    let endpoint = url::endpoint(
        section.context,
        text,
        allow_http,
        "the endpoint",
        "tokens and a secret",
    )?;
    let settings = Settings {
        endpoint,
        method: method?,
        credentials,
        jwt: jwt?,
        opaque: opaque?,
        timeout: timeout?,
        cache: cache?,
        authorities,
    };
    check(section, text, &settings);
    Some(settings)
}

/// What each key may say on its own, and not together.
fn check(section: &Section<'_>, endpoint: Text<'_>, settings: &Settings) {
    let context = section.context;
    match (settings.method, section.has("client_id")) {
        (Method::Introspect, false) => {
            // RFC 7662 §2.1: an endpoint that answers everybody can be searched for tokens.
            let help = "set \"client_id\" and \"client_secret_file\"";
            section.missing(endpoint.span, "the endpoint needs a \"client_id\"", help);
        }
        (Method::Userinfo, true) => {
            let message = "a userinfo endpoint is shown the token, and no \"client_id\"";
            context.error(section.place("client_id"), message);
        }
        (Method::Introspect, true) | (Method::Userinfo, false) => {}
    }
    if settings.jwt == Jwt::Local && !settings.opaque {
        let help = "set opaque = true, or jwt = \"fallback\" or \"always\"";
        let message = "the issuer would be asked about no token";
        context.error_with_help(endpoint.span, message, help);
    }
    if settings.method == Method::Userinfo && (settings.opaque || settings.jwt == Jwt::Fallback) {
        let host = settings.endpoint.host_str().unwrap_or_default();
        context.warn(format!(
            "userinfo at {host}: it names no audience, so a token that was issued for another \
             service passes too"
        ));
    }
}

fn credentials(section: &Section<'_>) -> Option<Credentials> {
    let authentication = section.choice(
        "authentication",
        &[
            ("client_secret_basic", Authentication::Basic),
            ("client_secret_post", Authentication::Post),
        ],
    );
    let id = section.some_text("client_id");
    let written = ["client_secret", "client_secret_file"];
    let written = written.into_iter().find(|name| section.has(name));
    let secret = section.secret("client_secret", "client_secret_file");
    match (id, written) {
        (Some(id), None) => {
            let help = "set \"client_secret_file\"";
            section.missing(id.span, "a \"client_id\" needs a secret", help);
        }
        (None, Some(name)) => {
            let message = "a secret needs a \"client_id\"";
            section.missing(section.place(name), message, "set \"client_id\"");
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    Some(Credentials {
        client_id: id?.text.to_owned(),
        secret: secret?.0,
        authentication: authentication?,
    })
}
