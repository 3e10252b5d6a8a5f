//! Where a route looks for a token.

use super::{Case, Compared, words};
use crate::token::{Multiple, Sources};

pub(super) fn compare(case: &Case<'_>) -> Option<Compared> {
    let route = case.note.route.as_ref()?;
    let session = case.snapshot.policy.session.as_ref();
    let session = session.filter(|_| route.session && route.token.header.is_none());
    let cookie = session.map(|_| "the cookie of a session".to_owned());
    let places = places(&route.token).into_iter().chain(cookie);
    let note = match route.token.multiple {
        Multiple::Reject => None,
        Multiple::First => Some("the first of them counts".to_owned()),
    };
    let token = case.head.map(sent).unwrap_or_default();
    Some(Compared::new("token", token, words::several(places)).noting(note))
}

fn places(sources: &Sources) -> Vec<String> {
    if let Some(name) = &sources.header {
        return vec![format!("the header {name}, and nowhere else")];
    }
    let mut places = vec!["the header Authorization, as Bearer".to_owned()];
    if let Some(name) = &sources.form_parameter {
        places.push(format!("the parameter {name} of a form body"));
    }
    if let Some(name) = &sources.cookie {
        places.push(format!("the cookie {name}"));
    }
    if let Some(name) = &sources.query_parameter {
        places.push(format!("the parameter {name} of the query"));
    }
    places
}

/// The names of what the request has; no value, which may be a token in the wrong place.
fn sent(head: &http::request::Parts) -> Vec<String> {
    let fields = head
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::HOST);
    let fields = fields.map(|(name, _)| format!("the header {name}"));
    let query = head.uri.query().map(|_| "a query".to_owned());
    words::several(fields.chain(query))
}
