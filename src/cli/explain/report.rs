//! What `explain` says: each step with its outcome, and the verdict.

use std::{fmt::Write as _, rc::Rc, time::Duration};

use http::request::Parts;
use serde::Serialize;

use super::Options;
use crate::{
    deadline::Deadlines,
    forward::{Pace, RequestBody},
    gateway::{Gateway, Note, Recent, Record, Step},
};

/// The steps of one request, and the verdict.
#[derive(Debug, Serialize)]
pub struct Report {
    verdict: Verdict,
    status: u16,
    code: Option<&'static str>,
    steps: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Allow,
    Refuse,
}

#[derive(Debug, Serialize)]
struct Line {
    step: &'static str,
    outcome: Outcome,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Pass,
    Fail,
    Skip,
}

/// Runs the gateway's pipeline over one request, whose body and client are in `options`.
pub(super) async fn of(gateway: &Gateway, head: Parts, options: &Options) -> Report {
    let deadlines = Deadlines::new(Duration::from_millis(100));
    let pace = Rc::new(Pace::new(&deadlines, Duration::ZERO));
    let mut body = RequestBody::whole(options.body.clone().into(), pace);
    let mut record = Record::default();
    let mut note = Note {
        peer: options.from,
        ..Note::default()
    };
    let snapshot = gateway.snapshot();
    let decided = gateway
        .decide(
            &snapshot,
            head,
            &mut body,
            &Recent::default(),
            &mut note,
            &mut record,
        )
        .await;
    let decided = decided.and_then(|permit| {
        let shown = snapshot.rehearse_credential(&permit, &note, gateway.now())?;
        let passed = shown.map(|shown| (Step::Credential, shown));
        record.passed.extend(passed);
        Ok(permit)
    });
    let refusal = decided.err();
    let failed = refusal
        .as_ref()
        .map(|refusal| (refusal.step(), refusal.to_string()));
    let code = refusal.map(|refusal| refusal.code());
    Report {
        verdict: if code.is_none() {
            Verdict::Allow
        } else {
            Verdict::Refuse
        },
        status: code.map_or(200, |code| code.status().as_u16()),
        code: code.map(|code| code.name()),
        steps: lines(&record, failed.as_ref()),
    }
}

fn lines(record: &Record, failed: Option<&(Step, String)>) -> Vec<Line> {
    let passed = |step| {
        let said = record.passed.iter().filter(|(passed, _)| *passed == step);
        let said: Vec<&str> = said.map(|(_, detail)| &**detail).collect();
        (!said.is_empty()).then(|| said.join("; "))
    };
    Step::DECIDING
        .into_iter()
        .map(|step| {
            let (outcome, detail) = match (failed, passed(step)) {
                (Some((at, why)), _) if *at == step => (Outcome::Fail, fail(why, record, step)),
                (_, Some(detail)) => (Outcome::Pass, detail),
                (Some(_), None) => (Outcome::Skip, "not reached".to_owned()),
                (None, None) => (Outcome::Skip, "not asked for".to_owned()),
            };
            Line {
                step: step.name(),
                outcome,
                detail,
            }
        })
        .collect()
}

fn fail(why: &str, record: &Record, step: Step) -> String {
    match &record.failed {
        Some((failed, more)) if *failed == step => format!("{why}: {more}"),
        Some(_) | None => why.to_owned(),
    }
}

impl Report {
    /// Whether the request would be forwarded.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

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
        let verdict = match self.code {
            None => "allowed: the request goes to its upstream".to_owned(),
            Some(code) => format!("refused: {} {code}", self.status),
        };
        let _ = writeln!(text, "\n{verdict}");
        text
    }
}

/// Where details begin, and where lines end.
const INDENT: usize = 19;
const WIDTH: usize = 80;

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
