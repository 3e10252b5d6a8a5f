//! How long a call may take as its client says: `grpc-timeout`, digits and a unit.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The time that the client gives the whole exchange; `None` when it does not say, or not clearly.
pub(super) fn of(fields: &HeaderMap) -> Option<Duration> {
    let mut values = fields.get_all(GRPC_TIMEOUT).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    // Eight digits of hours are far from any overflow.
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Option<Duration> {
        let fields = values.iter().map(|v| (GRPC_TIMEOUT, v.parse().unwrap()));
        of(&fields.collect())
    }

    #[test]
    fn a_time_is_digits_and_a_unit() {
        assert_eq!(parse(&["1H"]), Some(Duration::from_secs(3600)));
        assert_eq!(parse(&["2M"]), Some(Duration::from_secs(120)));
        assert_eq!(parse(&["99999999S"]), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse(&["150m"]), Some(Duration::from_millis(150)));
        assert_eq!(parse(&["7u"]), Some(Duration::from_micros(7)));
        assert_eq!(parse(&["0n"]), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_no_time() {
        for value in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "1 S",
            "100000000S",
            "+1S",
            "1.5S",
        ] {
            assert_eq!(parse(&[value]), None, "{value}");
        }
        assert_eq!(parse(&["1S", "2S"]), None);
    }
}
