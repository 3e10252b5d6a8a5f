//! What a token endpoint answers (RFC 6749 §5).

use reqwest::StatusCode;

use super::{CallError, CredentialError};
use crate::jose::json::{Object, Text};

/// A token that came.
pub(super) struct Answer {
    pub(super) token: String,
    /// How long it is good, in seconds.
    pub(super) lifetime: i64,
}

/// How long a token is taken for good whose lifetime nobody said, in seconds: not long.
const UNSAID: i64 = 60;
/// The longest that one is, in seconds.
const MOST: i64 = 86_400;
/// The longest token, in bytes: what upstreams take in a header.
const MAX_TOKEN: usize = 16 * 1024;
/// The longest `error` that is told.
const MAX_ERROR: usize = 64;

/// Reads it. `any_type` is whether a token may be of another kind than Bearer (RFC 8693 §2.2.1).
pub(super) fn read(
    status: StatusCode,
    body: Vec<u8>,
    any_type: bool,
) -> Result<Answer, CredentialError> {
    match status.as_u16() {
        200 => Ok(token(body, any_type)?),
        // These two say that it may go better later.
        408 | 429 => Err(CallError::Status(status.as_u16()).into()),
        400..=499 => Err(CredentialError::Refused {
            status: status.as_u16(),
            error: error(body),
        }),
        other => Err(CallError::Status(other).into()),
    }
}

fn token(body: Vec<u8>, any_type: bool) -> Result<Answer, CallError> {
    let answer = Object::parse(body)?;
    let token = answer.get("access_token").and_then(|token| token.string());
    // RFC 6749 appendix A.12; nothing else may reach a header.
    let is_token = |token: &str| {
        (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| matches!(b, 0x21..=0x7e))
    };
    let token = token.filter(|token| is_token(token));
    let token = token.ok_or(CallError::Lacks("\"access_token\" that can be used"))?;
    let kind = answer.get("token_type").and_then(|kind| kind.string());
    let kind = kind.ok_or(CallError::Lacks("\"token_type\""))?;
    let is_other = any_type && kind.eq_ignore_ascii_case("N_A");
    if !kind.eq_ignore_ascii_case("bearer") && !is_other {
        return Err(CallError::TokenType);
    }
    let lifetime = match answer.get("expires_in").filter(|said| !said.is_null()) {
        None => UNSAID,
        Some(said) => seconds(&said).ok_or(CallError::Lacks("number in \"expires_in\""))?,
    };
    Ok(Answer {
        token: token.into_owned(),
        lifetime: lifetime.min(MOST),
    })
}

/// A number, or one in a string, which some servers send.
fn seconds(said: &Text<'_>) -> Option<i64> {
    let seconds = match said.string() {
        Some(text) => text.parse().ok(),
        None => said.number()?.as_i64(),
    };
    seconds.filter(|seconds| *seconds >= 0)
}

/// Its `error`, if it is one (RFC 6749 appendix A.7): what it describes may hold anything.
fn error(body: Vec<u8>) -> Box<str> {
    let answer = Object::parse(body).ok();
    let error = answer.as_ref().and_then(|answer| answer.get("error"));
    let error = error.and_then(|error| error.string());
    let is_error = |error: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        (1..=MAX_ERROR).contains(&error.len()) && error.bytes().all(plain)
    };
    match error.filter(|error| is_error(error)) {
        Some(error) => error.into(),
        None => "without an error that can be told".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn good(answer: &Value) -> Result<Answer, CredentialError> {
        read(StatusCode::OK, answer.to_string().into_bytes(), false)
    }

    #[test]
    fn a_token_comes_with_its_lifetime() {
        for (said, lifetime) in [
            (json!(300), 300),
            (json!("300"), 300),
            (json!(0), 0),
            (Value::Null, UNSAID),
            (json!(1_000_000_000), MOST),
        ] {
            let answer = json!({"access_token": "t", "token_type": "bearer", "expires_in": said});
            let answer = good(&answer).unwrap();
            assert_eq!((&*answer.token, answer.lifetime), ("t", lifetime));
        }
        for said in [
            json!(-1),
            json!(1.5),
            json!("soon"),
            json!([300]),
            json!(true),
        ] {
            let answer = json!({"access_token": "t", "token_type": "Bearer", "expires_in": said});
            assert!(good(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_no_token() {
        let long = "x".repeat(MAX_TOKEN + 1);
        for token in [
            json!(""),
            json!("a b"),
            json!("a\r\nb"),
            json!("ä"),
            json!(1),
            json!(long),
        ] {
            let answer = json!({"access_token": token, "token_type": "Bearer"});
            assert!(good(&answer).is_err());
        }
        let other = json!({"access_token": "t", "token_type": "N_A"});
        assert!(good(&other).is_err() && good(&json!({"access_token": "t"})).is_err());
        let exchanged = read(StatusCode::OK, other.to_string().into_bytes(), true);
        assert!(exchanged.is_ok());
        let bound = json!({"access_token": "t", "token_type": "DPoP"});
        assert!(read(StatusCode::OK, bound.to_string().into_bytes(), true).is_err());
        assert!(read(StatusCode::OK, b"<html>".to_vec(), true).is_err());
    }

    #[test]
    fn a_refusal_is_one_and_an_outage_is_another() {
        let of = |status, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            read(status, body.as_bytes().to_vec(), false).err().unwrap()
        };
        for status in [400, 401, 403] {
            let refused = of(status, r#"{"error":"invalid_client"}"#);
            let error = "invalid_client".into();
            assert_eq!(refused, CredentialError::Refused { status, error });
        }
        for body in ["", r#"{"error":"a b"}"#, r#"{"error":"\n"}"#] {
            assert!(of(400, body).to_string().contains("without an error"));
        }
        for status in [204, 302, 408, 429, 500, 503] {
            let unavailable = CredentialError::Unavailable(CallError::Status(status));
            assert_eq!(of(status, "{}"), unavailable);
        }
    }
}
