//! Who the upstream is told it is: subject, issuer, realm, groups and scope, as headers.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use crate::{
    claims::{ClaimPath, ClaimsError, Identity, Rules},
    clock::UnixTime,
};

mod render;

/// The headers that carry the identity, and that no request may bring along itself.
pub const HEADER_NAMES: [&str; 5] = [SUBJECT, ISSUER, REALM, GROUPS, SCOPE];

const SUBJECT: &str = "x-auth-subject";
const ISSUER: &str = "x-auth-issuer";
const REALM: &str = "x-auth-realm";
const GROUPS: &str = "x-auth-groups";
const SCOPE: &str = "x-auth-scope";

/// Which claims say who somebody is, prepared from an issuer's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityClaims {
    /// The subject: one string.
    pub subject: ClaimPath,
    /// The groups: an array of strings, or one string.
    pub groups: ClaimPath,
    /// The realm, when the configuration fixes it whatever the token says.
    pub realm: Option<HeaderValue>,
    /// The realm otherwise: one string; without it, the issuer is the realm.
    pub realm_claim: ClaimPath,
}

/// The identity headers of one token. Every value is a legal header value.
#[derive(Clone, Copy, Debug)]
pub struct IdentityHeaders<'p> {
    issuer: &'p str,
    rendered: &'p Rendered,
}

/// An identity together with its headers. Only [`Memo::principal`] makes one.
/// Cloning shares it.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: Identity,
    rendered: Rendered,
}

/// What a token's own claims become, as it is written behind a request's other lines.
#[derive(Debug, PartialEq, Eq)]
struct Rendered {
    /// `name: value` and a line end, for each header.
    lines: Box<str>,
    /// Whether the issuer is the realm too. It is not repeated for each token.
    issuer_is_realm: bool,
}

/// Remembers who one token proved to be, so that this is found out once for all its requests.
#[derive(Debug, Default)]
pub struct Memo(OnceLock<Principal>);

/// Why a claim cannot become a header. The texts name the claim, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It holds a control character, begins or ends with a blank, or is a list with an empty
    /// element: on its way it would become something else, so it is refused, not mangled.
    #[error("the claim \"{0}\" cannot be a header value")]
    NotAHeaderValue(ClaimPath),
    /// It is no string, or where a list may stand, no list of strings.
    #[error("the claim \"{0}\" has the wrong type for a header")]
    WrongType(ClaimPath),
    /// An element of a list holds the comma that separates the list.
    #[error("an element of the claim \"{0}\" holds a comma")]
    Comma(ClaimPath),
}

impl Default for IdentityClaims {
    fn default() -> Self {
        Self {
            subject: ClaimPath::named("sub"),
            groups: ClaimPath::named("groupIds"),
            realm: None,
            realm_claim: ClaimPath::named("realmName"),
        }
    }
}

impl Memo {
    /// `identity` with its headers; what a token does not say, or says with an empty string, gets none.
    ///
    /// # Errors
    /// [`IdentityError`] when a claim cannot be said in a header without changing what it says.
    pub fn principal(
        &self,
        identity: Identity,
        settings: &IdentityClaims,
    ) -> Result<Principal, IdentityError> {
        let rendered = render::render(identity.claims(), identity.issuer(), settings)?;
        let principal = Principal(Arc::new(Inner { identity, rendered }));
        let _ = self.0.set(principal.clone());
        Ok(principal)
    }

    /// Who the token proved to be, if that is known, and still so now and for this resource. `rules`
    /// are those by which it was found out.
    ///
    /// # Errors
    /// [`ClaimsError`] when it is no longer so.
    pub fn recall(
        &self,
        rules: &Rules,
        now: UnixTime,
        resource: Option<&str>,
    ) -> Result<Option<Principal>, ClaimsError> {
        let Some(principal) = self.0.get() else {
            return Ok(None);
        };
        principal.identity().check_again(rules, now, resource)?;
        Ok(Some(principal.clone()))
    }
}

impl Principal {
    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// What the upstream is told.
    #[must_use]
    pub fn headers(&self) -> IdentityHeaders<'_> {
        IdentityHeaders {
            issuer: self.0.identity.issuer(),
            rendered: &self.0.rendered,
        }
    }
}

impl<'p> IdentityHeaders<'p> {
    /// Writes a line for each header behind `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.rendered.lines.as_bytes());
        for (name, value) in self.of_issuer() {
            for part in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'p str, &'p str)> + use<'p> {
        self.rendered
            .lines
            .split_terminator("\r\n")
            .filter_map(|line| line.split_once(": "))
            .chain(self.of_issuer())
    }

    fn of_issuer(&self) -> impl Iterator<Item = (&'p str, &'p str)> + use<'p> {
        let realm = self.rendered.issuer_is_realm.then_some(REALM);
        let names = [Some(ISSUER), realm].into_iter().flatten();
        let issuer = self.issuer;
        names.map(move |name| (name, issuer))
    }
}

#[cfg(test)]
mod tests;
