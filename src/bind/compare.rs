//! A claim against the values of a request.

use std::borrow::Cow;

use super::Why;
use crate::jose::json::Text;

/// What was found so far under one binding.
pub(super) struct Agreement<'c> {
    claim: Option<Text<'c>>,
    found: bool,
    differs: bool,
}

/// What stands at a place of a JSON body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'t> {
    /// A value.
    Value(Text<'t>),
    /// The way to the place leads through a value that is neither object nor array. What an upstream
    /// makes of that is unknown.
    Blocked,
}

impl<'c> Agreement<'c> {
    pub(super) const fn with(claim: Option<Text<'c>>) -> Self {
        Self {
            claim,
            found: false,
            differs: false,
        }
    }

    /// A value of the request as text.
    pub(super) fn text(&mut self, value: &str) {
        self.found = true;
        self.differs |= !self.claim.as_ref().is_some_and(|claim| says(claim, value));
    }

    /// A value of the request as bytes; what is no text agrees with nothing.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        match std::str::from_utf8(value) {
            Ok(value) => self.text(value),
            Err(_) => self.refuse(),
        }
    }

    /// A value of a JSON body: a string, number or boolean, or an array of them that is not empty.
    pub(super) fn json(&mut self, found: Found<'_>) {
        let Found::Value(value) = found else {
            return self.refuse();
        };
        match value.elements() {
            None => self.scalar(&value),
            Some(elements) => {
                let mut any = false;
                for element in elements {
                    any = true;
                    self.scalar(&element);
                }
                if !any {
                    self.refuse();
                }
            }
        }
    }

    /// Whether everything that was found agrees with the claim.
    pub(super) const fn verdict(&self, required: bool) -> Result<(), Why> {
        match (self.found, self.claim.is_some()) {
            (false, _) if required => Err(Why::NoValue),
            (false, _) => Ok(()),
            (true, false) => Err(Why::NoClaim),
            (true, true) if self.differs => Err(Why::Differs),
            (true, true) => Ok(()),
        }
    }

    fn scalar(&mut self, value: &Text<'_>) {
        match scalar(value) {
            Some(text) => self.text(&text),
            None => self.refuse(),
        }
    }

    const fn refuse(&mut self) {
        self.found = true;
        self.differs = true;
    }
}

/// Whether the claim, or one of its elements if it is an array, is `value`.
fn says(claim: &Text<'_>, value: &str) -> bool {
    let is = |claim: &Text<'_>| scalar(claim).is_some_and(|text| text == value);
    match claim.elements() {
        Some(mut elements) => elements.any(|element| is(&element)),
        None => is(claim),
    }
}

/// A string's characters, a number or boolean as it is written. All else has no text.
fn scalar<'t>(value: &Text<'t>) -> Option<Cow<'t, str>> {
    if let Some(text) = value.string() {
        return Some(text);
    }
    let plain = value.boolean().is_some() || value.number().is_some();
    plain.then(|| Cow::Borrowed(value.as_written()))
}
