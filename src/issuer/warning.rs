//! What an operator should know of a certificate before its key stops to work.

use std::fmt;

use crate::{clock::UnixTime, jose::Key};

/// So many seconds before its end a certificate is reported: 30 days.
const SOON: i64 = 30 * 86_400;

/// What is wrong with a certificate, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateWarning {
    /// It ended at this time; its key is not used.
    Expired(UnixTime),
    /// It begins at this time; its key is not used before.
    NotYetValid(UnixTime),
    /// It ends at this time, in 30 days or less.
    ExpiresSoon(UnixTime),
}

/// The warning about the certificate of `key` at `now`, if there is one.
#[must_use]
pub fn of(key: &Key, now: UnixTime) -> Option<CertificateWarning> {
    let validity = key.validity()?;
    let (begin, end) = (UnixTime(validity.not_before), UnixTime(validity.not_after));
    of_dates(begin, end, now)
}

/// The warning at `now` about a certificate that is good from `begin` to `end`, if there is one.
#[must_use]
pub fn of_dates(begin: UnixTime, end: UnixTime, now: UnixTime) -> Option<CertificateWarning> {
    if now > end {
        Some(CertificateWarning::Expired(end))
    } else if now < begin {
        Some(CertificateWarning::NotYetValid(begin))
    } else {
        (end.since(now) <= SOON).then_some(CertificateWarning::ExpiresSoon(end))
    }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(at) => write!(f, "expired at {at}"),
            Self::NotYetValid(at) => write!(f, "is not valid before {at}"),
            Self::ExpiresSoon(at) => write!(f, "expires at {at}"),
        }
    }
}
