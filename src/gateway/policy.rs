//! What decisions are made from: one immutable value that a reload replaces as a whole.

use std::{borrow::Cow, net::IpAddr, rc::Rc, sync::Arc};

use http::{Method, Uri, request::Parts, uri::PathAndQuery};
use ipnet::IpNet;
use prometheus_client::metrics::counter::Counter;

use super::{Authorizer, Refusal, metadata::Metadata, respond::Realm};
use crate::{
    claims::Audiences,
    forward::{Peer, Upstream},
    identity::OwnHeaders,
    issuer::{Issuer, Registry},
    jose::jwe::Keychain,
    outbound::Credentials,
    route::{Access, NoRoute, Route, Routes, TargetError, target},
    session,
    telemetry::metrics::{Metrics, RequestLabels},
    tls::{Incoming, PeerCertificate},
    token_service::Service,
    users::{Mapper, Users},
};

/// What the configuration says about requests.
pub struct Policy {
    /// Which requests go where.
    pub routes: Routes,
    /// Whom the gateway trusts.
    pub registry: Registry,
    /// The gateway's own keys, for tokens that are encrypted.
    pub keychain: Keychain,
    /// Where requests are forwarded to; routes name them by their number.
    pub upstreams: Vec<Upstream>,
    /// What upstreams are shown, by the same numbers.
    pub credentials: Credentials,
    /// Peers whose `X-Forwarded-*` count.
    pub trusted_proxies: Vec<IpNet>,
    /// What clients call, without a slash at its end: for the audience rule and for challenges.
    pub public_url: Option<Box<str>>,
    /// A page that says more about each refusal, for those who are refused: the code is the fragment.
    pub refusal_docs: Option<Box<str>>,
    /// Whether a cookie may stand for a token, and how.
    pub session: Option<session::Settings>,
    /// Headers of choice: no request may bring them along.
    pub own_headers: OwnHeaders,
    /// Who is asked about a token's subject beside the token.
    pub users: Arc<Users>,
    /// TLS with clients; `None`: plain HTTP. Whether there is one is fixed until a restart.
    pub tls: Option<Arc<Incoming>>,
    /// The gateway's own token service, if it has one. The issuer of its tokens is in the registry.
    pub token_service: Option<Box<Service>>,
    /// Who may ask whether a request may pass. Where they ask is fixed until a restart.
    pub authorizers: Vec<Authorizer>,
}

impl Policy {
    /// Has `mapper` say who the subjects of tokens are, in the place of one of the configuration. It stays
    /// when the configuration is reloaded. An issuer with `identity.mapper = false` does without it.
    pub fn map_subjects(&mut self, mapper: Mapper) {
        let users = std::mem::take(&mut self.users);
        self.users = Arc::new(users.with_mapper(mapper));
    }

    /// Every registry whose keys are to be kept fresh: that of the issuers, and that of the clients of the
    /// token service.
    pub fn registries(&self) -> impl Iterator<Item = &Registry> {
        let clients = self.token_service.as_ref().map(|service| &service.keys);
        std::iter::once(&self.registry).chain(clients)
    }

    /// Whether it says what `other` says, issuers aside.
    #[must_use]
    pub fn is_like_but_for_issuers(&self, other: &Self) -> bool {
        // Every field by name: one that is forgotten here could not be changed by a reload.
        let Self {
            routes,
            registry: _,
            keychain,
            upstreams,
            credentials,
            trusted_proxies,
            public_url,
            refusal_docs,
            session,
            own_headers,
            users,
            tls,
            token_service,
            authorizers,
        } = self;
        routes.all() == other.routes.all()
            && *keychain == other.keychain
            && *upstreams == other.upstreams
            && *credentials == other.credentials
            && *trusted_proxies == other.trusted_proxies
            && *public_url == other.public_url
            && *refusal_docs == other.refusal_docs
            && *session == other.session
            && *own_headers == other.own_headers
            && *tls == other.tls
            && *authorizers == other.authorizers
            && users.is_like(&other.users)
            && match (token_service, &other.token_service) {
                (None, None) => true,
                (Some(one), Some(other)) => one.is_like(other),
                (Some(_), None) | (None, Some(_)) => false,
            }
    }
}

/// A policy in force, with everything that requests need of it prepared.
pub struct Snapshot {
    /// The policy.
    pub policy: Policy,
    /// Which one it is: a later one has a higher number.
    pub generation: u64,
    /// The generation that brought these upstreams: as long as all are the same, no worker has to look
    /// which connections it may keep.
    pub(super) upstreams_since: u64,
    pub(super) realm: Realm,
    pub(super) metadata: Option<Metadata>,
    allowed: Vec<Counter>,
    /// For each route, whom to ask about tokens that are no JWTs.
    opaque: Vec<Option<Arc<Issuer>>>,
}

impl Snapshot {
    /// Prepares `policy`.
    #[must_use]
    pub fn new(policy: Policy, generation: u64, metrics: &Metrics) -> Self {
        let allowed = policy.routes.all().iter().map(|route| {
            let route = Arc::clone(&route.name);
            let labels = RequestLabels {
                route,
                outcome: "allow",
                code: "ok",
            };
            metrics.requests.get_or_create_owned(&labels)
        });
        Self {
            allowed: allowed.collect(),
            opaque: asked_about_opaque(&policy),
            realm: Realm::new(policy.public_url.as_deref(), policy.refusal_docs.as_deref()),
            metadata: Metadata::new(&policy),
            generation,
            upstreams_since: generation,
            policy,
        }
    }

