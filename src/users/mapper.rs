//! The subject mapper: somebody else's word on who a token's subject is.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use aws_lc_rs::digest;

use super::{
    Answer, HttpMapper,
    desk::{Desk, Failures, Times},
};
use crate::{
    clock::UnixTime,
    identity::{Account, AccountError},
    jose::json::Object,
};

/// What a program brings that wants to say itself who a token's subject is.
///
/// ```
/// use std::time::Duration;
///
/// use portcullis::{
///     identity::Account,
///     jose::json::Object,
///     users::{Mapper, MapperError, SubjectMapper},
/// };
///
/// struct ByStaffNumber;
///
/// impl SubjectMapper for ByStaffNumber {
///     async fn map(&self, claims: &Object) -> Result<Option<Account>, MapperError> {
///         let Some(number) = claims.get("staff_number").and_then(|n| n.string()) else {
///             return Ok(None);
///         };
///         let account = Account::new(&format!("staff-{number}"), ["staff"])?;
///         Ok(Some(account.with_realm("payroll")?))
///     }
/// }
///
/// let mapper = Mapper::new(ByStaffNumber, Duration::from_secs(1), Duration::from_secs(60));
/// // config.policy.map_subjects(mapper);
/// ```
pub trait SubjectMapper: Send + Sync + 'static {
    /// Who the subject of these claims is; `None`: whom the token names. All claims of the token are
    /// there, and all of them are checked.
    ///
    /// # Errors
    /// [`MapperError::Failed`] refuses the request.
    fn map(
        &self,
        claims: &Object,
    ) -> impl Future<Output = Result<Option<Account>, MapperError>> + Send;
}

/// A subject mapper with a limit on its time and a memory. Cloning shares it.
#[derive(Clone)]
pub struct Mapper {
    source: Source,
    desk: Desk<Claims, MapperError>,
}

/// Why a mapper has no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapperError {
    /// The TLS client cannot be made.
    #[error("TLS cannot be set up: {0}")]
    Trust(Arc<str>),
    /// There is no connection, or it broke off.
    #[error("the exchange failed: {0}")]
    Exchange(Arc<str>),
    /// There was no answer in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// The status is another than 200.
    #[error("the answer's status is {0}, not 200")]
    Status(u16),
    /// The answer is longer than [`super::http::MAX_BYTES`].
    #[error("the answer is longer than {} bytes", super::http::MAX_BYTES)]
    TooLarge,
    /// The answer is no account and not null.
    #[error("the answer is malformed: {0}")]
    Malformed(Arc<str>),
    /// The account cannot stand in headers.
    #[error("the answer cannot be used: {0}")]
    Account(#[from] AccountError),
    /// What the mapper itself says.
    #[error("{0}")]
    Failed(Arc<str>),
    /// Too many questions are under way, or the mapper ended unexpectedly.
    #[error("it cannot be asked now")]
    Overloaded,
}

#[derive(Clone)]
enum Source {
    Http(Arc<HttpMapper>),
    /// What the program itself brought.
    Brought(Arc<dyn Brought>),
}

/// The SHA-256 of claims: who has the same claims is the same subject.
type Claims = [u8; 32];

/// [`SubjectMapper`], behind a pointer.
trait Brought: Send + Sync {
    fn map<'m>(&'m self, claims: &'m Object) -> Mapping<'m>;
}

type Mapping<'m> = Pin<Box<dyn Future<Output = Result<Option<Account>, MapperError>> + Send + 'm>>;

impl<M: SubjectMapper> Brought for M {
    fn map<'m>(&'m self, claims: &'m Object) -> Mapping<'m> {
        Box::pin(SubjectMapper::map(self, claims))
    }
}

impl Mapper {
    /// A mapper that a program brings. It runs on a thread that it has for itself and must not block.
    /// Each question may take `timeout`, and an answer counts for `ttl`, in whole seconds.
    #[must_use]
    pub fn new(mapper: impl SubjectMapper, timeout: Duration, ttl: Duration) -> Self {
        Self::of(Source::Brought(Arc::new(mapper)), timeout, ttl)
    }

    /// A mapper that is asked over HTTP; the times as with [`Mapper::new`].
    #[must_use]
    pub fn over_http(mapper: HttpMapper, timeout: Duration, ttl: Duration) -> Self {
        Self::of(Source::Http(Arc::new(mapper)), timeout, ttl)
    }

    fn of(source: Source, timeout: Duration, ttl: Duration) -> Self {
        let times = Times {
            timeout,
            ttl: i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX),
        };
        let failures = Failures {
            overloaded: MapperError::Overloaded,
            timeout: MapperError::Timeout(timeout),
        };
        Self {
            source,
            desk: Desk::new(times, failures),
        }
    }

    pub(super) async fn map(&self, claims: &Object, now: UnixTime) -> Result<Answer, MapperError> {
        let text = claims.as_written();
        let mut key: Claims = [0; 32];
        key.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let source = self.source.clone();
        let question = || {
            let claims = claims.clone();
            async move {
                let account = match source {
                    Source::Http(mapper) => mapper.map(&claims).await?,
                    Source::Brought(mapper) => mapper.map(&claims).await?,
                };
                Ok(account.map(Arc::new))
            }
        };
        self.desk.ask(key, now, question).await
    }

    /// Whether the program brought it, and no configuration.
    pub(super) const fn is_brought(&self) -> bool {
        matches!(self.source, Source::Brought(_))
    }

    /// Whether it has the settings of `other`.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = match (&self.source, &other.source) {
            (Source::Http(one), Source::Http(other)) => one == other,
            (Source::Brought(one), Source::Brought(other)) => Arc::ptr_eq(one, other),
            (Source::Http(_) | Source::Brought(_), _) => false,
        };
        same && self.desk.times() == other.desk.times()
    }
}

impl MapperError {
    /// What a mapper that a program brings says when it fails.
    #[must_use]
    pub fn failed(why: impl Into<Arc<str>>) -> Self {
        Self::Failed(why.into())
    }
}

impl fmt::Display for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Http(mapper) => write!(f, "{}", mapper.url()),
            Source::Brought(_) => f.write_str("the program's own"),
        }
    }
}

impl fmt::Debug for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapper({self})")
    }
}
