//! Every error of a configuration at once, each with file, line, column and a caret.

use std::fmt;

/// What is wrong with a configuration.
#[derive(Debug, Default)]
pub struct Report {}

impl Report {
    /// The report as text, with colours if `colour`.
    #[must_use]
    pub fn render(&self, _colour: bool) -> String {
        todo!()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}
