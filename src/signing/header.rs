//! The header of a token that is signed (RFC 7515 §4).

use serde_json::{Map, Value};

use crate::jose::Algorithm;

/// Members that the signer sets itself, that change what is signed, or that are no plain strings.
const RESERVED: [&str; 9] = [
    "alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "enc", "zip",
];

/// `typ`, and members of one's own. `alg` and `kid` come from the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    typ: Box<str>,
    extra: Map<String, Value>,
}

/// Why a member is not put into a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not for free use.
    #[error(
        "the header \"{0}\" cannot be set: alg and kid come from the key, typ has its own option"
    )]
    Reserved(String),
    /// It is there already.
    #[error("the header \"{0}\" is given twice")]
    Duplicate(String),
    /// It has no name.
    #[error("a header needs a name")]
    Nameless,
}

impl Header {
    /// A header with this `typ`: `JWT`, or `at+jwt` for an access token (RFC 9068 §2.1).
    #[must_use]
    pub fn new(typ: &str) -> Self {
        Self {
            typ: typ.into(),
            extra: Map::new(),
        }
    }

    /// Adds a member.
    ///
    /// # Errors
    /// [`HeaderError`] when it is there, or not for free use.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        if name.is_empty() {
            return Err(HeaderError::Nameless);
        }
        if RESERVED.contains(&name) {
            return Err(HeaderError::Reserved(name.to_owned()));
        }
        match self.extra.insert(name.to_owned(), value.into()) {
            None => Ok(()),
            Some(_) => Err(HeaderError::Duplicate(name.to_owned())),
        }
    }

    /// As it is signed.
    pub(super) fn document(&self, algorithm: Algorithm, kid: Option<&str>) -> String {
        let mut members = self.extra.clone();
        members.insert("alg".to_owned(), algorithm.name().into());
        members.insert("typ".to_owned(), (*self.typ).into());
        if let Some(kid) = kid {
            members.insert("kid".to_owned(), kid.into());
        }
        Value::Object(members).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_ones_own_stand_beside_those_of_the_key() {
        let mut header = Header::new("at+jwt");
        assert_eq!(header.set("cty", "x"), Ok(()));
        let text = header.document(Algorithm::Es256, Some("k"));
        assert_eq!(
            text,
            r#"{"alg":"ES256","cty":"x","kid":"k","typ":"at+jwt"}"#
        );
        let text = Header::new("JWT").document(Algorithm::Hs256, None);
        assert_eq!(text, r#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn what_belongs_to_the_key_or_is_there_is_refused() {
        let mut header = Header::new("JWT");
        for name in RESERVED {
            let error = HeaderError::Reserved(name.to_owned());
            assert_eq!(header.set(name, "none"), Err(error));
        }
        assert_eq!(header.set("", "x"), Err(HeaderError::Nameless));
        assert_eq!(header.set("cty", "x"), Ok(()));
        let error = HeaderError::Duplicate("cty".to_owned());
        assert_eq!(header.set("cty", "y"), Err(error));
    }
}
