//! `[server.limits]`.

use std::{sync::LazyLock, time::Duration};

use super::{
    schema::{Key, Schema, key},
    section::Section,
    shape::{DAY, HOUR, MILLI, NONE, SECOND, Shape},
};
use crate::{pressure::Ceiling, server::Limits};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("[server.limits]", KEYS));

const KEYS: &[Key] = &[
    key(
        "header_bytes",
        "\"16KiB\"",
        "The header fields of a request.",
    ).is(Shape::Size(1 << 10, 1 << 20)),
    key(
        "header_fields",
        "100",
        "How many header fields; each cookie crumb counts.",
    ).is(Shape::Number(1, 10_000)),
    key(
        "request_line_bytes",
        "\"8KiB\"",
        "Method, target and version.",
    ).is(Shape::Size(64, 1 << 20)),
    key(
        "header_timeout",
        "\"10s\"",
        "From the first byte of a request to the end of its header.",
    ).is(Shape::Duration(MILLI, HOUR)),
    key(
        "handshake_timeout",
        "\"10s\"",
        "From the first byte of a connection to the end of its TLS handshake.",
    ).is(Shape::Duration(MILLI, HOUR)),
    key(
        "idle_timeout",
        "\"60s\"",
        "Between two requests, and for each stall in the middle of one.",
    ).is(Shape::Duration(MILLI, DAY)),
    key(
        "requests_per_connection",
        "1000",
        "Then the connection is closed.",
    ).is(Shape::Number(1, u32::MAX as u64)),
    key(
        "connection_age",
        "\"1h\"",
        "Then the connection is closed after the request at hand.",
    ).is(Shape::Duration(SECOND, Duration::from_secs(30 * 86_400))),
    key(
        "http2_streams",
        "100",
        "Requests that one connection may have under way at a time over HTTP/2.",
    ).is(Shape::Number(1, 10_000)),
    key(
        "http2_window",
        "\"64KiB\"",
        "How much of a request's body may be on its way unread over HTTP/2; eight times that for a connection.",
    ).is(Shape::Size(1 << 14, 1 << 24)),
    key(
        "body_bytes",
        "\"\"",
        "The body of a request. \"\": no limit, it is streamed.",
    ).is(Shape::Either(&[Shape::Size(0, u64::MAX), NONE])),
    key(
        "form_bytes",
        "\"8KiB\"",
        "A form body that is read for its token.",
    ).is(Shape::Size(64, 1 << 20)),
    key(
        "bind_body_bytes",
        "\"64KiB\"",
        "A body that is read because a route binds a claim to it.",
    ).is(Shape::Size(64, 16 << 20)),
    key(
        "introspection_calls",
        "256",
        "To the introspection endpoints of all issuers, at a time. One more is refused.",
    ).is(Shape::Number(1, 10_000)),
    key(
        "body_rate",
        "\"100B\"",
        "The least that a request's body must bring in a second while it is awaited. \"\": no limit.",
    ).is(Shape::Either(&[Shape::Size(1, 1 << 30), NONE])),
    key("connections", "10000", "Of all clients together.").is(Shape::Number(1, 1_000_000)),
    key(
        "connections_per_address",
        "1000",
        "Of one address (a /64 for IPv6); trusted_proxies have no limit. 0: no limit.",
    ).is(Shape::Number(0, 1_000_000)),
    key(
        "memory",
        "\"\"",
        "What the process may hold before it refuses: a size, or \"off\". \"\": 90 % of its control group's limit.",
    ).is(Shape::Either(&[Shape::Size(32 << 20, 1 << 50), Shape::Choice(|| vec!["", "off"])])),
    key(
        "drain_delay",
        "\"0s\"",
        "From the signal to end until no new connection is accepted; /readyz answers 503 already.",
    ).is(Shape::Duration(Duration::ZERO, HOUR)),
    key(
        "tunnel_idle_timeout",
        "\"5m\"",
        "How long nothing may move in a tunnel (a WebSocket, say), either way; then it is closed.",
    ).is(Shape::Duration(MILLI, Duration::from_secs(30 * 86_400))),
    key(
        "drain_timeout",
        "\"30s\"",
        "How long requests may go on after the signal to end.",
    ).is(Shape::Duration(Duration::ZERO, HOUR)),
];

/// Reads `[server.limits]`.
pub(super) fn decode(limits: &Section<'_>) -> Limits {
    let milli = Duration::from_millis(1);
    let hour = Duration::from_secs(3600);
    let day = hour * 24;
    Limits {
        header_bytes: limits
            .some_size("header_bytes", 1 << 10..=1 << 20)
            .unwrap_or_default(),
        header_fields: limits
            .number("header_fields", 1..=10_000)
            .unwrap_or_default(),
        request_line_bytes: limits
            .some_size("request_line_bytes", 64..=1 << 20)
            .unwrap_or_default(),
        header_timeout: limits
            .some_duration("header_timeout", milli..=hour)
            .unwrap_or_default(),
        handshake_timeout: limits
            .some_duration("handshake_timeout", milli..=hour)
            .unwrap_or_default(),
        idle_timeout: limits
            .some_duration("idle_timeout", milli..=day)
            .unwrap_or_default(),
        requests_per_connection: limits
            .number("requests_per_connection", 1..=u32::MAX)
            .unwrap_or_default(),
        connection_age: limits
            .some_duration("connection_age", Duration::from_secs(1)..=day * 30)
            .unwrap_or_default(),
        http2_streams: limits
            .number("http2_streams", 1..=10_000)
            .unwrap_or_default(),
        http2_window: limits
            .some_size("http2_window", 1 << 14..=1 << 24)
            .unwrap_or_default(),
        body_bytes: limits.size("body_bytes", 0..=u64::MAX),
        form_bytes: limits
            .some_size("form_bytes", 64..=1 << 20)
            .unwrap_or_default(),
        bind_body_bytes: limits
            .some_size("bind_body_bytes", 64..=16 << 20)
            .unwrap_or_default(),
        introspection_calls: limits
            .number("introspection_calls", 1..=10_000)
            .unwrap_or_default(),
        connections: limits
            .number("connections", 1..=1_000_000)
            .unwrap_or_default(),
        body_rate: limits.size("body_rate", 1..=1 << 30),
        connections_per_address: limits
            .number("connections_per_address", 0..=1_000_000)
            .unwrap_or_default(),
        memory: memory(limits),
        drain_delay: limits
            .some_duration("drain_delay", Duration::ZERO..=hour)
            .unwrap_or_default(),
        tunnel_idle_timeout: limits
            .some_duration("tunnel_idle_timeout", milli..=day * 30)
            .unwrap_or_default(),
        drain_timeout: limits
            .some_duration("drain_timeout", Duration::ZERO..=hour)
            .unwrap_or_default(),
    }
}

/// A size, `"off"`, or `""` for what the control group says. With less than 32 MiB nothing would be served.
fn memory(limits: &Section<'_>) -> Ceiling {
    if matches!(limits.node("memory"), Some(node) if node.is_text("off")) {
        return Ceiling::Off;
    }
    let bytes = limits.size("memory", 32 << 20..=1 << 50);
    bytes.map_or(Ceiling::Group, Ceiling::Bytes)
}
