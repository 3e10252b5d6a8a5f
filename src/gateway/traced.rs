//! What becomes of a request's trace: at its beginning, and at its end.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, request::Parts};

use super::{Code, Exchange, Gateway, Note, Snapshot, client};
use crate::{
    forward::headers::named_by_connection,
    spans::{Asked, Context, Ended, Matched, Traced, context::TRACEPARENT},
};

impl Gateway {
    /// The trace that a request came with, if that counts, and its record if it gets one.
    pub(super) fn traced(
        &self,
        head: &Parts,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
        trusted: bool,
        request_id: &HeaderValue,
    ) -> Traced {
        let counts = self.tracing.trust.holds(trusted);
        let arrived = if counts { arrived(head) } else { None };
        let Some(tracer) = &self.tracing.tracer else {
            let record = None;
            return Traced { arrived, record };
        };
        let record = tracer.begin(arrived, !trusted, || Asked {
            method: head.method.clone(),
            scheme: exchange.scheme,
            version: head.version,
            client: client::address(snapshot, exchange.peer.address, &head.headers),
            request_id: request_id.to_str().unwrap_or_default().into(),
        });
        Traced { arrived, record }
    }
}

/// What `Connection` names was meant for the hop to here.
fn arrived(head: &Parts) -> Option<Context> {
    let context = Context::of(&head.headers)?;
    let gone = named_by_connection(&head.headers);
    (!gone.contains(&TRACEPARENT)).then_some(context)
}

/// Ends the spans of a request that is answered with `status`, or refused with `code`.
pub(super) fn end(note: &mut Note, status: StatusCode, code: Option<Code>) {
    let Some(record) = note.trace.record.take() else {
        return;
    };
    record.end(Ended {
        status: status.as_u16(),
        code: code.map(Code::name),
        route: note.route.as_ref().map(|route| Matched {
            name: Arc::clone(&route.name),
            path: route.path.clone(),
            host: route.host.clone(),
        }),
        issuer: note.issuer.as_ref().map(|issuer| Arc::clone(&issuer.name)),
    });
}
