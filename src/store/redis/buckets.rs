//! Rate limits that gateways count together: one script is one step of the server, and goes by its clock.

use std::time::Duration;

use super::{
    super::{
        StoreError,
        buckets::{Ask, Level},
    },
    Commands,
    resp::{self, Reply},
};

const TAKE: &str = include_str!("take.lua");

/// The most buckets of one question.
const MOST: usize = 64;

impl Commands {
    /// Takes one from each bucket, or only looks. `None` when there are too many.
    pub(super) fn take(&self, asks: &[Ask], is_taken: bool) -> Option<Vec<u8>> {
        if asks.len() > MOST {
            return None;
        }
        let mut arguments: Vec<Vec<u8>> = vec![b"EVAL".to_vec(), TAKE.as_bytes().to_vec()];
        arguments.push(asks.len().to_string().into_bytes());
        arguments.extend(asks.iter().map(|ask| self.bucket(ask.key)));
        arguments.push(if is_taken { b"take" } else { b"look" }.to_vec());
        for ask in asks {
            // Rounded up: it never lets through more than is said.
            let micros = ask.rate.interval().as_nanos().div_ceil(1000);
            arguments.push(micros.to_string().into_bytes());
            arguments.push(ask.rate.burst().to_string().into_bytes());
        }
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        Some(resp::command(&arguments))
    }
}

/// The answers for so many buckets.
///
/// # Errors
/// [`StoreError::Unavailable`] when the reply has something else.
pub(super) fn levels(reply: Reply, count: usize) -> Result<Vec<Level>, StoreError> {
    let Reply::Array(Some(numbers)) = reply else {
        return Err(StoreError::Unavailable);
    };
    let (levels, rest) = numbers.as_chunks::<4>();
    if levels.len() != count || !rest.is_empty() {
        return Err(StoreError::Unavailable);
    }
    let level = |numbers: &[Reply; 4]| {
        let [allowed, remaining, reset, retry] = numbers;
        let number = |reply: &Reply| match reply {
            Reply::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        Some(Level {
            allowed: number(allowed)? == 1,
            remaining: u32::try_from(number(remaining)?).ok()?,
            reset_after: Duration::from_micros(number(reset)?),
            retry_after: Duration::from_micros(number(retry)?),
        })
    };
    let levels: Option<Vec<_>> = levels.iter().map(level).collect();
    levels.ok_or(StoreError::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_levels_and_nothing_else_is() {
        let numbers = |numbers: &[i64]| {
            Reply::Array(Some(numbers.iter().map(|n| Reply::Integer(*n)).collect()))
        };
        let good = levels(numbers(&[1, 4, 100_000, 0, 0, 0, 500, 250]), 2).unwrap();
        assert!(good[0].allowed && good[0].remaining == 4);
        assert_eq!(good[0].reset_after, Duration::from_millis(100));
        assert!(!good[1].allowed);
        assert_eq!(good[1].retry_after, Duration::from_micros(250));
        for wrong in [
            numbers(&[1, 4, 100, 0]),
            numbers(&[1, 4, 100, 0, 0, 0, 0]),
            numbers(&[1, -4, 100, 0, 0, 0, 500, 250]),
            numbers(&[1, 1 << 40, 100, 0, 0, 0, 500, 250]),
            Reply::Integer(1),
            Reply::Array(None),
        ] {
            assert_eq!(levels(wrong, 2), Err(StoreError::Unavailable));
        }
    }
}
