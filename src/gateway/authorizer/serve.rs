//! From a question to its answer: the way of `Gateway::handle`, without an upstream.

use std::{net::IpAddr, pin::pin, rc::Rc, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CACHE_CONTROL, request::Parts};

use super::{Authorizer, Kind, OriginalError, allow, deny, original};
use crate::{
    access_log::Outcome,
    forward::{ClientBody, Peer, RequestBody, ResponseBody, headers::X_REQUEST_ID},
    gateway::{
        Exchange, Gateway, Note, Refusal, Silent, Snapshot, access, grpc, guard::guarded, http2,
        login, request_id, respond, traced,
    },
    telemetry::metrics::AuthorizerLabels,
};

/// What is asked about: the head is that of the request, where it is clear which one that is.
struct Question {
    head: Parts,
    client: Result<Option<IpAddr>, Refusal>,
}

impl Gateway {
    /// Answers whether the request that `request` asks about may pass.
    pub(in crate::gateway) async fn authorize(
        &self,
        request: Request<ClientBody>,
        exchange: &Exchange<'_>,
        number: u16,
    ) -> Response<ResponseBody> {
        let started = Instant::now();
        let snapshot = self.snapshot.load_full();
        // A reload cannot take one away, since its address is fixed.
        let authorizer = snapshot.policy.authorizers.get(usize::from(number));
        let kind = authorizer.map_or(Kind::Nginx, |authorizer| authorizer.kind);
        let (head, body) = request.into_parts();
        let is_call = kind == Kind::EnvoyGrpc && grpc::is_call(&head);
        let trusted = authorizer.filter(|one| one.trusts(exchange.peer.address));
        let Question { head, client } = self.question(trusted, head, body, exchange).await;
        let (client, unclear) = match client {
            Ok(address) => (Some(Peer::new(address)), None),
            Err(refusal) => (None, Some(refusal)),
        };
        // From here on it is as if the client had come itself.
        let exchange = &Exchange {
            peer: client.as_ref().unwrap_or(exchange.peer),
            ..*exchange
        };
        let request_id = request_id::of(&head, trusted.is_some());
        let mut note = Note {
            peer: exchange.peer.address,
            method: head.method.clone(),
            uri: head.uri.clone(),
            entry: self.begin_line(&head, &request_id, exchange),
            trace: self.traced(&head, &snapshot, exchange, trusted.is_some(), &request_id),
            ..Note::default()
        };
        let answered = match unclear {
            Some(refusal) => Err(refusal),
            None => {
                let answer = pin!(self.answer(kind, head, &snapshot, exchange, &mut note));
                let answered = guarded(answer).await;
                answered.unwrap_or(Err(Refusal::Panicked))
            }
        };
        let (mut response, refusal) = match answered {
            Ok(response) => (response, None),
            Err(refusal) => {
                self.tell(&refusal, &note, &request_id, exchange.peer);
                self.remember(&refusal, &note, &request_id, &snapshot);
                let metadata = snapshot.resource_metadata(note.route.as_ref());
                let response = respond::refuse(&refusal, &request_id, &snapshot.realm, metadata);
                let response = deny::translate(kind, refusal.code(), response);
                (response, Some(refusal))
            }
        };
        match refusal.as_ref().map(Refusal::code) {
            Some(code) => traced::end(&mut note, code.status(), Some(code)),
            None => {
                traced::end(&mut note, response.status(), None);
                snapshot.count_allowed(note.route.as_ref().map_or(usize::MAX, |route| route.id));
            }
        }
        let login = std::mem::take(&mut note.login);
        login::tell(login, refusal.is_some(), &snapshot, &mut response);
        if let Some(fields) = &note.rate {
            fields.write(&mut response);
        }
        let fields = response.headers_mut();
        fields.insert(X_REQUEST_ID, request_id);
        // An answer holds for one request.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let response = match is_call {
            true => message(response, refusal.as_ref()),
            false => response,
        };
        self.count_answer(kind, refusal.as_ref());
        self.metrics.request_duration.observe(started.elapsed());
        let told = (&note.route, &note.issuer);
        access::answered(response, note.entry, told, refusal.as_ref())
    }

    fn count_answer(&self, kind: Kind, refusal: Option<&Refusal>) {
        let outcome = refusal.map_or(Outcome::Allow, access::outcome);
        let labels = AuthorizerLabels {
            kind: kind.name(),
            outcome: outcome.name(),
        };
        self.metrics.authorizers.get_or_create(&labels).inc();
    }

    /// Reads what is asked about. Without an `authorizer` whoever asks may not.
    async fn question(
        &self,
        authorizer: Option<&Authorizer>,
        mut head: Parts,
        body: ClientBody,
        exchange: &Exchange<'_>,
    ) -> Question {
        let read = {
            let reading = pin!(async {
                let authorizer = authorizer.ok_or(OriginalError::Untrusted)?;
                http2::settle(&mut head, &self.limits)?;
                if self.pressure.refuses() {
                    return Err(Refusal::Memory);
                }
                if authorizer.kind == Kind::EnvoyGrpc {
                    return self.read_message(&mut head, body, exchange).await;
                }
                Ok(original::read(authorizer, &mut head)?)
            });
            guarded(reading).await
        };
        let client = read.unwrap_or(Err(Refusal::Panicked));
        Question { head, client }
    }

    /// Reads the message of a call, and puts the head of the request that it tells of in the place of the call's.
    #[cfg(feature = "ext-authz")]
    async fn read_message(
        &self,
        head: &mut Parts,
        body: ClientBody,
        exchange: &Exchange<'_>,
    ) -> Result<Option<IpAddr>, Refusal> {
        super::grpc::is_check(head)?;
        let pace = Rc::clone(exchange.pace);
        let mut body = RequestBody::streaming(body, None, pace);
        let limit = super::grpc::message_bytes(&self.limits);
        let whole = body.buffer(limit, self.limits.header_timeout).await;
        let (original, client) = super::grpc::read(&whole?)?;
        *head = original;
        Ok(client)
    }

    #[cfg(not(feature = "ext-authz"))]
    async fn read_message(
        &self,
        _: &mut Parts,
        _: ClientBody,
        _: &Exchange<'_>,
    ) -> Result<Option<IpAddr>, Refusal> {
        Err(OriginalError::Call.into())
    }

    /// What to say of a request that is clear.
    async fn answer(
        &self,
        kind: Kind,
        head: Parts,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
        note: &mut Note,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let own = &snapshot.policy.own_headers;
        if !kind.removes() {
            original::check_spelling(&head.headers, own)?;
        }
        let came = head.headers.clone();
        let mut body = RequestBody::withheld(Rc::clone(exchange.pace));
        let recent = exchange.recent;
        let mut silent = Silent;
        let asked = self.decide(
            snapshot,
            Box::new(head),
            &mut body,
            recent,
            note,
            &mut silent,
        );
        let permit = asked.await?;
        let trusted = snapshot.trusts(exchange.peer.address);
        Ok(allow::answer(kind, permit, (&came, trusted), own))
    }
}

/// The answer as a message of gRPC; to a call of another method none.
#[cfg(feature = "ext-authz")]
fn message(response: Response<ResponseBody>, refusal: Option<&Refusal>) -> Response<ResponseBody> {
    match refusal {
        Some(Refusal::Original(OriginalError::Call)) => {
            grpc::refuse(super::Code::RouteNotFound, response)
        }
        refusal => super::grpc::answer(response, refusal),
    }
}

#[cfg(not(feature = "ext-authz"))]
fn message(response: Response<ResponseBody>, refusal: Option<&Refusal>) -> Response<ResponseBody> {
    let code = refusal.map_or(super::Code::InternalError, Refusal::code);
    grpc::refuse(code, response)
}

/// A response without a body.
pub(super) fn bare() -> Response<ResponseBody> {
    Response::new(ResponseBody::Own(Bytes::new()))
}
