//! Answering another proxy that asks whether a request may pass: the same pipeline, and an answer in the
//! place of a request to an upstream.
//!
//! What is asked about stands in header fields, so whoever may ask could ask about anything, and is named in
//! the configuration. A question that is not clear is refused: the other proxy sends on what it has, not what
//! was decided here.

use std::{net::IpAddr, pin::pin, rc::Rc, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, request::Parts};
use ipnet::IpNet;

use super::{
    Code, Exchange, Gateway, Note, Refusal, Silent, Snapshot, guard::guarded, login, request_id,
    respond,
};
use crate::forward::{ClientBody, RequestBody, ResponseBody, headers::X_REQUEST_ID};

mod allow;
mod deny;
mod original;

pub use original::OriginalError;

/// What a connection came in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// `[server] listen`: what passes is forwarded.
    #[default]
    Public,
    /// The authorizer of this number: what passes is answered.
    Authorizer(u16),
}

/// Who asks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// How it asks.
    pub kind: Kind,
    /// Who may ask. Whoever is on the other end of a Unix socket may, too.
    pub trusted: Vec<IpNet>,
    /// What stands before the path of a request that is asked about; for [`Kind::EnvoyHttp`].
    pub path_prefix: Box<str>,
}

/// In which form a proxy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nginx's `auth_request`: `X-Original-Method`, `X-Original-URI`; it knows 401 and 403 only.
    Nginx,
    /// Caddy's and Traefik's `forward_auth`: `X-Forwarded-Method`, `-Uri`, `-Host`.
    ForwardAuth,
    /// Envoy's `ext_authz` over HTTP: method, path and host are those of the request.
    EnvoyHttp,
}

impl Kind {
    /// Every kind, with its name in a configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("nginx", Self::Nginx),
        ("forward_auth", Self::ForwardAuth),
        ("ext_authz_http", Self::EnvoyHttp),
    ];
}

impl Authorizer {
    /// Whether `peer` may ask.
    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_none_or(|peer| {
            let peer = peer.to_canonical();
            self.trusted.iter().any(|network| network.contains(&peer))
        })
    }
}

impl Gateway {
    /// Answers whether the request that `request` asks about may pass.
    pub(super) async fn authorize(
        &self,
        request: Request<ClientBody>,
        exchange: &Exchange<'_>,
        number: u16,
    ) -> Response<ResponseBody> {
        let started = Instant::now();
        let snapshot = self.snapshot.load_full();
        // A reload cannot take one away, since its address is fixed.
        let authorizer = snapshot.policy.authorizers.get(usize::from(number));
        let head = request.into_parts().0;
        let peer = exchange.peer.address;
        let trusted = authorizer.is_some_and(|authorizer| authorizer.trusts(peer));
        let request_id = request_id::of(&head, trusted);
        let mut note = Note {
            peer,
            ..Note::default()
        };
        let answered = {
            let asked = pin!(async {
                let authorizer = authorizer.filter(|_| trusted);
                let authorizer = authorizer.ok_or(OriginalError::Untrusted)?;
                self.answer(authorizer, head, &snapshot, exchange, &mut note)
                    .await
            });
            guarded(asked).await
        };
        let mut response = match answered.unwrap_or(Err(Refusal::Panicked)) {
            Ok(mut response) => {
                login::tell(note.login, false, &snapshot, &mut response);
                response
                    .headers_mut()
                    .insert(X_REQUEST_ID, request_id.clone());
                snapshot.count_allowed(note.route.map_or(usize::MAX, |route| route.id));
                response
            }
            Err(refusal) => {
                self.tell(&refusal, &note, &request_id, exchange.peer);
                let metadata = snapshot.resource_metadata(note.route.as_ref());
                let mut response =
                    respond::refuse(&refusal, &request_id, &snapshot.realm, metadata);
                login::tell(note.login, true, &snapshot, &mut response);
                deny::translate(authorizer, refusal.code(), response)
            }
        };
        no_store(&mut response);
        self.metrics.request_duration.observe(started.elapsed());
        response
    }

    async fn answer(
        &self,
        authorizer: &Authorizer,
        head: Parts,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
        note: &mut Note,
    ) -> Result<Response<ResponseBody>, Refusal> {
        if self.pressure.refuses() {
            return Err(Refusal::Memory);
        }
        let original = original::read(authorizer, head)?;
        note.peer = original.peer;
        let came = original.head.headers.clone();
        let mut body = RequestBody::withheld(Rc::clone(exchange.pace));
        let permit = self
            .decide(
                snapshot,
                original.head,
                &mut body,
                exchange.recent,
                note,
                &mut Silent,
            )
            .await?;
        let own = &snapshot.policy.own_headers;
        Ok(allow::answer(authorizer.kind, permit, &came, own))
    }
}

/// An answer holds for one request.
fn no_store(response: &mut Response<ResponseBody>) {
    let value = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, value);
}

/// A response without a body.
fn bare() -> Response<ResponseBody> {
    Response::new(ResponseBody::Own(Bytes::new()))
}
