//! Serving a request: decide, forward, answer, and tell of it.

use super::*;
use crate::{
    clock::UnixTime,
    forward::{self, Hop, Way, headers::X_REQUEST_ID},
    store::{self, Memory},
    telemetry::metrics::RequestLabels,
};

/// The route's name in metrics and logs when there is none.
const NO_ROUTE: &str = "-";

impl Gateway {
    /// A gateway under `policy`.
    #[must_use]
    pub fn new(policy: Policy, limits: Limits, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let snapshot = ArcSwap::from_pointee(Snapshot::new(policy, 1, &metrics));
        let calls = Arc::new(Semaphore::new(limits.introspection_calls));
        Self {
            snapshot,
            proofs: Proofs::default(),
            decryption: Decryption::default(),
            limits,
            store: Arc::new(Memory::new(store::DEFAULT_CAPACITY, clock.clone())),
            clock,
            metrics,
            session_keys: OnceLock::new(),
            calls,
        }
    }

    /// The same gateway with another store for what is good once.
    #[must_use]
    pub fn with_store(self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self }
    }

    /// What is in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts `policy` in force for all requests that begin from now on, and gives the number of its
    /// generation. Whoever replaces it twice at a time may lose one of the two.
    pub(crate) fn replace(&self, policy: Policy) -> u64 {
        let next = self.snapshot.load().next(policy, &self.metrics);
        let generation = next.generation;
        self.snapshot.store(Arc::new(next));
        generation
    }

    /// Its metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How full the cache of verified tokens is.
    #[must_use]
    pub fn token_cache(&self) -> proof::Size {
        self.proofs.size()
    }

    /// How full its store is, if that is known here.
    #[must_use]
    pub fn store_size(&self) -> Option<store::Size> {
        self.store.size()
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The time by its clock.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Answers a request: with the upstream's response, or with a refusal.
    pub async fn handle(
        &self,
        request: Request<ClientBody>,
        exchange: &Exchange<'_>,
    ) -> Response<ResponseBody> {
        let started = Instant::now();
        let snapshot = self.snapshot.load_full();
        let (mut head, body) = request.into_parts();
        let is_call = grpc::is_call(&head);
        let settled = http2::settle(&mut head, &self.limits);
        let trusted = snapshot.trusts(exchange.peer.address);
        let request_id = request_id::of(&head, trusted);
        if settled.is_ok()
            && let Some(document) = snapshot.metadata.as_ref().and_then(|m| m.at(&head))
        {
            return own(document, &request_id);
        }
        let pace = Rc::clone(exchange.pace);
        let mut body = RequestBody::streaming(body, self.limits.body_bytes, pace);
        let mut note = Note {
            peer: exchange.peer.address,
            ..Note::default()
        };
        let answer = async {
            settled?;
            if let Some(settings) = login::end_asked_for(&snapshot, &head) {
                return Box::pin(self.log_out(settings, &snapshot, &head)).await;
            }
            let permit = self
                .decide(
                    &snapshot,
                    head,
                    &mut body,
                    exchange.recent,
                    &mut note,
                    &mut Silent,
                )
                .await?;
            let scheme = exchange.scheme;
            let hop = Hop {
                peer: exchange.peer,
                trusted,
                scheme,
                request_id: &request_id,
                own: &snapshot.policy.own_headers,
            };
            self.forward(permit, body, &hop, &snapshot, exchange).await
        };
        let response = match answer.await {
            Ok(mut response) => {
                login::tell(note.login, false, &snapshot, &mut response);
                response.headers_mut().insert(X_REQUEST_ID, request_id);
                snapshot.count_allowed(note.route.map_or(usize::MAX, |route| route.id));
                response
            }
            Err(refusal) => {
                self.tell(&refusal, &note, &request_id, exchange.peer);
                let metadata = snapshot.resource_metadata(note.route.as_ref());
                let mut response =
                    respond::refuse(&refusal, &request_id, &snapshot.realm, metadata);
                login::tell(note.login, true, &snapshot, &mut response);
                match is_call {
                    true => grpc::refuse(refusal.code(), response),
                    false => response,
                }
            }
        };
        self.metrics.request_duration.observe(started.elapsed());
        response
    }

    async fn forward(
        &self,
        permit: Permit,
        body: RequestBody,
        hop: &Hop<'_>,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let number = permit.route().upstream;
        let upstream = snapshot
            .policy
            .upstreams
            .get(number)
            .ok_or(crate::route::NoRoute::NotFound)?;
        let connections = exchange.pool.of(snapshot.upstreams_since, number);
        let way = Way {
            upstream,
            connections: &connections,
            pace: exchange.pace,
        };
        let started = Instant::now();
        let response = forward::forward(permit, body, hop, &way).await;
        self.metrics.upstream_duration.observe(started.elapsed());
        Ok(response?)
    }

    /// One log event and one count for each refusal. The path is left out: it may hold anything.
    fn tell(&self, refusal: &Refusal, note: &Note, id: &http::HeaderValue, peer: &Peer) {
        let code = refusal.code();
        let route = note
            .route
            .as_ref()
            .map_or_else(|| NO_ROUTE.into(), |r| Arc::clone(&r.name));
        let outcome = if refusal.step() == Step::Upstream {
            "fail"
        } else {
            "refuse"
        };
        tracing::info!(
            code = code.name(),
            status = code.status().as_u16(),
            route = &*route,
            issuer = note.issuer.as_ref().map(|issuer| &*issuer.name),
            cause = %refusal,
            request_id = id.to_str().unwrap_or_default(),
            client = peer.address.map(tracing::field::display),
            "{outcome}",
        );
        let labels = RequestLabels {
            route,
            outcome,
            code: code.name(),
        };
        self.metrics.requests.get_or_create(&labels).inc();
    }

    /// A refusal of something that never became a request.
    pub fn refuse_unread(&self, code: Code, id: &http::HeaderValue, peer: &Peer) {
        let labels = RequestLabels {
            route: NO_ROUTE.into(),
            outcome: "refuse",
            code: code.name(),
        };
        self.metrics.requests.get_or_create(&labels).inc();
        tracing::info!(
            code = code.name(),
            status = code.status().as_u16(),
            request_id = id.to_str().unwrap_or_default(),
            client = peer.address.map(tracing::field::display),
            "refuse"
        );
    }
}

fn own(document: Bytes, request_id: &http::HeaderValue) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Own(document));
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
        .headers_mut()
        .insert(X_REQUEST_ID, request_id.clone());
    response
}
