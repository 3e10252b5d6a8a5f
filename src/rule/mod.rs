//! Rules in the Common Expression Language (CEL): what they are, and what they may look at.
//!
//! A rule is checked when it is read, so that it knows its variables and functions, can be true or
//! false, and costs no more than a bound that is known before. What fails to evaluate is refused.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use http::HeaderMap;

use crate::jose::json::Object;

#[cfg(feature = "cel")]
mod check;
#[cfg(feature = "cel")]
mod compiled;
#[cfg(feature = "cel")]
mod input;
#[cfg(feature = "cel")]
mod names;
#[cfg(feature = "cel")]
mod needs;
#[cfg(not(feature = "cel"))]
mod without;

#[cfg(feature = "cel")]
use compiled::Compiled;
#[cfg(not(feature = "cel"))]
use without::Compiled;

/// The longest rule, in bytes.
pub const MAX_BYTES: usize = 2048;
/// How deep the expression of a rule may nest.
pub const MAX_DEPTH: usize = 40;
/// The most nodes that the expression of a rule may have.
pub const MAX_NODES: usize = 500;
/// The most values of one request, list elements and map entries included, that the rules of a route
/// look at. A comprehension goes through each of them once at most, for comprehensions do not nest.
pub const MAX_VALUES: usize = 1024;

/// The rules of a route, which must all be true; none of them costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Option<Arc<[Rule]>>);

/// One rule.
#[derive(Debug)]
struct Rule {
    text: Box<str>,
    compiled: Compiled,
}

impl PartialEq for Rule {
    /// A rule is what it says.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Rule {}

/// Why a text is no rule. Lines and columns are those of the text, from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// This program was built without rules.
    #[error("this program was built without rules (the feature \"cel\")")]
    Unsupported,
    /// It is longer than [`MAX_BYTES`].
    #[error("a rule has at most {MAX_BYTES} bytes")]
    TooLong,
    /// It nests deeper than [`MAX_DEPTH`], or has more than [`MAX_NODES`] nodes.
    #[error("the rule is too large: at most {MAX_DEPTH} levels and {MAX_NODES} nodes")]
    TooLarge,
    /// The parser failed, or there is no memory for it.
    #[error("the rule cannot be parsed; write it in a simpler way")]
    Parser,
    /// It is no expression.
    #[error("not an expression, at line {line}, column {column}: {message}")]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It is an expression that is no rule.
    #[error("{message}, at line {line}, column {column}")]
    Wrong {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

/// A rule is not true. The text names the rule, and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {number} ({text}) {why}")]
pub struct RuleDenied {
    number: usize,
    text: String,
    why: Failure,
}

impl RuleDenied {
    /// The rule, as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Why a rule is not true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is false.
    #[error("is not true")]
    False,
    /// It is neither true nor false.
    #[error("is neither true nor false")]
    NotBoolean,
    /// It looks for something that is not there.
    #[error("cannot be evaluated: what it looks for is not there")]
    Missing,
    /// It does what cannot be done to values of these types.
    #[error("cannot be evaluated: a value has another type")]
    Type,
    /// It divides by zero, overflows, or fails in another way.
    #[error("cannot be evaluated")]
    Other,
    /// The request has more than [`MAX_VALUES`] values for it.
    #[error("cannot be evaluated: the request has more than {MAX_VALUES} values for it")]
    TooMuch,
}

/// What rules may look at.
#[derive(Clone, Debug)]
pub struct Inputs<'i> {
    /// `claims`: those of the token; empty when there is none.
    pub claims: Option<&'i Object>,
    /// `identity`.
    pub identity: Who<'i>,
    /// `request`.
    pub request: Asked<'i>,
}

/// `identity`: as the upstream is told.
#[derive(Clone, Debug, Default)]
pub struct Who<'i> {
    /// `identity.subject`; empty when there is none.
    pub subject: &'i str,
    /// `identity.issuer`.
    pub issuer: &'i str,
    /// `identity.realm`.
    pub realm: &'i str,
    /// `identity.groups`: a list.
    pub groups: Vec<&'i str>,
    /// `identity.scopes`: a list.
    pub scopes: Vec<&'i str>,
}

/// `request`: as it will be forwarded.
#[derive(Clone, Debug)]
pub struct Asked<'i> {
    /// `request.method`.
    pub method: &'i str,
    /// `request.path`: the canonical path.
    pub path: &'i str,
    /// `request.host`: in lower case, without a port.
    pub host: Cow<'i, str>,
    /// `request.headers`: names in lower case, each with the list of its values. A value that is no
    /// text is of type bytes.
    pub headers: &'i HeaderMap,
    /// `request.query`: parameters, decoded, each with the list of its values.
    pub query: &'i str,
    /// `request.remote_address`: a text, or null when it is not known.
    pub remote_address: Option<IpAddr>,
    /// `request.params`: the parameters of the route's path, decoded.
    pub params: Vec<(&'i str, String)>,
}

impl Rules {
    /// Compiles these rules; of each that is none, its place and what is wrong.
    ///
    /// # Errors
    /// Every rule that is wrong, by its place from 0.
    pub fn compile<'t>(
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, Vec<(usize, RuleError)>> {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for (place, text) in texts.into_iter().enumerate() {
            match Rule::compile(text) {
                Ok(rule) => rules.push(rule),
                Err(error) => errors.push((place, error)),
            }
        }
        if errors.is_empty() {
            Ok(Self((!rules.is_empty()).then(|| rules.into())))
        } else {
            Err(errors)
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The rules as they are written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|rules| rules.iter())
            .map(|rule| &*rule.text)
    }

    /// Whether all of them are true.
    ///
    /// # Errors
    /// [`RuleDenied`] is the first that is not.
    pub fn check(&self, inputs: &Inputs<'_>) -> Result<(), RuleDenied> {
        let Some(rules) = &self.0 else {
            return Ok(());
        };
        for (place, rule) in rules.iter().enumerate() {
            rule.compiled.check(inputs).map_err(|why| RuleDenied {
                number: place + 1,
                text: excerpt(&rule.text),
                why,
            })?;
        }
        Ok(())
    }
}

impl Rule {
    fn compile(text: &str) -> Result<Self, RuleError> {
        if text.len() > MAX_BYTES {
            return Err(RuleError::TooLong);
        }
        Ok(Self {
            text: text.into(),
            compiled: Compiled::new(text)?,
        })
    }
}

/// The beginning of a rule, on one line.
fn excerpt(text: &str) -> String {
    const LENGTH: usize = 100;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

#[cfg(test)]
mod tests;
