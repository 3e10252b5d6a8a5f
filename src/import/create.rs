//! A registry of Liberty Create: a JSON object of issuers by their encoded names.
//!
//! `issuers_file` reads the same as it is. This is for whoever wants to have it in the configuration.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    CONFIGURATION, File, ImportError, Imported, Left,
    page::{Page, list, plain},
};

/// Members of a private key (RFC 7518 §6): they have no place in a registry of issuers.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The registry in `text`, which was read from `name`.
///
/// # Errors
/// [`ImportError`] when it is no JSON object of issuers.
pub fn import(text: &str, name: &str) -> Result<Imported, ImportError> {
    let registry: Map<String, Value> = serde_json::from_str(text).map_err(ImportError::Json)?;
    let mut left = Vec::new();
    let mut page = Page::from(name);
    page.remark("issuers_file = \"…\" reads the registry as it is, and follows its changes.");
    page.section(&["upstream"]);
    page.key_with_remark(
        "url",
        plain("http://127.0.0.1:9000"),
        "where the API is: yours to say",
    );
    for (encoded, issuer) in &registry {
        let Value::Object(issuer) = issuer else {
            let message = format!("\"{encoded}\" is no issuer: it must be a JSON object");
            return Err(ImportError::Other(message));
        };
        self::issuer(&mut page, encoded, issuer, &mut left);
    }
    Ok(Imported {
        files: vec![File {
            name: CONFIGURATION,
            text: page.into_text(),
        }],
        left,
    })
}

fn issuer(page: &mut Page, encoded: &str, issuer: &Map<String, Value>, left: &mut Vec<Left>) {
    let shown = percent_decode_str(encoded).decode_utf8_lossy().into_owned();
    page.section(&["issuers", encoded]);
    if shown != encoded {
        page.remark(&shown);
    }
    for (name, value) in issuer {
        let what = format!("\"{name}\" of {shown}");
        match (name.as_str(), value) {
            ("active", Value::Bool(active)) => page.key("active", *active),
            ("claims", Value::Object(claims)) => page.key("claims", allowed(claims, &what, left)),
            ("key", Value::Object(key)) => match keys(key, &what, left) {
                Some(keys) => page.key("jwks", keys),
                None => left.push(Left::new(what, "there are no \"keys\" in it")),
            },
            ("key", _) | ("claims", _) | ("active", _) => {
                left.push(Left::new(what, "it is not of the kind that it has to be"));
            }
            _ => match toml_value(value) {
                Some(value) => page.key(name, value),
                None => left.push(Left::new(what, "null has no place in TOML")),
            },
        }
    }
    if !issuer.contains_key("audiences") {
        page.key_with_remark(
            "audiences",
            list(["ALL_AUDIENCES"]),
            "the registry does not look at aud; better: the API's own name",
        );
    }
}

/// The allowed values of claims.
fn allowed(claims: &Map<String, Value>, what: &str, left: &mut Vec<Left>) -> toml::Value {
    let mut table = toml::Table::new();
    for (claim, values) in claims {
        match toml_value(values) {
            Some(values @ toml::Value::Array(_)) => {
                table.insert(claim.clone(), values);
            }
            Some(one) => {
                table.insert(claim.clone(), toml::Value::Array(vec![one]));
            }
            None => left.push(Left::new(
                format!("{claim} in {what}"),
                "a list of values is needed: without it, every value passes",
            )),
        }
    }
    toml::Value::Table(table)
}

/// The JWKs of `key.keys`, an array or an object of them, without what is private.
fn keys(key: &Map<String, Value>, what: &str, left: &mut Vec<Left>) -> Option<toml::Value> {
    let keys: Vec<&Value> = match key.get("keys")? {
        Value::Array(keys) => keys.iter().collect(),
        Value::Object(keys) => keys.values().collect(),
        _ => return None,
    };
    let mut all = Vec::new();
    for key in keys {
        let Value::Object(key) = key else {
            left.push(Left::new(what, "one of its keys is no JSON object"));
            continue;
        };
        let mut key = key.clone();
        let private: Vec<_> = PRIVATE
            .iter()
            .filter(|p| key.remove(**p).is_some())
            .collect();
        if !private.is_empty() {
            let why = "a private key stood there, and whoever read it can sign tokens: replace it";
            left.push(Left::new(what, why));
        }
        all.extend(toml_value(&Value::Object(key)));
    }
    let table = [("keys".to_owned(), toml::Value::Array(all))];
    Some(toml::Value::Table(table.into_iter().collect()))
}

/// The same in TOML; `None` where there is a null.
pub(super) fn toml_value(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => toml::Value::Integer(number),
            None => toml::Value::Float(number.as_f64()?),
        },
        Value::String(text) => plain(text),
        Value::Array(values) => {
            toml::Value::Array(values.iter().map(toml_value).collect::<Option<_>>()?)
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| Some((name.clone(), toml_value(value)?)));
            toml::Value::Table(members.collect::<Option<_>>()?)
        }
    })
}
