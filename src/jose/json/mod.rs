//! Strict JSON: no duplicate members, no byte-order mark, nothing after the value, bounded depth.
//!
//! RFC 8259 lets a parser keep either of two members with one name. Two parsers that choose
//! differently read two different tokens, so such an object is refused (RFC 7515 §4, RFC 7519 §4).

use serde_json::{Map, Value};
use zeroize::Zeroize as _;

mod object;
mod scan;
mod text;

pub use object::Object;
pub use text::{Elements, Members, Text};

/// How deep arrays and objects may nest; the outermost object is the first level.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not a JSON object that the gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not UTF-8. The text names a place, and never what stands there.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// A member stands twice in one object. The name is cut and escaped.
    #[error("not strict JSON: the member \"{0}\" stands twice")]
    Duplicate(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Reads one JSON object and decodes all of it.
///
/// # Errors
/// [`JsonError`] says what is wrong with it.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    Object::parse(bytes).map(|object| object.to_map())
}

/// Wipes every string of a document that held private keys.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
