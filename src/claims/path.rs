//! How a claim is named: by its name, or by a JSON Pointer (RFC 6901) when that begins with `/`.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

/// A claim's place in the payload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath(Box<str>);

/// Why a text names no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathError {
    /// It is empty.
    #[error("a claim's name cannot be empty")]
    Empty,
    /// `~` is followed by neither `0` nor `1`.
    #[error("in a JSON Pointer, ~ is written ~0 and / is written ~1 (RFC 6901)")]
    Escape,
}

impl ClaimPath {
    /// The value at this place; a null counts as absent.
    #[must_use]
    pub fn find<'c>(&self, _claims: &'c Map<String, Value>) -> Option<&'c Value> {
        todo!()
    }
}

impl FromStr for ClaimPath {
    type Err = ClaimPathError;

    fn from_str(_text: &str) -> Result<Self, ClaimPathError> {
        todo!()
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
