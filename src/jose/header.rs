//! The JOSE header of a signed token (RFC 7515 §4).

use super::{
    algorithm::Algorithm,
    json::{JsonError, Object},
};

/// The members that RFC 7515, RFC 7516 and RFC 7518 define: an extension may not take their names.
const REGISTERED: [&str; 20] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc",
    "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
];

/// How many members `crit` may name: each is looked for among all the others.
const MAX_CRITICAL: usize = 16;

/// A header whose members have the right shapes. Nothing in it is proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
    /// Behind a pointer: few tokens need them, and a proof keeps its header.
    pub(super) digests: Option<Box<Digests>>,
    /// `None` when there is none of them, or when they were looked at and are not needed any more.
    rest: Option<Box<Rest>>,
}

/// `x5t` and `x5t#S256`, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Digests {
    x5t: Option<Box<str>>,
    x5t_s256: Option<Box<str>>,
}

/// What no key is chosen by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    typ: Option<Box<str>>,
    cty: Option<Box<str>>,
    crit: Box<[Box<str>]>,
}

/// Why a header is refused before its issuer is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a strict JSON object.
    #[error("the header is {0}")]
    Json(#[from] JsonError),
    /// `alg` is absent.
    #[error("the header names no algorithm")]
    AlgorithmMissing,
    /// `alg` names nothing that the gateway verifies; `none` in any case is here.
    #[error("the header names an algorithm that is not supported")]
    AlgorithmUnknown,
    /// A member has the wrong JSON type.
    #[error("the header's \"{0}\" has the wrong type")]
    WrongType(&'static str),
    /// `crit` is empty, repeats a name, names a registered or an absent member; or `b64` is not true.
    #[error("the header's \"crit\" is not valid: {0}")]
    Critical(&'static str),
    /// `enc` stands in a token of three parts: it claims to be signed and encrypted at once.
    #[error("the header names a content encryption, and the token is only signed")]
    Encryption,
}

impl Header {
    /// Reads the decoded header bytes.
    ///
    /// `jwk`, `x5c`, `jku` and `x5u` are not read at all: a token does not bring its own key.
    ///
    /// # Errors
    /// [`HeaderError`] says which member is wrong.
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, HeaderError> {
        let members = Object::parse(bytes)?;
        let algorithm = match members.get("alg") {
            Some(name) => name
                .string()
                .ok_or(HeaderError::WrongType("alg"))?
                .parse()
                .map_err(|_| HeaderError::AlgorithmUnknown)?,
            None => return Err(HeaderError::AlgorithmMissing),
        };
        if members.get("enc").is_some() {
            return Err(HeaderError::Encryption);
        }
        // RFC 7797: a payload that is not encoded would be read as another one here.
        if members
            .get("b64")
            .is_some_and(|b64| b64.boolean() != Some(true))
        {
            return Err(HeaderError::Critical("\"b64\" is not true"));
        }
        let kid = string(&members, "kid")?;
        let rest = Rest {
            typ: string(&members, "typ")?,
            cty: string(&members, "cty")?,
            crit: critical(&members)?,
        };
        Ok(Self {
            algorithm,
            kid,
            digests: digests(&members)?,
            rest: (rest != Rest::default()).then(|| Box::new(rest)),
        })
    }

    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`, if there is one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `x5t`, as it was sent: it may name the certificate of the key (RFC 7515 §4.1.7).
    #[must_use]
    pub fn x5t(&self) -> Option<&str> {
        self.digests.as_ref()?.x5t.as_deref()
    }

    /// `x5t#S256`, as it was sent (RFC 7515 §4.1.8).
    #[must_use]
    pub fn x5t_s256(&self) -> Option<&str> {
        self.digests.as_ref()?.x5t_s256.as_deref()
    }

    /// `typ`, as it was sent.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.rest.as_ref()?.typ.as_deref()
    }

    /// `cty`, as it was sent.
    #[must_use]
    pub fn cty(&self) -> Option<&str> {
        self.rest.as_ref()?.cty.as_deref()
    }

    /// The names in `crit`; empty when there is no `crit`.
    pub fn crit(&self) -> impl Iterator<Item = &str> {
        let rest = self.rest.iter();
        rest.flat_map(|rest| rest.crit.iter().map(AsRef::as_ref))
    }

    /// Only what a key is chosen by: the rest was looked at before.
    pub(super) fn selector(mut self) -> Self {
        self.rest = None;
        self
    }
}

fn string(members: &Object, name: &'static str) -> Result<Option<Box<str>>, HeaderError> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let value = value.string().ok_or(HeaderError::WrongType(name))?;
    Ok(Some(value.into()))
}

fn digests(members: &Object) -> Result<Option<Box<Digests>>, HeaderError> {
    let digests = Digests {
        x5t: string(members, "x5t")?,
        x5t_s256: string(members, "x5t#S256")?,
    };
    Ok((digests != Digests::default()).then(|| Box::new(digests)))
}

/// The names in `crit`, by the rules of RFC 7515 §4.1.11.
fn critical(members: &Object) -> Result<Box<[Box<str>]>, HeaderError> {
    let Some(names) = members.get("crit") else {
        return Ok(Box::default());
    };
    let names = names
        .elements()
        .ok_or(HeaderError::Critical("it is not an array"))?;
    let mut critical: Vec<Box<str>> = Vec::new();
    for name in names {
        if critical.len() == MAX_CRITICAL {
            return Err(HeaderError::Critical("it names too many members"));
        }
        let name = name
            .string()
            .ok_or(HeaderError::Critical("a name is not a string"))?;
        if REGISTERED.contains(&&*name) {
            return Err(HeaderError::Critical("it names a registered member"));
        }
        if members.get(&name).is_none() {
            return Err(HeaderError::Critical("it names an absent member"));
        }
        if critical.iter().any(|known| **known == *name) {
            return Err(HeaderError::Critical("it names a member twice"));
        }
        critical.push(name.into());
    }
    if critical.is_empty() {
        return Err(HeaderError::Critical("it is empty"));
    }
    Ok(critical.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, HeaderError> {
        Header::parse(text)
    }

    #[test]
    fn a_header_gives_what_a_key_is_chosen_by() {
        let header =
            parse(r#"{"alg":"RS256","kid":"k\u00e91","typ":"JWT","cty":"x","other":[1]}"#).unwrap();
        assert_eq!(header.algorithm(), Algorithm::Rs256);
        assert_eq!(header.kid(), Some("ké1"));
        assert_eq!((header.typ(), header.cty()), (Some("JWT"), Some("x")));
        assert_eq!(header.crit().count(), 0);
    }

    #[test]
    fn every_algorithm_is_read_and_none_is_refused_in_any_case() {
        for algorithm in Algorithm::ALL {
            let header = parse(&format!(r#"{{"alg":"{algorithm}"}}"#)).unwrap();
            assert_eq!(header.algorithm(), algorithm);
        }
        let names = [
            "none", "NONE", "nOnE", "", "rs256", "RS256 ", "RSA-OAEP", "dir", "Ed448", "HS1",
        ];
        for name in names {
            let header = parse(&format!(r#"{{"alg":"{name}"}}"#));
            assert_eq!(header, Err(HeaderError::AlgorithmUnknown), "{name}");
        }
    }

    #[test]
    fn the_algorithm_must_be_there_and_a_string() {
        assert_eq!(parse("{}"), Err(HeaderError::AlgorithmMissing));
        for value in ["1", "null", "[\"RS256\"]", "{}", "true"] {
            let header = parse(&format!(r#"{{"alg":{value}}}"#));
            assert_eq!(header, Err(HeaderError::WrongType("alg")), "{value}");
        }
    }

    #[test]
    fn members_that_are_read_must_be_strings() {
        for name in ["kid", "typ", "cty"] {
            assert!(parse(&format!(r#"{{"alg":"RS256","{name}":"x"}}"#)).is_ok());
            for value in ["1", "null", "[\"x\"]", "{}"] {
                let header = parse(&format!(r#"{{"alg":"RS256","{name}":{value}}}"#));
                assert_eq!(header, Err(HeaderError::WrongType(name)), "{value}");
            }
        }
    }

    #[test]
    fn a_key_that_the_token_brings_is_ignored() {
        let header = parse(
            r#"{"alg":"RS256","jwk":{"kty":"oct"},"x5c":["x"],"jku":"http://a","x5u":1,"zip":"DEF"}"#,
        );
        assert_eq!(header, parse(r#"{"alg":"RS256"}"#));
        let critical = parse(r#"{"alg":"RS256","jku":"http://a","crit":["jku"]}"#);
        assert!(matches!(critical, Err(HeaderError::Critical(_))));
    }

    #[test]
    fn critical_names_are_unique_strings_of_members_that_are_there() {
        let header = parse(r#"{"alg":"RS256","crit":["a","b"],"a":1,"b":2}"#).unwrap();
        assert_eq!(header.crit().collect::<Vec<_>>(), ["a", "b"]);
        for (crit, why) in [
            ("[]", "it is empty"),
            ("\"a\"", "it is not an array"),
            ("null", "it is not an array"),
            ("{\"a\":1}", "it is not an array"),
            ("[\"a\",\"a\"]", "it names a member twice"),
            ("[1]", "a name is not a string"),
            ("[\"c\"]", "it names an absent member"),
            ("[\"\"]", "it names an absent member"),
        ] {
            let header = parse(&format!(r#"{{"alg":"RS256","a":1,"crit":{crit}}}"#));
            assert_eq!(header, Err(HeaderError::Critical(why)), "{crit}");
        }
        let names = (0..=MAX_CRITICAL)
            .map(|n| format!("\"n{n}\""))
            .collect::<Vec<_>>();
        let crit = |names: &[String]| {
            let members: Vec<_> = names.iter().map(|name| format!("{name}:1")).collect();
            let (list, members) = (names.join(","), members.join(","));
            parse(&format!(r#"{{"alg":"RS256","crit":[{list}],{members}}}"#))
        };
        assert!(crit(&names[..MAX_CRITICAL]).is_ok());
        let many = HeaderError::Critical("it names too many members");
        assert_eq!(crit(&names), Err(many));
        for name in REGISTERED {
            let header = parse(&format!(r#"{{"alg":"RS256","crit":["{name}"]}}"#));
            assert_eq!(
                header,
                Err(HeaderError::Critical("it names a registered member"))
            );
        }
    }

    #[test]
    fn an_unencoded_payload_is_refused_with_and_without_crit() {
        for header in [
            r#"{"alg":"RS256","b64":false}"#,
            r#"{"alg":"RS256","b64":false,"crit":["b64"]}"#,
            r#"{"alg":"RS256","b64":"true"}"#,
            r#"{"alg":"RS256","b64":null}"#,
        ] {
            assert_eq!(
                parse(header),
                Err(HeaderError::Critical("\"b64\" is not true"))
            );
        }
        let header = parse(r#"{"alg":"RS256","b64":true,"crit":["b64"]}"#).unwrap();
        assert_eq!(header.crit().collect::<Vec<_>>(), ["b64"]);
    }

    #[test]
    fn a_content_encryption_has_no_place_in_a_signed_token() {
        let header = parse(r#"{"alg":"RS256","enc":"A256GCM"}"#);
        assert_eq!(header, Err(HeaderError::Encryption));
    }

    #[test]
    fn a_duplicate_algorithm_is_refused() {
        let header = parse(r#"{"alg":"RS256","\u0061lg":"none"}"#);
        assert_eq!(
            header,
            Err(HeaderError::Json(JsonError::Duplicate("alg".into())))
        );
    }
}
