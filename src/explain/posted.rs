//! A question as JSON: what `POST /explain` takes.

use std::{net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{
    Question,
    curl::{self, CurlError},
};
use crate::{clock::UnixTime, secret::Secret};

/// A question, and the time that it is about.
#[derive(Clone)]
pub struct Posted {
    /// The request.
    pub question: Question,
    /// The time to decide at; `None`: now.
    pub at: Option<UnixTime>,
}

/// Why a text is no question.
#[derive(Debug, thiserror::Error)]
pub enum PostedError {
    /// It is no JSON, or not of this form.
    #[error(
        "{0}; send {{\"token\": \"…\", \"method\": \"GET\", \"url\": \"/\", \"headers\": {{}}, \"body\": \"\", \"from\": \"10.0.0.1\", \"at\": \"2026-01-31T12:00:00Z\"}}, or {{\"curl\": \"curl …\"}}"
    )]
    Form(#[from] serde_json::Error),
    /// It has a `curl` line and the parts of a request.
    #[error("\"curl\" says it all: leave out \"method\", \"url\", \"headers\" and \"body\"")]
    Twice,
    /// Its `curl` line is not understood.
    #[error(transparent)]
    Curl(#[from] CurlError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    token: Option<String>,
    method: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: Fields,
    #[serde(default)]
    body: String,
    from: Option<IpAddr>,
    at: Option<At>,
    curl: Option<String>,
}

/// Header fields: an object, or pairs where a name comes more than once.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

/// RFC 3339, or seconds since 1970.
struct At(UnixTime);

impl Posted {
    /// Reads a question.
    ///
    /// # Errors
    /// [`PostedError`] says what is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, PostedError> {
        let members: Members = serde_json::from_slice(body)?;
        let is_spelt = members.method.is_some()
            || members.url.is_some()
            || !members.headers.0.is_empty()
            || !members.body.is_empty();
        let blank = match &members.curl {
            Some(_) if is_spelt => return Err(PostedError::Twice),
            Some(line) => curl::parse(line)?,
            None => Question {
                headers: members.headers.0,
                body: members.body.into_bytes(),
                ..Question::default()
            },
        };
        let token = members.token.filter(|token| !token.trim().is_empty());
        let question = Question {
            method: members.method.unwrap_or(blank.method),
            target: members.url.unwrap_or(blank.target),
            from: members.from,
            token: token.map(|token| Secret::new(token.trim().as_bytes().to_vec())),
            ..blank
        };
        let at = members.at.map(|At(at)| at);
        Ok(Self { question, at })
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("\"headers\" is an object of strings, or pairs of them");
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            _ => Err(wrong()),
        };
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::default()),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| Ok((name, text(value)?)))
                .collect::<Result<_, _>>()
                .map(Self),
            pairs @ Value::Array(_) => serde_json::from_value(pairs).map(Self).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("\"at\" is 2026-01-31T12:00:00Z, or seconds since 1970");
        let text = match Value::deserialize(deserializer)? {
            Value::Number(seconds) => seconds.to_string(),
            Value::String(text) => text,
            _ => return Err(wrong()),
        };
        UnixTime::from_str(&text).map(Self).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_may_be_given_or_left_out() {
        let posted = Posted::parse(b"{}").unwrap();
        assert_eq!(posted.question.target, "/");
        assert!(posted.question.token.is_none() && posted.at.is_none());
        let text = br#"{"token":" t ","method":"PUT","url":"/a","headers":{"A":"b"},"body":"x",
            "from":"10.0.0.1","at":"2027-01-15T08:00:00Z"}"#;
        let posted = Posted::parse(text).unwrap();
        let question = posted.question;
        assert_eq!(posted.at, Some(UnixTime(1_800_000_000)));
        assert_eq!(question.token.unwrap().expose_secret(), b"t");
        assert_eq!(question.headers, [("A".to_owned(), "b".to_owned())]);
        assert_eq!(
            (&*question.method, &*question.body),
            ("PUT", b"x".as_slice())
        );
        let line = br#"{"curl":"curl -XPUT a/b","from":"10.0.0.1"}"#;
        let question = Posted::parse(line).unwrap().question;
        assert_eq!(
            (&*question.method, &*question.target),
            ("PUT", "http://a/b")
        );
        assert!(question.from.is_some());
        let pairs = br#"{"headers":[["A","b"],["A","c"]],"at":5}"#;
        let posted = Posted::parse(pairs).unwrap();
        assert_eq!(posted.question.headers.len(), 2);
        assert_eq!(posted.at, Some(UnixTime(5)));
    }

    #[test]
    fn a_command_line_says_all_or_is_none() {
        for (wrong, said) in [
            (r#"{"curl":"curl a","url":"/"}"#, "says it all"),
            (r#"{"curl":"wget a"}"#, "begins with \"wget\""),
        ] {
            let error = Posted::parse(wrong.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (wrong, said) in [
            ("", "EOF"),
            ("[]", "expected struct"),
            (r#"{"tokens":""}"#, "unknown field `tokens`"),
            (r#"{"headers":[["A"]]}"#, "\"headers\" is an object"),
            (r#"{"headers":{"A":1}}"#, "\"headers\" is an object"),
            (r#"{"at":"noon"}"#, "\"at\" is 2026"),
            (r#"{"from":"here"}"#, "invalid IP address"),
        ] {
            let error = Posted::parse(wrong.as_bytes()).err().unwrap().to_string();
            assert!(
                error.contains(said) && error.contains("send {"),
                "{wrong}: {error}"
            );
        }
    }
}
