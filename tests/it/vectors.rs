//! Published test vectors, run through the real parser and verifier.
//!
//! The data stands in `tests/vectors/`, with its sources in `SOURCE.md`. `skips.toml` names each vector
//! whose published result is not ours, and why; a skip that is no longer needed fails the run.

mod rfc;
mod wycheproof;

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::jose::{
    Algorithm, Key, Verified,
    compact::{self, CompactError},
    header::HeaderError,
    jwk::BadSignature,
    verify,
};
use serde::de::DeserializeOwned;

use std::sync::Arc;

/// Where a token was refused.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Parse(CompactError),
    Signature,
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The whole way that a request's token goes.
fn accept(token: &str, keys: &[Arc<Key>]) -> Result<Verified, Refused> {
    let token = compact::parse(token.as_bytes(), 8192).map_err(Refused::Parse)?;
    verify::verify(token, keys).map_err(|BadSignature| Refused::Signature)
}

/// The signature alone: the published tokens carry payloads that are no claims. Everything else is as
/// strict as for a request, since the payload is put through the real decoder as well.
fn accept_any_payload(token: &str, keys: &[Arc<Key>]) -> Result<(), Refused> {
    match accept(token, keys) {
        // Header and payload are decoded by now, and the payload is no claims.
        Err(Refused::Parse(CompactError::Payload(_))) => {}
        other => return other.map(|_| ()),
    }
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = input.split_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| Refused::Parse(CompactError::Encoding("signature")))?;
    let algorithm = algorithm(header).map_err(|error| Refused::Parse(error.into()))?;
    let verifies = |key: &Arc<Key>| key.verify(algorithm, input.as_bytes(), &signature).is_ok();
    if keys.iter().any(verifies) {
        Ok(())
    } else {
        Err(Refused::Signature)
    }
}

fn algorithm(header: &str) -> Result<Algorithm, HeaderError> {
    let header = URL_SAFE_NO_PAD.decode(header).unwrap();
    Ok(portcullis::jose::Header::parse(header)?.algorithm())
}
