use std::{net::Ipv4Addr, sync::mpsc::Receiver};

use http::{HeaderMap, HeaderValue, Method, Version};
use serde_json::{Value, json};

use super::*;

/// A log whose queue nobody reads but the test.
fn silent(sample: f64, room: usize) -> (Arc<AccessLog>, Receiver<Message>, AccessLogMetrics) {
    let settings = Settings {
        to: Destination::Stdout,
        format: Format::Json,
        sample,
        sample_refusals: 1.0,
        subject: Subject::Plain,
    };
    let (queue, events) = mpsc::sync_channel(room);
    let metrics = AccessLogMetrics::default();
    let clock = Clock::standing_at(crate::clock::UnixTime(1_800_000_000));
    let log = AccessLog::of(&settings, queue, &metrics, clock);
    (Arc::new(log), events, metrics)
}

fn begun(log: &Arc<AccessLog>, path: &str, agent: &[u8]) -> Box<Entry> {
    let mut fields = HeaderMap::new();
    let agent = HeaderValue::from_bytes(agent).unwrap();
    fields.insert(http::header::USER_AGENT, agent);
    log.begin(&Asked {
        method: &Method::GET,
        path,
        version: Version::HTTP_11,
        fields: &fields,
        request_id: &HeaderValue::from_static("r1"),
        client: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
        tls: Some("1.3"),
    })
}

fn next(events: &Receiver<Message>) -> Option<Event> {
    match events.try_recv() {
        Ok(Message::Event(event)) => Some(*event),
        _ => None,
    }
}

fn written(format: Format, event: &Event, subject: Option<&str>) -> String {
    let mut out = Vec::new();
    line::write(&mut out, format, event, subject);
    String::from_utf8(out).unwrap()
}

fn served(event: &mut Event) {
    event.status = Some(200);
    event.outcome = Outcome::Allow;
    event.route = Some("orders".into());
    event.issuer = Some("https://idp.example".into());
    event.upstream = Some("127.0.0.1:9000".into());
    event.duration = Duration::from_micros(12_345);
    event.upstream_duration = Some(Duration::from_micros(10_001));
    (event.received, event.sent) = (7, 1024);
}

#[test]
fn a_request_is_one_line_in_each_format() {
    let (log, events, _) = silent(1.0, 10);
    drop(begun(&log, "/orders/42", b"curl/8 \"x\""));
    let mut event = next(&events).unwrap();
    assert!(event.outcome == Outcome::Left && event.status.is_none());
    assert!(written(Format::Common, &event, None).ends_with("\" 499 0\n"));
    served(&mut event);
    let line = written(Format::Json, &event, Some("alice"));
    let read: Value = serde_json::from_str(&line).unwrap();
    let all = json!({
        "time": "2027-01-15T08:00:00.000Z", "request_id": "r1", "outcome": "allow", "code": null,
        "method": "GET", "path": "/orders/42", "protocol": "HTTP/1.1", "status": 200,
        "route": "orders", "issuer": "https://idp.example", "subject": "alice",
        "client": "192.0.2.1", "tls": "1.3", "upstream": "127.0.0.1:9000",
        "user_agent": "curl/8 \"x\"", "bytes_received": 7, "bytes_sent": 1024,
        "duration_ms": 12.345, "upstream_ms": 10.001,
    });
    assert_eq!(read, all);
    let common =
        "192.0.2.1 - alice [15/Jan/2027:08:00:00 +0000] \"GET /orders/42 HTTP/1.1\" 200 1024";
    assert_eq!(
        written(Format::Common, &event, Some("alice")),
        format!("{common}\n")
    );
    assert_eq!(
        written(Format::Combined, &event, Some("alice")),
        format!("{common} \"-\" \"curl/8 \\x22x\\x22\"\n")
    );
}

