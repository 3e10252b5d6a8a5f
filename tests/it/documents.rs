//! The documents say what the program does: refusals, configurations, links, commands, imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portcullis::{
    clock::Clock,
    config,
    gateway::{Code, code::Challenge},
};

const README: &str = include_str!("../../README.md");
const REFUSALS: &str = include_str!("../../docs/refusals.md");
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between backticks in `text`.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The text of each fenced block of `language`.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let open = format!("```{language}\n");
    let after = text.split(&open).skip(1);
    after
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// The cells of the rows of the table below `header`, which is the beginning of its first line.
fn rows<'t>(text: &'t str, header: &str) -> Vec<Vec<&'t str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(header));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn status(code: Code) -> String {
    code.status().as_u16().to_string()
}

#[test]
fn every_refusal_is_described_with_its_status_and_challenge() {
    let mut described = Vec::new();
    for entry in REFUSALS.split("\n### ").skip(1) {
        let (name, rest) = entry.split_once("\n\n").unwrap();
        let code = Code::ALL.into_iter().find(|code| code.name() == name);
        let code = code.unwrap_or_else(|| panic!("there is no refusal {name}"));
        assert!(rest.starts_with(&status(code)), "{name}");
        let first_line = rest.lines().next().unwrap();
        let error = quoted(first_line).find_map(|text| text.strip_prefix("error="));
        let expected = match code.challenge() {
            Challenge::None | Challenge::Bare => None,
            Challenge::InvalidRequest => Some("\"invalid_request\""),
            Challenge::InvalidToken => Some("\"invalid_token\""),
            Challenge::InsufficientScope => Some("\"insufficient_scope\""),
        };
        assert_eq!(error, expected, "{name}");
        let paragraph = rest.split("\n\n").next().unwrap();
        assert_eq!(
            paragraph.contains("connection is closed"),
            code.closes(),
            "{name}"
        );
        described.push(name);
    }
    let all = Code::ALL.map(Code::name);
    let missing: Vec<_> = all
        .iter()
        .filter(|name| !described.contains(name))
        .collect();
    assert!(missing.is_empty(), "not in docs/refusals.md: {missing:?}");
    assert_eq!(described.len(), all.len(), "one stands there twice");
}

