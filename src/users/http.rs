//! A subject mapper behind a URL: a POST of the claims' JSON, and an account as JSON, or null, back.

use std::sync::OnceLock;

use reqwest::{
    Client, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};

use super::MapperError;
use crate::{
    call::{self, Trust, cause},
    identity::Account,
    jose::json::{Object, Text},
};

/// The most bytes that an answer may have: 64 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Where the mapper is, and whom we trust to vouch for it.
#[derive(Debug)]
pub struct HttpMapper {
    url: Url,
    /// PEM; `None`: the machine's authorities.
    authorities: Option<Vec<u8>>,
    client: OnceLock<Result<Client, MapperError>>,
}

impl HttpMapper {
    /// The mapper at `url`, with these authorities (PEM) instead of the machine's.
    #[must_use]
    pub const fn new(url: Url, authorities: Option<Vec<u8>>) -> Self {
        Self {
            url,
            authorities,
            client: OnceLock::new(),
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Asks once. Whoever calls it sets the limit on the time.
    pub(super) async fn map(&self, claims: &Object) -> Result<Option<Account>, MapperError> {
        let client = self.client.get_or_init(|| self.new_client()).clone()?;
        let request = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, JSON)
            .header(ACCEPT, JSON)
            .body(claims.as_written().to_owned());
        let response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(MapperError::Status(response.status().as_u16()));
        }
        let body = call::body(response, MAX_BYTES).await.map_err(failed)?;
        account(&body.ok_or(MapperError::TooLarge)?)
    }

    fn new_client(&self) -> Result<Client, MapperError> {
        let trust = Trust::of(&self.url, self.authorities.as_deref());
        let client = trust.client(call::builder());
        client.map_err(|why| MapperError::Trust(why.to_string().into()))
    }
}

impl PartialEq for HttpMapper {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url && self.authorities == other.authorities
    }
}

/// The account of an answer: `user` must be there; `groups`, `unique_name` and `realm` need not.
fn account(answer: &[u8]) -> Result<Option<Account>, MapperError> {
    if answer.trim_ascii() == b"null" {
        return Ok(None);
    }
    let answer = Object::parse(answer).map_err(|error| malformed(&error.to_string()))?;
    let user = text(&answer, "user")?.unwrap_or_default();
    let groups = match said(&answer, "groups") {
        Some(groups) => {
            strings(groups).ok_or_else(|| malformed("\"groups\" is no list of strings"))?
        }
        None => Vec::new(),
    };
    let account = Account::new(&user, groups)?
        .with_unique_name(&text(&answer, "unique_name")?.unwrap_or_default())?
        .with_realm(&text(&answer, "realm")?.unwrap_or_default())?;
    Ok(Some(account))
}

/// A member that is there and not null.
fn said<'a>(answer: &'a Object, name: &str) -> Option<Text<'a>> {
    answer.get(name).filter(|value| !value.is_null())
}

fn text(answer: &Object, name: &str) -> Result<Option<String>, MapperError> {
    said(answer, name)
        .map(|value| {
            let string = value.string().map(std::borrow::Cow::into_owned);
            string.ok_or_else(|| malformed(&format!("\"{name}\" is no string")))
        })
        .transpose()
}

fn strings(list: Text<'_>) -> Option<Vec<String>> {
    list.elements()?
        .map(|element| Some(element.string()?.into_owned()))
        .collect()
}

fn malformed(why: &str) -> MapperError {
    MapperError::Malformed(why.into())
}

fn failed(error: reqwest::Error) -> MapperError {
    MapperError::Exchange(cause(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Option<Account>, MapperError> {
        account(answer.as_bytes())
    }

    #[test]
    fn an_answer_is_an_account_or_null() {
        let full = r#"{"user":"alice","groups":["a","b"],"unique_name":"1","realm":"r","more":[]}"#;
        let alice = Account::new("alice", ["a", "b"]).unwrap();
        let alice = alice
            .with_unique_name("1")
            .unwrap()
            .with_realm("r")
            .unwrap();
        assert_eq!(read(full), Ok(Some(alice)));
        let bob = Account::new("bob", [""; 0]).unwrap();
        for answer in [
            r#"{"user":"bob"}"#,
            r#" {"user":"bob","groups":null,"realm":""} "#,
        ] {
            assert_eq!(read(answer), Ok(Some(bob.clone())), "{answer}");
        }
        assert_eq!(read(" null\n"), Ok(None));
    }

    #[test]
    fn what_is_no_account_is_a_failure() {
        for answer in [
            "",
            "nul",
            "[]",
            "\"alice\"",
            "{}",
            "true",
            r#"{"user":null}"#,
            r#"{"user":7}"#,
            r#"{"user":"a","user":"b"}"#,
            r#"{"user":"a"} {}"#,
            r#"{"user":"a","groups":"admins"}"#,
            r#"{"user":"a","groups":[1]}"#,
            r#"{"user":"a","groups":["a,admins"]}"#,
            r#"{"user":"a\r\nb"}"#,
            r#"{"user":"a","realm":{}}"#,
            r#"{"user":"a","unique_name":"\u0000"}"#,
        ] {
            assert!(read(answer).is_err(), "{answer}");
        }
    }
}
