//! Responses that break off after their head went out: it is too late for a refusal, and not to tell of it.

use super::{Code, Gateway, refusal};
use crate::{
    forward::{Label, Peer, ResponseBody, ResponseError},
    telemetry::metrics::CutOffLabels,
};

/// Why a response broke off, and whose it was.
#[derive(Debug)]
pub struct CutOff {
    code: Code,
    cause: String,
    label: Option<Label>,
}

impl CutOff {
    /// That `body` broke off.
    #[must_use]
    pub fn new(error: &ResponseError, body: &mut ResponseBody) -> Self {
        let code = refusal::response(error);
        let label = match inner(body, code) {
            ResponseBody::Upstream(exchange) => exchange.take_label(),
            ResponseBody::Http2(answer) => answer.take_label(),
            ResponseBody::Own(_)
            | ResponseBody::WithTrailers(_)
            | ResponseBody::Tunnel(_)
            | ResponseBody::Logged(_) => None,
        };
        Self {
            code,
            cause: error.to_string(),
            label,
        }
    }
}

/// The body under a logged one, whose line says why it breaks off.
fn inner(body: &mut ResponseBody, code: Code) -> &mut ResponseBody {
    match body {
        ResponseBody::Logged(logged) => {
            logged.breaks_off(code.name());
            logged.body()
        }
        body => body,
    }
}

impl Gateway {
    /// One log event and one count for a response that broke off.
    pub fn tell_cut_off(&self, cut: &CutOff, peer: &Peer) {
        let route = cut.label.as_ref().map(|label| &label.route);
        let id = cut.label.as_ref().map(|label| &*label.request_id);
        tracing::warn!(
            code = cut.code.name(),
            route = route.map(|route| &**route),
            cause = cut.cause,
            request_id = id.and_then(|id| str::from_utf8(id).ok()),
            client = peer.address.map(tracing::field::display),
            "cut off",
        );
        let labels = CutOffLabels {
            route: route
                .cloned()
                .unwrap_or_else(|| super::serve::NO_ROUTE.into()),
            code: cut.code.name(),
        };
        self.metrics.responses_cut_off.get_or_create(&labels).inc();
    }
}
