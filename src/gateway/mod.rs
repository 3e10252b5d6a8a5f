//! The pipeline, on one page: [`Gateway::decide`] is every check in its order, and whatever it refuses
//! is a [`Refusal`]. `explain` runs the same function with a [`Trace`] that keeps notes.

use std::{
    net::IpAddr,
    rc::Rc,
    sync::{Arc, OnceLock},
    time::Instant,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use tokio::sync::Semaphore;

use crate::{
    access_log::AccessLog,
    authz::{self, Denied, Facts, Permit},
    claims,
    clock::Clock,
    forward::{ClientBody, Pace, Peer, Pool, RequestBody, ResponseBody},
    identity::{NOBODY, Principal},
    issuer::Replay,
    limits::Limits,
    pressure::Pressure,
    route::{Access, Route, host},
    session,
    spans::{Tracing, Wait, waiting},
    store::{OnFailure, Records, Store},
    telemetry::Metrics,
    token::{self, Presented, RawToken},
    token_service::Guesses,
};

mod access;
mod again;
mod aside;
mod ask;
mod authorizer;
mod client;
pub mod code;
pub mod compare;
mod credential;
mod cut_off;
mod decryption;
mod facts;
pub mod glimpse;
mod grpc;
mod guard;
pub mod holder;
mod http2;
mod issued;
pub mod limit;
pub mod login;
pub mod metadata;
mod note;
pub mod once;
pub mod policy;
pub mod proof;
mod prove;
pub mod rate;
pub mod recent;
pub mod refusal;
pub mod refusals;
mod remedy;
mod remember;
pub mod request_id;
pub mod respond;
mod say;
mod serve;
mod store_failure;
mod subject;
mod switch;
mod token_endpoint;
pub mod trace;
mod traced;
mod words;

pub use authorizer::{Authorizer, Door, Kind as AuthorizerKind, OriginalError};
pub use code::Code;
pub use compare::Compared;
pub use cut_off::CutOff;
pub use decryption::DecryptionError;
pub use http2::Http2Error;
pub use note::Note;
pub use policy::{Policy, Snapshot};
pub use refusal::Refusal;
pub use trace::{Record, Silent, Step, Trace};

use decryption::Decryption;
use glimpse::Glimpse;
use proof::{Proof, Proofs};
pub use recent::Recent;
use refusals::Refusals;

/// The gateway: shared by all workers.
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    proofs: Proofs,
    decryption: Decryption,
    limits: Limits,
    clock: Clock,
    /// Of a gateway beside another one, that one's clock.
    present: Option<Clock>,
    metrics: Arc<Metrics>,
    /// What was good once, and is not any more.
    store: Arc<dyn Store>,
    /// What the token service has issued.
    records: Arc<dyn Records>,
    /// What becomes of a request when the store cannot say.
    on_store_failure: OnFailure,
    /// Who fails too often at the token service.
    guesses: Guesses,
    /// What sessions are encrypted with where the configuration names no keys.
    session_keys: OnceLock<Option<session::Keys>>,
    /// What is left of the routes' rate limits.
    counters: Arc<rate::Counters>,
    /// Leave to ask an issuer about a token, for all issuers together.
    calls: Arc<Semaphore>,
    /// How near it is to the most memory that it may hold.
    pressure: Pressure,
    /// Where a line is written for each request.
    access_log: Option<Arc<AccessLog>>,
    /// Whose traces are continued, and who records requests.
    tracing: Tracing,
    /// What was refused lately.
    refusals: Refusals,
}

/// What a request comes with besides itself: the client's end of it, and the worker's belongings.
pub struct Exchange<'x> {
    /// The client.
    pub peer: &'x Peer,
    /// The deadlines of this exchange.
    pub pace: &'x Rc<Pace>,
    /// The worker's connections to the upstreams.
    pub pool: &'x Pool,
    /// The tokens that the worker saw last.
    pub recent: &'x Recent,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What the connection came in by.
    pub door: Door,
}

