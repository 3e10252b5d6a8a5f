//! `limit` of a route: how often it lets whom pass.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock, time::Duration};

use super::{
    duration::split_at_end_of,
    schema::{Key, Schema, key, needed, unset},
    section::{Section, Text},
    shape::Shape,
    value::{Node, Value},
};
use crate::{
    claims::ClaimPath,
    rate::{By, RateLimit, RateLimits},
    route::Access,
    store::{self, Rate},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("\"limit\"", KEYS));
static CLAIM: LazyLock<Schema> = LazyLock::new(|| Schema::new("\"by\"", CLAIM_KEYS));

const BY: Shape = Shape::Either(&[
    Shape::Choice(|| vec!["subject", "issuer", "address"]),
    Shape::Section(|| &CLAIM),
]);

const KEYS: &[Key] = &[
    needed(
        "by",
        "\"subject\"",
        "Whose requests are counted together: \"subject\", \"issuer\", \"address\" or { claim = \"azp\" }.",
    ).is(BY),
    needed(
        "rate",
        "\"100/s\"",
        "How many requests: in a second (s), minute (m), hour (h) or day (d), evenly.",
    ),
    unset(
        "burst",
        "200",
        "How many requests at once. Absent: as many as the rate says.",
    ).is(Shape::Number(1, MOST as u64)),
    unset(
        "name",
        "\"orders\"",
        "What clients are told it is called. Limits of one name count together, on whichever routes.",
    ),
    key(
        "shared",
        "false",
        "Whether all gateways of one [store] count together.",
    ),
    key(
        "headers",
        "true",
        "Whether responses tell of it, in RateLimit-Policy and RateLimit.",
    ),
];

const CLAIM_KEYS: &[Key] = &[needed(
    "claim",
    "\"azp\"",
    "The claim, or a JSON Pointer to it.",
)];

/// What rates are for.
const PERIODS: [(&str, Duration); 4] = [
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
    ("d", Duration::from_hours(24)),
];

/// The most requests of a rate, and at once.
const MOST: u32 = 1_000_000;

/// How an example of one is written.
const EXAMPLE: &str = "{ by = \"subject\", rate = \"100/s\" }";

/// Limits that are named in the file, over all routes.
#[derive(Default)]
pub(super) struct Named(RefCell<HashMap<Box<str>, RateLimit>>);

/// Reads `limit` of the route that `route` is; `scope` tells the route from all others, and is the same as long
/// as it is.
pub(super) fn decode(
    route: &Section<'_>,
    access: Access,
    scope: &str,
    named: &Named,
) -> RateLimits {
    let nodes = match route.written("limit") {
        Some(
            node @ Node {
                value: Value::Table(_),
                ..
            },
        ) => std::slice::from_ref(node),
        _ => route.nodes("limit", EXAMPLE),
    };
    let mut limits: Vec<RateLimit> = Vec::new();
    for node in nodes {
        let section = Section::open(route.context, &SCHEMA, node);
        let Some(limit) = limit(&section, access, scope, named) else {
            continue;
        };
        if limits.iter().any(|other| other.name == limit.name) {
            let message = format!("two limits of this route are called \"{}\"", limit.name);
            let help = "write name = \"…\" in one of them";
            route.context.error_with_help(node.span, message, help);
        }
        limits.push(limit);
    }
    RateLimits::new(limits)
}

fn limit(section: &Section<'_>, access: Access, scope: &str, named: &Named) -> Option<RateLimit> {
    let by = by(section);
    let rate = rate(section);
    let name = name(section);
    let shared = section.boolean("shared").unwrap_or_default();
    let told = section.boolean("headers").unwrap_or(true);
    let (by, (rate, text)) = (by?, rate?);
    if access == Access::Public && by != By::Address {
        let message = format!("a public route looks at no token: there is no {by} to count by");
        let help = "write by = \"address\"";
        let place = section.place("by");
        section.context.error_with_help(place, message, help);
    }
    let (what, scope) = match &name {
        Some(name) => ("rate limit by name", &**name),
        None => ("rate limit of a route", scope),
    };
    let limit = RateLimit {
        scope: store::Key::of(what, &[scope.as_bytes(), by.to_string().as_bytes()]),
        name: name.clone().unwrap_or_else(|| plain_name(&by).into()),
        by,
        rate,
        text,
        shared,
        told,
    };
    if name.is_some() {
        check_same(section, &limit, named);
    }
    Some(limit)
}

