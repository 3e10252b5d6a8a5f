//! Who the upstream is told it is: subject, issuer, realm, groups, scope and claims of choice, as headers.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::{
    claims::{ClaimPath, ClaimsError, Identity, Rules},
    clock::UnixTime,
};

pub mod account;
pub mod header;
mod render;
mod write;

pub use account::{Account, AccountError};
pub use header::{ClaimHeader, Format, OwnHeaders};
pub(crate) use render::is_intact as is_header_value;

/// The headers that carry the identity, and that no request may bring along itself. Those that a
/// configuration adds are [`OwnHeaders`].
pub const HEADER_NAMES: [&str; 6] = [SUBJECT, UNIQUE_NAME, ISSUER, REALM, GROUPS, SCOPE];

const SUBJECT: &str = "x-auth-subject";
const UNIQUE_NAME: &str = "x-auth-unique-name";
const ISSUER: &str = "x-auth-issuer";
const REALM: &str = "x-auth-realm";
const GROUPS: &str = "x-auth-groups";
const SCOPE: &str = "x-auth-scope";

/// Which claims say who somebody is, prepared from an issuer's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityClaims {
    /// The subject: one string.
    pub subject: ClaimPath,
    /// The name that nobody else has: one string.
    pub unique_name: Option<ClaimPath>,
    /// The groups: an array of strings, or one string.
    pub groups: ClaimPath,
    /// The realm, when the configuration fixes it whatever the token says.
    pub realm: Option<HeaderValue>,
    /// The realm otherwise: one string; without it, the issuer is the realm.
    pub realm_claim: ClaimPath,
    /// Claims that become headers of choice.
    pub headers: Arc<[ClaimHeader]>,
    /// Whether the subject mapper is asked, if there is one.
    pub mapper: bool,
    /// Whether the subject must be in the user registry, if there is one.
    pub user_registry: bool,
}

/// The identity headers of one token. Every value is a legal header value.
#[derive(Clone, Copy, Debug)]
pub struct IdentityHeaders<'p> {
    issuer: &'p str,
    rendered: &'p Rendered,
}

/// An identity together with its headers. Only a [`Memo`] makes one.
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

/// What others than the token say of its subject, who said it, and how long that counts.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The account; `None`: as the token says.
    pub account: Option<Arc<Account>>,
    /// Who was asked. Never [`NOBODY`].
    pub by: u64,
    /// When.
    pub from: UnixTime,
    /// The first moment at which it counts no more.
    pub until: UnixTime,
}

/// In the place of who was asked: the token alone says who its subject is.
pub const NOBODY: u64 = 0;

/// How much longer than its claims the headers of a token may be, in bytes, to be remembered.
const KEPT: usize = 2048;

/// Remembers who one token proved to be, so that this is found out once for all its requests.
#[derive(Debug, Default)]
pub struct Memo {
    /// By the token alone.
    plain: OnceLock<Principal>,
    /// By what others said.
    mapped: ArcSwapOption<(Principal, Mapping)>,
}

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
    /// All headers together are longer than an upstream should have to take.
    #[error("the identity headers together are longer than 32 KiB")]
    TooLong,
}

impl Default for IdentityClaims {
    fn default() -> Self {
        Self {
            subject: ClaimPath::named("sub"),
            unique_name: None,
            groups: ClaimPath::named("groupIds"),
            realm: None,
            realm_claim: ClaimPath::named("realmName"),
            headers: Arc::default(),
            mapper: true,
            user_registry: true,
        }
    }
}

impl IdentityClaims {
    /// The subject as the token says it, for whoever looks it up; empty when it says none.
    ///
    /// # Errors
    /// [`IdentityError`] when it is no string, or cannot stand in a header.
    pub fn subject_of(&self, identity: &Identity) -> Result<String, IdentityError> {
        render::one(identity.claims(), &self.subject)
    }
}

impl Mapping {
    /// Whether it still counts. A clock that was set back makes nothing count for longer.
    fn holds(&self, by: u64, now: UnixTime) -> bool {
        self.by == by && self.from <= now && now < self.until
    }
}

impl Memo {
    /// `identity` with its headers by what its token says; what that does not say, or says with an empty
    /// string, gets none.
    ///
    /// # Errors
    /// [`IdentityError`] when a claim cannot be said in a header without changing what it says.
    pub fn principal(
        &self,
        identity: Identity,
        settings: &IdentityClaims,
    ) -> Result<Principal, IdentityError> {
        let principal = Principal::new(identity, settings, None)?;
        if principal.is_kept() {
            let _ = self.plain.set(principal.clone());
        }
        Ok(principal)
    }

    /// `identity` with its headers by what `mapping` says.
    ///
    /// # Errors
    /// As [`Memo::principal`].
    pub fn mapped(
        &self,
        identity: Identity,
        settings: &IdentityClaims,
        mapping: Mapping,
    ) -> Result<Principal, IdentityError> {
        let principal = Principal::new(identity, settings, mapping.account.as_deref())?;
        if principal.is_kept() {
            let remembered = Arc::new((principal.clone(), mapping));
            self.mapped.store(Some(remembered));
        }
        Ok(principal)
    }

    /// Who the token proved to be, if that is known, and still so now and for this resource. `rules`
    /// are those by which it was found out, and `by` says who is asked about its subject.
    ///
    /// # Errors
    /// [`ClaimsError`] when it is no longer so.
    pub fn recall(
        &self,
        by: u64,
        rules: &Rules,
        now: UnixTime,
        resource: Option<&str>,
    ) -> Result<Option<Principal>, ClaimsError> {
        if by != NOBODY {
            return self.recall_mapped(by, rules, now, resource);
        }
        let Some(principal) = self.plain.get() else {
            return Ok(None);
        };
        principal.identity().check_again(rules, now, resource)?;
        Ok(Some(principal.clone()))
    }

    #[cold]
    fn recall_mapped(
        &self,
        by: u64,
        rules: &Rules,
        now: UnixTime,
        resource: Option<&str>,
    ) -> Result<Option<Principal>, ClaimsError> {
        let mapped = self.mapped.load();
        let Some((principal, mapping)) = mapped.as_deref() else {
            return Ok(None);
        };
        principal.identity().check_again(rules, now, resource)?;
        Ok(mapping.holds(by, now).then(|| principal.clone()))
    }
}

impl Principal {
    fn new(
        identity: Identity,
        settings: &IdentityClaims,
        account: Option<&Account>,
    ) -> Result<Self, IdentityError> {
        let rendered = render::render(identity.claims(), identity.issuer(), settings, account)?;
        Ok(Self(Arc::new(Inner { identity, rendered })))
    }

    /// Whether it may be remembered with its token. Whoever remembers tokens counts the room that they take
    /// by their length, and headers can be many times as long.
    fn is_kept(&self) -> bool {
        let claims = self.0.identity.claims().as_written().len();
        self.0.rendered.lines.len() <= claims + KEPT
    }

    /// Who it is, as the token says.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The user: of the registry or the mapper, else the token's subject.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.headers().get(SUBJECT)
    }

    /// The user's groups: of the registry or the mapper, else the token's.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.headers().get(GROUPS).unwrap_or_default();
        groups.split(',').filter(|group| !group.is_empty())
    }

    /// The realm: of the registry or the mapper, else by the issuer's settings.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.headers().get(REALM)
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

    /// The value of the header `name`, the first if there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'p str> {
        self.iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value)
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
