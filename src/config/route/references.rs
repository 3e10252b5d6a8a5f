//! What a route refers to: its upstream, and the issuers whose tokens it takes.

use std::{collections::HashSet, sync::Arc};

use super::{
    super::{
        issuers::Issuers, schema::closest, section::Section, upstream::Upstreams, value::Span,
    },
    References, some,
};
use crate::{outbound::Kind, route::Access};

pub(super) fn upstream(section: &Section<'_>, to: &References<'_>, root: Span) -> Option<usize> {
    let text = section.text("upstream")?;
    let mut names = to.upstreams.names.iter().map(|(name, _)| &**name);
    let position = names.clone().position(|name| name == text.text);
    if position.is_none() && section.written("upstream").is_none() {
        if !to.forwards {
            return None;
        }
        let place = if section.span == Span::NOWHERE {
            root
        } else {
            section.span
        };
        let help = "write [upstream] and under it url = \"http://127.0.0.1:9000\"";
        section
            .context
            .missing(place, "there is no [upstream] to forward to", help);
    } else if position.is_none() {
        let help = match closest(text.text, names.clone()) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None if names.len() == 0 => "write [upstream] and under it its url".to_owned(),
            None => format!(
                "there are {}",
                names.by_ref().collect::<Vec<_>>().join(", ")
            ),
        };
        section
            .context
            .missing(text.span, "no upstream has this name", help);
    }
    position
}

/// On a public route there is nobody whose claims or token could flow into a credential.
pub(super) fn check_credential(
    section: &Section<'_>,
    access: Access,
    upstreams: &Upstreams,
    number: usize,
) {
    let credential = upstreams.credentials.get(number).and_then(Option::as_ref);
    let kind = credential.map(|credential| &credential.settings().kind);
    if access == Access::Public && kind.is_some_and(Kind::needs_identity) {
        let message = "a public route has no token, and its upstream's credential is made of one";
        let help = "take an upstream whose credential takes nothing of the request, or write access = \"required\"";
        let place = section.place("access");
        section.context.error_with_help(place, message, help);
    }
}

pub(super) fn issuers(section: &Section<'_>, known: &Issuers) -> Option<HashSet<Arc<str>>> {
    let (nothing, help) = ("no issuer at all", "leave it out for every active issuer");
    let texts = some(section, "issuers", nothing, help)?.into_iter();
    Some(texts.filter_map(|text| known.find(section, text)).collect())
}

/// A token that is no JWT does not say whom to ask, and must not be shown to everybody.
pub(super) fn check_opaque(
    section: &Section<'_>,
    admitted: Option<&HashSet<Arc<str>>>,
    known: &Issuers,
    root: Span,
) {
    let is_admitted = |name: &&Arc<str>| admitted.is_none_or(|names| names.contains(*name));
    let mut asked = known.asked_about_opaque().iter().filter(is_admitted);
    if let (Some(one), Some(other)) = (asked.next(), asked.next()) {
        let place = if section.span == Span::NOWHERE {
            root
        } else {
            section.place("issuers")
        };
        let message = format!("two issuers with opaque = true on one route: {one} and {other}");
        let help = "say in \"issuers\" of the route which of them it takes";
        section.context.error_with_help(place, message, help);
    }
}
