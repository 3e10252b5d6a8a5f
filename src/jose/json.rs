//! Strict JSON: no duplicate members, no byte-order mark, nothing after the value, bounded depth.

use serde_json::{Map, Value};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 32;

/// Why bytes are not a JSON object that the gateway accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not UTF-8.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// A member stands twice in one object.
    #[error("the member \"{0}\" stands twice")]
    Duplicate(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Parses one JSON object.
///
/// # Errors
/// [`JsonError`] says what is wrong with it.
pub fn parse_object(_bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    todo!()
}
