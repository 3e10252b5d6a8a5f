//! What every part of the decoder shares: the report, the warnings, and the world outside the file.

use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Files, Report, error, value::Span};
use crate::{clock::Clock, issuer::file::Stamp};

/// The decoder's surroundings. Errors are collected here, so no getter stops at the first.
pub(super) struct Context<'c> {
    /// What relative paths are relative to.
    base: &'c Path,
    /// Answers `${NAME}`.
    pub(super) environment: &'c dyn Fn(&str) -> Option<String>,
    /// For the key rings.
    pub(super) clock: &'c Clock,
    report: RefCell<Report>,
    warnings: RefCell<Vec<String>>,
    /// The text has syntax errors: what seems to be missing may be there.
    broken: Cell<bool>,
}

impl<'c> Context<'c> {
    /// A context without errors.
    pub(super) fn new(
        base: &'c Path,
        environment: &'c dyn Fn(&str) -> Option<String>,
        clock: &'c Clock,
    ) -> Self {
        Self {
            base,
            environment,
            clock,
            report: RefCell::default(),
            warnings: RefCell::default(),
            broken: Cell::new(false),
        }
    }

    /// Takes a text that spans can point into.
    pub(super) fn add_source(&self, name: &str, text: Arc<error::SourceText>) -> u32 {
        self.report.borrow_mut().add_source(name, text)
    }

    /// What stands at `span` is never shown.
    pub(super) fn redact(&self, span: Span) {
        self.report.borrow_mut().redact(span);
    }

    /// Something at `span` is wrong.
    pub(super) fn error(&self, span: Span, message: impl Into<String>) {
        self.report
            .borrow_mut()
            .add(Some(span), message.into(), None);
    }

    /// Something at `span` is wrong, and `help` says what would be right.
    pub(super) fn error_with_help(
        &self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report
            .borrow_mut()
            .add(Some(span), message.into(), Some(help.into()));
    }

    /// Something is missing. Nothing is said after a syntax error, which may have swallowed it.
    pub(super) fn missing(&self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        if !self.broken.get() {
            self.error_with_help(span, message, help);
        }
    }

    /// The text cannot be parsed at `span`.
    pub(super) fn syntax(&self, span: Span, message: impl Into<String>) {
        self.broken.set(true);
        self.report.borrow_mut().add_syntax(span, message.into());
    }

    /// Something is allowed and yet worth a second look.
    pub(super) fn warn(&self, warning: impl Into<String>) {
        let warning = error::one_line(&warning.into());
        let mut warnings = self.warnings.borrow_mut();
        if warnings.last() != Some(&warning) {
            warnings.push(warning);
        }
    }

    /// `file:line:column` of a place.
    pub(super) fn locate(&self, span: Span) -> String {
        self.report.borrow().locate(span)
    }

    /// A path as the file means it.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// What the configuration says depends on what is in this file.
    pub(super) fn depends_on(&self, path: &Path) {
        let files = &mut self.report.borrow_mut().files;
        if !files.contains_key(path) {
            // Before it is read: a change in between shows at the next look.
            files.insert(path.to_owned(), Stamp::of(path));
        }
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.report.borrow().len()
    }

    /// The warnings and the files, or the report if anything is wrong.
    pub(super) fn finish(self) -> Result<(Vec<String>, Files), Report> {
        let report = self.report.into_inner();
        if report.is_empty() {
            Ok((self.warnings.into_inner(), report.files))
        } else {
            Err(report)
        }
    }
}
