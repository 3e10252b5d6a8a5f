//! Those keywords of JSON Schema that ours is made of. `tests/real/schema.mjs` holds it to validators of others.

use serde_json::Value;

use crate::config::{duration, size};

/// What is wrong with `value`; `whole` is where references lead. An unknown keyword is a panic.
pub(super) fn errors(whole: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (keyword, said) in schema.as_object().unwrap() {
        if !holds(whole, schema, (keyword, said), value, at, &mut wrong) {
            wrong.push(format!("{at}: {keyword} {said}"));
        }
    }
    wrong
}

fn holds(
    whole: &Value,
    schema: &Value,
    (keyword, said): (&str, &Value),
    value: &Value,
    at: &str,
    wrong: &mut Vec<String>,
) -> bool {
    let is = |schema: &Value| errors(whole, schema, value, at).is_empty();
    let each = || said.as_array().unwrap().iter();
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "default" | "examples" => true,
        "$ref" => {
            let name = said.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
            wrong.extend(errors(whole, &whole["$defs"][name], value, at));
            true
        }
        "type" => is_a(value, said.as_str().unwrap()),
        "const" => value == said,
        "enum" => each().any(|one| one == value),
        "not" => !is(said),
        "anyOf" => each().any(is),
        "oneOf" => each().filter(|one| is(one)).count() == 1,
        "allOf" => each().all(is),
        "minimum" => value.as_f64().is_none_or(|n| n >= said.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|n| n <= said.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
        "minItems" => value
            .as_array()
            .is_none_or(|list| list.len() as u64 >= said.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| matches(text, said)),
        "required" => value
            .as_object()
            .is_none_or(|object| each().all(|name| object.contains_key(name.as_str().unwrap()))),
        "items" => {
            let items = value.as_array().into_iter().flatten();
            wrong.extend(items.flat_map(|item| errors(whole, said, item, at)));
            true
        }
        "properties" => {
            let said = said.as_object().unwrap();
            let members = value.as_object().into_iter().flatten();
            let known = members.filter_map(|(name, value)| Some((name, value, said.get(name)?)));
            wrong.extend(known.flat_map(|(name, value, schema)| {
                errors(whole, schema, value, &format!("{at}.{name}"))
            }));
            true
        }
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            let members = value.as_object().into_iter().flatten();
            let mut others =
                members.filter(|(name, _)| known.is_none_or(|k| !k.contains_key(*name)));
            match said {
                Value::Bool(false) => others.next().is_none(),
                schema => {
                    wrong.extend(others.flat_map(|(name, value)| {
                        errors(whole, schema, value, &format!("{at}.{name}"))
                    }));
                    true
                }
            }
        }
        other => panic!("the keyword {other} is not known"),
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the type {other} is not known"),
    }
}

/// The three patterns, by the functions that they stand for.
fn matches(text: &str, pattern: &Value) -> bool {
    match pattern.as_str().unwrap() {
        pattern if pattern.contains("ms") => duration::parse(text).is_ok(),
        pattern if pattern.contains("KiB") => size::parse(text).is_ok(),
        _ => text.contains("${") && text.contains('}'),
    }
}
