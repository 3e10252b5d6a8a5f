//! JKS, Java's own form before version 9. Its certificates are in the clear; private keys are passed
//! over, since nothing here needs them.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};
use subtle::ConstantTimeEq as _;

use super::{Entry, TrustStoreError};

const MAGIC: u32 = 0xfeed_feed;
const PRIVATE_KEY: u32 = 1;
const CERTIFICATE: u32 = 2;

/// What the integrity code covers beside password and content.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// Whether it begins as one.
pub(super) fn is_one(store: &[u8]) -> bool {
    store.starts_with(&MAGIC.to_be_bytes())
}

/// The certificates in `store`: those that are trusted, and the first of each private key's.
pub(super) fn read(store: &[u8], password: &str) -> Result<Vec<Entry>, TrustStoreError> {
    let end = store.len().checked_sub(SHA1_OUTPUT_LEN);
    let (content, code) = end
        .and_then(|end| store.split_at_checked(end))
        .ok_or(TrustStoreError::Malformed)?;
    if !bool::from(integrity(content, password).ct_eq(code)) {
        return Err(TrustStoreError::Password);
    }
    let damaged = || TrustStoreError::Content("an entry is damaged".to_owned());
    entries(&mut Reader(content)).ok_or_else(damaged)
}

fn integrity(content: &[u8], password: &str) -> [u8; SHA1_OUTPUT_LEN] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for unit in password.encode_utf16() {
        context.update(&unit.to_be_bytes());
    }
    context.update(WHITENER);
    context.update(content);
    let mut code = [0; SHA1_OUTPUT_LEN];
    for (to, from) in code.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    code
}

fn entries(reader: &mut Reader<'_>) -> Option<Vec<Entry>> {
    let _magic = reader.number()?;
    let version = reader.number()?;
    if !matches!(version, 1 | 2) {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..reader.number()? {
        let kind = reader.number()?;
        let alias = reader.name()?;
        let _made_at = reader.take(8)?;
        let der = match kind {
            PRIVATE_KEY => {
                let _key = reader.block()?;
                let mut first = None;
                for _ in 0..reader.number()? {
                    let der = reader.certificate(version)?;
                    first = first.or(Some(der));
                }
                first
            }
            CERTIFICATE => Some(reader.certificate(version)?),
            _ => return None,
        };
        entries.extend(der.map(|der| Entry {
            alias,
            der: der.to_vec(),
        }));
    }
    reader.0.is_empty().then_some(entries)
}

/// What is left to read. Every count is bounded by what is there: each entry takes some bytes.
struct Reader<'s>(&'s [u8]);

impl<'s> Reader<'s> {
    fn take(&mut self, length: usize) -> Option<&'s [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    }

    fn block(&mut self) -> Option<&'s [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// Java's own variety of UTF-8 differs where nobody names a key.
    fn name(&mut self) -> Option<String> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        let bytes = self.take(length.into())?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn certificate(&mut self, version: u32) -> Option<&'s [u8]> {
        if version == 2 {
            let _type = self.name()?;
        }
        self.block()
    }
}
