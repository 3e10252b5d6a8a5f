//! `[admin]`.

use std::sync::LazyLock;

use super::{
    schema::{Key, Schema, key, unset},
    section::Section,
    server_section,
    shape::Shape,
};
use crate::{admin::Settings, server::ListenAddress};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[admin]", KEYS));

const KEYS: &[Key] = &[
    key(
        "listen",
        "\"127.0.0.1:9090\"",
        "Where health, metrics and status are served, or \"fd:NAME\". \"\" turns it off. Fixed until a restart.",
    ),
    unset(
        "token_file",
        "\"admin.token\"",
        "The bearer secret of the admin listener; must be there when that is not loopback.",
    ),
    unset(
        "token",
        "\"${PORTCULLIS_ADMIN_TOKEN}\"",
        "The same, as a value.",
    ),
    key(
        "refusals",
        "200",
        "How many of the last refusals are kept in memory for whoever asks why, without their tokens; 0: none. Fixed until a restart.",
    ).is(Shape::Number(0, 10_000)),
];

/// The most refusals that are kept.
const MOST_REFUSALS: usize = 10_000;
/// How many are kept where nothing is said.
const USUAL_REFUSALS: usize = 200;

/// The shortest admin token, in bytes: 128 bits.
const MIN_TOKEN: usize = 16;

/// Reads `[admin]`; `None` when it is turned off.
pub(super) fn decode(admin: &Section<'_>) -> Option<Settings> {
    let token = admin.secret("token", "token_file").map(|(token, span)| {
        let bytes = token.expose_secret();
        if bytes.len() < MIN_TOKEN {
            let help = "make one with: openssl rand -base64 32";
            let message = format!("the admin token must have at least {MIN_TOKEN} bytes");
            admin.context.error_with_help(span, message, help);
        }
        if !bytes.iter().all(u8::is_ascii_graphic) {
            // No client could send it in an Authorization header (RFC 6750 §2.1).
            let message = "the admin token must be made of visible ASCII characters";
            admin.context.error(span, message);
        }
        token
    });
    let refusals = admin.number("refusals", 0..=MOST_REFUSALS);
    let refusals = refusals.unwrap_or(USUAL_REFUSALS);
    let text = admin.some_text("listen")?;
    let listen = match server_section::inherited(admin, text) {
        Some(inherited) => inherited?,
        None => ListenAddress::Tcp(server_section::socket_address(admin, text)?),
    };
    // Where an inherited socket listens is not known here.
    let is_loopback = matches!(&listen, ListenAddress::Tcp(address) if address.ip().is_loopback());
    if !is_loopback && !admin.has("token") && !admin.has("token_file") {
        let message = "an admin listener that is not loopback needs a token";
        let help = "name a file with the bearer secret in \"token_file\"";
        admin.context.error_with_help(text.span, message, help);
    }
    Some(Settings {
        listen,
        token,
        refusals,
    })
}
