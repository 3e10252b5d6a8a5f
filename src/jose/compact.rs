//! The JWS compact serialisation (RFC 7515 §7.1) with a JWT payload (RFC 7519 §7.2).

use std::{borrow::Cow, fmt};

use super::{
    header::{Header, HeaderError},
    json::{JsonError, Object},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// A token that is split and decoded, and of which nothing is proved. It names an issuer and a key;
/// its claims stay closed until [`super::verify::verify`] has seen the signature.
pub struct Unverified<'t> {
    pub(super) signing_input: &'t [u8],
    pub(super) signature: Vec<u8>,
    pub(super) header: Header,
    pub(super) claims: Object,
}

/// Why bytes are not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// Longer than the limit, in bytes.
    #[error("the token is {found} bytes long, and at most {limit} are allowed")]
    TooLarge {
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// Five parts: an encrypted token.
    #[error("the token is encrypted (JWE), and no decryption key is configured")]
    Encrypted,
    /// Not three non-empty parts.
    #[error("the token does not have three parts")]
    Shape,
    /// A part is not base64url without padding (RFC 7515 §2).
    #[error("the token's {0} is not base64url without padding")]
    Encoding(&'static str),
    /// The header is wrong.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The payload is not a strict JSON object.
    #[error("the payload is {0}")]
    Payload(JsonError),
}

/// Why an unverified token names no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerClaimError {
    /// There is no `iss`.
    #[error("the token has no \"iss\"")]
    Missing,
    /// `iss` is not one string.
    #[error("the token's \"iss\" is not a string")]
    NotAString,
}

/// Splits and decodes `token`, which may be at most `max_bytes` long.
///
/// The length and the number of dots are looked at before anything is decoded.
///
/// # Errors
/// [`CompactError`] says what is wrong with its shape.
pub fn parse(token: &[u8], max_bytes: usize) -> Result<Unverified<'_>, CompactError> {
    check_size(token, max_bytes)?;
    let parts = split(token)?;
    let header = Header::parse(decode(parts.header, "header")?)?;
    let payload = decode(parts.payload, "payload")?;
    let claims = Object::parse(payload).map_err(CompactError::Payload)?;
    let signature = decode(parts.signature, "signature")?;
    Ok(Unverified {
        signing_input: parts.signing_input,
        signature,
        header,
        claims,
    })
}

/// Checks that `token` is at most `max_bytes` long.
///
/// # Errors
/// [`CompactError::TooLarge`].
pub const fn check_size(token: &[u8], max_bytes: usize) -> Result<(), CompactError> {
    if token.len() > max_bytes {
        return Err(CompactError::TooLarge {
            found: token.len(),
            limit: max_bytes,
        });
    }
    Ok(())
}

/// The three parts as they were sent; `signing_input` is the first two with the dot between.
struct Parts<'t> {
    signing_input: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

/// Splits at the dots. The search ends at the fifth, however many there are.
fn split(token: &[u8]) -> Result<Parts<'_>, CompactError> {
    let mut dots = memchr::memchr_iter(b'.', token);
    let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
        return Err(CompactError::Shape);
    };
    match dots.take(3).count() {
        0 => {}
        2 => return Err(CompactError::Encrypted),
        _ => return Err(CompactError::Shape),
    }
    let (signing_input, signature) = around(token, second)?;
    let (header, payload) = around(signing_input, first)?;
    if header.is_empty() || payload.is_empty() {
        return Err(CompactError::Shape);
    }
    if signature.is_empty() {
        // An unsigned token says so in its header, and is refused by that name.
        Header::parse(decode(header, "header")?)?;
        return Err(CompactError::Shape);
    }
    Ok(Parts {
        signing_input,
        header,
        payload,
        signature,
    })
}

/// What stands before and after the byte at `dot`.
fn around(bytes: &[u8], dot: usize) -> Result<(&[u8], &[u8]), CompactError> {
    let (before, rest) = bytes.split_at_checked(dot).ok_or(CompactError::Shape)?;
    let (_, after) = rest.split_first().ok_or(CompactError::Shape)?;
    Ok((before, after))
}

/// Decodes base64url. The engine refuses padding, other alphabets, white space and stray final bits:
/// each of them would give one token a second spelling.
fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, CompactError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| CompactError::Encoding(name))
}

