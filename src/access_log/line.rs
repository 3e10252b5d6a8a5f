//! An event as a line.

use std::{io::Write, time::Duration};

use http::Version;

use super::{Event, Format, escape};

/// What stands for a response that never began. Nobody is ever sent it; nginx writes the same.
const NO_RESPONSE: u16 = 499;

/// Writes a whole line, with its end. `subject` is what is told of the event's.
pub(super) fn write(out: &mut Vec<u8>, format: Format, event: &Event, subject: Option<&str>) {
    match format {
        Format::Json => json(out, event, subject),
        Format::Common => common(out, event, subject),
        Format::Combined => {
            common(out, event, subject);
            // What refers to a request is a URL with its query, which may hold a token.
            out.extend_from_slice(b" \"-\" \"");
            escape::common(out, event.user_agent.as_deref().unwrap_or_default(), true);
            out.push(b'"');
        }
    }
    out.push(b'\n');
}

fn json(out: &mut Vec<u8>, event: &Event, subject: Option<&str>) {
    let (method, protocol) = line(event);
    out.extend_from_slice(b"{\"time\":\"");
    let time = jiff::Timestamp::from_millisecond(event.time).unwrap_or_default();
    let _ = write!(out, "{time:.3}");
    out.push(b'"');
    let path = event.line.is_some().then_some(&*event.path);
    let client = event.client.map(|client| client.to_string());
    for (name, value) in [
        ("request_id", Some(&*event.request_id)),
        ("outcome", Some(event.outcome.name())),
        ("code", event.code),
        ("method", method),
        ("path", path),
        ("protocol", protocol),
        ("route", event.route.as_deref()),
        ("issuer", event.issuer.as_deref()),
        ("subject", subject),
        ("client", client.as_deref()),
        ("tls", event.tls),
        ("upstream", event.upstream.as_deref()),
    ] {
        text(out, name, value.map(str::as_bytes));
    }
    text(out, "user_agent", event.user_agent.as_deref());
    let _ = match event.status {
        Some(status) => write!(out, ",\"status\":{status}"),
        None => write!(out, ",\"status\":null"),
    };
    let _ = write!(
        out,
        ",\"bytes_received\":{},\"bytes_sent\":{},\"duration_ms\":",
        event.received, event.sent
    );
    milliseconds(out, event.duration);
    out.extend_from_slice(b",\"upstream_ms\":");
    match event.upstream_duration {
        Some(duration) => milliseconds(out, duration),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let _ = write!(out, ",\"{name}\":");
    match value {
        Some(value) => escape::json(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let micros = duration.as_micros();
    let _ = write!(out, "{}.{:03}", micros / 1000, micros % 1000);
}

/// `client - subject [time] "method path protocol" status bytes`
fn common(out: &mut Vec<u8>, event: &Event, subject: Option<&str>) {
    match event.client {
        Some(client) => _ = write!(out, "{client}"),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - ");
    escape::common(out, subject.unwrap_or_default().as_bytes(), false);
    let time = jiff::Timestamp::from_millisecond(event.time).unwrap_or_default();
    let _ = write!(out, " [{}] \"", time.strftime("%d/%b/%Y:%H:%M:%S +0000"));
    match line(event) {
        (Some(method), Some(protocol)) => {
            escape::common(out, method.as_bytes(), false);
            out.push(b' ');
            escape::common(out, event.path.as_bytes(), false);
            out.push(b' ');
            out.extend_from_slice(protocol.as_bytes());
        }
        _ => out.push(b'-'),
    }
    let status = event.status.unwrap_or(NO_RESPONSE);
    let _ = write!(out, "\" {status} {}", event.sent);
}

fn line(event: &Event) -> (Option<&str>, Option<&'static str>) {
    let line = event.line.as_ref();
    let protocol = |version: &Version| match *version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    };
    let method = line.map(|(method, _)| method.as_str());
    (method, line.map(|(_, version)| protocol(version)))
}
