//! Sessions: after a request with a good token, a cookie that stands for the token.
//!
//! The cookie holds the token itself, encrypted and authenticated. A session therefore proves nothing: what
//! comes out of a cookie is a token like any other, and goes the whole way from its shape to the route's
//! rules at each request. Whoever had the session keys could read the tokens in stolen cookies, and could
//! forge no identity.

use std::fmt;

use crate::clock::UnixTime;

mod cookie;
mod evidence;
mod keys;
mod seal;
mod token_text;

pub use cookie::{clear, name};
pub use evidence::{is_of_another_origin, may_log_in};
pub use keys::{KeyFileError, Keys};
pub use seal::SealError;

/// `[session]`, prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The keys; `None`: the gateway makes one when it starts.
    pub keys: Option<Keys>,
    /// How long a session lasts at most, in seconds.
    pub max_age: i64,
    /// Whether the cookie is for https only, and has the name that says so.
    pub secure: bool,
    /// Whether it comes with navigations from other sites.
    pub same_site: SameSite,
    /// Whether a session may log in a request that changes something, if the request is known to be of the
    /// same origin.
    pub unsafe_methods: bool,
    /// The path that ends a session.
    pub logout_path: Option<Box<str>>,
}

/// `SameSite` (RFC 6265bis §4.1.2.7). There is no `None`: such a cookie comes with everybody's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// With requests of the same site, and with navigations from elsewhere.
    Lax,
    /// With requests of the same site only.
    Strict,
}

/// Which session it is: random, and the same for as long as the session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub [u8; 16]);

/// A digest of the rules under which a session began: when they change, it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// What a cookie holds. It is proved that the gateway made it, and of the token nothing.
pub struct Session {
    /// Which one it is.
    pub id: Id,
    /// When it ends; that second is not part of it.
    pub until: UnixTime,
    /// The rules of the token's issuer when it began.
    pub rules: Fingerprint,
    /// The token, as it came.
    pub token: Vec<u8>,
}

impl Settings {
    /// The session in the cookie's `value`, if one of `keys` made it and it has not ended.
    #[must_use]
    pub fn open(&self, value: &[u8], keys: &Keys, now: UnixTime) -> Option<Session> {
        seal::open(value, keys, self.context()).filter(|session| now < session.until)
    }

    /// `Set-Cookie` for `session`.
    ///
    /// # Errors
    /// [`SealError`]; then there is no cookie, and the client goes on with its token.
    pub fn start(
        &self,
        session: &Session,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<http::HeaderValue, SealError> {
        let value = seal::seal(session, keys, self.context())?;
        cookie::set(self, &value, session.until.since(now))
    }

    /// When a session that begins now with a token that ends at `exp` ends.
    #[must_use]
    pub fn until(&self, now: UnixTime, exp: Option<UnixTime>) -> UnixTime {
        let latest = now.plus(self.max_age);
        exp.map_or(latest, |exp| exp.min(latest))
    }

    /// What a cookie is bound to beside its key: one that was made for plain HTTP is none for https.
    fn context(&self) -> &'static [u8] {
        name(self.secure).as_bytes()
    }
}

impl Session {
    /// The token; the session holds none any more.
    #[must_use]
    pub fn take_token(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.token)
    }
}

impl Id {
    /// A new one.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn random() -> Result<Self, SealError> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SealError::Random)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session([redacted])")
    }
}

#[cfg(test)]
mod tests;
