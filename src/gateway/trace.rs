//! The steps of the pipeline, for whoever wants to see them: `explain` does, a served request does not.

use crate::claims;

/// A step of the pipeline, in the order in which a request meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the steps' own")]
pub enum Step {
    Request,
    Route,
    Token,
    Decryption,
    Shape,
    Issuer,
    Header,
    Key,
    Signature,
    Time,
    Audience,
    Claims,
    Identity,
    Scope,
    Binding,
    Rules,
    RateLimit,
    Replay,
    Session,
    Credential,
    Upstream,
}

impl Step {
    /// The steps that decide, in order; the way to the upstream comes after them.
    pub const DECIDING: [Self; 20] = [
        Self::Request,
        Self::Route,
        Self::Token,
        Self::Decryption,
        Self::Shape,
        Self::Issuer,
        Self::Header,
        Self::Key,
        Self::Signature,
        Self::Time,
        Self::Audience,
        Self::Claims,
        Self::Identity,
        Self::Scope,
        Self::Binding,
        Self::Rules,
        Self::RateLimit,
        Self::Replay,
        Self::Session,
        Self::Credential,
    ];

    /// Its name in the output of `explain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Route => "route",
            Self::Token => "token",
            Self::Decryption => "decryption",
            Self::Shape => "shape",
            Self::Issuer => "issuer",
            Self::Header => "header",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Identity => "identity",
            Self::Scope => "scope",
            Self::Binding => "binding",
            Self::Rules => "rules",
            Self::RateLimit => "rate_limit",
            Self::Replay => "replay",
            Self::Session => "session",
            Self::Credential => "credential",
            Self::Upstream => "upstream",
        }
    }
}

impl From<claims::Step> for Step {
    fn from(step: claims::Step) -> Self {
        match step {
            claims::Step::Issuer => Self::Issuer,
            claims::Step::Time => Self::Time,
            claims::Step::Audience => Self::Audience,
            claims::Step::Claims => Self::Claims,
        }
    }
}

/// Who is told of each step that passes.
pub trait Trace {
    /// Whether the request is served: otherwise somebody only wants to know, and nothing may be used up.
    fn is_served(&self) -> bool;

    /// `step` passed; `detail` says what was found, and is not made when nobody wants it.
    fn pass(&mut self, step: Step, detail: impl FnOnce() -> String);

    /// `step` is about to fail; `detail` is more than the refusal itself says. As with `pass`.
    fn fail(&mut self, step: Step, detail: impl FnOnce() -> String);
}

/// Nobody is told: what a served request uses, and it costs nothing.
pub struct Silent;

impl Trace for Silent {
    fn is_served(&self) -> bool {
        true
    }

    fn pass(&mut self, _step: Step, _detail: impl FnOnce() -> String) {}

    fn fail(&mut self, _step: Step, _detail: impl FnOnce() -> String) {}
}

/// Everything that was told.
#[derive(Debug, Default)]
pub struct Record {
    /// The steps that passed, with what was found.
    pub passed: Vec<(Step, String)>,
    /// The step that failed, with more than the refusal itself says.
    pub failed: Option<(Step, String)>,
}

impl Trace for Record {
    fn is_served(&self) -> bool {
        false
    }

    fn pass(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.passed.push((step, detail()));
    }

    fn fail(&mut self, step: Step, detail: impl FnOnce() -> String) {
        self.failed = Some((step, detail()));
    }
}
