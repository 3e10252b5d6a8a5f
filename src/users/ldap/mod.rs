//! Users and their groups in a directory, over LDAP (RFC 4511).
//!
//! A small client of our own: what it sends is one bind and two searches, what it reads is bounded, and
//! nothing that a server sends makes it go deeper than it wants to.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    Answer,
    desk::{Desk, Failures, Times},
};
use crate::{clock::UnixTime, identity::AccountError, secret::Secret};

mod ber;
mod connection;
pub mod filter;
mod lookup;
mod message;
mod name;
mod pool;
mod tls;

pub use filter::{Filter, FilterError};

use lookup::Client;

/// What a directory is, prepared from the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its URL, for messages.
    pub url: Box<str>,
    /// A name or an address, the latter in brackets if it is of IPv6.
    pub host: Box<str>,
    /// Its TCP port.
    pub port: u16,
    /// How the connection is made safe.
    pub security: Security,
    /// The authorities (PEM) that vouch for it instead of the machine's.
    pub authorities: Option<Vec<u8>>,
    /// As whom to ask, and the password; `None`: as nobody.
    pub bind: Option<(Box<str>, Secret)>,
    /// Below which entry the users are.
    pub base_dn: Box<str>,
    /// Which entry is the user's.
    pub user_filter: Filter,
    /// The attribute that holds the user's name; `None`: it is the name that was asked for.
    pub user_attribute: Option<Box<str>>,
    /// The attribute that holds the user's unique name.
    pub unique_name_attribute: Option<Box<str>>,
    /// Where the groups are.
    pub groups: Groups,
    /// How long one question may take, connecting included.
    pub timeout: Duration,
    /// The most connections.
    pub pool_size: usize,
    /// How long an answer counts, in whole seconds.
    pub ttl: Duration,
}

/// How a connection is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// TLS after the first message (RFC 4511 §4.14).
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Where a user's groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Nowhere: no user has any.
    None,
    /// In an attribute of the user's entry.
    Attribute {
        /// Its name.
        name: Box<str>,
        /// Whether it holds distinguished names, whose first value is the group's name, or names.
        distinguished: bool,
    },
    /// In entries of their own.
    Search {
        /// Below which entry.
        base_dn: Box<str>,
        /// Which of them are the user's.
        filter: Filter,
        /// The attribute that holds the group's name.
        name: Box<str>,
    },
}

/// A directory, with its connections and the answers that still count.
pub struct Directory {
    client: Arc<Client>,
    desk: Desk<Box<str>, LdapError>,
}

/// Why a directory has no answer that can be used. The texts hold nothing that it said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LdapError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Trust(Arc<str>),
    /// There is no connection: name, route, refusal or certificate.
    #[error("no connection: {0}")]
    Connect(Arc<str>),
    /// The connection broke off.
    #[error("the exchange failed: {0}")]
    Exchange(Arc<str>),
    /// There was no answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// What came is no answer.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
    /// More came than anybody should have to read.
    #[error("the answer is too large")]
    TooLarge,
    /// The server refuses an operation.
    #[error("the server refuses the {operation}: {} ({code})", code_name(*code))]
    Refused {
        /// Which one.
        operation: &'static str,
        /// The result code (RFC 4511 §4.1.9).
        code: u32,
    },
    /// More than one entry is the user's.
    #[error("more than one entry has this name")]
    Ambiguous,
    /// The user or a group has a name that cannot stand in a header.
    #[error("the entry cannot be used: {0}")]
    Account(#[from] AccountError),
    /// Too many questions are under way.
    #[error("too many questions are under way")]
    Overloaded,
}

impl Directory {
    /// The directory of `settings`. No connection is made before somebody asks.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let times = Times {
            timeout: settings.timeout,
            ttl: i64::try_from(settings.ttl.as_secs()).unwrap_or(i64::MAX),
        };
        let failures = Failures {
            overloaded: LdapError::Overloaded,
            timeout: LdapError::Timeout(settings.timeout),
        };
        Self {
            client: Arc::new(Client::new(settings)),
            desk: Desk::new(times, failures),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.client.settings.url
    }

    /// Whether it has the settings of `other`.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.client.settings == other.client.settings
    }

    /// The account of `user`, or that there is none.
    pub(super) async fn find(&self, user: &str, now: UnixTime) -> Result<Answer, LdapError> {
        let question = || {
            let (client, user) = (Arc::clone(&self.client), user.to_owned());
            async move { client.find(&user).await.map(|found| found.map(Arc::new)) }
        };
        let answer = self.desk.ask(user.into(), now, question).await;
        if let Err(LdapError::Timeout(_)) = &answer {
            self.client.forget_connections();
        }
        answer
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({})", self.url())
    }
}

/// The names of the codes that an operator meets.
const fn code_name(code: u32) -> &'static str {
    match code {
        1 => "operationsError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        13 => "confidentialityRequired",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        _ => "another error",
    }
}
