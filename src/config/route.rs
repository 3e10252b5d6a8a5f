//! `[[routes]]`.

use std::sync::LazyLock;

use super::{
    bind,
    issuers::Issuers,
    rate_limit,
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{SOME_TEXTS, Shape},
    token, upgrades,
    upstream::Upstreams,
    value::{Node, Span, Value},
    when,
};
use crate::{
    identity::OwnHeaders,
    route::{Access, Route, Routes, RoutesError},
    rule::Rules,
    token::Sources,
};

mod matching;
mod references;

use matching::{host, methods};
use references::{check_credential, check_opaque, issuers, upstream};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[[routes]]", KEYS));

const KEYS: &[Key] = &[
    unset(
        "host",
        "\"api.example.com\"",
        "The host it is for. Absent: every host.",
    ),
    key(
        "path",
        "\"/{*rest}\"",
        "{name} is one segment, {*rest} all that follows.",
    ),
    unset(
        "methods",
        "[\"GET\"]",
        "The methods it is for. Absent: all.",
    ).is(SOME_TEXTS),
    key("upstream", "\"default\"", "The name of its upstream."),
    key(
        "access",
        "\"required\"",
        "\"required\"; \"optional\": no token is anonymous, a bad one is refused; \"public\": tokens are ignored.",
    ).is(Shape::Choice(|| vec!["required", "optional", "public"])),
    unset(
        "issuers",
        "[\"https://idp.example.com/realms/orders\"]",
        "The issuers whose tokens it takes. Absent: every active one.",
    ).is(SOME_TEXTS),
    key("scopes", "[]", "Scopes that a token must all have."),
    key("any_scopes", "[]", "Scopes of which a token must have one."),
    unset(
        "token",
        "{ header = \"X-Token\" }",
        "Any key of [token], for this route.",
    ).is(Shape::Section(|| &token::SCHEMA)),
    unset(
        "when",
        "[{ remote_address = [\"10.*.*.*\"] }, { user_agent = { not_contains = \"curl\" } }]",
        "What a request must be like besides; else the next route of this host and path is tried.",
    ).is(Shape::List(0, &Shape::Section(|| &when::SCHEMA))),
    unset(
        "bind",
        "[{ claim = \"tenant\", header = \"X-Tenant\", required = true }]",
        "Claims that must agree with a header, query, path, form or json value of the request.",
    ).is(Shape::List(0, &Shape::Section(|| &bind::SCHEMA))),
    unset(
        "rules",
        "[\"claims.amr.exists(m, m == 'mfa')\"]",
        "CEL expressions that must all be true.",
    ),
    unset(
        "limit",
        "{ by = \"subject\", rate = \"100/s\", burst = 200 }",
        "How many requests it lets through: by \"subject\", \"issuer\", \"address\" or { claim = \"azp\" }. One, or a list.",
    ).is(Shape::Either(&[
            Shape::Section(|| &rate_limit::SCHEMA),
            Shape::List(0, &Shape::Section(|| &rate_limit::SCHEMA)),
        ])),
    key(
        "session",
        "true",
        "Whether [session] counts here: its cookie may log in, and is set.",
    ),
    unset(
        "upgrades",
        "[\"websocket\"]",
        "Protocols to which requests may switch. Absent: websocket, or none on a public route.",
    ),
    key(
        "tunnel_until_expiry",
        "true",
        "Whether what such a request began ends when its token expires.",
    ),
];

/// What a route refers to.
pub(super) struct References<'r> {
    pub(super) upstreams: &'r Upstreams,
    /// Whether anything is forwarded: otherwise a route needs no upstream.
    pub(super) forwards: bool,
    pub(super) issuers: &'r Issuers,
    pub(super) token: &'r Section<'r>,
    pub(super) sources: &'r Sources,
    pub(super) own_headers: &'r OwnHeaders,
    pub(super) limits: &'r rate_limit::Named,
}

/// Reads every route. Absent: one, for every path, that asks for a token.
pub(super) fn decode(root: &Section<'_>, to: &References<'_>) -> Option<Routes> {
    static WHOLE: Node = Node {
        value: Value::Table(super::value::Table(Vec::new())),
        span: Span::NOWHERE,
    };
    let context = root.context;
    let nodes = match root.written("routes") {
        None => std::slice::from_ref(&WHOLE),
        Some(Node {
            value: Value::List(nodes),
            ..
        }) if !nodes.is_empty() => nodes.as_slice(),
        Some(node) => {
            let help = "write [[routes]] above each route, or leave them out for one that takes every path";
            context.error_with_help(node.span, "\"routes\" must be tables, at least one", help);
            return None;
        }
    };
    let errors = context.errors();
    let sections: Vec<_> = nodes
        .iter()
        .map(|n| Section::open(context, &SCHEMA, n))
        .collect();
    let numbered = sections.iter().enumerate();
    let routes = numbered
        .map(|(id, section)| route(id, section, to, root.span))
        .collect();
    match Routes::new(routes) {
        Ok(routes) => (context.errors() == errors).then_some(routes),
        Err(problems) => {
            problems
                .iter()
                .for_each(|problem| report(problem, &sections));
            None
        }
    }
}

