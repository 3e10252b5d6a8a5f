//! An X.509 certificate as a place of a key (RFC 5280 §4.1): its public key, and when it may be used.
//!
//! No chain is built and no signature of an authority is checked. Whoever names the certificate as an
//! issuer's trusts this key; a certificate that a token brings is never read.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use spki::der::{
    Decode as _, Error, Reader as _, SliceReader, Tag, TagNumber,
    asn1::{AnyRef, GeneralizedTime, UtcTime},
};

use super::spki::{self as public_key, SpkiError, SubjectPublicKey};

/// Why a certificate is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is no certificate in DER.
    #[error("the certificate cannot be read")]
    Malformed,
    /// Its key is not one that the gateway verifies with.
    #[error("the certificate: {0}")]
    Key(#[from] SpkiError),
}

/// When a key may be used, in seconds since 1970; both ends are within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this second.
    pub not_before: i64,
    /// Not after this second.
    pub not_after: i64,
}

impl Validity {
    /// Whether `now`, in seconds since 1970, is within.
    #[must_use]
    pub const fn contains(self, now: i64) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// What is known of a key's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its SHA-1 digest as RFC 7515 §4.1.7 writes it. It finds a key and proves nothing.
    pub x5t: Option<Box<str>>,
    /// Its SHA-256 digest as RFC 7515 §4.1.8 writes it.
    pub x5t_s256: Option<Box<str>>,
    /// When it is valid; not known where only its digests are.
    pub validity: Option<Validity>,
}

/// A certificate that was read.
pub(super) struct Certificate {
    pub(super) key: SubjectPublicKey,
    pub(super) facts: CertificateFacts,
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let (validity, key) = parts(der).map_err(|_| CertificateError::Malformed)?;
        let digest = |algorithm| {
            let digest = digest::digest(algorithm, der);
            Some(URL_SAFE_NO_PAD.encode(digest).into_boxed_str())
        };
        Ok(Self {
            key: public_key::read(key)?,
            facts: CertificateFacts {
                x5t: digest(&SHA1_FOR_LEGACY_USE_ONLY),
                x5t_s256: digest(&SHA256),
                validity: Some(validity),
            },
        })
    }
}

/// The validity and the SubjectPublicKeyInfo. All else is passed over: it says nothing of the key.
fn parts(der: &[u8]) -> Result<(Validity, &[u8]), Error> {
    let signed = AnyRef::from_der(der)?;
    expect(signed, Tag::Sequence)?;
    let mut reader = SliceReader::new(signed.value())?;
    let to_be_signed = AnyRef::decode(&mut reader)?;
    let _algorithm = AnyRef::decode(&mut reader)?;
    let _signature = AnyRef::decode(&mut reader)?;
    reader.finish()?;
    expect(to_be_signed, Tag::Sequence)?;
    let mut fields = SliceReader::new(to_be_signed.value())?;
    let version = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if Tag::peek(&fields)? == version {
        let _version = AnyRef::decode(&mut fields)?;
    }
    let _serial = AnyRef::decode(&mut fields)?;
    let _algorithm = AnyRef::decode(&mut fields)?;
    let _issuer = AnyRef::decode(&mut fields)?;
    let validity = AnyRef::decode(&mut fields)?;
    let _subject = AnyRef::decode(&mut fields)?;
    let key = fields.tlv_bytes()?;
    let validity = validity.sequence(|reader| {
        Ok::<_, Error>(Validity {
            not_before: time(AnyRef::decode(reader)?)?,
            not_after: time(AnyRef::decode(reader)?)?,
        })
    })?;
    Ok((validity, key))
}

fn time(any: AnyRef<'_>) -> Result<i64, Error> {
    let since = if any.header().tag() == Tag::UtcTime {
        any.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        any.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn expect(any: AnyRef<'_>, tag: Tag) -> Result<(), Error> {
    any.header().tag().assert_eq(tag).map(|_| ())
}
