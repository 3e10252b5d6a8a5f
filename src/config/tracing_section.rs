//! `[tracing]`.

use std::{sync::LazyLock, time::Duration};

use http::{HeaderName, HeaderValue, header};

use super::{
    fetch,
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{CENTI, MINUTE, Shape},
    url,
    value::Span,
};
use crate::{
    secret::Secret,
    spans::{Export, Settings, Trust},
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[tracing]", KEYS));

const KEYS: &[Key] = &[
    key(
        "trust",
        "\"all\"",
        "Whose traceparent is continued: \"all\", \"trusted_proxies\" or \"none\". Anybody else's is replaced.",
    ).is(Shape::Choice(|| vec!["all", "trusted_proxies", "none"])),
    unset(
        "endpoint",
        "\"http://127.0.0.1:4318/v1/traces\"",
        "Where a collector takes spans (OTLP over HTTP). Absent: none are recorded. All of [tracing] is fixed until a restart.",
    ),
    unset(
        "headers_file",
        "\"collector.headers\"",
        "What the collector is shown, such as a key: lines of \"name: value\".",
    ),
    unset(
        "headers",
        "\"authorization: Bearer ${COLLECTOR_TOKEN}\"",
        "The same, as a value.",
    ),
    key(
        "sample",
        "0.01",
        "The share of the traces that begin here that is recorded. Of others, whoever began them decides.",
    ).is(Shape::Fraction),
    key(
        "max_per_second",
        "100",
        "How many requests are recorded in a second at most. Clients that are no trusted proxies can ask for half.",
    ).is(Shape::Number(1, 1_000_000)),
    key(
        "service_name",
        "\"portcullis\"",
        "What the gateway is called in traces.",
    ),
    key(
        "max_queue",
        "2048",
        "How many recorded requests wait for the collector at most, in about 1 KiB each.",
    ).is(Shape::Number(1, 1_000_000)),
    key(
        "batch",
        "256",
        "How many recorded requests go out together at most.",
    ).is(Shape::Number(1, 10_000)),
    key(
        "interval",
        "\"5s\"",
        "How long a recorded request waits for others.",
    ).is(Shape::Duration(CENTI, MINUTE)),
    key(
        "timeout",
        "\"10s\"",
        "The most time that one call may take.",
    ).is(Shape::Duration(CENTI, MINUTE)),
    fetch::CA_FILE,
    key(
        "allow_http",
        "false",
        "Whether spans may be sent over http to other machines than this one.",
    ),
];

/// Names that the call sets by itself.
const OWN: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
];

/// Reads `[tracing]`.
pub(super) fn decode(section: &Section<'_>) -> Settings {
    let trusts = [
        ("all", Trust::All),
        ("trusted_proxies", Trust::TrustedProxies),
        ("none", Trust::None),
    ];
    Settings {
        trust: section.choice("trust", &trusts).unwrap_or_default(),
        export: export(section),
    }
}

fn export(section: &Section<'_>) -> Option<Export> {
    let second = Duration::from_secs(1);
    let allow_http = section.boolean("allow_http").unwrap_or_default();
    let written = ["headers", "headers_file"];
    let written = written.into_iter().find(|name| section.has(name));
    let headers = section.secret("headers", "headers_file");
    let headers = headers.map(|(text, span)| read_headers(section, &text, span));
    let sample = section.fraction("sample");
    let per_second = section.number("max_per_second", 1..=1_000_000);
    let service_name = section.some_text("service_name");
    let queue = section.number("max_queue", 1..=1_000_000);
    let batch = section.number("batch", 1..=10_000);
    let interval = section.some_duration("interval", second / 100..=second * 60);
    let timeout = section.some_duration("timeout", second / 100..=second * 60);
    let authorities = fetch::authorities(section);
    let Some(endpoint) = section.some_text("endpoint") else {
        if let Some(name) = written {
            let message = format!("\"{name}\" without \"endpoint\"");
            section.missing(section.place(name), message, "set \"endpoint\"");
        }
        for name in ["sample", "max_per_second", "service_name"] {
            section.idle(name, "without an \"endpoint\"");
        }
        return None;
    };
    let endpoint = endpoint_of(section, endpoint, allow_http)?;
    if headers.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    Some(Export {
        endpoint,
        headers: headers.flatten().unwrap_or_default(),
        authorities,
        service_name: service_name?.text.into(),
        sample: sample?,
        per_second: per_second?,
        queue: queue?,
        batch: batch?,
        interval: interval?,
        timeout: timeout?,
    })
}

fn endpoint_of(section: &Section<'_>, text: Text<'_>, allow_http: bool) -> Option<reqwest::Url> {
    if !cfg!(feature = "otlp") {
        let message = "this program was built without the export of traces";
        let help = "build it with --features otlp, or leave \"endpoint\" out";
        section.context.error_with_help(text.span, message, help);
        return None;
    }
    let what = "the collector's endpoint";
    url::endpoint(section.context, text, allow_http, what, "spans")
}

/// Lines of `name: value`; `None` when one is wrong. What is wrong is not repeated, for it is secret.
fn read_headers(
    section: &Section<'_>,
    text: &Secret,
    span: Span,
) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = Vec::new();
    let lines = text.expose_secret().split(|b| *b == b'\n');
    for (number, line) in lines.enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Some(header) = read_header(line) else {
            let message = format!("line {} of the headers is no header", number + 1);
            let help = "write \"name: value\", one on each line";
            section.context.error_with_help(span, message, help);
            return None;
        };
        if OWN.contains(&header.0) {
            let message = format!("the gateway sets {} by itself", header.0);
            let help = "leave it out of the headers";
            section.context.error_with_help(span, message, help);
            return None;
        }
        headers.push(header);
    }
    Some(headers)
}

fn read_header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let at = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(at)?;
    let name = HeaderName::from_bytes(name.trim_ascii()).ok()?;
    let mut value = HeaderValue::from_bytes(value.get(1..)?.trim_ascii()).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
