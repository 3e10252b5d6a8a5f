//! Where a request carries its token: one file a place.
//!
//! [`extract`] finds it or gives evidence that there is none, [`strip`] takes it out of what goes
//! to the upstream.

use http::request::Parts;

mod authorization;
mod cookie;
mod form;
mod header;
mod query;
mod raw;
mod sources;

pub use query::without as query_without;
pub use raw::RawToken;
pub use sources::{Multiple, Sources};

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

/// The value of a cookie that is no token's, if the request has exactly one of that name.
#[must_use]
pub fn cookie_value<'r>(head: &'r Parts, name: &str) -> Option<RawToken<'r>> {
    cookie::find(&head.headers, name).ok().flatten()
}

/// Takes every cookie of this name out of what goes to the upstream.
pub fn strip_cookie(head: &mut Parts, name: &str) {
    cookie::strip(&mut head.headers, name);
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

/// Whether the Authorization header carries a token, so that nobody has to look for one elsewhere.
#[must_use]
pub fn in_authorization(head: &Parts) -> bool {
    matches!(authorization::find(&head.headers), Ok(Some(_)))
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

impl Place {
    const ORDER: [Self; 4] = [Self::Authorization, Self::Form, Self::Cookie, Self::Query];
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