impl Gateway {
    /// Decides whether a request may go to its upstream. Nothing that an unverified token says decides
    /// anything but which issuer's keys to try.
    ///
    /// # Errors
    /// [`Refusal`] is the first check that fails.
    pub async fn decide(
        &self,
        snapshot: &Snapshot,
        mut head: Box<Parts>,
        body: &mut RequestBody,
        recent: &Recent,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Permit, Refusal> {
        let route = self.route(snapshot, &mut head, note, trace)?;
        note.route = Some(Arc::clone(&route));
        if route.access == Access::Public {
            trace.pass(Step::Token, || {
                "not asked for: the route is public".to_owned()
            });
            // Nobody looks at a token here, so the upstream must not take one for good.
            login::strip(&mut head, &route, snapshot)?;
            let address = self.counted_address(snapshot, &route, &head, note);
            let permit = Permit::public(&route, head, None, &Facts::default());
            let permit = anonymous(permit, &route)?;
            if !route.limits.is_empty() {
                // Boxed: few routes have limits, and every request would carry the room for it.
                Box::pin(self.count(&route, None, address, &mut note.rate, trace)).await?;
            }
            return Ok(permit);
        }
        let form = self.form(&head, body, &route).await?;
        let (token, session) = match token::extract(&head, form.as_deref(), &route.token)? {
            Presented::Token(token) => (token, None),
            Presented::None(absent) => match Box::pin(self.session(snapshot, &route, &head, note))
                .await?
            {
                Some(mut session) => (RawToken::of_session(session.take_token()), Some(session)),
                None if route.access == Access::Required => return Err(Refusal::TokenMissing),
                None => {
                    trace.pass(Step::Token, || {
                        "none came, and the route lets that pass".to_owned()
                    });
                    login::strip(&mut head, &route, snapshot)?;
                    let address = self.counted_address(snapshot, &route, &head, note);
                    let facts = match route.asks_for_more() {
                        true => self.facts(snapshot, &mut head, body, &route, note).await?,
                        false => Facts::default(),
                    };
                    let permit = Permit::public(&route, head, Some(absent), &facts);
                    let permit = anonymous(permit, &route)?;
                    say::conditions(trace, &route);
                    if !route.limits.is_empty() {
                        // Boxed: few routes have limits, and every request would carry the room for it.
                        Box::pin(self.count(&route, None, address, &mut note.rate, trace)).await?;
                    }
                    return Ok(permit);
                }
            },
        };
        say::token(trace, &token, session.as_ref());
        note.token = credential::wanted(&token, snapshot, &route);
        let proof = self
            .prove(&token, snapshot, &route, recent, note, trace)
            .await;
        // It moves to where a refusal finds it; a request that is let through pays nothing for that.
        note.proof = Some(proof.inspect_err(|_| self.look_into(&token, note, trace))?);
        let Some(proof) = &note.proof else {
            return Err(Refusal::Panicked);
        };
        if let Some(session) = &session {
            login::check(session, &proof.issuer)?;
        }
        let principal = self
            .identify(proof, snapshot, head.uri.path(), trace)
            .await?;
        if let Some(entry) = &note.entry {
            entry.is_of(principal.subject());
        }
        holder::check(principal.identity(), snapshot, note)?;
        if let Some(service) = issued::service_of(snapshot, proof) {
            Box::pin(self.check_stands(service, proof)).await?;
        }
        if proof.is_asked_about() {
            let asked = self.ask_as_well(token.expose(), proof, trace);
            let record = note.trace.record.as_deref();
            Box::pin(waiting(record, Wait::Introspection, asked)).await?;
        }
        say::principal(trace, &principal);
        let fresh = match session {
            None => self.fresh(snapshot, &route, &head, &token),
            Some(_) => None,
        };
        login::strip(&mut head, &route, snapshot)?;
        let address = self.counted_address(snapshot, &route, &head, note);
        let facts = match route.asks_for_more() {
            true => self.facts(snapshot, &mut head, body, &route, note).await?,
            false => Facts::default(),
        };
        let permit = authz::permit(principal, &route, head, &facts);
        let permit = permit.inspect_err(|why| say::denied(trace, why, &route));
        let permit = permit.map_err(|why| denied(why, &route))?;
        say::scopes(trace, &route);
        say::conditions(trace, &route);
        if !route.limits.is_empty() {
            // Boxed: few routes have limits, and every request would carry the room for it.
            Box::pin(self.count(&route, permit.principal(), address, &mut note.rate, trace))
                .await?;
        }
        // A session goes on with a token that was used up when it began.
        if proof.issuer.replay == Replay::Reject && session.is_none() {
            // Boxed, as with sessions: few requests come here, and all would carry the room for it.
            Box::pin(self.use_up(&proof.issuer, &permit, trace)).await?;
        }
        if let (Some(fresh), Some(principal)) = (fresh, permit.principal()) {
            let issuer = Arc::clone(&proof.issuer);
            self.begin(fresh, &issuer, principal.identity(), note, trace);
        }
        Ok(permit)
    }

    /// Who the token proves to be, by its issuer's rules, now and for this path.
    async fn identify(
        &self,
        proof: &Proof,
        snapshot: &Snapshot,
        path: &str,
        trace: &mut impl Trace,
    ) -> Result<Principal, Refusal> {
        let rules = &proof.issuer.rules;
        let resource = snapshot.resource(&rules.audiences, path);
        let (resource, now) = (resource.as_deref(), self.clock.now());
        let by = snapshot.policy.users.by(&proof.issuer.identity);
        if let Some(known) = proof.memo.recall(by, rules, now, resource)? {
            say::claims(trace, known.identity(), rules, now);
            return Ok(known);
        }
        let identity = claims::check(proof.evidence.clone(), rules, now, resource)?;
        say::claims(trace, &identity, rules, now);
        if by != NOBODY {
            let now = self.present();
            return Box::pin(subject::look_up(proof, snapshot, identity, now, trace)).await;
        }
        Ok(proof.memo.principal(identity, &proof.issuer.identity)?)
    }

    /// The route of a request whose head is within limits, has one host and a canonical path.
    fn route(
        &self,
        snapshot: &Snapshot,
        head: &mut Parts,
        note: &Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Route>, Refusal> {
        limit::check(head, &self.limits)?;
        policy::check_method(&head.method)?;
        policy::make_canonical(head)?;
        let host = host::of(head)?;
        trace.pass(Step::Request, || {
            format!("{} {} at {host}", head.method, head.uri.path())
        });
        let (routes, path) = (&snapshot.policy.routes, head.uri.path());
        let found = routes.find(&host, path, &head.method, || {
            facts::visit(head, &host, snapshot, note.peer)
        });
        say::route(trace, found.as_ref(), || routes.of_pattern(&host, path));
        Ok(Arc::clone(found?))
    }

    /// The form body of a request that may carry its token there. One that is too large for that is
    /// refused, unless the Authorization header has a token: then nobody looks into it.
    async fn form(
        &self,
        head: &Parts,
        body: &mut RequestBody,
        route: &Route,
    ) -> Result<Option<Bytes>, Refusal> {
        if !token::wants_form(head, &route.token) {
            return Ok(None);
        }
        let whole = body
            .buffer(self.limits.form_bytes, self.limits.header_timeout)
            .await;
        match whole {
            Err(crate::forward::BodyError::TooLarge(_)) if token::in_authorization(head) => {
                Ok(Some(Bytes::new()))
            }
            // Whoever asks keeps the body, so that no token in it counts.
            Err(crate::forward::BodyError::Withheld) => Ok(None),
            whole => Ok(Some(whole?)),
        }
    }
}

/// A request without an identity, which may not do this or has no token where one is asked for.
fn anonymous(permit: Result<Option<Permit>, Denied>, route: &Route) -> Result<Permit, Refusal> {
    let permit = permit.map_err(|why| denied(why, route))?;
    permit.ok_or(Refusal::TokenMissing)
}

fn denied(why: Denied, route: &Route) -> Refusal {
    let scope = route
        .scopes
        .iter()
        .chain(&route.any_scopes)
        .map(AsRef::as_ref)
        .collect::<Vec<&str>>();
    let scope = (why == Denied::Scope && !scope.is_empty()).then(|| scope.join(" ").into());
    Refusal::Denied { why, scope }
}
