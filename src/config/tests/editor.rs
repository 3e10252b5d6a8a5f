//! The JSON Schema says what the decoder says, as far as a schema can.

use serde_json::{Value as Json, json};

use super::*;

mod evaluate;

const SHIPPED: &str = include_str!("../../../config/portcullis.schema.json");
const PAGE: &str = include_str!("../../../docs/reference.md");
const CASES: &str = include_str!("../../../tests/real/schema/cases.toml");

fn shipped() -> Json {
    serde_json::from_str(&json_schema::json_schema()).unwrap()
}

/// `text` as an editor reads it: variables as they are written.
fn written(text: &str) -> Json {
    let value: toml::Table = text.parse().unwrap();
    serde_json::to_value(value).unwrap()
}

/// What the schema has against `text`.
fn against(text: &str) -> Vec<String> {
    let schema = shipped();
    evaluate::errors(&schema, &schema, &written(text), "")
}

/// After a change of keys: `UPDATE_REFERENCE=1 cargo test --lib schema`, and look at the difference.
#[test]
fn the_shipped_schema_and_page_are_those_of_the_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = [
        (
            "config/portcullis.schema.json",
            SHIPPED,
            json_schema::json_schema(),
        ),
        ("docs/reference.md", PAGE, reference_page::reference_page()),
    ];
    for (file, shipped, made) in made {
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(root.join(file), &made).unwrap();
        } else {
            assert!(shipped == made, "{file} is not what the tables say");
        }
    }
}

#[test]
fn every_section_of_the_tables_is_in_the_schema() {
    let places = tree::places();
    let schema = shipped();
    let whole = std::iter::once((&*root::SCHEMA, &schema));
    let parts = places
        .iter()
        .map(|place| (place.schema, &schema["$defs"][&place.name]));
    for (table, object) in whole.chain(parts) {
        let properties = object["properties"].as_object().unwrap();
        assert_eq!(properties.len(), table.keys.len(), "{}", table.title);
        assert_eq!(object["additionalProperties"], false, "{}", table.title);
        for key in &table.keys {
            let property = &properties[key.name];
            let is_section = matches!(key.setting, schema::Setting::Section);
            let description = property["description"].as_str().unwrap();
            assert!(description.starts_with(key.doc), "{}", key.name);
            assert!(
                !is_section || !tree::sections_of(&key.shape()).is_empty(),
                "{} {}: say which section it is, with .is(Shape::Section(…))",
                table.title,
                key.name
            );
            if let Some(default) = property.get("default") {
                let wrong = evaluate::errors(&schema, property, default, key.name);
                assert!(wrong.is_empty(), "{}: {wrong:?}", table.title);
            }
            for example in property["examples"].as_array().into_iter().flatten() {
                let wrong = evaluate::errors(&schema, property, example, key.name);
                assert!(wrong.is_empty(), "{}: {wrong:?}", table.title);
            }
        }
    }
}

/// A table that says less than its decoder knows makes a schema that lets nonsense through.
#[test]
fn the_tables_say_what_their_decoders_read() {
    let full = include_str!("../../../config/full.toml");
    accept(full);
    accept_with("[server.limits]\n");
    let unsaid = schema::UNSAID.lock().unwrap();
    assert!(
        unsaid.is_empty(),
        "give these keys their range or words in the table, with .is(…): {unsaid:?}"
    );
}

#[test]
fn what_both_refuse_and_what_only_check_can_see() {
    let cases: toml::Table = CASES.parse().unwrap();
    let all = |name: &str| cases[name].as_array().unwrap().iter();
    let field = |case: &toml::Value, name: &str| case[name].as_str().unwrap().to_owned();
    for case in all("good") {
        let text = field(case, "text");
        assert_eq!(against(&text), [""; 0], "{text}");
        accept(&text);
    }
    for case in all("shape") {
        let (text, says) = (field(case, "text"), field(case, "says"));
        assert!(
            !against(&text).is_empty(),
            "the schema lets this through:\n{text}"
        );
        let report = refuse(&text);
        assert!(report.contains(&says), "{says} is not in\n{report}");
    }
    for case in all("check") {
        let (text, says) = (field(case, "text"), field(case, "says"));
        assert_eq!(
            against(&text),
            [""; 0],
            "this belongs to the others:\n{text}"
        );
        let report = refuse(&text);
        assert!(report.contains(&says), "{says} is not in\n{report}");
    }
}

static SCHEMA: std::sync::LazyLock<Json> = std::sync::LazyLock::new(shipped);

/// Every configuration that any test reads goes through the schema as well: what the decoder takes, an
/// editor must not underline.
pub(super) fn compare(text: &str, is_good: bool, report: &str) {
    let Ok(value) = text.parse::<toml::Table>() else {
        return;
    };
    let Ok(value) = serde_json::to_value(value) else {
        return;
    };
    let wrong = evaluate::errors(&SCHEMA, &SCHEMA, &value, "");
    if is_good {
        assert!(wrong.is_empty(), "the schema refuses {wrong:?} in\n{text}");
    }
    let of_shape = [
        "error: unknown key",
        "must be a string, not",
        "must be a list of strings, not",
        "must be made of strings, not",
        "must be true or false, not",
        "must be a whole number",
        "must be a duration such as",
        "must be a size such as",
        "must be a list of tables, not",
        "error: not a duration",
        "error: not a size",
        "cannot both be set",
    ];
    let lines: Vec<_> = report.lines().collect();
    let is_here = |line: &&[&str]| line[1].starts_with(" --> portcullis.toml:");
    let seen = lines.windows(2).filter(is_here);
    let mut seen = seen.filter(|pair| of_shape.iter().any(|shape| pair[0].contains(shape)));
    if let Some(pair) = seen.next() {
        assert!(
            !wrong.is_empty(),
            "the schema does not see {:?} in\n{text}",
            pair[0]
        );
    }
}

#[test]
fn the_evaluator_refuses() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    assert!(evaluate::errors(&schema, &schema, &json!({ "a": 1 }), "").is_empty());
    assert!(!evaluate::errors(&schema, &schema, &json!({ "a": "1" }), "").is_empty());
}
