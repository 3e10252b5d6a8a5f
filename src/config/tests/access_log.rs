//! `[access_log]`.

use super::*;
use crate::access_log::{Destination, Format, Settings, Subject};

/// One error in the first of `lines`, which stand in line 4.
#[track_caller]
fn refused(lines: &str, column: usize, says: &[&str]) {
    let text = format!("{UPSTREAM}[access_log]\n{lines}\n");
    refuse_at(&text, &format!("4:{column}"), says);
}

fn settings(lines: &str) -> Option<Settings> {
    accept_with(&format!("[access_log]\n{lines}\n")).access_log
}

#[test]
fn without_a_file_there_is_none() {
    assert!(accept_with("").access_log.is_none());
    let config = accept_with("[access_log]\nformat = \"common\"\n");
    assert!(config.access_log.is_none());
    assert!(
        config
            .warnings
            .iter()
            .any(|w| w.contains("\"format\" does nothing without a \"file\""))
    );
    let all =
        settings("file = \"stdout\"\nformat = \"combined\"\nsample = 0.25\nsubject = \"plain\"");
    let all = all.unwrap();
    assert_eq!(
        (all.to, all.format),
        (Destination::Stdout, Format::Combined)
    );
    assert_eq!(
        (all.subject, all.sample, all.sample_refusals),
        (Subject::Plain, 0.25, 1.0)
    );
    assert_eq!(
        settings("file = \"stdout\"\nsample = 0").unwrap().sample,
        0.0
    );
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_to_do() {
    for (lines, column, says) in [
        ("format = \"jsn\"", 10, "did you mean \"json\"?"),
        ("subject = \"hsh\"", 11, "did you mean \"hash\"?"),
        (
            "sample = 1.5",
            10,
            "\"sample\" must be a number from 0.0 to 1.0",
        ),
        ("sample_refusals = -0.1", 19, "0.1 is one of ten requests"),
        (
            "sample = \"all\"",
            10,
            "must be a number from 0.0 to 1.0, not a string",
        ),
        ("sample = nan", 10, ""),
        ("file = \"logs/access.log\"", 8, "make its folder"),
        (
            "subject_key = \"short\"\nsubject = \"hash\"\nfile = \"stdout\"",
            15,
            "openssl rand -base64 32",
        ),
    ] {
        refused(lines, column, &[says]);
    }
}

#[test]
fn a_file_is_one_that_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let read = |file: &str| {
        let text = format!("{UPSTREAM}{ISSUER}[access_log]\nfile = \"{file}\"\n");
        parse_in(folder.path(), &text)
    };
    let config = read("access.log")
        .map_err(|report| report.to_string())
        .unwrap();
    let to = Destination::File(folder.path().join("access.log"));
    assert_eq!(config.access_log.unwrap().to, to);
    for (file, says) in [
        (
            "folder",
            "neither a file nor a device; for a pipe, write \"stdout\"",
        ),
        ("no/access.log", "cannot open"),
    ] {
        let Err(report) = read(file) else {
            panic!("{file}");
        };
        assert!(report.to_string().contains(says), "{report}");
    }
}
