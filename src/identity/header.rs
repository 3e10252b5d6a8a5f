//! Headers of choice: which claim goes to the upstream under which name, and how it is written.

use std::{fmt, sync::Arc};

use crate::claims::ClaimPath;

/// A header that a claim becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimHeader {
    /// Its name, in lower case.
    pub name: Box<str>,
    /// The claim.
    pub claim: ClaimPath,
    /// How it is written.
    pub format: Format,
}

/// How a claim is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// One string, number or boolean, as it is.
    #[default]
    Text,
    /// The elements of an array, or one value, separated by commas: no element can hold one.
    Csv,
    /// The JSON text in ASCII, without blanks between its tokens.
    Json,
    /// As [`Format::Csv`], each element in a header line of its own.
    Repeat,
    /// Base64 (RFC 4648 §4) of a string's bytes, else of the JSON text.
    Base64,
}

/// Names of header fields that only the gateway may say, beside those that it always says itself.
/// Cloning shares them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnHeaders {
    /// In their canonical spelling.
    names: Arc<[Box<str>]>,
    /// The bit number *n* is set when a name has *n* bytes, the last one when one has 63 or more: most
    /// fields of a request need not be compared.
    lengths: u64,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Text,
        Self::Csv,
        Self::Json,
        Self::Repeat,
        Self::Base64,
    ];

    /// Its name in a configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Repeat => "repeat",
            Self::Base64 => "base64",
        }
    }
}

impl OwnHeaders {
    /// These names, in any spelling.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut own = Self::default();
        names.into_iter().for_each(|name| own.add(name));
        own
    }

    /// One more of them, in any spelling.
    pub fn add(&mut self, name: &str) {
        let name: Box<str> = canonical(name).into();
        if !self.names.contains(&name) {
            self.lengths |= bit(name.len());
            self.names = self.names.iter().cloned().chain([name]).collect();
        }
    }

    /// Whether `name`, in its canonical spelling, is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.lengths & bit(name.len()) != 0 && self.names.iter().any(|own| **own == *name)
    }
}

impl fmt::Debug for OwnHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&*self.names).finish()
    }
}

/// The spelling that all those have in common which an upstream could take for one another: in lower
/// case, with `-` for `_` and `.`.
#[must_use]
pub fn canonical(name: &str) -> String {
    let dashed = |c: char| if matches!(c, '_' | '.') { '-' } else { c };
    name.chars()
        .map(|c| dashed(c.to_ascii_lowercase()))
        .collect()
}

const fn bit(length: usize) -> u64 {
    1 << (if length < 63 { length } else { 63 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_its_canonical_spelling() {
        let long = "x-".repeat(40);
        let own = OwnHeaders::new(["X-Email", "x_roles", "X.Email", &long]);
        for name in ["X-EMAIL", "x_email", "x.email", "X-Roles", &long] {
            assert!(own.has(&canonical(name)), "{name}");
        }
        let longer = format!("{long}x");
        for name in ["x-emai", "x-emaik", "x-role", "", &longer] {
            assert!(!own.has(&canonical(name)), "{name}");
        }
        assert!(!OwnHeaders::default().has("x-email"));
        assert_eq!(own.names.len(), 3);
    }
}
