//! `[session]`.

use std::{sync::LazyLock, time::Duration};

use super::{
    files,
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{SECOND, Shape},
};
use crate::{
    route::target,
    server::ListenAddress,
    session::{Keys, SameSite, Settings, name},
    token::Sources,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[session]", KEYS));

const KEYS: &[Key] = &[
    key(
        "enabled",
        "false",
        "Whether a good token begins a session: a cookie that logs in later requests without the token.",
    ),
    unset(
        "key_file",
        "\"session.keys\"",
        "Keys, one a line: the first encrypts, all decrypt. Absent: one is made at each start.",
    ),
    key(
        "max_age",
        "\"1h\"",
        "How long a session lasts at most; it never outlives its token.",
    )
    .is(Shape::Duration(SECOND, Duration::from_secs(7 * 86_400))),
    key(
        "secure",
        "true",
        "Whether the cookie is for https only. false: for tests, on loopback.",
    ),
    key(
        "same_site",
        "\"lax\"",
        "\"lax\", or \"strict\": then it does not come with a link from elsewhere either.",
    )
    .is(Shape::Choice(|| vec!["lax", "strict"])),
    key(
        "unsafe_methods",
        "false",
        "Whether it also logs in POST, PUT and the like, if the browser says that they are of the same origin.",
    ),
    unset(
        "logout_path",
        "\"/logout\"",
        "A path of the gateway's own: a POST to it ends the session.",
    ),
];

/// What sessions have to fit in with.
pub(super) struct Surroundings<'s> {
    pub(super) listen: &'s [ListenAddress],
    pub(super) token: &'s Sources,
}

/// Reads `[session]`; `None` when it is turned off.
pub(super) fn decode(session: &Section<'_>, around: &Surroundings<'_>) -> Option<Settings> {
    let day = Duration::from_secs(86_400);
    let max_age = session.some_duration("max_age", Duration::from_secs(1)..=day * 7);
    let same_sites = [("lax", SameSite::Lax), ("strict", SameSite::Strict)];
    let settings = Settings {
        keys: keys(session),
        max_age: max_age.map_or(0, |age| i64::try_from(age.as_secs()).unwrap_or_default()),
        secure: session.boolean("secure").unwrap_or(true),
        same_site: session
            .choice("same_site", &same_sites)
            .unwrap_or(SameSite::Strict),
        unsafe_methods: session.boolean("unsafe_methods").unwrap_or_default(),
        logout_path: session
            .some_text("logout_path")
            .and_then(|text| logout_path(session, text)),
    };
    if !session.boolean("enabled").unwrap_or_default() {
        for name in ["key_file", "logout_path"] {
            session.idle(name, "while \"enabled\" is false");
        }
        return None;
    }
    check_secure(session, &settings, around.listen);
    let name = name(settings.secure);
    if around.token.cookie.as_deref() == Some(name) {
        let message = format!("the token's cookie and the session's cannot both be called {name}");
        let help = "give token.cookie another name";
        session
            .context
            .error_with_help(session.place("enabled"), message, help);
    }
    if !session.has("key_file") {
        session.context.warn(
            "[session] has no key_file: a key is made at each start, so sessions end with a restart, and \
             other gateways do not know them",
        );
    }
    Some(settings)
}

fn keys(session: &Section<'_>) -> Option<Keys> {
    let (path, span) = session.path("key_file")?;
    let text = match files::read_text(&path, files::MAX_SECRET) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => {
            session.context.error(span, error.to_string());
            return None;
        }
    };
    let shown = path.display();
    if files::is_open_to_others(&path) {
        session.context.warn(format!(
            "{shown} holds a secret and is open to others: chmod 600 {shown}"
        ));
    }
    Keys::parse(&text)
        .map_err(|error| {
            let help = "make a key with: openssl rand -base64 32";
            let message = format!("{shown}: {error}");
            session.context.error_with_help(span, message, help);
        })
        .ok()
}

/// Without https, whoever sees the network sees the session.
fn check_secure(session: &Section<'_>, settings: &Settings, listen: &[ListenAddress]) {
    let is_local = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => address.ip().is_loopback(),
        ListenAddress::Unix(_) => true,
        // Who opened it knows where.
        ListenAddress::Inherited(_) => false,
    };
    if !settings.secure && !listen.iter().all(is_local) {
        let message = "a cookie that is not for https only needs a server.listen that is loopback";
        let help =
            "leave \"secure\" out: behind a proxy that speaks https to clients, true is right";
        session
            .context
            .error_with_help(session.place("secure"), message, help);
    }
}

fn logout_path(session: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let path = text.text;
    let canonical = target::canonical(path);
    if path.len() > 1
        && !path.contains(['?', '#'])
        && canonical.is_ok_and(|canonical| *canonical == *path)
    {
        return Some(path.into());
    }
    let help = "write a path in its plain form: \"/logout\"";
    let message = "\"logout_path\" is not a path that a request could have";
    session.context.error_with_help(text.span, message, help);
    None
}
