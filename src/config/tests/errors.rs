//! What is wrong, where, and what would be right.

use super::*;

#[test]
fn an_unknown_key_has_a_suggestion() {
    refuse_at(
        "[server]\nlsten = \"0.0.0.0:80\"\n[upstream]\nurl = \"http://x\"\n",
        "2:1",
        &[
            "unknown key \"lsten\" in [server]",
            "2 | lsten =",
            "did you mean \"listen\"?",
        ],
    );
    refuse_at(
        &format!("servr = {{}}\n{UPSTREAM}"),
        "1:1",
        &["did you mean \"server\"?"],
    );
    accept(&format!("[server]\nlisten = \"0.0.0.0:80\"\n{UPSTREAM}"));
}

#[test]
fn a_key_of_a_later_release_is_unknown() {
    let text = format!("{UPSTREAM}grpc = {{}}\n");
    refuse_at(
        &text,
        "3:1",
        &[
            "unknown key \"grpc\" in [upstream]",
            "[upstream] knows url,",
        ],
    );
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let report = refuse(
        "[server]\nworkers = -1\nlisten = 80\n[token]\nmax_bytes = \"8kb\"\n[upstream]\nurl = \"ftp://x\"\n[issuers.a]\nclock_skew = 30\n",
    );
    let places: Vec<_> = report
        .lines()
        .filter_map(|l| l.trim().strip_prefix("--> portcullis.toml:"))
        .collect();
    assert_eq!(
        places,
        ["2:11", "3:10", "5:13", "7:7", "8:10", "9:14"],
        "{report}"
    );
    assert!(report.ends_with("6 errors\n"), "{report}");
}

#[test]
fn syntax_errors_do_not_hide_the_others() {
    let report =
        refuse("[server]\nlisten = \nworkers = -1\nnonsense\n[upstream]\nurl = \"ftp://x\"\n");
    for place in ["2:10", "3:11", "4:", "6:7"] {
        assert!(
            report.contains(&format!("portcullis.toml:{place}")),
            "{place}\n{report}"
        );
    }
    // What may have been swallowed is not called missing.
    let report = refuse("[upstream]\nurl = http://x\n");
    assert!(
        report.ends_with("\n1 error\n") || !report.contains("has no"),
        "{report}"
    );
}

#[test]
fn a_key_that_stands_twice_is_an_error() {
    let report = refuse(&format!("[server]\nworkers = 1\nworkers = 2\n{UPSTREAM}"));
    assert!(report.contains("portcullis.toml:3:1\n"), "{report}");
}

#[test]
fn a_wrong_type_is_an_error() {
    for (text, place, says) in [
        (
            "server = 3\n",
            "1:10",
            "[server] must be a table, not a number",
        ),
        (
            "[server]\nlisten = 80\n",
            "2:10",
            "\"listen\" must be a list of strings, not a number",
        ),
        (
            "[server]\nlisten = [80]\n",
            "2:11",
            "\"listen\" must be made of strings",
        ),
        (
            "[server]\nworkers = \"2\"\n",
            "2:11",
            "must be a whole number, not a string",
        ),
        (
            "[server]\nworkers = 1.5\n",
            "2:11",
            "a whole number from 0 to 1024",
        ),
        (
            "[token]\nforward = 1\n",
            "2:11",
            "must be true or false, not a number",
        ),
        (
            "[token]\ncookie = 2020-01-01\n",
            "2:10",
            "must be a string, not a date",
        ),
        ("[issuers]\na = 1\n", "2:5", "must be a table, not a number"),
        (
            "issuers = []\n",
            "1:11",
            "\"issuers\" must be a table, not a list",
        ),
        ("routes = {}\n", "1:10", "write [[routes]]"),
        ("routes = []\n", "1:10", "write [[routes]]"),
        (
            "[server.limits]\nheader_bytes = true\n",
            "2:16",
            "a size such as",
        ),
    ] {
        let text = format!("{text}{UPSTREAM}");
        let report = refuse(&text);
        assert!(
            report.contains(&format!("portcullis.toml:{place}\n")),
            "{place} {report}"
        );
        assert!(report.contains(says), "{says}: {report}");
    }
}

#[test]
fn durations_and_sizes_say_what_to_write() {
    let limits = |line: &str| format!("{UPSTREAM}[server.limits]\n{line}\n");
    let refused = |line: &str, says: &[&str]| {
        let column = line.find('=').unwrap() + 3;
        refuse_at(&limits(line), &format!("4:{column}"), says);
    };
    refused("idle_timeout = 30", &["needs a unit", "write \"30s\""]);
    refused("idle_timeout = \"30\"", &["not a duration", "\"1h 30m\""]);
    refused("idle_timeout = \"-5s\"", &["cannot be negative"]);
    refused("idle_timeout = \"\"", &["cannot be empty"]);
    refused("idle_timeout = \"2d\"", &["from 1ms to 1d"]);
    refused("header_bytes = \"16kb\"", &["not a size", "\"16KiB\""]);
    refused("header_bytes = \"1GiB\"", &["from 1KiB to 1MiB"]);
    refused("header_bytes = -1", &["a size is a whole number"]);
    let config = accept(&limits(
        "idle_timeout = \"1m 30s\"\nheader_bytes = 2048\nbody_bytes = \"1MB\"",
    ));
    assert_eq!(config.server.limits.idle_timeout.as_secs(), 90);
    assert_eq!(config.server.limits.header_bytes, 2048);
    assert_eq!(config.server.limits.body_bytes, Some(1_000_000));
}

#[test]
fn variables_are_replaced_or_missed() {
    let text = |host: &str| format!("{UPSTREAM}[server]\npublic_url = \"https://{host}/\"\n");
    let config = accept(&text("${HOST}"));
    assert_eq!(
        config.policy.public_url.as_deref(),
        Some("https://idp.example")
    );
    refuse_at(
        &text("${NOBODY}"),
        "4:14",
        &["the environment variable NOBODY is not set", "${NOBODY}"],
    );
    let report = refuse(&text("${NOBODY"));
    assert!(
        report.contains("a plain \"${\" is written \"$${\""),
        "{report}"
    );
}

#[test]
fn an_empty_file_says_what_is_missing() {
    refuse_at("", "1:1", &["there is no [upstream]", "url = "]);
}

#[test]
fn colours_only_when_asked() {
    let report = parse_in(Path::new(""), "nonsense = 1").err().unwrap();
    assert!(!report.render(false).contains('\u{1b}'));
    assert!(report.render(true).contains('\u{1b}'));
}

#[test]
fn control_characters_of_the_file_are_not_printed() {
    let report = refuse("\"a\\u001b[31m\\nb\" = 1\n");
    assert!(!report.contains('\u{1b}'), "{report:?}");
    assert!(report.contains("a\\u{1b}[31m\\nb"), "{report}");
}

#[test]
fn long_lines_are_cut_around_the_error() {
    let padding = "x".repeat(5_000);
    let text =
        format!("[token]\na = \"{padding}\"\ncookie = [\"{padding}\", \"{padding}\"]\n{UPSTREAM}");
    assert!(refuse(&text).lines().all(|line| line.len() < 400));
}
