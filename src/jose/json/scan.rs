//! The one reader of JSON text (RFC 8259): checks it in one pass, and allocates nothing for it but the
//! names of an object with more than a few members.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{JsonError, MAX_DEPTH};
use crate::jose::excerpt::excerpt;

/// Reads a text from `at` on.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// Where a member's name stands, from quote to quote, and whether it is written with escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// The names of one object so far.
#[derive(Default)]
struct Names {
    all: SmallVec<[Name; FEW]>,
    /// A bit for each name by its length and ends: a name whose bit is free is a new one.
    seen: u64,
}

/// Up to so many names are compared with each other; more are sorted, for a stranger chooses how many.
const FEW: usize = 24;

/// Numbers with fewer digits and without an exponent are finite.
const SURELY_FINITE: usize = 300;

impl<'t> Scanner<'t> {
    /// Reads `text` from its beginning.
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// How far it came, in bytes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips white space.
    pub(super) fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// What stands from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Reads one value inside of `depth` others.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth, &mut |_| ()),
            Some(b'[') => self.array(depth),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.wrong("no value begins here")),
            None => Err(self.wrong("it ends too early")),
        }
    }

    /// Reads an object inside of `depth` others; `found` gets each name when it was read.
    pub(super) fn object(
        &mut self,
        depth: usize,
        found: &mut impl FnMut(Name),
    ) -> Result<(), JsonError> {
        self.enter(depth)?;
        let mut names = Names::default();
        self.blank();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.blank();
            let name = self.string()?;
            names.add(self.text, name)?;
            found(name);
            self.colon()?;
            self.value(depth + 1)?;
            self.blank();
            if self.take(b'}') {
                return names.finish(self.text);
            }
            self.comma()?;
        }
    }

    /// Reads a string and says where it stands.
    pub(super) fn string(&mut self) -> Result<Name, JsonError> {
        let start = self.at;
        if !self.take(b'"') {
            return Err(self.wrong("a string was expected"));
        }
        let mut escaped = false;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    let end = self.at;
                    return Ok(Name {
                        start,
                        end,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.wrong("a control character in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.wrong("it ends inside a string")),
            }
        }
    }

    /// Skips the colon behind a name, and the white space around it.
    pub(super) fn colon(&mut self) -> Result<(), JsonError> {
        self.blank();
        if !self.take(b':') {
            return Err(self.wrong("a colon was expected"));
        }
        self.blank();
        Ok(())
    }

    /// An error at this place.
    pub(super) fn wrong(&self, what: &'static str) -> JsonError {
        JsonError::Syntax(format!("{what}, at byte {}", self.at))
    }

    fn array(&mut self, depth: usize) -> Result<(), JsonError> {
        self.enter(depth)?;
        self.blank();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.blank();
            self.value(depth + 1)?;
            self.blank();
            if self.take(b']') {
                return Ok(());
            }
            self.comma()?;
        }
    }

    /// Steps over the opening bracket, unless too many are open.
    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        Ok(())
    }

    fn comma(&mut self) -> Result<(), JsonError> {
        if self.take(b',') {
            Ok(())
        } else {
            Err(self.wrong("a comma or the end was expected"))
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.wrong("no value begins here"));
        }
        self.at += word.len();
        Ok(())
    }

    /// A backslash and what belongs to it. Half of a surrogate pair is no character.
    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        let kind = self.peek();
        self.at += 1;
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.unit()? {
                0xd800..=0xdbff if self.take(b'\\') && self.take(b'u') => match self.unit()? {
                    0xdc00..=0xdfff => Ok(()),
                    _ => Err(self.wrong("half a character is escaped")),
                },
                0xd800..=0xdfff => Err(self.wrong("half a character is escaped")),
                _ => Ok(()),
            },
            _ => Err(self.wrong("an unknown escape")),
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.wrong("an unknown escape"))?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        } else if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.wrong("a number begins with a zero"));
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let mut large = self.at - start > SURELY_FINITE;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            large = true;
            self.at += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let finite = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
        if large && !finite(self.since(start)) {
            return Err(self.wrong("a number is out of range"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong("a digit was expected"));
        }
        Ok(())
    }
}

impl Name {
    /// The name, its escapes decoded: `\u0061lg` and `alg` are one name.
    pub(super) fn decoded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let written = text.get(self.start..self.end).unwrap_or_default();
        decoded(written, self.escaped)
    }
}

impl Names {
    /// Adds `name`, which must not be there yet.
    fn add(&mut self, text: &str, name: Name) -> Result<(), JsonError> {
        if self.all.len() < FEW {
            let decoded = name.decoded(text);
            let bit = 1 << (mark(decoded.as_bytes()) % 64);
            if self.seen & bit != 0 && self.all.iter().any(|n| n.decoded(text) == decoded) {
                return Err(JsonError::Duplicate(excerpt(&decoded)));
            }
            self.seen |= bit;
        }
        self.all.push(name);
        Ok(())
    }

    /// Compares what was too much to be compared one by one.
    fn finish(&self, text: &str) -> Result<(), JsonError> {
        if self.all.len() <= FEW {
            return Ok(());
        }
        let mut names: Vec<_> = self.all.iter().map(|name| name.decoded(text)).collect();
        names.sort_unstable();
        let twice = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(one),
            _ => None,
        });
        twice.map_or(Ok(()), |name| Err(JsonError::Duplicate(excerpt(name))))
    }
}

/// A string that was read, `written` from quote to quote, with its escapes decoded.
pub(super) fn decoded(written: &str, escaped: bool) -> Cow<'_, str> {
    if escaped {
        // It was read before, so it decodes; a string that does not would be equal to no other.
        return Cow::Owned(serde_json::from_str(written).unwrap_or_else(|_| written.to_owned()));
    }
    let inner = written
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Cow::Borrowed(inner.unwrap_or_default())
}

/// Differs for most names.
fn mark(name: &[u8]) -> usize {
    let at = |byte: Option<&u8>| usize::from(byte.copied().unwrap_or_default());
    name.len()
        .wrapping_mul(7)
        .wrapping_add(at(name.first()).wrapping_mul(3))
        .wrapping_add(at(name.last()))
}