/// The generated reference has every key of the program, so that the document has too.
#[test]
fn every_limit_is_described_with_its_default() {
    let reference = include_str!("../../config/full.toml");
    let section = reference.split("\n[server.limits]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let keys = section.lines().filter_map(|line| line.split_once(" = "));
    let keys: BTreeMap<_, _> = keys.filter(|(key, _)| !key.starts_with('#')).collect();
    let limits = include_str!("../../docs/limits.md");
    let rows = rows(limits, "| key | default |");
    let described: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`'), row[1].trim_matches('`')))
        .collect();
    assert_eq!(described, keys);
    assert_eq!(rows.len(), keys.len(), "one stands there twice");
    for row in &rows {
        assert!(!row[2].is_empty() && !row[3].is_empty(), "{row:?}");
    }
}

#[test]
fn the_metrics_that_the_limits_name_are_there() {
    let metrics = portcullis::telemetry::Metrics::default();
    let mut registry = prometheus_client::registry::Registry::with_prefix("portcullis");
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let limits = include_str!("../../docs/limits.md");
    for name in quoted(limits) {
        if let Some(reason) = name.split("reason=\"").nth(1) {
            let reason = reason.trim_end_matches("\"}");
            assert!(text.contains(&format!("reason=\"{reason}\"}} 0")), "{name}");
        }
        if let Some(code) = name.split("code=\"").nth(1) {
            let code = code.trim_end_matches("\"}");
            assert!(Code::ALL.iter().any(|known| known.name() == code), "{name}");
        }
        if name.starts_with("portcullis_") && !name.contains('{') {
            let name = name.trim_end_matches("_total");
            assert!(text.contains(name), "{name}");
        }
    }
}

#[test]
fn the_readme_lists_every_refusal_under_its_status() {
    let mut listed = BTreeSet::new();
    for row in rows(README, "| status | codes |") {
        for name in quoted(row[1]) {
            assert!(
                listed.insert((row[0].to_owned(), name)),
                "{name} stands there twice"
            );
        }
    }
    let all = Code::ALL.map(|code| (status(code), code.name()));
    assert_eq!(listed, BTreeSet::from(all));
}

#[test]
fn the_readmes_configurations_can_be_used_without_a_warning() {
    let examples = blocks(README, "toml");
    // What is no whole configuration is tried with the commands around it, in tests/real/snippets.mjs.
    let whole = |text: &&str| text.contains("[upstream]");
    let examples: Vec<_> = examples.into_iter().filter(whole).collect();
    assert!(examples.len() >= 2);
    for text in examples {
        match config::parse("README.md", text, root(), &|_| None, &Clock::system()) {
            Ok(config) => assert!(config.warnings.is_empty(), "{:?}", config.warnings),
            Err(report) => panic!("{}", report.render(false)),
        }
    }
}

/// Rules need the feature of that name, which is on by default.
#[test]
fn the_configurations_about_routes_can_be_used_without_a_warning() {
    let examples = blocks(include_str!("../../docs/routes.md"), "toml");
    assert_eq!(examples.len(), 3);
    for text in examples {
        match config::parse("routes.md", text, root(), &|_| None, &Clock::system()) {
            Ok(config) => assert!(config.warnings.is_empty(), "{:?}", config.warnings),
            Err(report) => panic!("{}", report.render(false)),
        }
    }
}

/// Spans need the feature `otlp`, which is on by default.
#[test]
fn the_configurations_about_traces_can_be_used_without_a_warning() {
    let examples = blocks(include_str!("../../docs/traces.md"), "toml");
    assert_eq!(examples.len(), 2);
    for text in examples {
        let text = format!(
            "{text}\n[upstream]\nurl = \"http://127.0.0.1:9000\"\n\
             [issuers.\"https://idp.example.com\"]\naudiences = [\"https://api.example.com\"]\n"
        );
        match config::parse("traces.md", &text, root(), &|_| None, &Clock::system()) {
            Ok(config) => assert!(config.warnings.is_empty(), "{:?}", config.warnings),
            Err(report) => panic!("{}", report.render(false)),
        }
    }
}

#[test]
fn the_configuration_about_rate_limits_can_be_used_without_a_warning() {
    let examples = blocks(include_str!("../../docs/rate-limits.md"), "toml");
    assert_eq!(examples.len(), 1);
    let parsed = config::parse("x.md", examples[0], root(), &|_| None, &Clock::system());
    match parsed {
        Ok(config) => assert!(config.warnings.is_empty(), "{:?}", config.warnings),
        Err(report) => panic!("{}", report.render(false)),
    }
}

/// Their files are read in the tests of the room.
#[test]
fn the_configurations_about_tls_name_keys_that_there_are() {
    let examples = blocks(include_str!("../../docs/tls.md"), "toml");
    assert_eq!(examples.len(), 3);
    for text in examples {
        let parsed = config::parse("tls.md", text, root(), &|_| None, &Clock::system());
        let report = parsed.err().unwrap().render(false);
        assert!(!report.contains("unknown key"), "{report}");
    }
}

#[test]
fn the_readmes_wrong_configuration_is_refused_with_the_printed_words() {
    let wrong = blocks(README, "toml")[0]
        .replacen("listen ", "lisen ", 1)
        .replacen("audiences", "audience ", 1);
    let Err(report) = config::parse(
        "portcullis.toml",
        &wrong,
        root(),
        &|_| None,
        &Clock::system(),
    ) else {
        panic!("accepted")
    };
    let printed = report.render(false);
    let shown = format!("$ portcullis check\n{printed}");
    assert!(
        blocks(README, "console").contains(&shown.as_str()),
        "{printed}"
    );
}

#[test]
fn the_commands_that_the_readme_names_are_there() {
    let help = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands: BTreeSet<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| *name != "help")
        .collect();
    let calls = [
        "`portcullis ",
        "\nportcullis ",
        "$ portcullis ",
        "| portcullis ",
        " --release -- ",
    ];
    let named: BTreeSet<&str> = calls
        .iter()
        .flat_map(|call| README.split(call).skip(1))
        .map(|rest| rest.split([' ', '`', '\n']).next().unwrap())
        .filter(|word| !word.starts_with('-'))
        .collect();
    assert_eq!(named, commands);
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut pages = Vec::new();
    for folder in [
        "",
        "docs",
        "examples",
        "examples/liberty",
        "examples/create",
        "examples/axway",
        "examples/outbound",
        "examples/refusals",
        "config",
        "tests/vectors",
    ] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            pages.extend(path.extension().is_some_and(|e| e == "md").then_some(path));
        }
    }
    assert!(pages.len() >= 6, "{pages:?}");
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap();
            let found = file.is_empty() || page.parent().unwrap().join(file).exists();
            assert!(found, "{}: {target}", page.display());
        }
    }
}