#[test]
fn what_never_became_a_request_has_a_line_too() {
    let (log, events, _) = silent(0.0, 10);
    log.tell(Event {
        outcome: Outcome::Refuse,
        code: Some("request_malformed"),
        status: Some(400),
        ..Event::default()
    });
    let event = next(&events).unwrap();
    let read: Value = serde_json::from_str(&written(Format::Json, &event, None)).unwrap();
    assert_eq!(
        (&read["method"], &read["path"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(read["time"], "2027-01-15T08:00:00.000Z");
    let line = written(Format::Combined, &event, None);
    assert_eq!(
        line,
        "- - - [15/Jan/2027:08:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n"
    );
}

#[test]
fn nothing_that_a_client_chooses_makes_a_line_of_its_own_or_a_long_one() {
    let (log, events, _) = silent(1.0, 10);
    let path = format!("/\"{}", "\u{1}\n".repeat(5000));
    let entry = begun(&log, &path, &[0xff; 5000]);
    entry.is_of(Some(&"\u{202e}\n".repeat(5000)));
    drop(entry);
    let mut event = next(&events).unwrap();
    let subject = event.subject.take();
    for format in [Format::Json, Format::Common, Format::Combined] {
        let line = written(format, &event, subject.as_deref());
        assert!(line.len() < 8 * 1024, "{format:?} {}", line.len());
        assert!(
            line.trim_end_matches('\n')
                .bytes()
                .all(|b| (b' '..=b'~').contains(&b))
        );
        assert_eq!(line.matches('\n').count(), 1);
    }
}

#[test]
fn allowed_requests_are_sampled_and_refused_ones_are_not() {
    let (log, events, _) = silent(0.0, 10);
    let answered = |status, outcome| {
        let entry = begun(&log, "/", b"x");
        entry.is_answered(status, outcome, None, None, None);
        entry.is_whole();
    };
    answered(200, Outcome::Allow);
    assert!(next(&events).is_none());
    for outcome in [Outcome::Refuse, Outcome::Fail] {
        answered(401, outcome);
        assert_eq!(next(&events).unwrap().outcome, outcome);
    }
    let entry = begun(&log, "/", b"x");
    entry.is_answered(200, Outcome::Allow, None, None, None);
    drop(entry);
    assert_eq!(next(&events).unwrap().outcome, Outcome::Left);
}

#[test]
fn a_full_queue_loses_lines_and_counts_them_and_nobody_waits() {
    let (log, events, metrics) = silent(1.0, 2);
    for _ in 0..5 {
        drop(begun(&log, "/", b"x"));
    }
    assert_eq!(metrics.queue_full.get(), 3);
    assert!(
        !log.flush(Duration::from_secs(60)),
        "there is no room to ask"
    );
    assert!(next(&events).is_some() && next(&events).is_some() && next(&events).is_none());
    drop(begun(&log, "/", b"x"));
    assert_eq!(metrics.queue_full.get(), 3);
    drop(events);
    drop(begun(&log, "/", b"x"));
    assert_eq!(metrics.write_failed.get(), 1);
}

#[test]
fn a_file_is_opened_again_by_its_name_and_a_full_disk_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let metrics = AccessLogMetrics::default();
    let open = |path: &std::path::Path| {
        let settings = Settings {
            to: Destination::File(path.to_owned()),
            format: Format::Common,
            sample: 1.0,
            sample_refusals: 1.0,
            subject: Subject::None,
        };
        AccessLog::open(&settings, &metrics, Clock::system())
    };
    let patience = Duration::from_secs(20);
    let log = open(&path).unwrap();
    let lines = |path: &std::path::Path| std::fs::read_to_string(path).unwrap().lines().count();
    drop(begun(&log, "/one", b"x"));
    assert!(log.flush(patience));
    let old = folder.path().join("access.log.1");
    std::fs::rename(&path, &old).unwrap();
    drop(begun(&log, "/two", b"x"));
    log.reopen();
    drop(begun(&log, "/three", b"x"));
    assert!(log.flush(patience));
    assert_eq!((lines(&old), lines(&path)), (2, 1));
    assert_eq!((metrics.lines.get(), metrics.write_failed.get()), (3, 0));
    let full = open(std::path::Path::new("/dev/full")).unwrap();
    drop(begun(&full, "/lost", b"x"));
    assert!(full.flush(patience));
    assert_eq!((metrics.lines.get(), metrics.write_failed.get()), (3, 1));
    assert!(matches!(
        open(folder.path()),
        Err(AccessLogError::NoFile(_))
    ));
    assert!(open(&folder.path().join("nowhere/access.log")).is_err());
    assert!(can_be_written(&folder.path().join("nowhere/access.log")).is_err());
    assert!(can_be_written(&folder.path().join("new.log")).is_ok());
    assert!(
        !folder.path().join("new.log").exists(),
        "to look makes nothing"
    );
}
