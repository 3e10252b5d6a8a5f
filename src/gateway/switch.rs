//! Requests that ask for another protocol: whether the route lets them, and how long a tunnel may last.

use std::time::Duration;

use http::Response;
use smallvec::SmallVec;

use super::{Gateway, Note, Snapshot};
use crate::{
    authz::Permit,
    forward::{Label, ResponseBody, Upgrade},
};

/// The protocol that a permitted request asks for, if its route lets it.
pub(super) fn granted<'u>(asked: Option<&'u Upgrade>, permit: &Permit) -> Option<&'u Upgrade> {
    asked.filter(|asked| {
        let listed = &permit.route().upgrades;
        listed.iter().any(|protocol| asked.is_for(protocol))
    })
}

impl Gateway {
    /// How long a tunnel of this request may last: as long as its token would be accepted. `None`: there
    /// is no token, or it never expires, or the route lets its tunnels go on.
    pub(super) fn lifetime(&self, permit: &Permit, snapshot: &Snapshot) -> Option<Duration> {
        if !permit.route().tunnel_until_expiry {
            return None;
        }
        let identity = permit.principal()?.identity();
        let issuer = snapshot.policy.registry.get(identity.issuer())?;
        let left = identity.end(&issuer.rules)?.since(self.clock.now());
        Some(Duration::from_secs(u64::try_from(left).unwrap_or_default()))
    }
}

/// Says to what goes on after its response's head which request it belongs to.
pub(super) fn label(
    response: &mut Response<ResponseBody>,
    note: &Note,
    request_id: &http::HeaderValue,
) {
    let label = || {
        note.route.as_ref().map(|route| Label {
            route: std::sync::Arc::clone(&route.name),
            request_id: SmallVec::from_slice(request_id.as_bytes()),
        })
    };
    match response.body_mut() {
        ResponseBody::Upstream(exchange) => {
            if let Some(label) = label() {
                exchange.is_called(label);
            }
        }
        ResponseBody::Http2(answer) => {
            if let Some(label) = label() {
                answer.is_called(label);
            }
        }
        ResponseBody::Tunnel(tunnel) => tunnel.label = label(),
        ResponseBody::Own(_) | ResponseBody::WithTrailers(_) | ResponseBody::Logged(_) => {}
    }
}