#[test]
fn rooms_import_what_the_architecture_says() {
    let said: BTreeMap<&str, BTreeSet<&str>> = rows(ARCHITECTURE, "| room | what it is for |")
        .iter()
        .map(|row| (quoted(row[0]).next().unwrap(), quoted(row[2]).collect()))
        .collect();
    let rooms: BTreeSet<&str> = said.keys().copied().collect();
    for (room, imports) in &said {
        let mut files = Vec::new();
        source_files(&root().join("src").join(room), &mut files);
        files.extend(Some(root().join(format!("src/{room}.rs"))).filter(|file| file.exists()));
        assert!(!files.is_empty(), "there is no room {room}");
        let found: BTreeSet<&str> = files
            .iter()
            .flat_map(|file| imports_of(&fs::read_to_string(file).unwrap(), &rooms))
            .filter(|other| other != room)
            .collect();
        assert_eq!(&found, imports, "what {room} imports");
    }
    let mut above = BTreeSet::new();
    for row in rows(ARCHITECTURE, "| room | what it is for |") {
        let room = quoted(row[0]).next().unwrap();
        let up: Vec<_> = quoted(row[2])
            .filter(|other| !above.contains(*other))
            .collect();
        assert!(up.is_empty(), "{room} imports {up:?}, which stand below it");
        above.insert(room.to_owned());
    }
    let lib = include_str!("../../src/lib.rs");
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod "));
    assert_eq!(
        declared
            .map(|name| name.trim_end_matches(';'))
            .collect::<BTreeSet<_>>(),
        rooms
    );
}

/// The files below `folder` that are not tests.
fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name.contains("tests") || name == "fixtures" {
            continue;
        }
        if path.is_dir() {
            source_files(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The rooms that the text names after `crate::`, outside of comments and of its own tests.
fn imports_of<'r>(text: &str, rooms: &BTreeSet<&'r str>) -> Vec<&'r str> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = text
        .lines()
        .filter(|line| !line.trim().starts_with("//"))
        .collect();
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.push(first_name(rest)),
        }
    }
    rooms
        .iter()
        .copied()
        .filter(|room| found.contains(room))
        .collect()
}

/// The first name of each member of a `use` group, up to its closing brace.
fn first_names(group: &str) -> Vec<&str> {
    let mut names = vec![first_name(group.trim_start())];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(first_name(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn first_name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn the_reader_of_imports_reads_them() {
    let rooms = BTreeSet::from(["authz", "claims", "forward", "jose", "token"]);
    let text = "use crate::{\n    authz::{self, claims},\n    jose::Key,\n};\n// crate::token\nfn f() \
                { crate::forward::g() }\n#[cfg(test)]\nmod tests {\n    use crate::claims;\n}\n";
    assert_eq!(imports_of(text, &rooms), ["authz", "forward", "jose"]);
}
