//! What an assertion must say (RFC 7523 §3): pure, `now` is an argument. Its signature was checked before.

use std::borrow::Cow;

use crate::{
    clock::UnixTime,
    jose::json::{Object, Text},
};

/// The last second of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// What is asked of an assertion. Times are in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    /// Its `iss`.
    pub(super) client: &'r str,
    /// One of these must be in its `aud`.
    pub(super) audiences: &'r [&'r str],
    /// How far away its end may be.
    pub(super) lifetime: i64,
    /// How far clocks may differ.
    pub(super) skew: i64,
    /// Whether `exp` and `iat` may be strings of digits.
    pub(super) lenient: bool,
}

/// What a good assertion says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    /// Whom it speaks for.
    pub(super) subject: String,
    /// Its name, if it has one.
    pub(super) jti: Option<String>,
    /// The first second in which it is refused for its age.
    pub(super) until: UnixTime,
}

/// Why an assertion is refused. The texts are for its client, who has proved that it made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssertionError {
    Issuer,
    NoExpiry,
    NotATime,
    Expired,
    TooFar,
    Future,
    TooLong,
    NotYet,
    Audience,
    Subject,
    Jti,
}

impl AssertionError {
    /// What is wrong.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Issuer => "The assertion's iss is not the client.",
            Self::NoExpiry => "The assertion has no exp.",
            Self::NotATime => "The assertion's exp, nbf or iat is not a time in whole seconds.",
            Self::Expired => "The assertion expired.",
            Self::TooFar => "The assertion's exp is too far away.",
            Self::Future => "The assertion's iat is in the future.",
            Self::TooLong => "The assertion is good for too long: exp is too far from iat.",
            Self::NotYet => "The assertion is not valid yet.",
            Self::Audience => "The assertion's aud does not name this endpoint.",
            Self::Subject => "The assertion's sub is missing, or not a text that can be a subject.",
            Self::Jti => "The assertion's jti is missing, or not a string.",
        }
    }
}

/// Checks `claims`.
pub(super) fn check(
    claims: &Object,
    rules: &Rules<'_>,
    now: UnixTime,
) -> Result<Assertion, AssertionError> {
    if string(claims, "iss").as_deref() != Some(rules.client) {
        return Err(AssertionError::Issuer);
    }
    let until = check_times(claims, rules, now)?;
    if !names_one_of(claims, rules.audiences)? {
        return Err(AssertionError::Audience);
    }
    let subject = string(claims, "sub").filter(|sub| is_subject(sub));
    let subject = subject.ok_or(AssertionError::Subject)?.into_owned();
    let jti = match claims.get("jti") {
        None => None,
        Some(jti) => {
            let jti = jti.string().filter(|jti| !jti.is_empty());
            Some(jti.ok_or(AssertionError::Jti)?.into_owned())
        }
    };
    Ok(Assertion {
        subject,
        jti,
        until,
    })
}

fn check_times(
    claims: &Object,
    rules: &Rules<'_>,
    now: UnixTime,
) -> Result<UnixTime, AssertionError> {
    let time = |name, lenient| time(claims, name, lenient);
    let exp = time("exp", rules.lenient)?.ok_or(AssertionError::NoExpiry)?;
    let iat = time("iat", rules.lenient)?;
    let nbf = time("nbf", false)?;
    let end = exp.plus(rules.skew);
    if now >= end {
        return Err(AssertionError::Expired);
    }
    if exp.since(now) > rules.lifetime.saturating_add(rules.skew) {
        return Err(AssertionError::TooFar);
    }
    if let Some(iat) = iat {
        if now.plus(rules.skew) < iat {
            return Err(AssertionError::Future);
        }
        if exp.since(iat) > rules.lifetime {
            return Err(AssertionError::TooLong);
        }
    }
    if nbf.is_some_and(|nbf| now.plus(rules.skew) < nbf) {
        return Err(AssertionError::NotYet);
    }
    Ok(end)
}

/// A time; one that is there and does not parse is not an absent one.
fn time(claims: &Object, name: &str, lenient: bool) -> Result<Option<UnixTime>, AssertionError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let digits = || {
        let text = value.string()?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if plain {
            text.parse::<i64>().ok()
        } else {
            None
        }
    };
    let seconds = match value.number() {
        Some(number) => number.as_i64(),
        None if lenient => digits(),
        None => None,
    };
    let seconds = seconds.filter(|seconds| (0..=LATEST).contains(seconds));
    seconds
        .map(|seconds| Some(UnixTime(seconds)))
        .ok_or(AssertionError::NotATime)
}

