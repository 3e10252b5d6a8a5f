//! A report as text for people, 80 columns wide.

use std::fmt::Write as _;

use super::report::{Line, Outcome, Report};

/// Where details begin, and where lines end.
const INDENT: usize = 19;
const WIDTH: usize = 80;
/// How wide the labels of the two sides are.
const SIDE: usize = 11;

impl Report {
    /// A table for people, at most 80 columns wide where the words allow it.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for line in &self.about {
            let _ = write!(text, "  ");
            wrap(&mut text, line, 2);
        }
        if !self.about.is_empty() {
            text.push('\n');
        }
        for line in &self.steps {
            let (mark, style) = match line.outcome {
                Outcome::Pass => ("pass", anstyle::AnsiColor::Green.on_default()),
                Outcome::Fail => ("FAIL", anstyle::AnsiColor::Red.on_default().bold()),
                Outcome::Skip => ("skip", anstyle::Style::new().dimmed()),
            };
            let style = if colour { style } else { anstyle::Style::new() };
            let _ = write!(text, "  {style}{mark}{style:#}  {:<10} ", line.step);
            wrap(&mut text, &line.detail, INDENT);
            if line.outcome == Outcome::Fail {
                explain(&mut text, line);
            }
        }
        let verdict = match &self.code {
            None => "allowed: the request goes to its upstream".to_owned(),
            Some(code) => format!("refused: {} {code}", self.status),
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }
}

/// What was compared, and what would have had to differ.
fn explain(text: &mut String, line: &Line) {
    let mut say = |label: &str, words: &str| {
        let _ = write!(text, "{:INDENT$}{label:<SIDE$}", "");
        wrap(text, words, INDENT + SIDE);
    };
    if let Some(compared) = &line.compared {
        for (label, side) in [
            (&*compared.what, &compared.token),
            ("configured", &compared.configured),
        ] {
            let nothing = ["nothing".to_owned()];
            let side = if side.is_empty() {
                nothing.as_slice()
            } else {
                side
            };
            // A long name has a line of its own.
            let label = match label.chars().count() >= SIDE {
                true => {
                    say("", label);
                    ""
                }
                false => label,
            };
            for (number, words) in side.iter().enumerate() {
                say(if number == 0 { label } else { "" }, words);
            }
        }
        if let Some(note) = &compared.note {
            say("", note);
        }
    }
    if let Some(remedy) = &line.remedy {
        say("remedy", remedy);
    }
}

/// The words of `detail`, the first of which stands at `indent`.
fn wrap(text: &mut String, detail: &str, indent: usize) {
    let mut column = indent;
    for (number, word) in detail.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            let _ = write!(text, "\n{:indent$}", "");
            column = indent;
        } else if number > 0 {
            text.push(' ');
            column += 1;
        }
        // A token's claim may hold anything; a terminal must not obey it.
        text.extend(
            word.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c }),
        );
        column += length;
    }
    text.push('\n');
}
