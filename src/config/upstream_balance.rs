//! `[upstreams.NAME.ejection]`, `.health`, `.retry` and `.limits`.

use std::{ops::RangeInclusive, sync::LazyLock, time::Duration};

use http::StatusCode;

use super::{
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{SECOND, Shape},
};
use crate::forward::balance::{Causes, Ejection, HealthCheck, Retry, Settings, Share};

pub(super) static EJECTION: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream.ejection]", EJECTION_KEYS));
pub(super) static HEALTH: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream.health]", HEALTH_KEYS));
pub(super) static RETRY: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream.retry]", RETRY_KEYS));
pub(super) static LIMITS: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[upstream.limits]", LIMITS_KEYS));

const EJECTION_KEYS: &[Key] = &[
    key(
        "failures",
        "5",
        "An address that fails so often in a row gets no requests for a while. 0: never.",
    )
    .is(Shape::Number(0, 1000)),
    key(
        "time",
        "\"10s\"",
        "The first time; each time after that takes twice as long, up to 5 minutes.",
    )
    .is(Shape::Duration(SECOND, HOUR)),
    key(
        "max_percent",
        "50",
        "Of the addresses, that may be out at a time; one may always be, if there is another.",
    )
    .is(Shape::Number(0, 100)),
];

const HEALTH_KEYS: &[Key] = &[
    unset(
        "path",
        "\"/health\"",
        "What is asked of each address, without a token. Absent: nothing.",
    ),
    key("interval", "\"5s\"", "Between two checks.").is(Shape::Duration(MILLI, HOUR)),
    key("timeout", "\"1s\"", "Of one check.").is(Shape::Duration(MILLI, HOUR)),
    key(
        "healthy",
        "2",
        "So many good answers in a row bring an address back.",
    )
    .is(Shape::Number(1, 100)),
    key("unhealthy", "3", "So many bad ones in a row take it out.").is(Shape::Number(1, 100)),
    key("statuses", "[\"200-299\"]", "The good answers."),
];

const RETRY_KEYS: &[Key] = &[
    key(
        "attempts",
        "3",
        "How often a request is sent at most. 1: never again.",
    ).is(Shape::Number(1, 10)),
    key(
        "on",
        "[\"connect_failure\", \"closed\"]",
        "After what. \"closed\" and statuses (\"502\", \"503\", \"504\"): only idempotent requests.",
    ).is(Shape::List(0, &Shape::Choice(|| vec!["connect_failure", "closed", "502", "503", "504"]))),
    key(
        "budget_percent",
        "20",
        "Retries under way, of all requests under way; ten are always allowed.",
    ).is(Shape::Number(0, 100)),
];

const LIMITS_KEYS: &[Key] = &[
    key(
        "requests",
        "0",
        "Under way at one address, of all workers together. 0: as many as come.",
    )
    .is(Shape::Number(0, 1_000_000)),
    key(
        "queue",
        "100",
        "How many may wait for their turn; the next one gets 503.",
    )
    .is(Shape::Number(0, 100_000)),
    key(
        "queue_timeout",
        "\"1s\"",
        "How long they wait before they get 503.",
    )
    .is(Shape::Duration(MILLI, HOUR)),
];

const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Reads the sections of `upstream`.
pub(super) fn decode(upstream: &Section<'_>, dns_refresh: Duration) -> Option<Settings> {
    let errors = upstream.context.errors();
    let ejection = ejection(&upstream.child("ejection", &EJECTION));
    let health = health(&upstream.child("health", &HEALTH));
    let retry = retry(&upstream.child("retry", &RETRY));
    let share = share(&upstream.child("limits", &LIMITS));
    if upstream.context.errors() > errors {
        return None;
    }
    Some(Settings {
        ejection: ejection?,
        health: health?,
        retry: retry?,
        share: share?,
        dns_refresh,
    })
}

fn ejection(section: &Section<'_>) -> Option<Ejection> {
    let failures = section.number("failures", 0..=1000_u32);
    // The clock that decides about it counts seconds.
    let time = section.some_duration("time", Duration::from_secs(1)..=HOUR);
    let max_percent = section.number("max_percent", 0..=100_u32);
    Some(Ejection {
        failures: failures?,
        time: time?,
        max_percent: max_percent?,
    })
}

fn health(section: &Section<'_>) -> Option<Option<HealthCheck>> {
    let path = section.some_text("path");
    let interval = section.some_duration("interval", MILLI..=HOUR);
    let timeout = section.some_duration("timeout", MILLI..=HOUR);
    let healthy = section.number("healthy", 1..=100_u32);
    let unhealthy = section.number("unhealthy", 1..=100_u32);
    let statuses = section.texts("statuses")?;
    let statuses: Option<Vec<_>> = statuses.into_iter().map(|t| range(section, t)).collect();
    let Some(path) = path else {
        return Some(None);
    };
    let plain = |c: char| c.is_ascii_graphic() && c != '#';
    if !path.text.starts_with('/') || !path.text.chars().all(plain) {
        let help = "write what a request line may hold: \"/health\", \"/health?quick=1\"";
        section
            .context
            .error_with_help(path.span, "not the path of a request", help);
        return None;
    }
    Some(Some(HealthCheck {
        path: path.text.into(),
        interval: interval?,
        timeout: timeout?,
        healthy: healthy?,
        unhealthy: unhealthy?,
        statuses: statuses?,
    }))
}

/// `200` or `200-299`.
fn range(section: &Section<'_>, text: Text<'_>) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.text.split_once('-').unwrap_or((text.text, text.text));
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        let status = text.parse::<u16>().ok();
        status.filter(|status| digits && (200..=599).contains(status))
    };
    let range = status(low)
        .zip(status(high))
        .filter(|(low, high)| low <= high);
    let Some((low, high)) = range else {
        let help = "write a status from 200 to 599, or a range: \"200\", \"200-299\"";
        section
            .context
            .error_with_help(text.span, "not a status of a response", help);
        return None;
    };
    Some(low..=high)
}

fn retry(section: &Section<'_>) -> Option<Retry> {
    let attempts = section.number("attempts", 1..=10_u32);
    let budget_percent = section.number("budget_percent", 0..=100_u32);
    let mut on = Causes {
        connect_failure: false,
        closed: false,
        statuses: Vec::new(),
    };
    for text in section.texts("on")? {
        match text.text {
            "connect_failure" => on.connect_failure = true,
            "closed" => on.closed = true,
            "502" => on.statuses.push(StatusCode::BAD_GATEWAY),
            "503" => on.statuses.push(StatusCode::SERVICE_UNAVAILABLE),
            "504" => on.statuses.push(StatusCode::GATEWAY_TIMEOUT),
            _ => {
                let help = "choose from \"connect_failure\", \"closed\", \"502\", \"503\", \"504\"";
                section.context.error_with_help(
                    text.span,
                    "not a reason to try a request once more",
                    help,
                );
            }
        }
    }
    on.statuses.sort_unstable();
    on.statuses.dedup();
    Some(Retry {
        attempts: attempts?,
        on,
        budget_percent: budget_percent?,
    })
}

fn share(section: &Section<'_>) -> Option<Share> {
    let requests = section.number("requests", 0..=1_000_000_usize);
    let queue = section.number("queue", 0..=100_000_usize);
    let queue_timeout = section.some_duration("queue_timeout", MILLI..=HOUR);
    Some(Share {
        requests: requests?,
        queue: queue?,
        queue_timeout: queue_timeout?,
    })
}
