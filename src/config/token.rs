//! `[token]`: where a request may carry its token.

use std::sync::LazyLock;

use http::{HeaderName, header};

use super::{
    schema::{Key, Schema, key},
    section::{Section, Text},
    shape::Shape,
};
use crate::{
    identity,
    token::{Multiple, Sources},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[token]", KEYS));

const KEYS: &[Key] = &[
    key(
        "header",
        "\"\"",
        "A header: the ONLY place looked at when set (\"Bearer \" is optional there).",
    ),
    key(
        "form_parameter",
        "\"access_token\"",
        "The parameter of a form body. \"\" turns it off.",
    ),
    key("cookie", "\"\"", "A cookie's name turns it on."),
    key(
        "query_parameter",
        "\"\"",
        "A query parameter's name turns it on.",
    ),
    key(
        "multiple",
        "\"reject\"",
        "Of a request with more than one token: \"reject\", or take the \"first\".",
    )
    .is(Shape::Choice(|| vec!["reject", "first"])),
    key("max_bytes", "8192", "The longest token that is looked at.").is(Shape::Size(64, 1 << 20)),
    key(
        "forward",
        "false",
        "Whether the upstream gets the token too.",
    ),
];

/// Headers that mean something else to every server in between.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// Reads `[token]`.
pub(super) fn decode(token: &Section<'_>) -> Sources {
    let named = token.some_text("header");
    if named.is_some() {
        for name in ["form_parameter", "cookie", "query_parameter"] {
            if token.has(name) {
                token.idle(name, "while \"header\" is set");
            }
        }
    }
    // With a header of its own, a token is looked for in no other place.
    let elsewhere = |name| token.some_text(name).filter(|_| named.is_none());
    let parameter = |name| elsewhere(name).map(|t| Box::from(t.text));
    Sources {
        header: named.and_then(|text| header_name(token, text)),
        form_parameter: parameter("form_parameter"),
        cookie: elsewhere("cookie").and_then(|text| cookie_name(token, text)),
        query_parameter: parameter("query_parameter"),
        multiple: token
            .choice(
                "multiple",
                &[("reject", Multiple::Reject), ("first", Multiple::First)],
            )
            .unwrap_or(Multiple::Reject),
        max_bytes: token
            .some_size("max_bytes", 64..=1 << 20)
            .unwrap_or_default(),
        forward: token.boolean("forward").unwrap_or_default(),
    }
}

fn header_name(token: &Section<'_>, text: Text<'_>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(text.text.as_bytes()) else {
        token.context.error(text.span, "not a header's name");
        return None;
    };
    if RESERVED.contains(&name) || identity::HEADER_NAMES.contains(&name.as_str()) {
        token
            .context
            .error(text.span, format!("the header {name} cannot carry a token"));
        return None;
    }
    Some(name)
}

/// A cookie's name is a token (RFC 6265 §4.1.1).
fn cookie_name(token: &Section<'_>, text: Text<'_>) -> Option<Box<str>> {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.text.bytes().all(tchar) {
        return Some(text.text.into());
    }
    token.context.error(text.span, "not a cookie's name");
    None
}
