//! `[decryption]` and an issuer's `decryption`: the keys for tokens that are encrypted.

use std::{
    path::Path,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use zeroize::Zeroizing;

use super::{
    context::Context,
    files,
    schema::{Key, Schema, closest, key, unset},
    section::{Section, Text},
    shape::{SOME_TEXTS, Shape},
    value::Span,
};
use crate::jose::jwe::{self, ContentEncryption, HeldKey, KeyManagement, Keychain, MAX_TRIES};

/// Of `[decryption]`.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[decryption]", KEYS));
/// Of `[issuers."…".decryption]`, where what is absent is as in `[decryption]`.
pub(super) static ISSUERS: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[issuers.\"…\".decryption]", ISSUER_KEYS));

const KEYS: &[Key] = &[
    key(
        "private_key_file",
        "\"\"",
        "PEM (PKCS#8, PKCS#1 or SEC1), a private JWK or a set of them; or a list of such files.",
    ).is(Shape::Either(&[Shape::Text, SOME_TEXTS])),
    key(
        "required",
        "false",
        "Whether a token that is only signed is refused.",
    ),
    key(
        "algorithms",
        "[\"RSA-OAEP-256\", \"RSA-OAEP\", \"ECDH-ES\", \"ECDH-ES+A128KW\", \"ECDH-ES+A192KW\", \
         \"ECDH-ES+A256KW\", \"A128KW\", \"A192KW\", \"A256KW\", \"dir\"]",
        "How the key of a token may be encrypted (alg).",
    ).is(Shape::List(1, &Shape::Choice(|| KeyManagement::ALL.map(KeyManagement::name).to_vec()))),
    key(
        "encryptions",
        "[\"A256GCM\", \"A192GCM\", \"A128GCM\", \"A256CBC-HS512\", \"A192CBC-HS384\", \"A128CBC-HS256\"]",
        "How its content may be encrypted (enc).",
    ).is(Shape::List(1, &Shape::Choice(|| ContentEncryption::ALL.map(ContentEncryption::name).to_vec()))),
];

const ISSUER_KEYS: &[Key] = &[
    key(
        "private_key_file",
        "\"\"",
        "Keys that decrypt this issuer's tokens and nobody else's.",
    )
    .is(Shape::Either(&[Shape::Text, SOME_TEXTS])),
    unset("required", "true", "Absent: as in [decryption]."),
    unset(
        "algorithms",
        "[\"RSA-OAEP-256\"]",
        "Of these keys. Absent: as in [decryption].",
    )
    .is(Shape::List(
        1,
        &Shape::Choice(|| KeyManagement::ALL.map(KeyManagement::name).to_vec()),
    )),
    unset(
        "encryptions",
        "[\"A256GCM\"]",
        "With these keys. Absent: as in [decryption].",
    )
    .is(Shape::List(
        1,
        &Shape::Choice(|| ContentEncryption::ALL.map(ContentEncryption::name).to_vec()),
    )),
];

/// `[decryption]`, and what the issuers have added to it.
pub(super) struct Decryption {
    required: bool,
    rules: Rules,
    keys: Vec<HeldKey>,
    /// Whether there is a key for every issuer's tokens, or one that could not be read.
    has_common: bool,
}

/// What a key may be used with.
#[derive(Clone)]
struct Rules {
    algorithms: Arc<[KeyManagement]>,
    encryptions: Arc<[ContentEncryption]>,
}

/// Reads `[decryption]`.
pub(super) fn decode(section: &Section<'_>) -> Decryption {
    let every = Rules {
        algorithms: Arc::new(KeyManagement::ALL),
        encryptions: Arc::new(ContentEncryption::ALL),
    };
    let rules = rules(section, &every);
    let keys = keys(section, None, &rules);
    Decryption {
        required: section.boolean("required").unwrap_or_default(),
        rules,
        keys,
        has_common: section.has("private_key_file"),
    }
}

/// Looks at the `decryption` of `[issuer_defaults]`: a key for every issuer stands in `[decryption]`.
pub(super) fn check_defaults(defaults: &Section<'_>) {
    let section = defaults.child("decryption", &ISSUERS);
    if section.has("private_key_file") {
        let message = "a key for the tokens of every issuer stands in [decryption]";
        let help = "move \"private_key_file\" to [decryption]";
        let place = section.place("private_key_file");
        section.context.error_with_help(place, message, help);
    }
    let _ = section.boolean("required");
}