fn names_one_of(claims: &Object, audiences: &[&str]) -> Result<bool, AssertionError> {
    let aud = claims.get("aud").ok_or(AssertionError::Audience)?;
    let is_one = |value: &Text<'_>| value.string().map(|aud| audiences.contains(&&*aud));
    if let Some(found) = is_one(&aud) {
        return Ok(found);
    }
    let all = aud.elements().ok_or(AssertionError::Audience)?;
    let mut found = false;
    for value in all {
        found |= is_one(&value).ok_or(AssertionError::Audience)?;
    }
    Ok(found)
}

fn string<'c>(claims: &'c Object, name: &str) -> Option<Cow<'c, str>> {
    claims.get(name)?.string()
}

/// It will stand in headers and logs.
fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const AUDIENCE: &str = "https://api.example.com/oauth/token";

    fn checked(changes: &Value, lenient: bool) -> Result<Assertion, AssertionError> {
        let mut claims = json!({
            "iss": "erp", "sub": "alice", "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "jti": "1",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        let rules = Rules {
            client: "erp",
            audiences: &[AUDIENCE],
            lifetime: 300,
            skew: 60,
            lenient,
        };
        check(&Object::of(&claims), &rules, UnixTime(NOW))
    }

    #[test]
    fn a_good_one_names_its_subject_and_its_end() {
        let good = checked(&json!({}), true).unwrap();
        assert_eq!((&*good.subject, good.jti.as_deref()), ("alice", Some("1")));
        assert_eq!(good.until, UnixTime(NOW + 360));
        for changes in [
            json!({"jti": null}),
            json!({"iat": null}),
            json!({"iat": null, "exp": NOW + 360}),
            json!({"iat": NOW - 300, "exp": NOW}),
            json!({"iat": NOW - 359, "exp": NOW - 59}),
            json!({"iat": NOW + 60}),
            json!({"nbf": NOW + 60}),
            json!({"aud": ["x", AUDIENCE]}),
        ] {
            assert!(checked(&changes, false).is_ok(), "{changes}");
        }
    }

    #[test]
    fn each_rule_refuses() {
        use AssertionError as E;
        for (changes, error) in [
            (json!({"iss": "crm"}), E::Issuer),
            (json!({"iss": null}), E::Issuer),
            (json!({"iss": ["erp"]}), E::Issuer),
            (json!({"exp": null}), E::NoExpiry),
            (json!({"exp": 1.5}), E::NotATime),
            (json!({"exp": -1}), E::NotATime),
            (json!({"exp": 253_402_300_800_i64}), E::NotATime),
            (json!({"nbf": "1"}), E::NotATime),
            (json!({"exp": NOW - 60, "iat": null}), E::Expired),
            (json!({"exp": NOW + 361, "iat": null}), E::TooFar),
            (json!({"exp": NOW + 301}), E::TooLong),
            (json!({"iat": NOW + 61}), E::Future),
            (json!({"nbf": NOW + 61}), E::NotYet),
            (json!({"aud": "https://api.example.com"}), E::Audience),
            (json!({"aud": null}), E::Audience),
            (json!({"aud": [AUDIENCE, 1]}), E::Audience),
            (json!({"aud": []}), E::Audience),
            (json!({"sub": null}), E::Subject),
            (json!({"sub": ""}), E::Subject),
            (json!({"sub": 1}), E::Subject),
            (json!({"sub": "a\nb"}), E::Subject),
            (json!({"jti": 1}), E::Jti),
            (json!({"jti": ""}), E::Jti),
        ] {
            assert_eq!(checked(&changes, true), Err(error), "{changes}");
        }
    }

    #[test]
    fn times_in_strings_are_for_those_who_ask_leniently() {
        let strings = json!({"exp": (NOW + 300).to_string(), "iat": NOW.to_string()});
        assert!(checked(&strings, true).is_ok());
        assert_eq!(checked(&strings, false), Err(AssertionError::NotATime));
        for exp in [
            "",
            " 1800000300",
            "+1800000300",
            "1800000300.0",
            "0x6b49d2ac",
            "soon",
        ] {
            let error = checked(&json!({"exp": exp}), true);
            assert_eq!(error, Err(AssertionError::NotATime), "{exp}");
        }
    }
}
