//! Which headers an issuer's tokens may have: checked after the issuer is known, before a key is sought.

use super::{algorithm::AlgorithmSet, excerpt::excerpt, header::Header};

/// What a missing `typ` counts as.
const DEFAULT_TYPE: &str = "jwt";

/// An issuer's say about headers, prepared from its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// Allowed algorithms.
    pub algorithms: AlgorithmSet,
    /// Allowed `typ` values, without `application/` and in lower case; a missing `typ` counts as `jwt`.
    pub types: Vec<Box<str>>,
    /// Extension names in `crit` that are understood.
    pub critical: Vec<Box<str>>,
}

/// Why an issuer's policy refuses a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The algorithm is not among the issuer's.
    #[error("algorithm {found} is not one of {allowed}")]
    Algorithm {
        /// What the header names.
        found: super::Algorithm,
        /// What the issuer may use.
        allowed: AlgorithmSet,
    },
    /// `crit` names an extension that nobody here understands. The name is cut and escaped.
    #[error("\"crit\" names \"{0}\", which is not understood")]
    Critical(Box<str>),
    /// `typ` is not among the issuer's types.
    #[error("typ \"{found}\" is not one of {allowed}")]
    Type {
        /// What the header says, cut and escaped.
        found: Box<str>,
        /// The allowed types, comma-separated.
        allowed: String,
    },
}

impl HeaderPolicy {
    /// Checks `header` in the order algorithm, critical, type.
    ///
    /// # Errors
    /// [`PolicyError`] is the first check that fails.
    pub fn check(&self, header: &Header) -> Result<(), PolicyError> {
        let found = header.algorithm();
        if !self.algorithms.contains(found) {
            return Err(PolicyError::Algorithm {
                found,
                allowed: self.algorithms,
            });
        }
        if let Some(name) = header.crit().find(|name| !self.understands(name)) {
            return Err(PolicyError::Critical(excerpt(name).into()));
        }
        let found = header.typ().map_or(DEFAULT_TYPE, media_subtype);
        if !self
            .types
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(found))
        {
            let (found, allowed) = (excerpt(found).into(), self.types.join(", "));
            return Err(PolicyError::Type { found, allowed });
        }
        Ok(())
    }

    fn understands(&self, name: &str) -> bool {
        self.critical.iter().any(|known| **known == *name)
    }
}

/// `typ` without one `application/` in front, which may be left out (RFC 7515 §4.1.9).
fn media_subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case(PREFIX) => subtype,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    fn policy() -> HeaderPolicy {
        HeaderPolicy {
            algorithms: [Algorithm::Rs256, Algorithm::Es256].into_iter().collect(),
            types: vec!["jwt".into(), "at+jwt".into()],
            critical: vec!["exp-ext".into()],
        }
    }

    fn check(header: &str) -> Result<(), PolicyError> {
        policy().check(&Header::parse(header.as_bytes()).unwrap())
    }

    #[test]
    fn the_algorithm_must_be_the_issuers() {
        assert_eq!(check(r#"{"alg":"ES256"}"#), Ok(()));
        let error = check(r#"{"alg":"HS256","crit":["x"],"x":1,"typ":"y"}"#).unwrap_err();
        assert!(matches!(
            error,
            PolicyError::Algorithm {
                found: Algorithm::Hs256,
                ..
            }
        ));
        assert_eq!(
            error.to_string(),
            "algorithm HS256 is not one of RS256, ES256"
        );
    }

    #[test]
    fn critical_names_must_be_understood() {
        assert_eq!(
            check(r#"{"alg":"RS256","crit":["exp-ext"],"exp-ext":1}"#),
            Ok(())
        );
        for name in ["Exp-ext", "exp-ex", "b64"] {
            let header = format!(r#"{{"alg":"RS256","crit":["{name}"],"{name}":true,"typ":"y"}}"#);
            assert_eq!(check(&header), Err(PolicyError::Critical(name.into())));
        }
    }

    #[test]
    fn the_type_is_compared_without_case_and_prefix() {
        for typ in [
            "JWT",
            "jwt",
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "APPLICATION/Jwt",
        ] {
            assert_eq!(
                check(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)),
                Ok(()),
                "{typ}"
            );
        }
        for typ in [
            "",
            "logout+jwt",
            "dpop+jwt",
            "application/",
            "application/application/jwt",
            "text/jwt",
            "jwt ",
            "jwt;a=b",
            "application/é",
        ] {
            let header = format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#);
            let error = check(&header).unwrap_err();
            assert!(matches!(error, PolicyError::Type { .. }), "{typ}: {error}");
        }
    }

    #[test]
    fn a_missing_type_counts_as_jwt() {
        assert_eq!(check(r#"{"alg":"RS256"}"#), Ok(()));
        let strict = HeaderPolicy {
            types: vec!["at+jwt".into()],
            ..policy()
        };
        let header = Header::parse(br#"{"alg":"RS256"}"#).unwrap();
        let error = strict.check(&header).unwrap_err();
        assert_eq!(error.to_string(), "typ \"jwt\" is not one of at+jwt");
    }

    #[test]
    fn what_the_log_gets_is_bounded() {
        let long = "x".repeat(6_000);
        let error = check(&format!(r#"{{"alg":"RS256","typ":"{long}"}}"#)).unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
