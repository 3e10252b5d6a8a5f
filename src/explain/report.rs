//! What `explain` says: each step with its outcome, and the verdict.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::gateway::{Compared, Record, Refusal, Step};

/// The steps of one request, and the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub(super) verdict: Verdict,
    pub(super) status: u16,
    pub(super) code: Option<Cow<'static, str>>,
    /// The route that it took, by its name.
    pub(super) route: Option<String>,
    pub(super) steps: Vec<Line>,
    /// What is said before the steps, in the text only.
    #[serde(skip)]
    pub(super) about: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Allow,
    Refuse,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) step: Cow<'static, str>,
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<Compared>,
    /// What would have had to differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<Cow<'static, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Pass,
    Fail,
    Skip,
}

impl Report {
    /// Of a request that `refusal` ended, or nothing.
    pub(super) fn of(record: &Record, refusal: Option<&Refusal>, route: Option<String>) -> Self {
        let failed = refusal.map(|refusal| (refusal.step(), refusal.to_string()));
        let code = refusal.map(Refusal::code);
        Self {
            verdict: match code {
                None => Verdict::Allow,
                Some(_) => Verdict::Refuse,
            },
            status: code.map_or(200, |code| code.status().as_u16()),
            code: code.map(|code| code.name().into()),
            route,
            steps: lines(record, failed.as_ref()),
            about: Vec::new(),
        }
    }

    /// The same, with what was compared at `step`, and what would have had to differ there.
    pub(super) fn with(
        mut self,
        step: Step,
        compared: Option<Compared>,
        remedy: Option<&'static str>,
    ) -> Self {
        let mut lines = self.steps.iter_mut();
        if let Some(line) = lines.find(|line| line.step == step.name()) {
            line.compared = compared;
            line.remedy = remedy.map(Cow::Borrowed);
        }
        self
    }

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
                step: step.name().into(),
                outcome,
                detail,
                compared: None,
                remedy: None,
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
