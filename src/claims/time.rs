//! Time: `exp`, `nbf`, `iat` and `max_age` (RFC 7519 §4.1.4 to §4.1.6).

use super::{ClaimsError, Rules};
use crate::{
    clock::UnixTime,
    jose::json::{Object, Text},
};

/// The last second of the year 9999. What lies beyond is a mistake or a trick, not a date.
const LATEST: i64 = 253_402_300_799;

/// The times of one token: each is there and is a time, or is not there at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    exp: Known,
    nbf: Known,
    iat: Known,
}

/// A time, or [`ABSENT`]: a proof of every live token has three of them.
#[derive(Clone, Copy, Debug)]
struct Known(i64);

/// No time that [`read`] accepts.
const ABSENT: i64 = -1;

impl Times {
    /// Reads the times. Whether a claim has to be there is not asked here but in [`super::allowed`];
    /// one that is there has to be a time.
    pub(super) fn read(claims: &Object) -> Result<Self, ClaimsError> {
        Ok(Self {
            exp: Known::from(read(claims, "exp")?),
            nbf: Known::from(read(claims, "nbf")?),
            iat: Known::from(read(claims, "iat")?),
        })
    }

    /// `exp`.
    pub(super) fn exp(&self) -> Option<UnixTime> {
        self.exp.time()
    }

    /// The first second in which [`Times::check`] finds them over, whatever else happens; `None`: never.
    pub(super) fn end(&self, rules: &Rules) -> Option<UnixTime> {
        let skew = rules.clock_skew;
        let expires = self.exp.time().map(|exp| exp.plus(skew));
        let too_old = self.iat.time().zip(rules.max_age);
        let too_old = too_old.map(|(iat, age)| iat.plus(age).plus(skew).plus(1));
        expires.into_iter().chain(too_old).min()
    }

