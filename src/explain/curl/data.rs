//! The body of `-d` and its kin.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::options::Kind;

/// Why a body cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// It stands in a file.
    #[error("the body stands in a file (@), and none is read: write it out, with --data-raw '…'")]
    File,
}

/// What curl leaves as it is (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The pieces so far.
#[derive(Default)]
pub(super) struct Body {
    text: Option<String>,
    kind: Option<Kind>,
}

impl Body {
    pub(super) fn add(&mut self, kind: Kind, value: String) -> Result<(), DataError> {
        let piece = match kind {
            Kind::Raw => value,
            Kind::Plain | Kind::Json if value.starts_with('@') => return Err(DataError::File),
            Kind::Plain | Kind::Json => value,
            Kind::Encoded => encoded(&value)?,
        };
        // Pieces of JSON follow each other as they are.
        let mark = if kind == Kind::Json { "" } else { "&" };
        match &mut self.text {
            Some(text) => {
                text.push_str(mark);
                text.push_str(&piece);
            }
            None => self.text = Some(piece),
        }
        self.kind = Some(kind);
        Ok(())
    }

    /// The kind of the last piece.
    pub(super) const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    pub(super) fn take(&mut self) -> Option<String> {
        self.text.take()
    }
}

/// `CONTENT`, `=CONTENT`, `NAME=CONTENT`; `@FILE` and `NAME@FILE` are refused.
fn encoded(value: &str) -> Result<String, DataError> {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    match value.find(['=', '@']).map(|at| value.split_at(at)) {
        Some((name, rest)) => match rest.strip_prefix('=') {
            Some(content) if name.is_empty() => Ok(encode(content)),
            Some(content) => Ok(format!("{name}={}", encode(content))),
            None => Err(DataError::File),
        },
        None => Ok(encode(value)),
    }
}
