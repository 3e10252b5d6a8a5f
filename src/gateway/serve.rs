//! Serving a request: decide, forward, answer, and tell of it.

use std::pin::pin;

use super::{guard::guarded, *};
use crate::{
    clock::UnixTime,
    forward::{self, Hop, Upgrade, Way, headers::X_REQUEST_ID},
    store::{self, Memory},
    telemetry::metrics::RequestLabels,
    tls,
};

/// The route's name in metrics and logs when there is none.
pub(super) const NO_ROUTE: &str = "-";

impl Gateway {
    /// A gateway under `policy`.
    #[must_use]
    pub fn new(policy: Policy, limits: Limits, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let snapshot = ArcSwap::from_pointee(Snapshot::new(policy, 1, &metrics));
        let calls = Arc::new(Semaphore::new(limits.introspection_calls));
        let memory = Arc::new(Memory::new(store::DEFAULT_CAPACITY, clock.clone()));
        Self {
            snapshot,
            proofs: Proofs::default(),
            decryption: Decryption::default(),
            limits,
            store: Arc::clone(&memory) as Arc<dyn store::Store>,
            records: memory,
            on_store_failure: OnFailure::default(),
            guesses: Guesses::default(),
            clock,
            present: None,
            metrics,
            session_keys: OnceLock::new(),
            counters: Arc::default(),
            calls,
            pressure: Pressure::default(),
            access_log: None,
            tracing: Tracing::default(),
            refusals: Refusals::default(),
        }
    }

