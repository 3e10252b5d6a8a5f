//! `[tracing]`.

use super::*;
use crate::spans::Trust;

#[track_caller]
fn refused(lines: &str, place: &str, says: &[&str]) {
    refuse_at(&format!("{UPSTREAM}[tracing]\n{lines}\n"), place, says);
}

#[test]
fn whose_traces_are_continued() {
    assert_eq!(accept_with("").tracing.trust, Trust::All);
    for (word, trust) in [
        ("all", Trust::All),
        ("trusted_proxies", Trust::TrustedProxies),
        ("none", Trust::None),
    ] {
        let config = accept_with(&format!("[tracing]\ntrust = \"{word}\"\n"));
        assert_eq!(config.tracing.trust, trust);
        assert_eq!(config.tracing.export, None);
    }
    refused("trust = \"proxies\"", "4:9", &["\"trusted_proxies\""]);
}

#[cfg(feature = "otlp")]
#[test]
fn where_spans_go() {
    let export = |lines: &str| {
        let endpoint = "endpoint = \"https://collector.example/v1/traces\"";
        let config = accept_with(&format!("[tracing]\n{endpoint}\n{lines}\n"));
        config.tracing.export.unwrap()
    };
    let usual = export("");
    assert_eq!((usual.sample, usual.per_second), (42_949_672, 100));
    assert!(usual.headers.is_empty());
    assert_eq!(export("sample = 1").sample, 1 << 32);
    assert_eq!(export("sample = 0.0").sample, 0);
    let headers = export("headers = \"\"\"\nx-key: a:b \n\nx-other:c\n\"\"\"").headers;
    let shown: Vec<_> = headers.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
    assert_eq!(shown, ["x-key=Sensitive", "x-other=Sensitive"]);
    assert_eq!(headers[0].1.as_bytes(), b"a:b");
}

#[cfg(feature = "otlp")]
#[test]
fn what_is_wrong_with_it() {
    let endpoint = "endpoint = \"http://127.0.0.1:4318/v1/traces\"\n";
    for (key, value, says) in [
        ("sample", "2", "a number from 0 to 1"),
        ("sample", "-0.1", "a number from 0 to 1"),
        ("sample", "\"all\"", "a number from 0 to 1"),
        ("max_per_second", "0", "from 1 to 1000000"),
        ("max_queue", "0", "from 1 to 1000000"),
        ("interval", "5", "\"5s\""),
        ("timeout", "\"\"", "cannot be empty"),
    ] {
        let column = key.len() + 4;
        refused(
            &format!("{endpoint}{key} = {value}"),
            &format!("5:{column}"),
            &[says],
        );
    }
    for (header, says) in [
        ("secret", "line 1 of the headers is no header"),
        ("x y: secret", "\"name: value\""),
        ("Content-Type: secret", "sets content-type by itself"),
    ] {
        let report = refuse(&format!(
            "{UPSTREAM}[tracing]\n{endpoint}headers = \"{header}\"\n"
        ));
        assert!(report.contains(says), "{report}");
    }
    refused(
        "endpoint = \"http://collector.example/v1/traces\"",
        "4:12",
        &["must be https", "allow_http = true"],
    );
    refused("headers = \"a: b\"", "4:11", &["without \"endpoint\""]);
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_without_the_export_says_how_to_get_it() {
    refused(
        "endpoint = \"http://127.0.0.1:4318/v1/traces\"",
        "4:12",
        &["built without the export", "--features otlp"],
    );
}