    /// Prepares `policy` to be the next one.
    pub(super) fn next(&self, mut policy: Policy, metrics: &Metrics) -> Self {
        policy.users = policy.users.succeed(&self.policy.users);
        if policy.tls == self.policy.tls {
            // The very same, so that the sessions of clients can be taken up again.
            policy.tls.clone_from(&self.policy.tls);
        }
        policy.credentials = policy.credentials.succeed(&self.policy.credentials);
        let before = &self.policy.upstreams;
        let same = policy.upstreams == *before;
        let upstreams = std::mem::take(&mut policy.upstreams).into_iter();
        policy.upstreams = upstreams.map(|one| one.succeed(before)).collect();
        let next = Self::new(policy, self.generation.saturating_add(1), metrics);
        Self {
            upstreams_since: if same {
                self.upstreams_since
            } else {
                next.generation
            },
            ..next
        }
    }

    /// Whether the peer is a proxy whose word counts.
    #[must_use]
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_some_and(|peer| {
            self.policy
                .trusted_proxies
                .iter()
                .any(|net| net.contains(&peer))
        })
    }

    /// The certificate of `peer`, where upstreams hear of it.
    pub(super) fn told_certificate<'p>(&self, peer: &'p Peer) -> Option<&'p PeerCertificate> {
        let tls = self.policy.tls.as_ref()?;
        let certificate = tls.tells_upstreams().then(|| peer.certificate())?;
        certificate.map(|certificate| &**certificate)
    }

    /// The certificate of `peer`, where a token may be bound to it.
    pub(super) fn shown_certificate(&self, peer: &Peer) -> Option<Rc<PeerCertificate>> {
        self.policy.tls.as_ref()?;
        peer.certificate().map(Rc::clone)
    }

    /// The URL that was asked for, when the audience rule compares it.
    pub(super) fn resource(&self, audiences: &Audiences, path: &str) -> Option<String> {
        match audiences {
            Audiences::ResourcePrefix => self
                .policy
                .public_url
                .as_deref()
                .map(|url| format!("{url}{path}")),
            Audiences::All | Audiences::OneOf(_) => None,
        }
    }

    /// Where a client finds whom to ask for a token, if there is a public URL.
    pub(super) fn resource_metadata(&self, route: Option<&Arc<Route>>) -> Option<&str> {
        let metadata = self.metadata.as_ref()?;
        Some(metadata.url(route.map(|route| &**route)))
    }

    /// Whom to ask about a token of `route` that is no JWT.
    pub(super) fn opaque(&self, route: &Route) -> Option<&Arc<Issuer>> {
        self.opaque.get(route.id)?.as_ref()
    }

    pub(super) fn count_allowed(&self, route: usize) {
        if let Some(counter) = self.allowed.get(route) {
            counter.inc();
        }
    }
}

/// The one issuer of each route that vouches for tokens that are no JWTs. The configuration refuses two;
/// here nobody is asked then, for the token would be shown to the wrong one.
fn asked_about_opaque(policy: &Policy) -> Vec<Option<Arc<Issuer>>> {
    let all = policy.registry.iter();
    let asked: Vec<_> = all.filter(|i| i.active && i.vouches_for_opaque()).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let of_route = |route: &Arc<Route>| {
        let mut admitted = asked.iter().filter(|i| route.admit(&i.name).is_ok());
        match (route.access, admitted.next(), admitted.next()) {
            (Access::Required | Access::Optional, Some(one), None) => Some(Arc::clone(one)),
            _ => None,
        }
    };
    policy.routes.all().iter().map(of_route).collect()
}

/// No route is for these two: one asks for a tunnel, the other has its header fields sent back, and
/// with them what only the upstream is to see.
pub(super) fn check_method(method: &Method) -> Result<(), NoRoute> {
    const OTHERS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    match *method {
        Method::CONNECT | Method::TRACE => Err(NoRoute::Method {
            allow: OTHERS.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn is_http(scheme: Option<&str>) -> bool {
    matches!(scheme, Some("http" | "https"))
}

/// Gives the target its canonical form, so that what is matched is what is forwarded.
pub(super) fn make_canonical(head: &mut Parts) -> Result<(), Refusal> {
    // A whole URL may lack its path (`http://a?b`): what goes on has one.
    let is_url = head.uri.scheme().is_some();
    if is_url && !is_http(head.uri.scheme_str()) {
        return Err(TargetError::Scheme.into());
    }
    let canonical = match target::canonical(head.uri.path())? {
        Cow::Borrowed(_) if !is_url => return Ok(()),
        canonical => canonical.into_owned(),
    };
    let target = match head.uri.query() {
        Some(query) => format!("{canonical}?{query}"),
        None => canonical,
    };
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.path_and_query =
        Some(PathAndQuery::try_from(target).map_err(|_| TargetError::Character)?);
    head.uri = Uri::from_parts(parts).map_err(|_| TargetError::Character)?;
    Ok(())
}
