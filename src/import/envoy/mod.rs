//! Envoy's `jwt_authn` filter: providers, rules, requirements; and the clusters that its routes name.

use serde_json::{Map, Value};

use super::{
    CONFIGURATION, File, ImportError, Imported, Left,
    page::{Page, plain},
};

mod cluster;
mod provider;
mod requirement;
mod rule;

use cluster::Clusters;

/// The filter's type, without the part of its name that versions change.
const FILTER: &str = "filters.http.jwt_authn";

/// The configuration in `text`, YAML or JSON, which was read from `name`.
///
/// # Errors
/// [`ImportError`] when it is no YAML, or there is no `jwt_authn` in it.
pub fn import(text: &str, name: &str) -> Result<Imported, ImportError> {
    let root: Value =
        serde_saphyr::from_str(text).map_err(|error| ImportError::Yaml(error.to_string()))?;
    let mut found = Vec::new();
    find(&root, &is_filter, &mut found);
    let mut left = Vec::new();
    let filter = match found.as_slice() {
        [] => {
            return Err(ImportError::Other(
                "there is no jwt_authn filter in it".to_owned(),
            ));
        }
        [one] => one,
        [first, others @ ..] => {
            let what = format!("{} more jwt_authn filters", others.len());
            left.push(Left::new(
                what,
                "only the first was read: import each by itself",
            ));
            first
        }
    };
    let filter = filter
        .get("typed_config")
        .and_then(Value::as_object)
        .unwrap_or(filter);
    let providers = provider::all(filter, &mut left);
    if providers.is_empty() {
        let message = "the jwt_authn filter has no provider that can be carried over";
        return Err(ImportError::Other(told(message, &left)));
    }
    let clusters = Clusters::of(&root);
    let rules = rule::all(filter, &providers, &mut left);
    others(filter, &mut left);
    let mut page = Page::from(name);
    page.section(&["server"]);
    page.key_with_remark(
        "listen",
        plain("0.0.0.0:8080"),
        "what clients call: yours to say",
    );
    let used = rule::write(&mut page, &rules, &providers, &clusters);
    clusters.write(&mut page, &used, &mut left);
    for provider in &providers {
        provider.write(&mut page, &rules);
    }
    Ok(Imported {
        files: vec![File {
            name: CONFIGURATION,
            text: page.into_text(),
        }],
        left,
    })
}

/// An error's text, with what was found out on the way to it.
fn told(message: &str, left: &[Left]) -> String {
    let left = left.iter().map(|left| format!("\n  {left}"));
    format!("{message}{}", left.collect::<String>())
}

/// Whether an object is the filter, or its configuration by itself.
fn is_filter(object: &Map<String, Value>) -> bool {
    let is = |name: &str| text(object, name).is_some_and(|text| text.contains(FILTER));
    is("@type") || (is("name") && object.contains_key("typed_config")) || bare(object)
}

/// A file may hold nothing but the filter's configuration.
fn bare(object: &Map<String, Value>) -> bool {
    let provider = |value: &Value| {
        ["remote_jwks", "local_jwks"]
            .iter()
            .any(|source| value.get(source).is_some())
    };
    object
        .get("providers")
        .and_then(Value::as_object)
        .is_some_and(|all| all.values().any(provider))
}

/// All objects of which `wanted` is true, and none inside of them.
fn find<'v>(
    value: &'v Value,
    wanted: &dyn Fn(&Map<String, Value>) -> bool,
    found: &mut Vec<&'v Map<String, Value>>,
) {
    match value {
        Value::Object(object) if wanted(object) => found.push(object),
        Value::Object(object) => object.values().for_each(|value| find(value, wanted, found)),
        Value::Array(values) => values.iter().for_each(|value| find(value, wanted, found)),
        _ => {}
    }
}

/// Settings of the filter as a whole.
fn others(filter: &Map<String, Value>, left: &mut Vec<Left>) {
    for name in filter.keys() {
        let why = match name.as_str() {
            "@type" | "providers" | "rules" | "requirement_map" => continue,
            "bypass_cors_preflight" => {
                "a preflight is a request like others here: write a route with methods = \
                 [\"OPTIONS\"] and access = \"public\""
            }
            "filter_state_rules" => "there is no state of other filters here",
            "strip_failure_response" => "a refusal never tells more than its code",
            _ => "it is not known here",
        };
        left.push(Left::new(name, why));
    }
}

fn text<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    object.get(name).and_then(Value::as_str)
}

fn objects<'v>(
    object: &'v Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'v Map<String, Value>> {
    let values = object.get(name).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_object)
}

fn texts<'v>(object: &'v Map<String, Value>, name: &str) -> Vec<&'v str> {
    let values = object.get(name).and_then(Value::as_array);
    values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