/// What it is called where the file does not say.
const fn plain_name(by: &By) -> &'static str {
    match by {
        By::Subject => "subject",
        By::Issuer => "issuer",
        By::Address => "address",
        By::Claim(_) => "claim",
    }
}

/// Buckets that count together cannot be of two kinds.
fn check_same(section: &Section<'_>, limit: &RateLimit, named: &Named) {
    let mut named = named.0.borrow_mut();
    let first = named
        .entry(limit.name.clone())
        .or_insert_with(|| limit.clone());
    if first != limit {
        let message = format!(
            "another limit is called \"{}\", and they differ",
            limit.name
        );
        let help = "limits of one name count together: give this one another name, or say the same in both";
        let place = section.place("name");
        section.context.error_with_help(place, message, help);
    }
}

fn by(section: &Section<'_>) -> Option<By> {
    const HELP: &str = "write \"subject\", \"issuer\", \"address\" or { claim = \"azp\" }";
    let Some(node) = section.written("by") else {
        section.missing(section.span, "the limit does not say whom it counts", HELP);
        return None;
    };
    match &node.value {
        Value::Text(text) => match text.as_str() {
            "subject" => return Some(By::Subject),
            "issuer" => return Some(By::Issuer),
            "address" => return Some(By::Address),
            _ => {}
        },
        Value::Table(_) => {
            let by = Section::open(section.context, &CLAIM, node);
            if !by.has("claim") {
                by.missing(node.span, "no claim is named", HELP);
                return None;
            }
            let text = by.some_text("claim")?;
            let parsed = text.text.parse::<ClaimPath>();
            let parsed =
                parsed.map_err(|error| section.context.error(text.span, error.to_string()));
            return parsed.ok().map(By::Claim);
        }
        _ => {}
    }
    let message = "nothing that requests can be counted by";
    section.context.error_with_help(node.span, message, HELP);
    None
}

fn rate(section: &Section<'_>) -> Option<(Rate, Box<str>)> {
    const HELP: &str = "write \"100/s\", \"1000/m\", \"20000/h\" or \"100000/d\"";
    let burst = section.written("burst").is_some();
    let burst = burst.then(|| section.number("burst", 1..=MOST));
    if !section.has("rate") {
        section.missing(section.span, "the limit has no \"rate\"", HELP);
        return None;
    }
    let text = section.text("rate")?;
    let Some((requests, period)) = requests(text) else {
        let message = format!("not a rate: a whole number up to {MOST}, a slash and a unit");
        section.context.error_with_help(text.span, message, HELP);
        return None;
    };
    let burst = match burst {
        Some(burst) => burst?,
        None => requests,
    };
    let Some(rate) = Rate::new(requests, period, burst) else {
        let message = "a bucket that is empty would take more than 31 days to be full";
        let help = "write a smaller \"burst\" or a larger \"rate\"";
        let place = section.place("burst");
        section.context.error_with_help(place, message, help);
        return None;
    };
    Some((rate, text.text.into()))
}

fn requests(text: Text<'_>) -> Option<(u32, Duration)> {
    let (number, unit) = text.text.split_once('/')?;
    let (digits, rest) = split_at_end_of(number, |c| c.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| rest.is_empty())?;
    let (_, period) = PERIODS.iter().find(|(name, _)| *name == unit)?;
    (1..=MOST).contains(&number).then_some((number, *period))
}

/// It stands between quotes in a header field, and in a key.
fn name(section: &Section<'_>) -> Option<Box<str>> {
    section.written("name")?;
    let text = section.text("name")?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if text.text.is_empty() || text.text.len() > 64 || !text.text.bytes().all(legal) {
        let help = "write up to 64 letters, digits, \"-\", \"_\" and \".\"";
        let message = "not a name for a limit";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    Some(text.text.into())
}
