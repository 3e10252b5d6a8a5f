//! `bind` of a route: claims that must agree with the request.

use std::sync::LazyLock;

use http::HeaderName;

use super::{
    schema::{Key, Schema, key, needed, unset},
    section::{Section, Text},
    shape::Rule,
    value::Node,
};
use crate::{
    bind::{Binding, Bindings, Place},
    claims::ClaimPath,
    forward::headers,
    identity::OwnHeaders,
    route::pattern,
};

/// Of an entry of `bind`.
pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new("\"bind\"", KEYS).with(&[Rule::Some(&["claim"]), Rule::One(&PLACES)])
});

const KEYS: &[Key] = &[
    needed("claim", "\"tenant\"", "The claim, or a JSON Pointer to it."),
    unset("header", "\"X-Tenant\"", "A header field."),
    unset("query", "\"tenant\"", "A query parameter."),
    unset("path", "\"tenant\"", "A parameter of the route's path."),
    unset("form", "\"tenant\"", "A field of a form body."),
    unset("json", "\"/tenant\"", "A JSON Pointer into a JSON body."),
    key("required", "false", "Whether the request must have it."),
];

const PLACES: [&str; 5] = ["header", "query", "path", "form", "json"];

/// Reads `bind` of the route that `route` is. `own` are the headers that only the gateway may say.
pub(super) fn decode(route: &Section<'_>, own: &OwnHeaders) -> Bindings {
    let nodes = route.nodes("bind", "{ claim = \"tenant\", header = \"X-Tenant\" }");
    let bindings: Vec<Binding> = nodes
        .iter()
        .filter_map(|node| binding(route, node, own))
        .collect();
    let form = bindings.iter().any(|b| matches!(b.place, Place::Form(_)));
    let json = bindings.iter().any(|b| matches!(b.place, Place::Json(_)));
    if form && json {
        let help = "write two routes, each with a \"when\" for its Content-Type";
        let message =
            "a route cannot bind claims to a form and to a JSON body: a body is one of them";
        route
            .context
            .error_with_help(route.place("bind"), message, help);
    }
    Bindings::new(bindings)
}

fn binding(route: &Section<'_>, node: &Node, own: &OwnHeaders) -> Option<Binding> {
    let section = Section::open(route.context, &SCHEMA, node);
    let required = section.boolean("required").unwrap_or_default();
    let places: Vec<_> = PLACES
        .iter()
        .filter(|name| section.written(name).is_some())
        .collect();
    let [name] = places.as_slice() else {
        if !section.is_misread() || places.len() > 1 {
            let help = "write one of header, query, path, form and json";
            let message = "a claim is bound to exactly one place";
            section.context.error_with_help(section.span, message, help);
        }
        return None;
    };
    if !section.has("claim") {
        let help = "write claim = \"tenant\", or a JSON Pointer such as \"/account/id\"";
        section.missing(section.span, "no \"claim\" is bound here", help);
        return None;
    }
    let claim = claim_path(&section, section.some_text("claim")?)?;
    let text = section.text(name)?;
    let place = match **name {
        "header" => header(&section, text, own)?,
        "path" => parameter(route, &section, text)?,
        "json" => pointer(&section, text)?,
        "query" => Place::Query(some(&section, text)?.into()),
        _ => Place::Form(some(&section, text)?.into()),
    };
    Some(Binding {
        claim,
        place,
        required,
    })
}

fn claim_path(section: &Section<'_>, text: Text<'_>) -> Option<ClaimPath> {
    let parsed = text.text.parse();
    parsed
        .map_err(|error: crate::claims::path::ClaimPathError| {
            section.context.error(text.span, error.to_string());
        })
        .ok()
}

fn some<'t>(section: &Section<'_>, text: Text<'t>) -> Option<&'t str> {
    if text.text.is_empty() {
        section.context.error(text.span, "a name cannot be empty");
        return None;
    }
    Some(text.text)
}

/// A field that goes on to the upstream: nothing else could be relied upon there.
fn header(section: &Section<'_>, text: Text<'_>, own: &OwnHeaders) -> Option<Place> {
    let Ok(name) = HeaderName::from_bytes(text.text.as_bytes()) else {
        section.context.error(text.span, "not a header's name");
        return None;
    };
    if !headers::passes(name.as_str(), own, false, true) {
        let message = format!("the header {name} does not go on to the upstream");
        let help = "bind a header that the client sets and the upstream reads";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    Some(Place::Header(name))
}

fn parameter(route: &Section<'_>, section: &Section<'_>, text: Text<'_>) -> Option<Place> {
    let pattern = route.text("path")?.text;
    let found = pattern::parameters(pattern).find(|(name, _)| *name == text.text);
    let Some((name, segment)) = found else {
        let message = format!("the route's path has no parameter {{{}}}", text.text);
        let help = "name one of the path's parameters, without braces";
        section.context.error_with_help(text.span, message, help);
        return None;
    };
    let name = name.into();
    Some(Place::Path { name, segment })
}

fn pointer(section: &Section<'_>, text: Text<'_>) -> Option<Place> {
    if !text.text.starts_with('/') {
        let help = format!("write \"/{}\"", text.text);
        let message = "a place in a JSON body is a JSON Pointer, which begins with /";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    claim_path(section, text).map(Place::Json)
}
