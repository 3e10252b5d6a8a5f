//! `[identity]`: what upstreams are told beside the usual, and who says who a subject is.

use std::{sync::LazyLock, time::Duration};

use super::{
    claim_headers, fetch,
    schema::{Key, Schema, key, section},
    section::Section,
    shape::{CENTI, DAY, MINUTE, Shape},
    url,
};
use crate::{
    identity::ClaimHeader,
    issuer::discovery::is_loopback,
    users::{HttpMapper, Mapper},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[identity]", KEYS));
/// Of `[identity.mapper]`.
pub(super) static MAPPER: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[identity.mapper]", MAPPER_KEYS));

const KEYS: &[Key] = &[
    key(
        "headers",
        "{}",
        "Claims as headers: { \"X-Email\" = \"email\", \"X-Roles\" = { claim = \"/realm_access/roles\", format = \"csv\" } }.",
    ).is(claim_headers::SHAPE),
    section("mapper", "Who says who a token's subject is.").is(Shape::Section(|| &MAPPER)),
];

const MAPPER_KEYS: &[Key] = &[
    key(
        "url",
        "\"\"",
        "Gets the claims by POST, answers {\"user\", \"groups\", \"unique_name\", \"realm\"} or null. \"\": nobody is asked.",
    ),
    key(
        "timeout",
        "\"2s\"",
        "The most time that one question may take.",
    )
    .is(Shape::Duration(CENTI, MINUTE)),
    key(
        "cache",
        "\"1m\"",
        "How long an answer counts; never longer than the token.",
    )
    .is(Shape::Duration(Duration::ZERO, DAY)),
    fetch::CA_FILE,
];

/// What stands in `[identity]`.
#[derive(Default)]
pub(super) struct Identity {
    pub(super) headers: Vec<ClaimHeader>,
    pub(super) mapper: Option<Mapper>,
}

/// Reads `[identity]`.
pub(super) fn decode(identity: &Section<'_>) -> Identity {
    Identity {
        headers: claim_headers::decode(identity),
        mapper: mapper(identity),
    }
}

fn mapper(identity: &Section<'_>) -> Option<Mapper> {
    let mapper = identity.child("mapper", &MAPPER);
    let timeout = mapper.some_duration(
        "timeout",
        Duration::from_millis(10)..=Duration::from_secs(60),
    );
    let cache = mapper.some_duration("cache", Duration::ZERO..=Duration::from_secs(86_400));
    let authorities = fetch::authorities(&mapper);
    if let Some(written) = identity.written("mapper")
        && mapper.written("url").is_none()
    {
        let help = "set \"url\", or leave [identity.mapper] out";
        mapper.missing(written.span, "[identity.mapper] needs a \"url\"", help);
    }
    let text = mapper.some_text("url")?;
    let url = url::absolute(mapper.context, text, &["https", "http"])?;
    if url.scheme() == "http" && !is_loopback(&url) {
        let help = "whoever sits on the way would say who somebody is; only this machine may be asked over http";
        let message = "the mapper's URL must be https";
        mapper.context.error_with_help(text.span, message, help);
        return None;
    }
    let http = HttpMapper::new(url, authorities);
    Some(Mapper::over_http(http, timeout?, cache?))
}