/// The table numbers its routes from 0, people from 1.
fn report(problem: &RoutesError, sections: &[Section<'_>]) {
    match problem {
        RoutesError::Path { route, why } => {
            if let Some(section) = sections.get(*route) {
                let message = format!("the path is not a valid pattern: {why}");
                section.context.error(section.place("path"), message);
            }
        }
        RoutesError::Same { route, other } => {
            if let Some(section) = sections.get(*route) {
                let number = other + 1;
                let message = format!("route {number} is already for this host, path and method");
                section.context.error(section.place("path"), message);
            }
        }
    }
}

fn route(id: usize, section: &Section<'_>, to: &References<'_>, root: Span) -> Route {
    let host = section.some_text("host").map(|text| host(section, text));
    let path: Box<str> = section.text("path").map_or("", |t| t.text).into();
    let access = section
        .choice(
            "access",
            &[
                ("required", Access::Required),
                ("optional", Access::Optional),
                ("public", Access::Public),
            ],
        )
        .unwrap_or(Access::Required);
    if access == Access::Public {
        for name in ["scopes", "any_scopes", "issuers", "bind", "rules"] {
            if section.written(name).is_some_and(|n| !n.is_empty_list()) {
                let message =
                    format!("a public route looks at no token: \"{name}\" would do nothing");
                section.context.error(section.place(name), message);
            }
        }
    }
    let issuers = issuers(section, to.issuers);
    if access != Access::Public {
        check_opaque(section, issuers.as_ref(), to.issuers, root);
    }
    let upstream = upstream(section, to, root).unwrap_or_default();
    let methods = methods(section);
    let when = when::decode(section);
    let scope = format!(
        "{} {path} {methods:?} {when:?}",
        host.as_deref().unwrap_or_default()
    );
    check_credential(section, access, to.upstreams, upstream);
    Route {
        id,
        name: format!("{}{path}", host.as_deref().unwrap_or_default()).into(),
        methods,
        access,
        token: token(section, to),
        issuers,
        scopes: section.scopes("scopes").unwrap_or_default(),
        any_scopes: section.scopes("any_scopes").unwrap_or_default(),
        when,
        bind: bind::decode(section, to.own_headers),
        rules: rules(section),
        limits: rate_limit::decode(section, access, &scope, to.limits),
        session: section.boolean("session").unwrap_or_default(),
        upgrades: upgrades::decode(section, access),
        tunnel_until_expiry: section.boolean("tunnel_until_expiry").unwrap_or(true),
        upstream,
        host,
        path,
    }
}

/// A list that narrows the route, where it is written. Nothing in it is an error: read as "all" it would open more
/// than somebody asked for, and read as "none" it is of no use.
fn some<'c>(
    section: &Section<'c>,
    name: &'static str,
    nothing: &str,
    help: &str,
) -> Option<Vec<Text<'c>>> {
    let node = section.written(name)?;
    let texts = section.texts(name)?;
    if node.is_empty_list() {
        let place = section.place(name);
        section.context.error_with_help(place, nothing, help);
    }
    Some(texts)
}

/// What `[token]` says, and the route's own `token` over it.
fn token(section: &Section<'_>, to: &References<'_>) -> Sources {
    let Some(node) = section.written("token") else {
        return to.sources.clone();
    };
    let under = Some(to.token.table());
    token::decode(&Section::open_over(
        section.context,
        &token::SCHEMA,
        node,
        under,
    ))
}

fn rules(section: &Section<'_>) -> Rules {
    if section.written("rules").is_none() {
        return Rules::default();
    }
    let texts = section.texts("rules").unwrap_or_default();
    Rules::compile(texts.iter().map(|text| text.text)).unwrap_or_else(|errors| {
        for (place, error) in errors {
            let span = texts
                .get(place)
                .map_or(section.place("rules"), |text| text.span);
            section.context.error(span, error.to_string());
        }
        Rules::default()
    })
}
