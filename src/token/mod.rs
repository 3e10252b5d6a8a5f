//! Where a request carries its token: one file a place.
//!
//! [`extract`] finds it or gives evidence that there is none, [`strip`] takes it out of what goes
//! to the upstream.

use std::{borrow::Cow, fmt};

use http::{HeaderName, request::Parts};

mod authorization;
mod cookie;
mod form;
mod header;
mod query;

pub use query::without as query_without;

/// The places where a request may carry its token, prepared from the configuration.
#[derive(Clone, Debug)]
pub struct Sources {
    /// When set, the only place that is looked at.
    pub header: Option<HeaderName>,
    /// The parameter of a form body.
    pub form_parameter: Option<Box<str>>,
    /// The cookie's name.
    pub cookie: Option<Box<str>>,
    /// The parameter of the query.
    pub query_parameter: Option<Box<str>>,
    /// What to do when a request carries several.
    pub multiple: Multiple,
    /// The longest token that is looked at, in bytes.
    pub max_bytes: usize,
    /// Whether the upstream gets the token too.
    pub forward: bool,
}

/// What to do with a request that carries more than one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiple {
    /// It is refused.
    Reject,
    /// The first place counts: Authorization, form, cookie, query. Two values in that one place are
    /// refused all the same.
    First,
}

/// The bytes that a request carried as its token. They are never printed.
pub struct RawToken<'r>(Cow<'r, [u8]>);

/// Evidence that a request carried no token in any place that was to be looked at. Only [`extract`]
/// gives it.
#[derive(Debug)]
pub struct Absent(());

/// What a request carries.
#[derive(Debug)]
pub enum Presented<'r> {
    /// One token.
    Token(RawToken<'r>),
    /// No token.
    None(Absent),
}

/// Why it cannot be said which token a request carries. The texts never repeat what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// More than one token, or one in more than one place.
    #[error("the request carries more than one token")]
    Ambiguous,
    /// A place for a token that is there, and holds nothing.
    #[error("the request has a place for a token with no token in it")]
    Empty,
    /// What stands there has no legible form.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
}

/// The places beside a header of one's own, in the order in which [`Multiple::First`] takes them.
#[derive(Clone, Copy)]
enum Place {
    Authorization,
    Form,
    Cookie,
    Query,
}

/// Finds the token of a request. `form` is the body of a request that [`wants_form`]; otherwise it is
/// not looked at.
///
/// # Errors
/// [`ExtractError`] when the request is not clear about its token. A form body that was wanted and
/// not handed in is an error too: what is in it is unknown, so nobody may say there is no token.
pub fn extract<'r>(
    head: &'r Parts,
    form: Option<&'r [u8]>,
    sources: &Sources,
) -> Result<Presented<'r>, ExtractError> {
    let found = match &sources.header {
        Some(name) => header::find(&head.headers, name)?,
        None => find(head, form, sources)?,
    };
    Ok(match found {
        Some(token) => Presented::Token(token),
        None => Presented::None(Absent(())),
    })
}

/// Whether the body has to be read before [`extract`] can answer. It is false when the Authorization
/// header has settled the matter, as a refusal or, with [`Multiple::First`], as the token.
#[must_use]
pub fn wants_form(head: &Parts, sources: &Sources) -> bool {
    if sources.header.is_some() || sources.form_parameter.is_none() || !form::is_form(head) {
        return false;
    }
    match (authorization::find(&head.headers), sources.multiple) {
        (Ok(None), _) | (Ok(Some(_)), Multiple::Reject) => true,
        (Ok(Some(_)), Multiple::First) | (Err(_), _) => false,
    }
}

/// Takes the token out of every place where `sources` has it looked for, unless the upstream gets it
/// too. All else stays byte for byte, and so does a form body. Other credentials stay as well: an
/// Authorization of another scheme, and any Authorization when the token has a header of its own.
///
/// # Errors
/// [`ExtractError::Malformed`] when the target cannot be written without its token; then the request
/// must not be forwarded.
pub fn strip(head: &mut Parts, sources: &Sources) -> Result<(), ExtractError> {
    if let Some(name) = &sources.header {
        header::strip(&mut head.headers, name, sources.forward);
        return Ok(());
    }
    if sources.forward {
        return Ok(());
    }
    authorization::strip(&mut head.headers);
    if let Some(name) = &sources.cookie {
        cookie::strip(&mut head.headers, name);
    }
    match &sources.query_parameter {
        Some(name) => query::strip(&mut head.uri, name),
        None => Ok(()),
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            header: None,
            form_parameter: Some("access_token".into()),
            cookie: None,
            query_parameter: None,
            multiple: Multiple::Reject,
            max_bytes: 8192,
            forward: false,
        }
    }
}

impl Place {
    const ORDER: [Self; 4] = [Self::Authorization, Self::Form, Self::Cookie, Self::Query];
}

impl<'r> RawToken<'r> {
    /// The one token that `value` is. A token holds neither blanks nor commas (RFC 6750 §2.1).
    fn new(value: Cow<'r, [u8]>) -> Result<Self, ExtractError> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        if value.iter().all(|b| blank(b) || *b == b',') {
            Err(ExtractError::Empty)
        } else if value.contains(&b',') {
            Err(ExtractError::Ambiguous)
        } else if value.iter().any(blank) {
            Err(ExtractError::Malformed("the token holds a blank"))
        } else {
            Ok(Self(value))
        }
    }
}

impl RawToken<'_> {
    /// The bytes, for [`crate::jose::compact::parse`] and the digest of the token cache.
    #[must_use]
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RawToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn find<'r>(
    head: &'r Parts,
    form: Option<&'r [u8]>,
    sources: &Sources,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    let mut found = None;
    for place in Place::ORDER {
        let Some(token) = look(place, head, form, sources)? else {
            continue;
        };
        match sources.multiple {
            Multiple::First => return Ok(Some(token)),
            Multiple::Reject if found.is_some() => return Err(ExtractError::Ambiguous),
            Multiple::Reject => found = Some(token),
        }
    }
    Ok(found)
}

fn look<'r>(
    place: Place,
    head: &'r Parts,
    form: Option<&'r [u8]>,
    sources: &Sources,
) -> Result<Option<RawToken<'r>>, ExtractError> {
    match place {
        Place::Authorization => authorization::find(&head.headers),
        Place::Form => match &sources.form_parameter {
            Some(name) => form::find(head, form, name),
            None => Ok(None),
        },
        Place::Cookie => match &sources.cookie {
            Some(name) => cookie::find(&head.headers, name),
            None => Ok(None),
        },
        Place::Query => match &sources.query_parameter {
            Some(name) => query::find(&head.uri, name),
            None => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests;
