//! What was compared at the step that failed: what the token or the request says, and what the configuration
//! asks for. For the operator only: the client hears nothing of it.

use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::{
    DecryptionError, Note, Refusal, Snapshot, login::SessionError, once::OnceError, words,
};
use crate::{
    clock::UnixTime,
    jose::{
        Algorithm, AlgorithmSet, compact::CompactError, header::HeaderError, policy::PolicyError,
    },
    outbound::CredentialError,
    token::ExtractError,
};

mod claims;
mod issuers;
mod keys;
mod places;
mod request;
mod routes;

/// Two sides that do not agree. Every text is short and plain, and each list has at most twenty of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// What it is about: a claim, a member of the header, the route.
    pub what: String,
    /// What the token says, or the request.
    pub token: Vec<String>,
    /// What the configuration asks for.
    pub configured: Vec<String>,
    /// What else there is to say: by how much, or what may have been meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A request that was refused.
pub(super) struct Case<'c> {
    pub(super) snapshot: &'c Snapshot,
    pub(super) note: &'c Note,
    pub(super) now: UnixTime,
    /// Its head; then there is somebody who waits for an answer, and all routes are looked at.
    pub(super) head: Option<&'c Parts>,
}

impl Compared {
    pub(super) fn new(
        what: impl Into<String>,
        token: Vec<String>,
        configured: Vec<String>,
    ) -> Self {
        Self {
            what: what.into(),
            token,
            configured,
            note: None,
        }
    }

    pub(super) fn noting(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }
}

impl Snapshot {
    /// What was compared when `refusal` ended a request; `None`: its own text says all.
    #[must_use]
    pub fn compare(
        &self,
        refusal: &Refusal,
        note: &Note,
        head: Option<&Parts>,
        now: UnixTime,
    ) -> Option<Compared> {
        let case = Case {
            snapshot: self,
            note,
            now,
            head,
        };
        case.compare(refusal)
    }

    /// Which routes were considered for `head`, and why the others are not for it.
    #[must_use]
    pub fn considered(&self, note: &Note, head: &Parts) -> Option<Compared> {
        let case = Case {
            snapshot: self,
            note,
            now: UnixTime(0),
            head: Some(head),
        };
        routes::compare(&case)
    }
}

impl Case<'_> {
    fn compare(&self, refusal: &Refusal) -> Option<Compared> {
        match refusal {
            Refusal::NoRoute(_) => routes::compare(self),
            Refusal::TokenMissing
            | Refusal::Extract(ExtractError::Ambiguous | ExtractError::Empty)
            | Refusal::Credential(CredentialError::NoToken)
            | Refusal::Session(SessionError::Changed | SessionError::OtherOrigin) => {
                places::compare(self)
            }
            Refusal::Decryption(DecryptionError::Token(_)) => Some(keys::decryption(self)),
            Refusal::Compact(CompactError::Header(error)) => self.unread(error),
            Refusal::IssuerClaim(_) | Refusal::Registry(_) | Refusal::NotAdmitted(_) => {
                Some(issuers::compare(self, refusal))
            }
            Refusal::Policy(error) => self.header(error),
            Refusal::Key(_) | Refusal::Signature(_) => keys::compare(self),
            Refusal::Claims(error) => claims::compare(self, error),
            Refusal::Denied { why, .. } => request::compare(self, why),
            Refusal::Lookup(_) => Some(self.subject()),
            Refusal::Holder(_) => Some(self.claim("/cnf/x5t#S256", "the client's certificate")),
            Refusal::Once(OnceError::Replayed) => {
                Some(self.claim("jti", "one that was not used before"))
            }
            Refusal::Credential(CredentialError::ClaimMissing(path)) => {
                let asked = "the upstream's credential is made of it".to_owned();
                let path = path.to_string();
                Some(Compared::new(words::one(&path), Vec::new(), vec![asked]))
            }
            // Their texts name both sides, or there are none.
            Refusal::Limit(_)
            | Refusal::Host(_)
            | Refusal::Target(_)
            | Refusal::Http2(_)
            | Refusal::Original(_)
            | Refusal::Body(_)
            | Refusal::BoundBody(_)
            | Refusal::Extract(ExtractError::Malformed(_))
            | Refusal::Decryption(DecryptionError::Required | DecryptionError::Overloaded)
            | Refusal::Compact(_)
            | Refusal::Introspection(_)
            | Refusal::Issued(_)
            | Refusal::Identity(_)
            | Refusal::Once(OnceError::Unknown(_))
            | Refusal::Session(SessionError::Unknown(_))
            | Refusal::TokenService(_)
            | Refusal::Credential(_)
            | Refusal::Forward(_)
            | Refusal::Rate(_)
            | Refusal::Memory
            | Refusal::Panicked => None,
        }
    }

    /// A header that nobody can use, whoever the issuer is.
    fn unread(&self, error: &HeaderError) -> Option<Compared> {
        let every = || Algorithm::ALL.into_iter().collect::<AlgorithmSet>();
        match error {
            HeaderError::AlgorithmUnknown => {
                Some(self.member("alg", words::several([every().to_string()])))
            }
            HeaderError::Critical(_) => Some(self.member("crit", Vec::new())),
            _ => None,
        }
    }

    fn header(&self, error: &PolicyError) -> Option<Compared> {
        let issuer = self.note.issuer.as_ref()?;
        let allowed = &issuer.headers;
        Some(match error {
            PolicyError::Algorithm { .. } => {
                let names = allowed.algorithms.to_string();
                self.member("alg", words::several(names.split(", ")))
            }
            PolicyError::Critical(_) => self.member("crit", words::several(&*allowed.critical)),
            PolicyError::Type { .. } => self.member("typ", words::several(&*allowed.types)),
        })
    }

    fn member(&self, name: &str, configured: Vec<String>) -> Compared {
        let token = self.note.header(name).into_iter().collect();
        Compared::new(name, token, configured)
    }

    fn claim(&self, name: &str, asked: &str) -> Compared {
        let path = name.parse();
        let token = path.map(|path| self.note.claim(&path)).unwrap_or_default();
        Compared::new(name, token, vec![asked.to_owned()])
    }

    fn subject(&self) -> Compared {
        let issuer = self.note.issuer.as_ref();
        let users = &self.snapshot.policy.users;
        let asked = issuer.map(|issuer| {
            let mapper = users.mapper(&issuer.identity);
            let registry = users.registry(&issuer.identity);
            let mapper = mapper.map(|mapper| format!("the mapper {mapper}"));
            let registry = registry.map(|registry| format!("the user registry {registry}"));
            words::several(mapper.into_iter().chain(registry))
        });
        let sub = "sub".parse().map(|sub| self.note.claim(&sub));
        Compared::new("sub", sub.unwrap_or_default(), asked.unwrap_or_default())
    }
}
