//! The limits of one request's head.

use http::{
    header::{CONTENT_LENGTH, COOKIE},
    request::Parts,
};

use crate::limits::Limits;

/// Which limit a request's head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The request line is too long.
    #[error("the request line is longer than {limit} bytes")]
    RequestLine {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The header fields are too large.
    #[error("the header fields are larger than {limit} bytes")]
    HeaderBytes {
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are too many header fields; each cookie crumb counts.
    #[error("there are more than {limit} header fields and cookies")]
    HeaderFields {
        /// The limit.
        limit: usize,
    },
    /// The announced body is too large.
    #[error("the body is larger than {limit} bytes")]
    Body {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// Checks the head of a request.
///
/// # Errors
/// [`LimitError`] is the first limit that it breaks.
pub fn check(head: &Parts, limits: &Limits) -> Result<(), LimitError> {
    const SPACES_AND_VERSION: usize = " ".len() + " HTTP/1.1".len();
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if head.method.as_str().len() + target + SPACES_AND_VERSION > limits.request_line_bytes {
        return Err(LimitError::RequestLine {
            limit: limits.request_line_bytes,
        });
    }
    let (mut bytes, mut fields) = (0, 0);
    for (name, value) in &head.headers {
        bytes += name.as_str().len() + value.len() + ": \r\n".len();
        fields += if name == COOKIE {
            1 + memchr::memchr_iter(b';', value.as_bytes()).count()
        } else {
            1
        };
    }
    if bytes > limits.header_bytes {
        return Err(LimitError::HeaderBytes {
            limit: limits.header_bytes,
        });
    }
    if fields > limits.header_fields {
        return Err(LimitError::HeaderFields {
            limit: limits.header_fields,
        });
    }
    check_body(head, limits)
}

fn check_body(head: &Parts, limits: &Limits) -> Result<(), LimitError> {
    let Some(limit) = limits.body_bytes else {
        return Ok(());
    };
    let announced = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    match announced.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > limit => Err(LimitError::Body { limit }),
        _ => Ok(()),
    }
}
