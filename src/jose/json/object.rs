//! One JSON object, kept as its text.

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};
use smallvec::SmallVec;

use super::{JsonError, Text, scan::Scanner};

/// A strict JSON object: its text, and where each of its members begins. It takes hardly more room
/// than the text, and reading it allocates nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// From brace to brace.
    text: Box<str>,
    /// Where the members' names begin, in their order; [`ESCAPED`] is set where a name has escapes.
    /// `None` when the text is so long that the place of some might not fit: then it is searched.
    members: Option<Box<[u16]>>,
}

const ESCAPED: u16 = 1 << 15;

impl Object {
    /// Reads one JSON object, in one pass.
    ///
    /// # Errors
    /// [`JsonError`] says what is wrong with it.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, JsonError> {
        let text = String::from_utf8(bytes.into()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            JsonError::Syntax(format!("not UTF-8 at byte {at}"))
        })?;
        let mut scanner = Scanner::new(&text);
        scanner.blank();
        let start = scanner.at();
        let mut members: SmallVec<[u16; 32]> = SmallVec::new();
        if scanner.peek() == Some(b'{') {
            scanner.object(0, &mut |name| {
                let flag = if name.escaped { ESCAPED } else { 0 };
                members.push(flag | (name.start - start) as u16);
            })?;
        } else {
            scanner.value(0)?;
        }
        let object = scanner.since(start);
        let end = scanner.at();
        scanner.blank();
        if scanner.peek().is_some() {
            return Err(scanner.wrong("something follows the value"));
        }
        if !object.starts_with('{') {
            return Err(JsonError::NotAnObject);
        }
        let text = if object.len() == text.len() {
            text.into_boxed_str()
        } else {
            text.get(start..end).unwrap_or_default().into()
        };
        Ok(Self {
            members: (text.len() < usize::from(ESCAPED)).then(|| members.as_slice().into()),
            text,
        })
    }

    /// The member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Text<'_>> {
        let Some(members) = &self.members else {
            return Text::new(&self.text).get(name);
        };
        (0..members.len()).find_map(|at| match self.name(members, at)? {
            (found, start) if found == name => Some(self.value(members, at, start)),
            _ => None,
        })
    }

    /// The whole object as it is written, without white space around it.
    #[must_use]
    pub const fn as_written(&self) -> &str {
        &self.text
    }

    /// The whole object as a value.
    #[must_use]
    pub fn to_text(&self) -> Text<'_> {
        Text::new(&self.text)
    }

    /// The whole object, decoded.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        // It was read before, so it decodes.
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The name of the member number `at`, and where what follows it begins.
    fn name(&self, members: &[u16], at: usize) -> Option<(Cow<'_, str>, usize)> {
        let member = *members.get(at)?;
        let start = usize::from(member & !ESCAPED);
        if member & ESCAPED != 0 {
            let rest = self.text.get(start..)?;
            let name = Scanner::new(rest).string().ok()?;
            return Some((name.decoded(rest), start + name.end));
        }
        let inner = self.text.get(start + 1..)?;
        let length = memchr::memchr(b'"', inner.as_bytes())?;
        Some((Cow::Borrowed(inner.get(..length)?), start + length + 2))
    }

    /// The value that begins somewhere behind `start` and ends before the next member does.
    fn value(&self, members: &[u16], at: usize, start: usize) -> Text<'_> {
        let end = match members.get(at + 1) {
            Some(next) => usize::from(next & !ESCAPED),
            None => self.text.len(),
        };
        let blank = [' ', '\t', '\n', '\r'];
        let value = self.text.get(start..end).unwrap_or_default();
        let value = value.trim_start_matches(blank);
        let value = value.strip_prefix(':').unwrap_or_default();
        // Behind it stands one comma, or the brace that closes the object.
        let value = value.trim_end_matches(blank);
        let value = value.get(..value.len().saturating_sub(1));
        Text::new(value.unwrap_or_default().trim_matches(blank))
    }
}

impl fmt::Debug for Object {
    /// It may be the claims of somebody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Object([redacted])")
    }
}

#[cfg(test)]
impl Object {
    /// The object that `value` is.
    pub(crate) fn of(value: &Value) -> Self {
        Self::parse(value.to_string()).unwrap()
    }
}
