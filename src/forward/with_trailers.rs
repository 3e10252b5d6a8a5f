//! A body of the gateway's own with trailers behind it.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// A body that is there as a whole, and its trailers.
#[derive(Debug)]
pub struct WithTrailers {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl WithTrailers {
    /// `data`, and then `trailers`.
    #[must_use]
    pub const fn new(data: Bytes, trailers: HeaderMap) -> Self {
        Self {
            data: Some(data),
            trailers: Some(trailers),
        }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Option<Frame<Bytes>> {
        let data = self.data.take().map(Frame::data);
        data.or_else(|| self.trailers.take().map(Frame::trailers))
    }

    /// Whether there is no more.
    pub(super) const fn is_done(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}
