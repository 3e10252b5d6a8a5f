//! The pipeline, on one page: [`Gateway::decide`] is every check in its order, and whatever it refuses
//! is a [`Refusal`]. `explain` runs the same function with a [`Trace`] that keeps notes.

use std::{rc::Rc, sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use crate::{
    authz::{self, Denied, Permit},
    claims,
    clock::Clock,
    forward::{Pace, Peer, Pool, RequestBody, ResponseBody},
    identity::Principal,
    issuer::Issuer,
    jose::{Unverified, Verified, compact, verify},
    limits::Limits,
    route::{Access, Route, host},
    telemetry::Metrics,
    token::{self, Presented, RawToken},
};

mod again;
mod ask;
pub mod code;
pub mod limit;
pub mod metadata;
mod note;
pub mod policy;
pub mod proof;
pub mod recent;
pub mod refusal;
pub mod request_id;
pub mod respond;
mod say;
mod serve;
pub mod trace;

pub use code::Code;
pub use note::Note;
pub use policy::{Policy, Snapshot};
pub use refusal::Refusal;
pub use trace::{Record, Silent, Step, Trace};

use proof::{Digest, Proof, Proofs};
pub use recent::Recent;

/// The gateway: shared by all workers.
pub struct Gateway {
    snapshot: ArcSwap<Snapshot>,
    proofs: Proofs,
    limits: Limits,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Leave to ask an issuer about a token, for all issuers together.
    calls: Arc<Semaphore>,
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
        mut head: Parts,
        body: &mut RequestBody,
        recent: &Recent,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Permit, Refusal> {
        let route = self.route(snapshot, &mut head, trace)?;
        note.route = Some(Arc::clone(&route));
        if route.access == Access::Public {
            trace.pass(Step::Token, || {
                "not asked for: the route is public".to_owned()
            });
            // Nobody looks at a token here, so the upstream must not take one for good.
            token::strip(&mut head, &route.token)?;
            return Permit::public(&route, head, None).ok_or(Refusal::TokenMissing);
        }
        let form = self.form(&head, body, &route).await?;
        let token = match token::extract(&head, form.as_deref(), &route.token)? {
            Presented::Token(token) => token,
            Presented::None(absent) => {
                token::strip(&mut head, &route.token)?;
                let permit =
                    Permit::public(&route, head, Some(absent)).ok_or(Refusal::TokenMissing)?;
                trace.pass(Step::Token, || {
                    "none came, and the route lets that pass".to_owned()
                });
                return Ok(permit);
            }
        };
        trace.pass(Step::Token, || {
            format!("found, {} bytes", token.expose().len())
        });
        let proof = self
            .prove(&token, snapshot, &route, recent, note, trace)
            .await?;
        let principal = self.identify(&proof, snapshot, head.uri.path(), trace)?;
        if proof.is_asked_about() {
            Box::pin(self.ask_as_well(token.expose(), &proof, trace)).await?;
        }
        say::principal(trace, &principal);
        token::strip(&mut head, &route.token)?;
        let permit = authz::permit(principal, &route, head).map_err(|why| denied(why, &route))?;
        say::scopes(trace, &route);
        Ok(permit)
    }

    /// Whose token it is, and that the signature is good: from the cache, or by the keys.
    async fn prove(
        &self,
        token: &RawToken<'_>,
        snapshot: &Snapshot,
        route: &Route,
        recent: &Recent,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        let bytes = token.expose();
        compact::check_size(bytes, route.token.max_bytes)?;
        let (registry, generation) = (&snapshot.policy.registry, snapshot.generation);
        let digest = match recent.find(bytes, registry, generation) {
            Some(proof) => return self.remembered(proof, route, note, trace),
            None => Digest::of(bytes),
        };
        if let Some(proof) = self.proofs.find(&digest, registry, generation) {
            recent.offer(bytes, &proof);
            return self.remembered(proof, route, note, trace);
        }
        self.metrics.token_cache_misses.inc();
        if let Some(issuer) = ask::of_opaque(bytes, snapshot, route) {
            return Box::pin(self.ask_of_opaque(bytes, issuer, snapshot, note, trace)).await;
        }
        let unverified = compact::parse(bytes, route.token.max_bytes)?;
        say::shape(trace, &unverified);
        let issuer = registry.find(&unverified.issuer()?)?;
        note.issuer = Some(Arc::clone(issuer));
        route.admit(&issuer.name)?;
        trace.pass(Step::Issuer, || issuer.name.to_string());
        issuer.headers.check(unverified.header())?;
        say::header(trace, unverified.header());
        let verified = match self.verify(bytes, unverified, issuer, route, trace).await {
            Ok(verified) => verified,
            Err(local) => {
                return Box::pin(self.ask_instead(local, bytes, issuer, snapshot, trace)).await;
            }
        };
        say::signature(trace, issuer, &verified);
        let proof = Arc::new(Proof::new(issuer, verified, generation, bytes.len()));
        self.proofs.keep(digest, &proof);
        Ok(proof)
    }

    /// The signature, by the issuer's keys.
    async fn verify(
        &self,
        bytes: &[u8],
        unverified: Unverified<'_>,
        issuer: &Issuer,
        route: &Route,
        trace: &mut impl Trace,
    ) -> Result<Verified, Refusal> {
        let keys = issuer.keys.find(unverified.header()).await;
        say::keys(trace, issuer, &keys);
        let keys = keys?;
        match verify::verify(unverified, &keys) {
            Ok(verified) => Ok(verified),
            Err(bad) => Ok(again::verify(bytes, route.token.max_bytes, issuer, &keys)
                .await
                .ok_or(bad)?),
        }
    }

    /// A token whose signature is known to be good: whether this route takes its issuer's is asked anew.
    fn remembered(
        &self,
        proof: Arc<Proof>,
        route: &Route,
        note: &mut Note,
        trace: &mut impl Trace,
    ) -> Result<Arc<Proof>, Refusal> {
        self.metrics.token_cache_hits.inc();
        note.issuer = Some(Arc::clone(&proof.issuer));
        route.admit(&proof.issuer.name)?;
        say::remembered(trace, &proof);
        Ok(proof)
    }

    /// Who the token proves to be, by its issuer's rules, now and for this path.
    fn identify(
        &self,
        proof: &Proof,
        snapshot: &Snapshot,
        path: &str,
        trace: &mut impl Trace,
    ) -> Result<Principal, Refusal> {
        let rules = &proof.issuer.rules;
        let resource = snapshot.resource(&rules.audiences, path);
        let (resource, now) = (resource.as_deref(), self.clock.now());
        if let Some(known) = proof.memo.recall(rules, now, resource)? {
            say::claims(trace, known.identity(), rules, now);
            return Ok(known);
        }
        let identity = claims::check(proof.evidence.clone(), rules, now, resource)?;
        say::claims(trace, &identity, rules, now);
        Ok(proof.memo.principal(identity, &proof.issuer.identity)?)
    }

    /// The route of a request whose head is within limits, has one host and a canonical path.
    fn route(
        &self,
        snapshot: &Snapshot,
        head: &mut Parts,
        trace: &mut impl Trace,
    ) -> Result<Arc<Route>, Refusal> {
        limit::check(head, &self.limits)?;
        policy::check_method(&head.method)?;
        policy::make_canonical(head)?;
        let host = host::of(head)?;
        trace.pass(Step::Request, || {
            format!("{} {} at {host}", head.method, head.uri.path())
        });
        let route = snapshot
            .policy
            .routes
            .find(&host, head.uri.path(), &head.method)?;
        say::route(trace, route);
        Ok(Arc::clone(route))
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
            whole => Ok(Some(whole?)),
        }
    }
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
