//! Claims that are bound to the request: what the token says of the tenant, say, and what the request
//! says of it, must be the same.
//!
//! The request's side is read as the most generous upstream could read it. Every value that stands
//! under the name counts, in every spelling that some upstream takes for the name, and all of them
//! must agree with the claim: else a client could choose which one the upstream reads.

use std::fmt;

use http::{HeaderName, request::Parts};

use crate::{claims::ClaimPath, jose::json::Object};

mod body;
mod compare;
pub mod field;
pub mod parameter;
pub mod path;
mod pointer;

use compare::Agreement;
pub use path::Segment;

/// One claim and the place in the request that must agree with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The claim.
    pub claim: ClaimPath,
    /// The place.
    pub place: Place,
    /// Whether the request must have a value there.
    pub required: bool,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header field.
    Header(HeaderName),
    /// A parameter of the query.
    Query(Box<str>),
    /// A parameter of the route's path.
    Path {
        /// Its name in the pattern.
        name: Box<str>,
        /// Where it stands.
        segment: Segment,
    },
    /// A field of a form body (`application/x-www-form-urlencoded`).
    Form(Box<str>),
    /// A place in a JSON body, as a JSON Pointer (RFC 6901) that is not empty.
    Json(ClaimPath),
}

/// All bindings of a route; none of them costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(Box<[Binding]>);

/// A claim and its place do not agree. The text names both, and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim \"{claim}\" and {place} do not agree: {why}")]
pub struct Mismatch {
    claim: Box<str>,
    place: Box<str>,
    why: Why,
}

/// Why they do not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A value of the request is not the claim's, or has no text that could be compared.
    #[error("they differ")]
    Differs,
    /// The request has a value, and nobody vouches for it.
    #[error("the request has a value, and there is no such claim")]
    NoClaim,
    /// The request has no value, and the binding is required.
    #[error("the request has no value, and the binding is required")]
    NoValue,
    /// The body was not read: a mistake in the program.
    #[error("the body was not read")]
    Unread,
    /// The body could be read in another way than the gateway's.
    #[error("the body cannot be compared: {0}")]
    Body(#[from] BodyProblem),
}

/// Why a body cannot be compared, so that nobody knows what the upstream would find in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// There is no content type, or more than one, or it is not the one that is asked for.
    #[error("its content type is not {0}")]
    Type(&'static str),
    /// A character set other than UTF-8.
    #[error("its character set is not UTF-8")]
    Charset,
    /// It is compressed.
    #[error("it has a content encoding")]
    Encoded,
    /// No JSON object, or one that two parsers could read in two ways.
    #[error("it is not one strict JSON object")]
    Json,
}

impl Mismatch {
    /// The claim, as the configuration names it.
    #[must_use]
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// The place in the request.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl Bindings {
    /// These bindings; `json` and `form` must not both be among them.
    #[must_use]
    pub fn new(bindings: Vec<Binding>) -> Self {
        Self(bindings.into())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Binding> {
        self.0.iter()
    }

    /// Whether the request's body has to be read before [`Bindings::check`] can answer.
    #[must_use]
    pub fn want_body(&self) -> bool {
        self.iter()
            .any(|binding| matches!(binding.place, Place::Form(_) | Place::Json(_)))
    }

    /// Compares each claim with its place in the request of `head`, which is as it will be forwarded.
    /// Without `claims` nobody vouches for anything: then no place may have a value. `body` is the
    /// whole body when it is wanted.
    ///
    /// # Errors
    /// [`Mismatch`] is the first binding that does not hold.
    pub fn check(
        &self,
        claims: Option<&Object>,
        head: &Parts,
        body: Option<&[u8]>,
    ) -> Result<(), Mismatch> {
        self.iter().try_for_each(|binding| {
            binding.check(claims, head, body).map_err(|why| Mismatch {
                claim: binding.claim.as_str().into(),
                place: binding.place.to_string().into(),
                why,
            })
        })
    }
}

impl Binding {
    fn check(&self, claims: Option<&Object>, head: &Parts, body: Option<&[u8]>) -> Result<(), Why> {
        let claim = claims.and_then(|claims| self.claim.find(claims));
        let mut agreement = Agreement::with(claim);
        match &self.place {
            Place::Header(name) => {
                for value in field::values(&head.headers, name) {
                    agreement.bytes(value);
                }
            }
            Place::Query(name) => {
                let query = head.uri.query().unwrap_or_default();
                parameter::each(query.as_bytes(), name, |value| agreement.text(value));
            }
            Place::Path { segment, .. } => {
                if let Some(value) = segment.of(head.uri.path()) {
                    agreement.bytes(&value);
                }
            }
            Place::Form(name) => {
                if let Some(form) = body::form(head, body.ok_or(Why::Unread)?)? {
                    parameter::each(form, name, |value| agreement.text(value));
                }
            }
            Place::Json(pointer) => {
                if let Some(object) = body::json(head, body.ok_or(Why::Unread)?)? {
                    pointer::each(&object, pointer, &mut |found| agreement.json(found));
                }
            }
        }
        agreement.verdict(self.required)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header {name}"),
            Self::Query(name) => write!(f, "the query parameter \"{name}\""),
            Self::Path { name, .. } => write!(f, "the path parameter \"{name}\""),
            Self::Form(name) => write!(f, "the form field \"{name}\""),
            Self::Json(pointer) => write!(f, "{pointer} of the JSON body"),
        }
    }
}

#[cfg(test)]
mod tests;
