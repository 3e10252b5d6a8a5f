//! The rules of the house that the compiler does not see, held against the sources themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every Rust source below `room`, without its comments.
fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut left = vec![root.join(room), root.join(format!("{room}.rs"))];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            found.push((path, code.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(!found.is_empty(), "there is no room {room}");
    found
}

/// The words of Rust code: identifiers and what looks like them.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

#[test]
fn jose_and_claims_do_no_io_and_read_no_clock() {
    const FORBIDDEN: [&str; 13] = [
        "tokio",
        "hyper",
        "hyper_util",
        "reqwest",
        "async",
        "await",
        "Instant",
        "SystemTime",
        "Clock",
        "TcpStream",
        "ToSocketAddrs",
        "fs",
        "env",
    ];
    for room in ["jose", "claims"] {
        for (path, code) in sources(room) {
            for word in words(&code) {
                assert!(
                    !FORBIDDEN.contains(&word),
                    "{} names {word}",
                    path.display()
                );
            }
        }
    }
    // The twin: the same look at a room that may do all this finds it.
    let found = sources("issuer")
        .iter()
        .any(|(_, code)| words(code).any(|word| word == "tokio"));
    assert!(found);
}

#[test]
fn a_refusal_has_no_catch_all() {
    let (_, code) = sources("gateway")
        .into_iter()
        .find(|(path, _)| path.ends_with("refusal.rs"))
        .unwrap();
    let functions = code
        .split("fn ")
        .filter(|function| function.contains("-> Code"));
    let mut count = 0;
    for function in functions {
        count += 1;
        assert!(!function.contains("_ =>"), "{function}");
    }
    assert!(count > 3);
}
