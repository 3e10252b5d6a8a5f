//! What the guides promise is tried: the refusals in the Postman collection, and the tests that docs/threats.md names.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use portcullis::gateway::Code;

const REFUSALS: &str = include_str!("../../docs/refusals.md");
const COLLECTION: &str = include_str!("../../examples/portcullis.postman_collection.json");

/// The names in the document's entries that do not say that no client can cause them.
fn caused_by_clients(document: &str) -> BTreeSet<String> {
    let entries = document.split("\n### ").skip(1);
    let entries = entries.filter(|entry| !entry.contains("\nNo client can cause it: "));
    entries
        .map(|entry| entry.lines().next().unwrap().to_owned())
        .collect()
}

/// The status and the code in the name of each request in the folder.
fn in_the_collection(collection: &str) -> BTreeSet<(String, String)> {
    let collection: serde_json::Value = serde_json::from_str(collection).unwrap();
    let folders = collection["item"].as_array().unwrap();
    let folder = folders.iter().find(|item| item["name"] == "Every refusal");
    let requests = folder.unwrap()["item"].as_array().unwrap();
    let names = requests.iter().map(|item| item["name"].as_str().unwrap());
    names
        .map(|name| {
            let mut words = name.split([' ', ':']);
            let mut word = || words.next().unwrap().to_owned();
            (word(), word())
        })
        .collect()
}

#[test]
fn the_collection_has_every_refusal_that_a_client_can_cause() {
    let expected: BTreeSet<_> = Code::ALL
        .into_iter()
        .filter(|code| caused_by_clients(REFUSALS).contains(code.name()))
        .map(|code| (code.status().as_u16().to_string(), code.name().to_owned()))
        .collect();
    assert_eq!(in_the_collection(COLLECTION), expected);
    assert!(expected.len() > 40, "{}", expected.len());
}

#[test]
fn a_refusal_that_nobody_marks_is_one_of_clients() {
    let document = "# Refusals\n\n### one\n\n401. Text.\n\n### two\n\n502. Text.\n\nNo client can cause it: it is \
                    the disk.\n";
    assert_eq!(caused_by_clients(document), ["one".to_owned()].into());
}

/// The tests that `page` names, as `file::name` between backticks; the file is without its ending.
fn named_tests(page: &str) -> BTreeSet<(String, String)> {
    let quoted = page.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|text| text.rsplit_once("::"));
    named
        .filter(|(file, _)| {
            ["tests/", "src/", "examples/"]
                .iter()
                .any(|of| file.starts_with(of))
        })
        .map(|(file, name)| (file.to_owned(), name.to_owned()))
        .collect()
}

/// Whether there is a test of this name in the file: a function, a scenario's check, or one of Postman's.
fn is_there(root: &Path, file: &str, name: &str) -> bool {
    let endings = ["rs", "mjs", "json"];
    let files =
        endings.map(|ending| PathBuf::from(format!("{}.{ending}", root.join(file).display())));
    files.iter().any(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let calls = ["fn NAME(", "check('NAME'", "pm.test(\\\"NAME\\\""];
        calls
            .iter()
            .any(|call| text.contains(&call.replace("NAME", name)))
    })
}

#[test]
fn the_tests_that_the_promises_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/threats.md")).unwrap();
    let named = named_tests(&page);
    assert!(named.len() >= 30, "{}", named.len());
    let missing: Vec<_> = named
        .iter()
        .filter(|(file, name)| !is_there(root, file, name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Each row of the table of promises names one.
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| promise |"));
    for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
        assert!(!named_tests(row).is_empty(), "no test shows: {row}");
    }
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    let page =
        "| x | `tests/it/guides::a_test_that_is_not_there_is_missed`, `tests/it/guides::gone` |";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing: Vec<_> = named_tests(page)
        .into_iter()
        .filter(|(file, name)| !is_there(root, file, name))
        .collect();
    assert_eq!(missing, [("tests/it/guides".to_owned(), "gone".to_owned())]);
}
