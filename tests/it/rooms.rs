//! The rules of the house, held against the sources themselves.

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

/// The rooms that code names after `crate::`, also in a group of imports.
fn rooms_named(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => rooms.extend(words(after).next().map(str::to_owned)),
            Some(group) => rooms.extend(heads(group)),
        }
    }
    rooms
}

/// The first word of each element of an import group, which begins after its brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut element) = (0, String::new());
    let mut elements = Vec::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => elements.push(std::mem::take(&mut element)),
            _ => {}
        }
        element.push(c);
    }
    elements.push(element);
    elements
        .iter()
        .filter_map(|element| words(element).next().map(str::to_owned))
        .collect()
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
fn nobody_below_knows_who_is_above() {
    const ABOVE: [&str; 6] = ["app", "cli", "config", "server", "gateway", "admin"];
    const BELOW: [&str; 13] = [
        "token",
        "issuer",
        "jose",
        "claims",
        "authz",
        "identity",
        "forward",
        "route",
        "clock",
        "deadline",
        "limits",
        "secret",
        "telemetry",
    ];
    for room in BELOW {
        for (path, code) in sources(room) {
            for named in rooms_named(&code) {
                assert!(
                    !ABOVE.contains(&&*named),
                    "{} names {named}",
                    path.display()
                );
            }
        }
    }
    let above = sources("server")
        .iter()
        .any(|(_, code)| rooms_named(code).contains(&"gateway".into()));
    assert!(above);
}

#[test]
fn jose_stands_on_its_own() {
    for (path, code) in sources("jose") {
        for named in rooms_named(&code) {
            assert_eq!(named, "jose", "{}", path.display());
        }
    }
}

#[test]
fn a_group_of_imports_is_read_to_its_end() {
    let code = "use crate::{a::{b, c}, d, e::f};\nuse crate::g::h;\nlet x = crate::i();";
    assert_eq!(rooms_named(code), ["a", "d", "e", "g", "i"]);
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
