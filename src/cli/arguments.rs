//! Values on the command line: times, durations, algorithms.

use crate::{
    clock::{UnixTime, UnixTimeError},
    config,
    jose::{Algorithm, AlgorithmSet},
};

/// The longest time on the command line, in seconds: ten years.
const MOST: i64 = 315_360_000;

/// RFC 3339, or seconds since 1970.
pub(super) fn time(text: &str) -> Result<UnixTime, String> {
    text.parse()
        .map_err(|error: UnixTimeError| error.to_string())
}

/// A duration of whole seconds, and not none.
pub(super) fn lifetime(text: &str) -> Result<i64, String> {
    match wait(text)? {
        0 => Err("it must be at least a second".to_owned()),
        seconds => Ok(seconds),
    }
}

/// A duration of whole seconds.
pub(super) fn wait(text: &str) -> Result<i64, String> {
    let duration = config::parse_duration(text)
        .map_err(|error| format!("{error}: write 30s, 5m or \"1h 30m\""))?;
    if duration.subsec_nanos() != 0 {
        return Err("it must be of whole seconds".to_owned());
    }
    let seconds = i64::try_from(duration.as_secs()).ok();
    seconds
        .filter(|seconds| *seconds <= MOST)
        .ok_or_else(|| "it must be at most ten years".to_owned())
}

/// An algorithm.
pub(super) fn algorithm(text: &str) -> Result<Algorithm, String> {
    let every: AlgorithmSet = Algorithm::ALL.into_iter().collect();
    text.parse().map_err(|_| format!("there are {every}"))
}

/// An algorithm of a key pair.
pub(super) fn signature_algorithm(text: &str) -> Result<Algorithm, String> {
    let possible = AlgorithmSet::asymmetric();
    let own = algorithm(text).ok().filter(|own| possible.contains(*own));
    own.ok_or_else(|| format!("there are {possible}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_read_and_nonsense_is_refused() {
        assert_eq!(time("2027-01-15T08:00:00Z"), Ok(UnixTime(1_800_000_000)));
        assert_eq!(time("-5"), Ok(UnixTime(-5)));
        assert!(time("tomorrow").is_err());
        assert_eq!((wait("0s"), lifetime("1h 30m")), (Ok(0), Ok(5400)));
        for wrong in ["0s", "500ms", "5", "3651d", "-1s", ""] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_pair_signs_by_no_secret() {
        assert_eq!(signature_algorithm("ES256"), Ok(Algorithm::Es256));
        assert_eq!(algorithm("HS256"), Ok(Algorithm::Hs256));
        assert!(signature_algorithm("HS256").is_err());
        assert!(algorithm("none").is_err() && signature_algorithm("none").is_err());
    }
}
