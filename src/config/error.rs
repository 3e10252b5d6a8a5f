//! Every error of a configuration at once, each with file, line, column and a caret.

use std::{collections::HashSet, fmt, ops::Range, sync::Arc};

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet,
    renderer::{DEFAULT_LINE_NUM_STYLE, Style},
};

use super::{Files, redact, value::Span};

/// What is wrong with a configuration.
#[derive(Default)]
pub struct Report {
    sources: Vec<Source>,
    problems: Vec<Problem>,
    /// A default that is wrong is looked at for each issuer, and reported once.
    seen: HashSet<(Option<Span>, String)>,
    /// The files that were read, or should have been.
    pub(super) files: Files,
}

/// A text that errors can point into.
pub(super) type SourceText = dyn AsRef<str> + Send + Sync;

/// A text that was read, and what in it must not be shown.
struct Source {
    name: String,
    text: Arc<SourceText>,
    secrets: Vec<Range<usize>>,
}

struct Problem {
    span: Option<Span>,
    message: String,
    help: Option<String>,
    /// The text could not be parsed here, so nobody knows which of it is secret.
    syntax: bool,
}

impl Report {
    /// A report of these messages, which are about no place in a file.
    #[must_use]
    pub fn of(messages: impl IntoIterator<Item = String>) -> Self {
        let mut report = Self::default();
        for message in messages {
            report.add(None, message, None);
        }
        report
    }

    /// The files whose change may change this report.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// How many errors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The report as text, with colours if `colour`. Secrets are shown as `[redacted]`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        self.render_first(usize::MAX, colour)
    }

    /// As [`Report::render`], of the first `most` errors; the last line counts all of them.
    #[must_use]
    pub fn render_first(&self, most: usize, colour: bool) -> String {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort_by_key(|p| p.span.map(|s| (s.source, s.start)));
        let mut out = String::new();
        for problem in problems.into_iter().take(most) {
            out.push_str(&self.render_one(problem, colour));
            out.push_str("\n\n");
        }
        let plural = if self.len() == 1 { "" } else { "s" };
        let shown = match self.len() > most {
            true => format!(", of which the first {most} are shown"),
            false => String::new(),
        };
        out.push_str(&format!("{} error{plural}{shown}\n", self.len()));
        out
    }

    /// Takes a text that problems can point into; the answer is its number.
    pub(super) fn add_source(&mut self, name: &str, text: Arc<SourceText>) -> u32 {
        self.sources.push(Source {
            name: name.to_owned(),
            text,
            secrets: Vec::new(),
        });
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    /// What stands at `span` is never shown.
    pub(super) fn redact(&mut self, span: Span) {
        if let Some(source) = self.sources.get_mut(span.source as usize) {
            source.secrets.push(span.start as usize..span.end as usize);
        }
    }

    /// Adds an error, unless the same one is already there.
    pub(super) fn add(&mut self, span: Option<Span>, message: String, help: Option<String>) {
        if self.seen.insert((span, message.clone())) {
            self.problems.push(Problem {
                span,
                message,
                help,
                syntax: false,
            });
        }
    }

    /// Adds an error in the language itself.
    pub(super) fn add_syntax(&mut self, span: Span, message: String) {
        if self.seen.insert((Some(span), message.clone())) {
            self.problems.push(Problem {
                span: Some(span),
                message,
                help: None,
                syntax: true,
            });
        }
    }

    /// `file:line:column` of a place.
    pub(super) fn locate(&self, span: Span) -> String {
        let Some(source) = self.sources.get(span.source as usize) else {
            return String::new();
        };
        let line = source.line_at(span, false);
        format!("{}:{}:{}", source.name, line.number, line.column)
    }

    fn render_one(&self, problem: &Problem, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let message = one_line(&problem.message);
        let mut group = Group::with_title(Level::ERROR.primary_title(message));
        let place = problem
            .span
            .and_then(|span| Some((span, self.sources.get(span.source as usize)?)));
        let mut arrow = None;
        if let Some((span, source)) = place {
            let line = source.line_at(span, problem.syntax);
            arrow = Some(line.arrow(&source.name, colour));
            let marked = AnnotationKind::Primary.span(line.marked);
            let snippet = Snippet::source(line.text).line_start(line.number);
            group = group.element(snippet.annotation(marked));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(one_line(help)));
        }
        let text = renderer.render(&[group]);
        match (arrow, text.split_once('\n')) {
            (Some(arrow), Some((title, rest))) => format!("{title}\n{arrow}\n{rest}"),
            _ => text,
        }
    }
}

/// Keys and file names come from outside: no line break or terminal sequence of theirs is printed.
pub(super) fn one_line(text: &str) -> String {
    let escape = |c: char| {
        let printed = if c.is_control() {
            Err(c.escape_default())
        } else {
            Ok(c)
        };
        printed.map_or_else(|e| e.to_string(), String::from)
    };
    text.chars().map(escape).collect()
}

/// One line of a source as it is shown.
struct Line {
    number: usize,
    /// In characters, from 1, in the source as it is and not as it is shown.
    column: usize,
    text: String,
    marked: Range<usize>,
}

impl Line {
    /// The line that names the place. The renderer would count the columns of the line as it is
    /// shown, and those differ where a secret is hidden.
    fn arrow(&self, name: &str, colour: bool) -> String {
        let style = if colour {
            DEFAULT_LINE_NUM_STYLE
        } else {
            Style::new()
        };
        let gutter = " ".repeat(self.number.to_string().len());
        let (name, number, column) = (one_line(name), self.number, self.column);
        format!("{gutter}{style}-->{style:#} {name}:{number}:{column}")
    }
}

/// How much of a long line is shown on either side of the error, in bytes.
const CONTEXT: usize = 120;

impl Source {
    /// The first line of `span`, without its secrets.
    fn line_at(&self, span: Span, syntax: bool) -> Line {
        let text = (*self.text).as_ref();
        let start = floor(text, span.start as usize);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let after = text.get(start..).unwrap_or_default();
        let line_end = after.find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let end = floor(text, span.end as usize).clamp(start, line_end.max(start));
        let mut secrets: Vec<_> = self
            .secrets
            .iter()
            .filter(|s| s.start < line_end && s.end > line_start)
            .cloned()
            .collect();
        secrets.extend(redact::in_line(text, line_start..line_end, syntax));
        let window = floor(text, start.saturating_sub(CONTEXT)).max(line_start)
            ..floor(text, end.min(start + CONTEXT) + CONTEXT).min(line_end);
        let shown = redact::Redacted::new(text, window, secrets);
        let marked = shown.place_of(start)..shown.place_of(end);
        Line {
            number: before.matches('\n').count() + 1,
            column: text
                .get(line_start..start)
                .unwrap_or_default()
                .chars()
                .count()
                + 1,
            marked,
            text: shown.into_text(),
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts hold secrets: only what may be shown is printed.
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Report {}