    /// Checks `exp`, `nbf`, `iat` and the age, in this order.
    pub(super) fn check(&self, rules: &Rules, now: UnixTime) -> Result<(), ClaimsError> {
        let skew = rules.clock_skew;
        if let Some(exp) = self.exp.time()
            && now >= exp.plus(skew)
        {
            return Err(ClaimsError::Expired(exp));
        }
        if let Some(nbf) = self.nbf.time()
            && now.plus(skew) < nbf
        {
            return Err(ClaimsError::NotYetValid(nbf));
        }
        let Some(iat) = self.iat.time() else {
            return Ok(());
        };
        if now.plus(skew) < iat {
            return Err(ClaimsError::IssuedInFuture(iat));
        }
        match rules.max_age {
            Some(max_age) if now.since(iat) > max_age.saturating_add(skew) => {
                Err(ClaimsError::TooOld(iat))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Known {
    fn time(self) -> Option<UnixTime> {
        (self.0 != ABSENT).then_some(UnixTime(self.0))
    }
}

impl From<Option<UnixTime>> for Known {
    fn from(time: Option<UnixTime>) -> Self {
        Self(time.map_or(ABSENT, |time| time.0))
    }
}

/// A NumericDate (RFC 7519 §2). One that does not parse, null included, is not an absent one.
fn read(claims: &Object, claim: &'static str) -> Result<Option<UnixTime>, ClaimsError> {
    let Some(value) = claims.get(claim) else {
        return Ok(None);
    };
    match seconds(&value) {
        Some(seconds) => Ok(Some(UnixTime(seconds))),
        None => Err(ClaimsError::Malformed {
            claim,
            why: "not a whole number of seconds between the years 1970 and 9999",
        }),
    }
}

fn seconds(value: &Text<'_>) -> Option<i64> {
    let number = value.number()?;
    let seconds = match number.as_i64() {
        Some(seconds) => seconds,
        None => whole(number.as_f64()?)?,
    };
    (0..=LATEST).contains(&seconds).then_some(seconds)
}

/// `1.7e9` is a whole number too; every one in this range has an exact `f64`.
fn whole(number: f64) -> Option<i64> {
    let good = number.fract() == 0.0 && (0.0..=LATEST as f64).contains(&number);
    good.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::claims::tests::rules;

    const NOW: i64 = 1_700_000_000;
    const SKEW: i64 = 60;

    fn at(now: i64, max_age: Option<i64>, claims: &Value) -> Result<(), ClaimsError> {
        let rules = Rules {
            clock_skew: SKEW,
            max_age,
            ..rules()
        };
        Times::read(&Object::of(claims))?.check(&rules, UnixTime(now))
    }

    fn now(claims: &Value) -> Result<(), ClaimsError> {
        at(NOW, None, claims)
    }

    #[test]
    fn exp_counts_to_the_second() {
        assert_eq!(now(&json!({"exp": NOW + 1})), Ok(()));
        assert_eq!(now(&json!({"exp": NOW - SKEW + 1})), Ok(()));
        for exp in [NOW - SKEW, NOW - SKEW - 1, 0] {
            assert_eq!(
                now(&json!({"exp": exp})),
                Err(ClaimsError::Expired(UnixTime(exp)))
            );
        }
    }

    #[test]
    fn nbf_counts_to_the_second() {
        assert_eq!(now(&json!({"nbf": NOW})), Ok(()));
        assert_eq!(now(&json!({"nbf": NOW + SKEW})), Ok(()));
        let nbf = NOW + SKEW + 1;
        assert_eq!(
            now(&json!({"nbf": nbf})),
            Err(ClaimsError::NotYetValid(UnixTime(nbf)))
        );
    }

    #[test]
    fn iat_counts_to_the_second() {
        assert_eq!(now(&json!({"iat": 0})), Ok(()));
        assert_eq!(now(&json!({"iat": NOW + SKEW})), Ok(()));
        let iat = NOW + SKEW + 1;
        assert_eq!(
            now(&json!({"iat": iat})),
            Err(ClaimsError::IssuedInFuture(UnixTime(iat)))
        );
    }

    #[test]
    fn the_age_counts_to_the_second() {
        let iat = NOW - 300 - SKEW;
        assert_eq!(at(NOW, Some(300), &json!({"iat": iat})), Ok(()));
        assert_eq!(
            at(NOW + 1, Some(300), &json!({"iat": iat})),
            Err(ClaimsError::TooOld(UnixTime(iat)))
        );
    }

    #[test]
    fn the_end_is_the_first_second_that_is_refused() {
        for (max_age, claims) in [
            (None, json!({"exp": NOW + 100})),
            (Some(300), json!({"exp": NOW + 100, "iat": NOW})),
            (Some(30), json!({"exp": NOW + 100, "iat": NOW})),
            (Some(30), json!({"iat": NOW})),
        ] {
            let rules = Rules {
                clock_skew: SKEW,
                max_age,
                ..rules()
            };
            let times = Times::read(&Object::of(&claims)).unwrap();
            let end = times.end(&rules).unwrap();
            assert_eq!(times.check(&rules, end.plus(-1)), Ok(()), "{claims}");
            assert!(times.check(&rules, end).is_err(), "{claims}");
        }
        let endless = Times::read(&Object::of(&json!({"iat": NOW}))).unwrap();
        assert_eq!(endless.end(&rules()), None);
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_float() {
        for exp in [
            "1.8e9",
            "1800000000.0",
            "18E8",
            "253402300799",
            "253402300799.0",
        ] {
            let claims = serde_json::from_str(&format!(r#"{{"exp": {exp}}}"#)).unwrap();
            assert_eq!(now(&claims), Ok(()), "{exp}");
        }
    }

    #[test]
    fn what_is_no_time_is_malformed_and_not_absent() {
        let bad = [
            "\"1800000000\"",
            "-1",
            "-1.0",
            "1e300",
            "1800000000.5",
            "253402300800",
            "253402300800.0",
            "18446744073709551615",
            "9223372036854775807",
            "null",
            "true",
            "[]",
            "{}",
            "[1800000000]",
            "\"\"",
        ];
        for claim in ["exp", "nbf", "iat"] {
            for value in bad {
                let claims = serde_json::from_str(&format!(r#"{{"{claim}": {value}}}"#)).unwrap();
                let result = now(&claims);
                let malformed =
                    matches!(result, Err(ClaimsError::Malformed { claim: c, .. }) if c == claim);
                assert!(malformed, "{claim} {value}: {result:?}");
            }
        }
    }

    #[test]
    fn no_clock_and_no_setting_overflows() {
        let claims = json!({"exp": LATEST, "nbf": 0, "iat": 0});
        for now in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
            for number in [i64::MIN, -1, 0, 1, i64::MAX] {
                let rules = Rules {
                    clock_skew: number,
                    max_age: Some(number),
                    ..rules()
                };
                let _ = Times::read(&Object::of(&claims))
                    .unwrap()
                    .check(&rules, UnixTime(now));
            }
        }
        assert!(at(i64::MAX, None, &claims).is_err());
        assert!(at(i64::MIN, None, &claims).is_err());
    }
}
