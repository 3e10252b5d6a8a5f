//! A parameter of the route's path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Which part of a path a parameter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which segment, from 0.
    pub place: usize,
    /// Whether it goes on to the path's end.
    pub rest: bool,
}

impl Segment {
    /// What stands there in the canonical path `path`, decoded; `None` when the path ends before, or
    /// nothing stands there.
    #[must_use]
    pub fn of(self, path: &str) -> Option<Cow<'_, [u8]>> {
        let mut rest = path.strip_prefix('/')?;
        for _ in 0..self.place {
            rest = rest.split_once('/')?.1;
        }
        let value = match rest.split_once('/') {
            Some((segment, _)) if !self.rest => segment,
            Some(_) | None => rest,
        };
        (!value.is_empty()).then(|| percent_decode_str(value).into())
    }
}