impl Unverified<'_> {
    /// The header: good for choosing a key, and for nothing else.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The `iss` claim: good for choosing whose keys to try, and for nothing else.
    ///
    /// # Errors
    /// [`IssuerClaimError`] when it is absent or not one string.
    pub fn issuer(&self) -> Result<Cow<'_, str>, IssuerClaimError> {
        let issuer = self.claims.get("iss").ok_or(IssuerClaimError::Missing)?;
        issuer.string().ok_or(IssuerClaimError::NotAString)
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::Algorithm;

    const HEADER: &str = r#"{"alg":"RS256"}"#;

    fn token(header: &str, payload: &str) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.c2ln")
    }

    fn refusal(token: impl AsRef<[u8]>) -> CompactError {
        parse(token.as_ref(), 8192).unwrap_err()
    }

    #[test]
    fn a_token_is_split_and_decoded() {
        let token = token(HEADER, r#"{"iss":"joe"}"#);
        let unverified = parse(token.as_bytes(), token.len()).unwrap();
        assert_eq!(unverified.header().algorithm(), Algorithm::Rs256);
        assert_eq!(unverified.issuer().unwrap(), "joe");
        assert_eq!(unverified.signature, b"sig");
        assert_eq!(
            unverified.signing_input,
            token.strip_suffix(".c2ln").unwrap().as_bytes()
        );
        assert_eq!(format!("{unverified:?}"), "Unverified([redacted])");
    }

    #[test]
    fn the_length_comes_first() {
        let token = token(HEADER, "{}");
        assert!(parse(token.as_bytes(), token.len()).is_ok());
        let (found, limit) = (token.len(), token.len() - 1);
        let error = parse(token.as_bytes(), limit).unwrap_err();
        assert_eq!(error, CompactError::TooLarge { found, limit });
        let dots = ".".repeat(9_000);
        assert!(matches!(refusal(dots), CompactError::TooLarge { .. }));
    }

    #[test]
    fn it_has_three_parts_and_none_is_empty() {
        let good = token(HEADER, "{}");
        let [h, p, s] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        assert!(parse(good.as_bytes(), 8192).is_ok());
        for bad in [
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            h.to_owned(),
            format!("{h}.{p}"),
            format!("{h}.{p}."),
            format!(".{p}.{s}"),
            format!("{h}..{s}"),
            format!("{h}.{p}.{s}.{s}"),
            format!("{h}.{p}.{s}."),
            format!("{h}.{p}.{s}.{s}.{s}.{s}"),
            ".".repeat(8_000),
            format!("{{\"payload\":\"{p}\",\"protected\":\"{h}\",\"signature\":\"{s}\"}}"),
        ] {
            assert_eq!(refusal(&bad), CompactError::Shape, "{bad}");
        }
        assert_eq!(
            refusal(format!("{h}.{p}.{s}.{s}.{s}")),
            CompactError::Encrypted
        );
    }

    #[test]
    fn base64url_is_strict() {
        let good = token(HEADER, r#"{"a":"???>>>"}"#);
        assert!(parse(good.as_bytes(), 8192).is_ok());
        let [h, p, s] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        assert!(p.contains(['-', '_']), "{p}");
        let standard = p.replace('-', "+").replace('_', "/");
        for (bad, part) in [
            (format!("{h}=.{p}.{s}"), "header"),
            (format!(" {h}.{p}.{s}"), "header"),
            (format!("{h}.{standard}.{s}"), "payload"),
            (format!("{h}.{p}==.{s}"), "payload"),
            (format!("{h}.{p}\n.{s}"), "payload"),
            (format!("{h}.{p}.{s} "), "signature"),
            (format!("{h}.{p}.{s}\r\n"), "signature"),
            (format!("{h}.{p}.{s}="), "signature"),
            (format!("{h}.{p}.é"), "signature"),
            (format!("{h}.{p}.\0"), "signature"),
            // One character more than a multiple of four is no byte at all.
            (format!("{h}.{p}.{s}A"), "signature"),
            // "AA" is the byte 0; in "AB" the last four bits are not zero.
            (format!("{h}.{p}.AB"), "signature"),
            (format!("{h}.{p}.AAB"), "signature"),
        ] {
            assert_eq!(refusal(&bad), CompactError::Encoding(part), "{bad}");
        }
        assert!(parse(format!("{h}.{p}.AA").as_bytes(), 8192).is_ok());
        assert!(parse(format!("{h}.{p}.AAA").as_bytes(), 8192).is_ok());
    }

    #[test]
    fn header_and_payload_are_strict_json_objects() {
        let unsigned = token(r#"{"alg":"none"}"#, "{}");
        assert_eq!(
            refusal(unsigned),
            CompactError::Header(HeaderError::AlgorithmUnknown)
        );
        for header in [
            "",
            "[]",
            "{\"alg\":\"RS256\"} x",
            "\u{feff}{\"alg\":\"RS256\"}",
        ] {
            let error = refusal(token(header, "{}"));
            assert!(
                matches!(error, CompactError::Header(_) | CompactError::Shape),
                "{error}"
            );
        }
        for payload in [
            "[]",
            "1",
            "\"x\"",
            "{}x",
            "\u{feff}{}",
            "{\"a\":1,\"a\":1}",
            "text",
        ] {
            let error = refusal(token(HEADER, payload));
            assert!(matches!(error, CompactError::Payload(_)), "{error}");
        }
    }

    #[test]
    fn the_issuer_is_one_string() {
        let issuer = |payload: &str| {
            let token = token(HEADER, payload);
            parse(token.as_bytes(), 8192)
                .unwrap()
                .issuer()
                .map(Cow::into_owned)
        };
        assert_eq!(issuer(r#"{"iss":"joe"}"#), Ok("joe".into()));
        assert_eq!(issuer("{}"), Err(IssuerClaimError::Missing));
        for value in ["[\"joe\"]", "1", "null", "{}"] {
            let payload = format!(r#"{{"iss":{value}}}"#);
            assert_eq!(issuer(&payload), Err(IssuerClaimError::NotAString));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, 150);
        }

        #[test]
        fn arbitrary_text_of_a_tokens_alphabet_never_panics(text in "[A-Za-z0-9_.=+-]{0,200}") {
            let _ = parse(text.as_bytes(), 150);
        }
    }
}
