//! Sizes: `"16KiB"`, `"1MB"`, or a number of bytes.

use super::duration::split_at_end_of;

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SizeError {
    /// Not a whole number with a unit.
    #[error("not a size")]
    Malformed,
    /// More bytes than can be counted.
    #[error("the size is too large")]
    TooLarge,
}

/// Bytes, and thousands or 1024s of them.
const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a whole number and its unit; the unit of a bare number is the byte.
///
/// # Errors
/// [`SizeError`] when it is anything else.
pub(super) fn parse(text: &str) -> Result<u64, SizeError> {
    let (digits, unit) = split_at_end_of(text.trim(), |c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(SizeError::Malformed);
    }
    let unit = unit.trim_start_matches(' ');
    let scale = match unit {
        "" => 1,
        _ => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, scale)| *scale)
            .ok_or(SizeError::Malformed)?,
    };
    let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge)?;
    number.checked_mul(scale).ok_or(SizeError::TooLarge)
}

/// As short as a person would write it.
pub(super) fn render(bytes: u64) -> String {
    for (unit, scale) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= scale && bytes % scale == 0 {
            return format!("{}{unit}", bytes / scale);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("16KiB", 16_384),
            ("8KB", 8_000),
            ("1 MiB", 1_048_576),
            ("512B", 512),
            ("8192", 8_192),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "KiB", "16kib", "16K", "-1KiB", "1.5MiB", "16KiB extra"] {
            assert_eq!(parse(text), Err(SizeError::Malformed), "{text}");
        }
        assert_eq!(parse("99999999999999999999"), Err(SizeError::TooLarge));
        assert_eq!(parse("18446744073709551615GiB"), Err(SizeError::TooLarge));
    }

    #[test]
    fn what_is_rendered_reads_the_same() {
        for bytes in [0, 1, 1_000, 1_024, 16_384, 1 << 30] {
            assert_eq!(parse(&render(bytes)), Ok(bytes));
        }
    }
}
