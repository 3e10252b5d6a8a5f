//! Filters: what a request must be like for a route to be for it, beside its host, path and method.
//!
//! They choose a route and grant nothing: a client can say anything in a header. Only the address is
//! more than its word.

use std::fmt;

use http::{
    HeaderName,
    header::{COOKIE, USER_AGENT},
};

use super::Visit;
use crate::bind::field;

pub mod address;
mod text;

pub use address::{AddressPattern, AddressTest};
pub use text::TextTest;

/// The filters of a route; all of them must hold. None of them costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When(pub Box<[Condition]>);

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The client's address passes all of these tests. An address that is not known passes none.
    Address(Box<[AddressTest]>),
    /// A text of the request passes all of these tests.
    Text {
        /// Which text.
        subject: Subject,
        /// The tests.
        tests: Box<[TextTest]>,
    },
}

/// A text of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The host, in lower case and without its port.
    Host,
    /// The canonical path.
    Path,
    /// The `User-Agent`.
    UserAgent,
    /// A header field.
    Header(HeaderName),
    /// A cookie.
    Cookie(Box<str>),
}

impl When {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of them hold for `visit`.
    #[must_use]
    pub fn holds(&self, visit: &Visit<'_>) -> bool {
        self.0.iter().all(|condition| condition.holds(visit))
    }

    /// The filters that do not hold for `visit`, as they are written; `None`: all of them hold.
    #[must_use]
    pub fn failing(&self, visit: &Visit<'_>) -> Option<String> {
        let failing = self.0.iter().filter(|condition| !condition.holds(visit));
        let failing: Vec<String> = failing.map(ToString::to_string).collect();
        (!failing.is_empty()).then(|| failing.join(" and "))
    }
}

impl Condition {
    fn holds(&self, visit: &Visit<'_>) -> bool {
        match self {
            Self::Address(tests) => visit
                .address
                .is_some_and(|address| tests.iter().all(|test| test.holds(address))),
            Self::Text { subject, tests } => subject.with(visit, &mut |values| {
                tests.iter().all(|test| test.holds(values))
            }),
        }
    }
}

impl Subject {
    /// What `look` says of the values of this text; a field that `Connection` names is not there, for
    /// the upstream does not get it.
    fn with(&self, visit: &Visit<'_>, look: &mut dyn FnMut(&[&[u8]]) -> bool) -> bool {
        match self {
            Self::Host => look(&[visit.host.as_bytes()]),
            Self::Path => look(&[visit.head.uri.path().as_bytes()]),
            Self::UserAgent => look(&fields(visit, &USER_AGENT)),
            Self::Header(name) => look(&fields(visit, name)),
            Self::Cookie(name) => {
                let values = fields(visit, &COOKIE);
                let crumbs = values.iter().flat_map(|value| crumbs(value, name));
                look(&crumbs.collect::<Vec<_>>())
            }
        }
    }
}

fn fields<'v>(visit: &Visit<'v>, name: &'v HeaderName) -> Vec<&'v [u8]> {
    if visit.gone.contains(name) {
        return Vec::new();
    }
    field::values(&visit.head.headers, name).collect()
}

/// The values of the cookie `name` in one Cookie field (RFC 6265 §4.2).
fn crumbs<'v>(value: &'v [u8], name: &str) -> impl Iterator<Item = &'v [u8]> {
    value.split(|byte| *byte == b';').filter_map(move |crumb| {
        let mut halves = crumb
            .splitn(2, |byte| *byte == b'=')
            .map(<[u8]>::trim_ascii);
        let found = halves.next() == Some(name.as_bytes());
        found.then(|| halves.next().unwrap_or_default())
    })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.0, " and ")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(tests) => {
                f.write_str("remote_address ")?;
                join(f, tests, " and ")
            }
            Self::Text { subject, tests } => {
                write!(f, "{subject} ")?;
                join(f, tests, " and ")
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Path => f.write_str("path"),
            Self::UserAgent => f.write_str("user_agent"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
        }
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, all: &[T], with: &str) -> fmt::Result {
    for (number, one) in all.iter().enumerate() {
        if number > 0 {
            f.write_str(with)?;
        }
        write!(f, "{one}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
