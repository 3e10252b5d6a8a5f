//! What an X.509 certificate says of itself (RFC 5280 §4.1): for whom it is, and when.
//!
//! It proves nothing here: a chain is built and checked by the TLS library.

use spki::der::{
    Decode as _, Error, Reader as _, SliceReader, Tag, TagNumber,
    asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime},
};

/// What is read of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The `dNSName`s of its subject alternative names, in lower case.
    pub dns_names: Vec<Box<str>>,
    /// Not good before this second since 1970.
    pub not_before: i64,
    /// Not good after this second since 1970.
    pub not_after: i64,
    /// Its subject, as DER.
    pub(super) subject: Vec<u8>,
}

/// `id-ce-subjectAltName` (RFC 5280 §4.2.1.6).
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

impl Certificate {
    /// Reads a certificate in DER; `None` when it is none.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        read(der).ok()
    }
}

fn read(der: &[u8]) -> Result<Certificate, Error> {
    let signed = AnyRef::from_der(der)?;
    expect(signed, Tag::Sequence)?;
    let mut reader = SliceReader::new(signed.value())?;
    let to_be_signed = AnyRef::decode(&mut reader)?;
    expect(to_be_signed, Tag::Sequence)?;
    let mut fields = SliceReader::new(to_be_signed.value())?;
    if Tag::peek(&fields)? == context(0) {
        let _version = AnyRef::decode(&mut fields)?;
    }
    let _serial = AnyRef::decode(&mut fields)?;
    let _algorithm = AnyRef::decode(&mut fields)?;
    let _issuer = AnyRef::decode(&mut fields)?;
    let validity = AnyRef::decode(&mut fields)?;
    let subject = fields.tlv_bytes()?.to_vec();
    let _key = AnyRef::decode(&mut fields)?;
    let (not_before, not_after) = validity.sequence(|reader| {
        let mut time = || time(AnyRef::decode(reader)?);
        Ok::<_, Error>((time()?, time()?))
    })?;
    let mut dns_names = Vec::new();
    while !fields.is_finished() {
        let field = AnyRef::decode(&mut fields)?;
        if field.header().tag() == context(3) {
            extensions(field.value(), &mut dns_names)?;
        }
    }
    Ok(Certificate {
        dns_names,
        not_before,
        not_after,
        subject,
    })
}

fn extensions(bytes: &[u8], names: &mut Vec<Box<str>>) -> Result<(), Error> {
    let all = AnyRef::from_der(bytes)?;
    expect(all, Tag::Sequence)?;
    let mut all = SliceReader::new(all.value())?;
    while !all.is_finished() {
        let extension = AnyRef::decode(&mut all)?;
        let mut parts = SliceReader::new(extension.value())?;
        let kind = ObjectIdentifier::decode(&mut parts)?;
        if Tag::peek(&parts)? == Tag::Boolean {
            let _critical = AnyRef::decode(&mut parts)?;
        }
        let value = <&OctetStringRef>::decode(&mut parts)?;
        if kind == SUBJECT_ALT_NAME {
            alternative_names(value.as_bytes(), names)?;
        }
    }
    Ok(())
}

fn alternative_names(bytes: &[u8], names: &mut Vec<Box<str>>) -> Result<(), Error> {
    let dns = Tag::ContextSpecific {
        constructed: false,
        number: TagNumber(2),
    };
    let all = AnyRef::from_der(bytes)?;
    expect(all, Tag::Sequence)?;
    let mut all = SliceReader::new(all.value())?;
    while !all.is_finished() {
        let name = AnyRef::decode(&mut all)?;
        if name.header().tag() == dns
            && let Ok(text) = std::str::from_utf8(name.value())
        {
            names.push(text.to_ascii_lowercase().into());
        }
    }
    Ok(())
}

fn time(any: AnyRef<'_>) -> Result<i64, Error> {
    let since = if any.header().tag() == Tag::UtcTime {
        any.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        any.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

fn expect(any: AnyRef<'_>, tag: Tag) -> Result<(), Error> {
    any.header().tag().assert_eq(tag).map(|_| ())
}
