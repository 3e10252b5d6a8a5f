//! Tests on a text, byte for byte and with regard to case.

use std::fmt;

use memchr::memmem;

/// A test on a text; the list means any of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// It is one of these.
    Equals(Box<[Box<str>]>),
    /// It contains one of these.
    Contains(Box<[Box<str>]>),
    /// It contains none of these, or is not there.
    NotContains(Box<[Box<str>]>),
}

impl TextTest {
    /// Whether the text passes. Where it is there more than once, each of its `values` must: nobody
    /// knows which one the upstream reads.
    pub(super) fn holds(&self, values: &[&[u8]]) -> bool {
        let contains = |list: &[Box<str>], value: &[u8]| {
            list.iter()
                .any(|part| memmem::find(value, part.as_bytes()).is_some())
        };
        match self {
            Self::Equals(list) => {
                let listed = |value: &&[u8]| list.iter().any(|one| one.as_bytes() == *value);
                !values.is_empty() && values.iter().all(listed)
            }
            Self::Contains(list) => {
                !values.is_empty() && values.iter().all(|value| contains(list, value))
            }
            Self::NotContains(list) => !values.iter().any(|value| contains(list, value)),
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, list) = match self {
            Self::Equals(list) => ("equals", list),
            Self::Contains(list) => ("contains", list),
            Self::NotContains(list) => ("not_contains", list),
        };
        write!(f, "{name} \"{}\"", list.join("\" | \""))
    }
}
