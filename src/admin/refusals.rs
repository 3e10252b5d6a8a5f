//! `/refusals` and `/refusals/ID`: what was refused lately, and why.

use http::StatusCode;

use super::{Answer, explain::wrong, status::json};
use crate::{
    explain::{Memory, Remembered},
    gateway::Gateway,
};

pub(super) const PATH: &str = "/refusals";

/// Every refusal that is remembered, one of them, or 404.
pub(super) fn answer_to(path: &str, gateway: &Gateway) -> Answer {
    let (refusals, now) = (gateway.refusals(), gateway.now());
    if path == PATH {
        let overview = refusals.overview(now);
        return json(StatusCode::OK, &Memory::of(&overview, now));
    }
    let id = path
        .strip_prefix(PATH)
        .and_then(|rest| rest.strip_prefix('/'));
    match id.and_then(|id| refusals.find(id)) {
        Some(entry) => json(StatusCode::OK, &Remembered::of(&entry, now)),
        None if refusals.is_on() => wrong(
            StatusCode::NOT_FOUND,
            "no refusal of this request is remembered: it was let through, or is too long ago",
        ),
        None => wrong(
            StatusCode::NOT_FOUND,
            "no refusals are remembered: admin.refusals is 0",
        ),
    }
}
