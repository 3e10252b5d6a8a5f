//! A refusal that the gateway remembers, as `GET /refusals` serves it and `--request-id` shows it.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{
    Report,
    report::{Line, Outcome, Verdict},
};
use crate::{
    clock::UnixTime,
    gateway::{
        Step,
        refusals::{Entry, Overview, TokenHeader},
    },
};

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    request_id: String,
    time: String,
    age_seconds: i64,
    status: u16,
    code: Cow<'static, str>,
    route: Option<String>,
    issuer: Option<String>,
    method: String,
    path: String,
    client: Option<IpAddr>,
    cause: String,
    header: Option<TokenHeader>,
    claims: Option<Vec<String>>,
    steps: Vec<Line>,
}

/// All that is remembered.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    capacity: usize,
    total: u64,
    minutes: u8,
    by_code: Vec<Count>,
    refusals: Vec<Remembered>,
}

#[derive(Clone, Debug, Serialize)]
struct Count {
    code: &'static str,
    status: u16,
    last_minute: u64,
    last_15_minutes: u64,
}

impl Memory {
    /// What is known at `now`.
    #[must_use]
    pub fn of(overview: &Overview, now: UnixTime) -> Self {
        let counts = overview.by_code.iter().map(|tally| Count {
            code: tally.code.name(),
            status: tally.code.status().as_u16(),
            last_minute: tally.last_minute,
            last_15_minutes: tally.last_15_minutes,
        });
        let entries = overview.entries.iter();
        Self {
            capacity: overview.capacity,
            total: overview.total,
            minutes: 15,
            by_code: counts.collect(),
            refusals: entries.map(|entry| Remembered::of(entry, now)).collect(),
        }
    }
}

impl Remembered {
    /// What is kept of a refusal, at `now`.
    #[must_use]
    pub fn of(entry: &Entry, now: UnixTime) -> Self {
        let code = entry.code;
        Self {
            request_id: entry.request_id.to_string(),
            time: entry.at.to_string(),
            age_seconds: now.since(entry.at).max(0),
            status: code.status().as_u16(),
            code: code.name().into(),
            route: entry.route.as_ref().map(ToString::to_string),
            issuer: entry.issuer.as_ref().map(ToString::to_string),
            method: entry.method.to_string(),
            path: entry.path.to_string(),
            client: entry.client,
            cause: entry.cause.to_string(),
            header: entry.header.clone(),
            claims: entry.claims.as_ref().map(|names| names.to_vec()),
            steps: lines(entry),
        }
    }

    /// The steps, and what else is known, as a report.
    #[must_use]
    pub fn report(self) -> Report {
        let client = self.client.map(|client| format!(" from {client}"));
        let request = format!(
            "{} {}{}",
            self.method,
            self.path,
            client.unwrap_or_default()
        );
        let asked = format!(
            "{request}, {} s ago at {}, request {}",
            self.age_seconds, self.time, self.request_id
        );
        let header = self.header.map(|header| {
            let part =
                |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
            let parts = [
                part("alg", header.alg),
                part("kid", header.kid),
                part("typ", header.typ),
            ];
            format!(
                "its token: {}",
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            )
        });
        let claims = self
            .claims
            .map(|names| format!("with the claims {}", names.join(", ")));
        Report {
            verdict: Verdict::Refuse,
            status: self.status,
            code: Some(self.code),
            route: self.route,
            steps: self.steps,
            about: [Some(asked), header, claims]
                .into_iter()
                .flatten()
                .collect(),
        }
    }
}

/// The steps before the one that failed passed, with what is known of them.
fn lines(entry: &Entry) -> Vec<Line> {
    let after = (entry.step == Step::Upstream).then_some(Step::Upstream);
    let steps = Step::DECIDING.into_iter().chain(after);
    steps.map(|step| line(entry, step)).collect()
}

fn line(entry: &Entry, step: Step) -> Line {
    let said = |outcome, detail: String| Line {
        step: step.name().into(),
        outcome,
        detail,
        compared: None,
        remedy: None,
    };
    if step == entry.step {
        return Line {
            compared: entry.compared.clone(),
            remedy: Some(entry.code.remedy().into()),
            ..said(Outcome::Fail, entry.cause.to_string())
        };
    }
    if step > entry.step {
        return said(Outcome::Skip, "not reached".to_owned());
    }
    match known(entry, step) {
        Some(detail) => said(Outcome::Pass, detail),
        None => said(Outcome::Skip, "not asked for".to_owned()),
    }
}

/// What is known of a step that passed; `None`: a request without a token was not asked about one.
fn known(entry: &Entry, step: Step) -> Option<String> {
    let header = entry.header.as_ref();
    let member = |value: Option<&Option<String>>| value.cloned().flatten();
    let detail = match step {
        Step::Request => format!("{} {}", entry.method, entry.path),
        Step::Route => entry.route.as_ref()?.to_string(),
        // The issuer is noted as soon as it is found, and every step behind it but these is about its token.
        _ if entry.step > Step::Issuer && entry.issuer.is_none() => return None,
        Step::Token => "found".to_owned(),
        Step::Issuer => entry.issuer.as_ref()?.to_string(),
        Step::Header => match member(header.map(|header| &header.alg)) {
            Some(algorithm) => format!("{algorithm} is allowed"),
            None => "allowed".to_owned(),
        },
        Step::Key => match member(header.map(|header| &header.kid)) {
            Some(kid) => format!("{kid} or another that may do"),
            None => "found".to_owned(),
        },
        Step::Decryption | Step::Shape | Step::Signature | Step::Time | Step::Audience => {
            "passed".to_owned()
        }
        Step::Claims | Step::Identity | Step::Scope | Step::Binding | Step::Rules => {
            "passed".to_owned()
        }
        Step::RateLimit | Step::Replay | Step::Session | Step::Credential | Step::Upstream => {
            "passed, or not asked for".to_owned()
        }
    };
    Some(detail)
}