    /// The same gateway with another store for what is good once.
    #[must_use]
    pub fn with_store(self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self }
    }

    /// The same gateway with other records of what its token service issues.
    #[must_use]
    pub fn with_records(self, records: Arc<dyn Records>) -> Self {
        Self { records, ..self }
    }

    /// The same gateway with an access log.
    #[must_use]
    pub fn with_access_log(self, access_log: Option<Arc<AccessLog>>) -> Self {
        Self { access_log, ..self }
    }

    /// The same gateway with traces of its own.
    #[must_use]
    pub fn with_tracing(self, tracing: Tracing) -> Self {
        Self { tracing, ..self }
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

    /// TLS with new clients, if there is any.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<tls::Incoming>> {
        self.snapshot.load().policy.tls.clone()
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

    /// How its store is doing, if it is elsewhere.
    #[must_use]
    pub fn remote_store(&self) -> Option<store::Remote> {
        self.store.remote()
    }

    /// How near it is to the most memory that it may hold.
    #[must_use]
    pub const fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    /// Lets the caches hold half of what they hold now, to save memory; without `cut`, again as much
    /// as ever.
    pub fn cut_caches(&self, cut: bool) {
        self.proofs.cut(cut);
        for issuer in self.snapshot().policy.registry.iter() {
            if let Some(introspection) = &issuer.introspection {
                introspection.cut_memory(cut);
            }
        }
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
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
        if let Door::Authorizer(number) = exchange.door {
            // Boxed: every request would carry the room for it.
            return Box::pin(self.authorize(request, exchange, number)).await;
        }
        let started = Instant::now();
        let snapshot = self.snapshot.load_full();
        let (head, body) = request.into_parts();
        // Boxed: it is handed on a dozen times.
        let mut head = Box::new(head);
        let is_call = grpc::is_call(&head);
        let settled = http2::settle(&mut head, &self.limits);
        let trusted = snapshot.trusts(exchange.peer.address);
        let request_id = request_id::of(&head, trusted);
        let mut note = Note {
            peer: exchange.peer.address,
            method: head.method.clone(),
            uri: head.uri.clone(),
            certificate: snapshot.shown_certificate(exchange.peer),
            entry: self.begin_line(&head, &request_id, exchange),
            trace: self.traced(&head, &snapshot, exchange, trusted, &request_id),
            ..Note::default()
        };
        if let (Some(entry), Some(trace)) = (&note.entry, note.trace.context()) {
            entry.belongs_to(&trace.trace());
        }
        if settled.is_ok()
            && let Some(document) = snapshot.metadata.as_ref().and_then(|m| m.at(&head))
        {
            let response = own(document, &request_id);
            return access::answered(response, note.entry, (&None, &None), None);
        }
        let asked = Upgrade::asked_for(&head, !http_body::Body::is_end_stream(&body));
        let pace = Rc::clone(exchange.pace);
        let mut body = RequestBody::streaming(body, self.limits.body_bytes, pace)
            .counted(note.entry.as_ref().map(|entry| entry.received()));
        let answered = {
            let answer = pin!(async {
                settled?;
                if self.pressure.refuses() {
                    return Err(Refusal::Memory);
                }
                if let Some(settings) = login::end_asked_for(&snapshot, &head) {
                    return Box::pin(self.log_out(settings, &snapshot, &head)).await;
                }
                if let Some(endpoint) = token_endpoint::asked_for(&snapshot, &head) {
                    let asked = self.serve_endpoint(
                        endpoint,
                        &snapshot,
                        *head,
                        &mut body,
                        &mut note,
                        &request_id,
                    );
                    return Box::pin(asked).await;
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
                    certificate: snapshot.told_certificate(exchange.peer),
                    trace: &note.trace,
                };
                let asked = asked.as_ref();
                self.forward((permit, body), asked, &hop, &snapshot, exchange, &note)
                    .await
            });
            guarded(answer).await
        };
        let response = match answered.unwrap_or(Err(Refusal::Panicked)) {
            Ok(mut response) => {
                traced::end(&mut note, response.status(), None);
                switch::label(&mut response, &note, &request_id);
                login::tell(note.login, false, &snapshot, &mut response);
                if let Some(fields) = &note.rate {
                    fields.write(&mut response);
                }
                response.headers_mut().insert(X_REQUEST_ID, request_id);
                snapshot.count_allowed(note.route.as_ref().map_or(usize::MAX, |route| route.id));
                access::answered(response, note.entry, (&note.route, &note.issuer), None)
            }
            Err(refusal) => {
                self.tell(&refusal, &note, &request_id, exchange.peer);
                self.remember(&refusal, &note, &request_id, &snapshot);
                let code = refusal.code();
                traced::end(&mut note, code.status(), Some(code));
                let metadata = snapshot.resource_metadata(note.route.as_ref());
                let mut response =
                    respond::refuse(&refusal, &request_id, &snapshot.realm, metadata);
                login::tell(note.login, true, &snapshot, &mut response);
                if let Some(fields) = &note.rate {
                    fields.write(&mut response);
                }
                let response = match is_call {
                    true => grpc::refuse(refusal.code(), response),
                    false => response,
                };
                let told = (&note.route, &note.issuer);
                access::answered(response, note.entry, told, Some(&refusal))
            }
        };
        self.metrics.request_duration.observe(started.elapsed());
        response
    }

    async fn forward(
        &self,
        (permit, body): (Permit, RequestBody),
        asked: Option<&Upgrade>,
        hop: &Hop<'_>,
        snapshot: &Snapshot,
        exchange: &Exchange<'_>,
        note: &Note,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let number = permit.route().upstream;
        let upstreams = &snapshot.policy.upstreams;
        let lanes = exchange
            .pool
            .of(snapshot.upstreams_since, upstreams, number);
        let (Some(upstream), Some(lanes)) = (upstreams.get(number), lanes) else {
            return Err(crate::route::NoRoute::NotFound.into());
        };
        let upgrade = switch::granted(asked, &permit);
        let lifetime = upgrade.and_then(|_| self.lifetime(&permit, snapshot));
        let way = Way {
            upstream,
            lanes: &lanes,
            pace: exchange.pace,
            upgrade,
            clock: &self.clock,
            entry: note.entry.as_deref(),
        };
        let mut response = match snapshot.policy.credentials.of(number) {
            None => {
                let started = Instant::now();
                let response = forward::forward(permit, body, hop, &way).await;
                note.was_answered_in(started.elapsed(), &self.metrics);
                response?
            }
            // Boxed: few upstreams have one, and every request would carry the room for it.
            Some(one) => {
                let metrics = &self.metrics;
                Box::pin(credential::forward(
                    one, note, permit, body, hop, &way, metrics,
                ))
                .await?
            }
        };
        if let ResponseBody::Tunnel(tunnel) = response.body_mut() {
            tunnel.lifetime = lifetime;
        }
        Ok(response)
    }

    /// One log event and one count for each refusal. The path is left out: it may hold anything.
    pub(super) fn tell(&self, refusal: &Refusal, note: &Note, id: &http::HeaderValue, peer: &Peer) {
        let code = refusal.code();
        let route = note
            .route
            .as_ref()
            .map_or_else(|| NO_ROUTE.into(), |r| Arc::clone(&r.name));
        if matches!(refusal, Refusal::Panicked) {
            self.metrics.panics.inc();
        }
        let outcome = access::outcome(refusal).name();
        tracing::info!(
            code = code.name(),
            status = code.status().as_u16(),
            route = &*route,
            issuer = note.issuer.as_ref().map(|issuer| &*issuer.name),
            cause = %refusal,
            request_id = id.to_str().unwrap_or_default(),
            client = peer.address.map(tracing::field::display),
            trace_id = note.trace.context().map(|c| tracing::field::display(c.trace())),
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
        self.line_unread(code, id, peer);
        self.remember_unread(code, id, peer.address);
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
