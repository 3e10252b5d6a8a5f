//! From a request that is refused to what is kept of it.

use http::HeaderValue;

use super::{
    refusals::{Entry, TokenHeader},
    *,
};
use crate::route::target;

/// How many characters are kept of a path, of a cause, and of the name of a claim.
const PATH: usize = 256;
const CAUSE: usize = 512;
const NAME: usize = 64;
/// How many names of claims are kept.
const NAMES: usize = 64;

impl Gateway {
    /// What was refused lately.
    #[must_use]
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Looks into a token that is refused, if somebody wants to know and there are not too many.
    #[cold]
    pub(super) fn look_into(&self, token: &RawToken<'_>, note: &mut Note, trace: &impl Trace) {
        if !trace.is_served() || self.refusals.may_look(self.clock.now()) {
            note.glimpse = Glimpse::of(token.expose()).map(Box::new);
        }
    }

    /// Keeps what an operator may ask about a request that is refused.
    #[cold]
    pub(super) fn remember(
        &self,
        refusal: &Refusal,
        note: &Note,
        id: &HeaderValue,
        snapshot: &Snapshot,
    ) {
        if !self.refusals.is_on() {
            return;
        }
        let at = self.clock.now();
        let looks = note.glimpse.is_some() || self.refusals.may_look(at);
        let names = || {
            let members = note.claims()?.to_text().members()?;
            let names = members.take(NAMES).map(|(name, _)| words::fit(&name, NAME));
            Some(names.collect())
        };
        let header = |name| note.header(name);
        let header = || TokenHeader {
            alg: header("alg"),
            kid: header("kid"),
            typ: header("typ"),
        };
        self.refusals.push(Entry {
            request_id: text(id),
            at,
            code: refusal.code(),
            step: refusal.step(),
            route: note.route.as_ref().map(|route| Arc::clone(&route.name)),
            issuer: note.issuer.as_ref().map(|issuer| Arc::clone(&issuer.name)),
            method: words::fit(note.method.as_str(), 32).into(),
            path: path(note.uri.path()),
            client: note.peer,
            cause: words::fit(&refusal.to_string(), CAUSE).into(),
            header: (looks && note.has_header()).then(header),
            claims: looks.then(names).flatten(),
            compared: looks
                .then(|| snapshot.compare(refusal, note, None, at))
                .flatten(),
        });
    }

    /// As [`Gateway::remember`], of what never became a request.
    pub(super) fn remember_unread(&self, code: Code, id: &HeaderValue, client: Option<IpAddr>) {
        if !self.refusals.is_on() {
            return;
        }
        self.refusals.push(Entry {
            request_id: text(id),
            at: self.clock.now(),
            code,
            step: Step::Request,
            route: None,
            issuer: None,
            method: "".into(),
            path: "".into(),
            client,
            cause: code.detail().into(),
            header: None,
            claims: None,
            compared: None,
        });
    }
}

fn text(id: &HeaderValue) -> Box<str> {
    id.to_str().unwrap_or_default().into()
}

/// The path without its query, in its canonical form if it has one. What looks like a token is left out: some
/// clients put one there.
fn path(path: &str) -> Box<str> {
    let canonical = target::canonical(path);
    let path = canonical.as_deref().unwrap_or(path);
    let segments = path
        .split('/')
        .map(|segment| match is_like_a_token(segment) {
            true => "[token]",
            false => segment,
        });
    words::fit(&segments.collect::<Vec<_>>().join("/"), PATH).into()
}

/// Every JWT begins with an encoded brace and quotation mark.
fn is_like_a_token(segment: &str) -> bool {
    segment.contains("eyJ") && segment.len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_path_no_query_no_token_and_not_too_much_is_kept() {
        assert_eq!(&*path("/a/%7Euser"), "/a/~user");
        assert_eq!(&*path("/a/../b\u{1}"), "/a/../b\\u{1}");
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.c2ln";
        assert_eq!(&*path(&format!("/reset/{token}/x")), "/reset/[token]/x");
        assert_eq!(&*path(&format!("/reset/jwt:{token}")), "/reset/[token]");
        assert_eq!(&*path("/reset/eyJ"), "/reset/eyJ");
        assert_eq!(path(&"/a".repeat(500)).chars().count(), PATH + 1);
    }
}
