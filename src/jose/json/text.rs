//! One JSON value, as it is written.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::scan::{self, Scanner};

/// A value inside a text that was read and found strict. Nothing is decoded before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Text<'t>(&'t str);

/// The elements of an array, in their order.
#[derive(Clone, Debug)]
pub struct Elements<'t>(Scanner<'t>);

/// The members of an object, in their order: names, decoded, and values.
#[derive(Clone, Debug)]
pub struct Members<'t>(Scanner<'t>, &'t str);

impl<'t> Text<'t> {
    /// `text` is one value, read before, without white space around it.
    pub(super) const fn new(text: &'t str) -> Self {
        Self(text)
    }

    /// The JSON text.
    #[must_use]
    pub const fn as_written(&self) -> &'t str {
        self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// The string that it is.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'t, str>> {
        self.0
            .starts_with('"')
            .then(|| scan::decoded(self.0, self.0.contains('\\')))
    }

    /// The boolean that it is.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The number that it is.
    #[must_use]
    pub fn number(&self) -> Option<Number> {
        let numeric = self.0.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if numeric { self.0.parse().ok() } else { None }
    }

    /// The elements of the array that it is.
    #[must_use]
    pub fn elements(&self) -> Option<Elements<'t>> {
        let mut scanner = Scanner::new(self.0);
        scanner.take(b'[').then_some(Elements(scanner))
    }

    /// The members of the object that it is.
    #[must_use]
    pub fn members(&self) -> Option<Members<'t>> {
        let mut scanner = Scanner::new(self.0);
        scanner.take(b'{').then_some(Members(scanner, self.0))
    }

    /// The member `name` of the object that it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Self> {
        let mut scanner = Scanner::new(self.0);
        if !scanner.take(b'{') {
            return None;
        }
        loop {
            scanner.blank();
            let found = scanner.string().ok()?;
            scanner.colon().ok()?;
            let start = scanner.at();
            scanner.value(0).ok()?;
            if found.decoded(self.0) == name {
                return Some(Self(scanner.since(start)));
            }
            scanner.blank();
            if !scanner.take(b',') {
                return None;
            }
        }
    }

    /// The whole value, decoded.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // It was read before, so it decodes. Null is what every rule takes for an absent claim.
        serde_json::from_str(self.0).unwrap_or(Value::Null)
    }
}

impl<'t> Iterator for Members<'t> {
    type Item = (Cow<'t, str>, Text<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.blank();
        self.0.take(b',');
        self.0.blank();
        let name = self.0.string().ok()?;
        self.0.colon().ok()?;
        let start = self.0.at();
        self.0.value(0).ok()?;
        Some((name.decoded(self.1), Text(self.0.since(start))))
    }
}

impl<'t> Iterator for Elements<'t> {
    type Item = Text<'t>;

    fn next(&mut self) -> Option<Text<'t>> {
        self.0.blank();
        self.0.take(b',');
        self.0.blank();
        let start = self.0.at();
        self.0.value(0).ok()?;
        Some(Text(self.0.since(start)))
    }
}
