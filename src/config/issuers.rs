//! Every issuer, from `[issuers]` and from the issuers file, each of them once.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use super::{
    decryption::Decryption,
    files,
    issuer::{self, AudienceRule},
    issuer_identity::Subjects,
    issuer_name,
    json_source::Document,
    parts::Parts,
    schema::{Schema, closest},
    section::{Section, Text},
    value::{Entry, Span, Table},
};
use crate::{
    claims::Rules,
    identity::OwnHeaders,
    issuer::{Issuer, KeyRing, KeySource, Registry, Replay},
    jose::{jwk::JwkSet, policy::HeaderPolicy},
};

/// The issuers that were read so far.
#[derive(Default)]
pub(super) struct Issuers {
    all: Vec<Arc<Issuer>>,
    parts: Parts,
    opaque: Vec<Arc<str>>,
    /// Also of those that are wrong, so that routes that name them are not wrong as well.
    names: HashMap<Arc<str>, Known>,
}

struct Known {
    active: bool,
    span: Span,
}

/// The issuer that the gateway itself is.
pub(super) struct Own {
    pub(super) name: Arc<str>,
    pub(super) span: Span,
    pub(super) keys: JwkSet,
    pub(super) headers: HeaderPolicy,
    pub(super) rules: Rules,
}

/// Reads all of them. `has_public_url` says whether the audience rule has a URL to compare with,
/// `subjects` what is said of all their subjects.
pub(super) fn decode(
    root: &Section<'_>,
    has_public_url: bool,
    decryption: &mut Decryption,
    subjects: Subjects,
    own: Option<Own>,
) -> Issuers {
    let mut issuers = Issuers {
        parts: Parts {
            subjects,
            ..Parts::default()
        },
        ..Issuers::default()
    };
    let defaults = root.child("issuer_defaults", &issuer::DEFAULTS);
    issuer::check_defaults(&defaults, &issuers.parts);
    if let Some(own) = own {
        issuers.add_own(root, own);
    }
    for entry in root.entries("issuers") {
        issuers.add(root, entry, &issuer::SCHEMA, defaults.table(), decryption);
    }
    issuers.read_file(root, defaults.table(), decryption);
    issuers.warn(root, has_public_url);
    issuers
}

impl Issuers {
    /// The issuer that a route names, encoded or plain.
    pub(super) fn find(&self, section: &Section<'_>, text: Text<'_>) -> Option<Arc<str>> {
        let name = match issuer_name::decode(text.text) {
            Ok(name) => name,
            Err(error) => {
                section.context.error(text.span, error.to_string());
                return None;
            }
        };
        let Some((name, known)) = self.names.get_key_value(name.as_str()) else {
            let help = match closest(&name, self.names.keys().map(|n| &**n)) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => "each one must stand in [issuers] or in the issuers file".to_owned(),
            };
            section
                .context
                .missing(text.span, "no issuer has this name", help);
            return None;
        };
        if !known.active {
            section.context.warn(format!(
                "a route names the issuer {name}, which is not active"
            ));
        }
        Some(Arc::clone(name))
    }

    /// The headers of choice that any of them has.
    pub(super) fn own_headers(&self) -> OwnHeaders {
        self.parts.subjects.own_headers()
    }

    /// Active ones that are asked about tokens that are no JWTs.
    pub(super) fn asked_about_opaque(&self) -> &[Arc<str>] {
        &self.opaque
    }

    /// The registry of all of them.
    pub(super) fn into_registry(self) -> Registry {
        Registry::new(self.all)
    }

    /// The first one, so that no other can take its name.
    fn add_own(&mut self, root: &Section<'_>, own: Own) {
        let source = KeySource::Fixed(Arc::new(own.keys));
        let issuer = Issuer {
            name: Arc::clone(&own.name),
            active: true,
            encryption_required: false,
            headers: Arc::new(own.headers),
            rules: own.rules,
            replay: Replay::Allow,
            identity: self.parts.subjects.silent(),
            keys: Arc::new(KeyRing::new(source, root.context.clock.clone())),
            introspection: None,
        };
        let known = Known {
            active: true,
            span: own.span,
        };
        self.names.insert(own.name, known);
        self.all.push(Arc::new(issuer));
    }

    fn add(
        &mut self,
        root: &Section<'_>,
        entry: &Entry,
        schema: &'static LazyLock<Schema>,
        defaults: &Table,
        decryption: &mut Decryption,
    ) {
        let context = root.context;
        let name: Arc<str> = match issuer_name::decode(&entry.key) {
            Ok(name) => name.into(),
            Err(error) => return context.error(entry.key_span, error.to_string()),
        };
        let section = Section::open_over(context, schema, &entry.node, Some(defaults));
        if let Some(other) = self.names.get(&name) {
            let help = format!("it stands at {}", context.locate(other.span));
            return context.error_with_help(entry.key_span, "this issuer is already there", help);
        }
        let issuer = issuer::decode(&section, &name, entry.key_span, &self.parts, decryption);
        let active = issuer.as_ref().is_none_or(|issuer| issuer.active);
        if issuer
            .as_ref()
            .is_some_and(|i| i.active && i.vouches_for_opaque())
        {
            self.opaque.push(Arc::clone(&name));
        }
        self.names.insert(
            name,
            Known {
                active,
                span: entry.key_span,
            },
        );
        self.all.extend(issuer.map(Arc::new));
    }

    /// Liberty Create's form: one object, each key an issuer.
    fn read_file(&mut self, root: &Section<'_>, defaults: &Table, decryption: &mut Decryption) {
        let Some((path, span)) = root.path("issuers_file") else {
            return;
        };
        let text = match files::read_large_text(&path, files::MAX_ISSUERS) {
            Ok(text) => Arc::new(text),
            Err(error) => return root.context.error(span, error.to_string()),
        };
        let document = Document::new(root.context, &path.display().to_string(), &text);
        for member in document.members().unwrap_or_default() {
            // One at a time: the trees of all of them would be several times the file.
            let entry = document.entry(member);
            self.add(root, &entry, &issuer::CREATE, defaults, decryption);
        }
    }

    fn warn(&self, root: &Section<'_>, has_public_url: bool) {
        if self.names.is_empty() {
            root.context
                .warn("there is no issuer: every request that needs a token is refused");
        }
        let with = |rule| {
            let all = self.all.iter();
            let names = all.filter(move |i| i.active && issuer::audience_rule(i) == rule);
            some_names(names.map(|i| &*i.name))
        };
        if let Some(names) = with(AudienceRule::Absent).filter(|_| !has_public_url) {
            root.context.warn(format!(
                "without audiences and without server.public_url only tokens without aud pass: {names}"
            ));
        }
        if let Some(names) = with(AudienceRule::All) {
            root.context
                .warn(format!("tokens for any audience pass: {names}"));
        }
    }
}

/// The first few names, and how many more there are.
fn some_names<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    let shown = names.join(", ");
    match (shown.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown),
        (false, more) => Some(format!("{shown} and {more} more")),
    }
}