impl Decryption {
    /// Adds the keys of the issuer `name`; whether its tokens must be encrypted.
    pub(super) fn of_issuer(
        &mut self,
        issuer: &Section<'_>,
        name: &Arc<str>,
        active: bool,
    ) -> bool {
        let section = issuer.child("decryption", &ISSUERS);
        let required = section.boolean("required").unwrap_or(self.required);
        let rules = rules(&section, &self.rules);
        let is_own = section.key_span("private_key_file").is_some();
        if is_own {
            self.keys.extend(keys(&section, Some(name), &rules));
        }
        let has_key = self.has_common || section.has("private_key_file");
        if required && active && !has_key {
            let message = format!("tokens of {name} must be encrypted, and no key decrypts them");
            let help = "name one in \"private_key_file\"";
            section
                .context
                .error_with_help(section.place("required"), message, help);
        }
        required
    }

    /// Every key.
    pub(super) fn into_keychain(self, context: &Context<'_>) -> Keychain {
        let nameless = self.keys.iter().filter(|held| held.key.kid().is_none());
        if nameless.count() > MAX_TRIES {
            context.warn(format!(
                "more than {MAX_TRIES} decryption keys have no kid, and {MAX_TRIES} are tried on a token: \
                 use JWKs with a \"kid\""
            ));
        }
        Keychain::new(self.keys)
    }
}

fn rules(section: &Section<'_>, outer: &Rules) -> Rules {
    let algorithms = KeyManagement::ALL.map(KeyManagement::name);
    let encryptions = ContentEncryption::ALL.map(ContentEncryption::name);
    Rules {
        algorithms: names(section, "algorithms", &algorithms)
            .unwrap_or_else(|| Arc::clone(&outer.algorithms)),
        encryptions: names(section, "encryptions", &encryptions)
            .unwrap_or_else(|| Arc::clone(&outer.encryptions)),
    }
}

/// The values of a list of names; `None` if it is absent.
fn names<T: FromStr>(
    section: &Section<'_>,
    name: &str,
    known: &[&'static str],
) -> Option<Arc<[T]>> {
    let node = section.written(name)?;
    if node.is_empty_list() {
        let help = "leave it out for all of them";
        let message = format!("\"{name}\" is empty: no token could be decrypted");
        section.context.error_with_help(node.span, message, help);
    }
    let texts = section.texts(name).unwrap_or_default();
    let one = |text: Text<'_>| {
        let value = text.text.parse().ok();
        if value.is_none() {
            let help = match closest(text.text, known.iter().copied()) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("supported are {}", known.join(", ")),
            };
            let message = format!("\"{}\" is not supported for encrypted tokens", text.text);
            section.context.error_with_help(text.span, message, help);
        }
        value
    };
    Some(texts.into_iter().filter_map(one).collect())
}

/// The keys in every file that `private_key_file` names.
fn keys(section: &Section<'_>, issuer: Option<&Arc<str>>, rules: &Rules) -> Vec<HeldKey> {
    if !section.has("private_key_file") {
        return Vec::new();
    }
    let files = section.one_or_more("private_key_file").unwrap_or_default();
    let keys = files.into_iter().flat_map(|file| {
        let path = section.context.resolve(file.text);
        section.context.depends_on(&path);
        read(section.context, &path, file.span)
    });
    let held = keys.map(|(key, name)| HeldKey {
        key,
        name,
        issuer: issuer.cloned(),
        algorithms: Arc::clone(&rules.algorithms),
        encryptions: Arc::clone(&rules.encryptions),
    });
    held.collect()
}

/// The keys in one file, each with what it is called.
fn read(context: &Context<'_>, path: &Path, span: Span) -> Vec<(jwe::PrivateKey, Arc<str>)> {
    let shown = path.display();
    let document = match files::read(path, files::MAX_DOCUMENT) {
        Ok(document) => Zeroizing::new(document),
        Err(error) => {
            context.error(span, error.to_string());
            return Vec::new();
        }
    };
    if files::is_open_to_others(path) {
        context.warn(format!(
            "{shown} holds a private key and is open to others: chmod 600 {shown}"
        ));
    }
    match jwe::read_keys(&document) {
        Ok(keys) => {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let named = keys.into_iter().enumerate().map(|(number, key)| {
                let place = || format!("{} of {file}", number + 1);
                let name = key.kid().map_or_else(place, ToOwned::to_owned);
                (key, name.into())
            });
            named.collect()
        }
        Err(error) => {
            context.error(span, format!("{shown} cannot be used: {error}"));
            Vec::new()
        }
    }
}
