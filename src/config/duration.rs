//! Durations: `"30s"`, `"5m"`, `"1h 30m"`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without its unit, or no number at all.
    #[error("not a duration")]
    Malformed,
    /// `-5s`.
    #[error("a duration cannot be negative")]
    Negative,
    /// More than the clock can count.
    #[error("the duration is too long")]
    TooLong,
}

/// The units, largest first: the parts of a duration follow this order.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads whole numbers with units, each unit at most once and the largest first.
///
/// # Errors
/// [`DurationError`] when it is anything else.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.trim_start().starts_with('-') {
        return Err(DurationError::Negative);
    }
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(DurationError::Malformed);
    }
    while !rest.is_empty() {
        let (digits, after) = split_at_end_of(rest, |c| c.is_ascii_digit());
        let (unit, after) = split_at_end_of(after, |c| c.is_ascii_alphabetic());
        if digits.is_empty() {
            return Err(DurationError::Malformed);
        }
        let (_, scale) = units
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError::Malformed)?;
        let number: u64 = digits.parse().map_err(|_| DurationError::TooLong)?;
        total = number
            .checked_mul(*scale)
            .and_then(|part| total.checked_add(part))
            .ok_or(DurationError::TooLong)?;
        rest = after.trim_start_matches(' ');
    }
    Ok(Duration::from_millis(total))
}

/// As short as a person would write it.
#[must_use]
pub fn render(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, scale) in UNITS {
        if rest >= scale {
            parts.push(format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Splits `text` after its first characters for which `inside` holds.
pub(super) fn split_at_end_of(text: &str, inside: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, millis) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "", " ", "30", "s", "30 s", "30x", "1.5s", "30m 1h", "1s 1s", "+5s", "١s", "1s,2ms",
        ] {
            assert_eq!(parse(text), Err(DurationError::Malformed), "{text}");
        }
        assert_eq!(parse("-5s"), Err(DurationError::Negative));
        assert_eq!(parse("99999999999999999999s"), Err(DurationError::TooLong));
        assert_eq!(parse("9999999999999999d"), Err(DurationError::TooLong));
    }

    #[test]
    fn what_is_rendered_reads_the_same() {
        for millis in [0, 1, 1_000, 90_000, 86_400_000, 90_061_001] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&render(duration)), Ok(duration));
        }
    }
}
