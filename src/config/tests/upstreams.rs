//! Upstreams at several addresses.

use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::forward::balance::{Settings, Share};

fn settings(more: &str) -> Settings {
    let config = accept(&format!("[upstream]\nurl = \"http://a\"\n{more}\n{ISSUER}"));
    config.policy.upstreams[0].group.settings().clone()
}

#[test]
fn the_default_settings_are_those_of_the_room() {
    assert_eq!(settings(""), Settings::default());
}

#[test]
fn several_urls_are_one_upstream() {
    let config = accept(&format!(
        "[upstream]\nurls = [\"http://a:1/v1\", \"http://b:2/v1/\"]\nhost = \"api.internal\"\n{ISSUER}"
    ));
    let upstream = &config.policy.upstreams[0];
    let labels = upstream.group.servers().iter().map(|server| &*server.label);
    assert_eq!(labels.collect::<Vec<_>>(), ["http://a:1", "http://b:2"]);
    assert_eq!(upstream.host.as_ref().unwrap(), "api.internal");
    assert_eq!(&*upstream.base_path, "/v1");
    for (upstream, place, says) in [
        ("urls = []", "2:8", "at least one URL"),
        (
            "urls = [\"http://a\", \"ftp://b\"]",
            "2:21",
            "begins with http://",
        ),
        (
            "urls = [\"http://a\", \"http://a:80/\"]",
            "2:21",
            "stands twice",
        ),
        (
            "urls = [\"http://a/x\", \"http://b/y\"]",
            "2:23",
            "the same path",
        ),
        (
            "urls = [\"http://a\", \"unix:/b\"]",
            "2:21",
            "the same scheme",
        ),
        (
            "url = \"http://a\"\nurls = [\"http://b\"]",
            "3:8",
            "cannot both",
        ),
        ("url = \"http://a\"\nhost = \"a b\"", "3:8", "not a host"),
        ("url = \"http://a\"\nhost = \"u@a\"", "3:8", "not a host"),
        (
            "url = \"http://a\"\nhost = \"a\"\npreserve_host = true",
            "3:8",
            "client's Host",
        ),
        (
            "url = \"http://a\"\ndns_refresh = \"2h\"",
            "3:15",
            "from 1ms to 1h",
        ),
    ] {
        refuse_at(&format!("[upstream]\n{upstream}\n"), place, &[says]);
    }
}

#[test]
fn what_its_sections_say() {
    let health =
        settings("[upstream.health]\npath = \"/health\"\nstatuses = [\"200\", \"300-399\"]");
    let health = health.health.unwrap();
    assert_eq!((&*health.path, health.unhealthy), ("/health", 3));
    assert_eq!(health.statuses, [200..=200, 300..=399]);
    let retry =
        settings("[upstream.retry]\nattempts = 2\non = [\"503\", \"503\", \"closed\"]").retry;
    assert_eq!((retry.attempts, retry.on.connect_failure), (2, false));
    assert!(retry.on.closed);
    assert_eq!(retry.on.statuses, [StatusCode::SERVICE_UNAVAILABLE]);
    let share =
        settings("[upstream.limits]\nrequests = 7\nqueue = 0\nqueue_timeout = \"2s\"").share;
    let wanted = Share {
        requests: 7,
        queue: 0,
        queue_timeout: Duration::from_secs(2),
    };
    assert_eq!(share, wanted);
    let ejection = settings("[upstream.ejection]\nfailures = 0").ejection;
    assert_eq!(ejection.failures, 0);
}

#[test]
fn what_its_sections_cannot_say() {
    for (section, key, says) in [
        ("ejection", "time = \"500ms\"", "from 1s to 1h"),
        ("ejection", "max_percent = 101", "from 0 to 100"),
        ("ejection", "failure = 1", "did you mean \"failures\"?"),
        ("health", "path = \"health\"", "not the path of a request"),
        ("health", "path = \"/a b\"", "not the path of a request"),
        (
            "health",
            "path = \"/a\\r\\nX: y\"",
            "not the path of a request",
        ),
        ("health", "healthy = 0", "from 1 to 100"),
        ("health", "statuses = [\"99\"]", "not a status"),
        ("health", "statuses = [\"299-200\"]", "not a status"),
        ("health", "statuses = [\"2xx\"]", "not a status"),
        ("retry", "attempts = 0", "from 1 to 10"),
        ("retry", "on = [\"timeout\"]", "not a reason"),
        ("retry", "on = [\"500\"]", "not a reason"),
        ("retry", "budget_percent = 200", "from 0 to 100"),
        ("limits", "queue_timeout = \"0s\"", "from 1ms"),
        ("limits", "requests = -1", "from 0"),
    ] {
        let text = format!("[upstream]\nurl = \"http://a\"\n[upstream.{section}]\n{key}\n{ISSUER}");
        let report = refuse(&text);
        assert!(report.contains(says), "{says:?} is not in\n{report}");
    }
}
