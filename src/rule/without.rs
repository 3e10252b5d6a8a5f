//! A program without rules: no rule can be read.

use super::{Failure, Inputs, RuleError};

/// A rule that nobody can make.
#[derive(Debug)]
pub(super) enum Compiled {}

impl Compiled {
    pub(super) const fn new(_text: &str) -> Result<Self, RuleError> {
        Err(RuleError::Unsupported)
    }

    pub(super) const fn check(&self, _inputs: &Inputs<'_>) -> Result<(), Failure> {
        match *self {}
    }
}
