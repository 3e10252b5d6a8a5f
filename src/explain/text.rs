//! A report as text for people, 80 columns wide.

use std::fmt::Write as _;

use super::report::{Outcome, Report};

/// Where details begin, and where lines end.
const INDENT: usize = 19;
const WIDTH: usize = 80;

impl Report {
    /// A table for people, at most 80 columns wide where the words allow it.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for line in &self.steps {
            let (mark, style) = match line.outcome {
                Outcome::Pass => ("pass", anstyle::AnsiColor::Green.on_default()),
                Outcome::Fail => ("FAIL", anstyle::AnsiColor::Red.on_default().bold()),
                Outcome::Skip => ("skip", anstyle::Style::new().dimmed()),
            };
            let style = if colour { style } else { anstyle::Style::new() };
            let _ = write!(text, "  {style}{mark}{style:#}  {:<10} ", line.step);
            wrap(&mut text, &line.detail);
        }
        let verdict = match &self.code {
            None => "allowed: the request goes to its upstream".to_owned(),
            Some(code) => format!("refused: {} {code}", self.status),
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }
}

fn wrap(text: &mut String, detail: &str) {
    let mut column = INDENT;
    for (number, word) in detail.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH {
            let _ = write!(text, "\n{:INDENT$}", "");
            column = INDENT;
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
