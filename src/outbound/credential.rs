//! The credential of one upstream.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::{
    CallError, Counts, CredentialError, Inbound, Kind, Settings, TokenRequest, answer,
    client_credentials,
    flight::{Flights, Outcome},
    jwt_bearer,
    order::Order,
    post,
    tokens::{Token, Tokens},
};
use crate::{
    call::{self, Trust},
    clock::{Clock, UnixTime},
    identity::header::canonical,
};

/// What an upstream is shown, and what was fetched for it so far.
pub struct Credential {
    upstream: Arc<str>,
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    client: OnceLock<Result<reqwest::Client, CallError>>,
    tokens: Tokens,
    flights: Flights,
    /// Leave to fetch now.
    leave: Semaphore,
    counts: Counts,
}

/// What one request shows, and what another one would be made of.
pub struct Held {
    /// The field's name.
    pub header: HeaderName,
    /// Its value.
    pub value: HeaderValue,
    again: Option<(Order, Arc<Token>)>,
}

/// How many fetches for one upstream are under way at a time.
const FETCHES: usize = 16;

impl Credential {
    /// The credential of `upstream`.
    #[must_use]
    pub fn new(upstream: Arc<str>, settings: Settings) -> Self {
        let inner = Inner {
            settings,
            client: OnceLock::new(),
            tokens: Tokens::default(),
            flights: Flights::default(),
            leave: Semaphore::new(FETCHES),
            counts: Counts::default(),
        };
        Self {
            upstream,
            inner: Arc::new(inner),
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn upstream(&self) -> &Arc<str> {
        &self.upstream
    }

    /// What it is.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What became of its fetches.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.inner.counts
    }

    /// How many tokens it keeps.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.inner.tokens.count()
    }

    /// Whether the inbound token itself flows in.
    #[must_use]
    pub fn wants_token(&self) -> bool {
        self.inner.settings.kind.needs_token()
    }

    /// Removes the credential's field in every spelling: no client says what the gateway shows.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let own = self.inner.settings.header.as_str();
        let own = canonical(own);
        let doomed = headers
            .keys()
            .filter(|name| canonical(name.as_str()) == own);
        let doomed: Vec<HeaderName> = doomed.cloned().collect();
        for name in doomed {
            headers.remove(name);
        }
    }

    /// What a request with `inbound` shows: kept, signed or fetched. `None`: nothing, because the token that
    /// would be handed on did not come.
    ///
    /// # Errors
    /// [`CredentialError`]; then the request must not be forwarded.
    pub async fn obtain(
        &self,
        inbound: &Inbound<'_>,
        clock: &Clock,
    ) -> Result<Option<Held>, CredentialError> {
        let inner = &self.inner;
        if inner.settings.kind == Kind::Forward {
            let value = inbound.token.map(|token| inner.field(token)).transpose()?;
            return Ok(value.map(|value| inner.held(value, None)));
        }
        let order = Order::of(&inner.settings.kind, inbound)?;
        let now = clock.now();
        let token = match inner.tokens.find(&order.key, now) {
            Some(token) if token.is_fresh(now) => token,
            Some(token) => self.refreshed(&order, token, clock)?,
            None => self.anew(&order, None, clock).await?,
        };
        let value = token.value.clone();
        Ok(Some(inner.held(value, Some((order, token)))))
    }

    /// What to show instead of `held`, which the upstream has refused; `None` when there is nothing better,
    /// or `held` is so new that another one would fare no better.
    pub async fn renew(&self, held: &Held, clock: &Clock) -> Option<Held> {
        let (order, refused) = held.again.as_ref()?;
        let cooldown = self.inner.settings.kind.endpoint();
        let cooldown = cooldown.map_or(1, |endpoint| endpoint.cooldown);
        let now = clock.now();
        let current = self.inner.tokens.find(&order.key, now);
        let is_other = |token: &Arc<Token>| !Arc::ptr_eq(token, refused);
        let token = match current.filter(is_other) {
            Some(other) => other,
            None if now.since(refused.obtained) < cooldown => return None,
            None => self.anew(order, Some(refused), clock).await.ok()?,
        };
        let value = token.value.clone();
        Some(self.inner.held(value, Some((order.clone(), token))))
    }

    /// What [`Credential::obtain`] would do, in words for the operator. Nothing is fetched.
    ///
    /// # Errors
    /// [`CredentialError`] when a claim or the token is not there that has to flow in.
    pub fn rehearse(
        &self,
        inbound: &Inbound<'_>,
        now: UnixTime,
    ) -> Result<String, CredentialError> {
        let Settings { header, kind, .. } = &self.inner.settings;
        let name = kind.name();
        let what = match kind {
            Kind::Forward if inbound.token.is_none() => "nothing: no token came".to_owned(),
            Kind::Forward => format!("{name} in {header}: the token as it came"),
            Kind::SignedJwt(signed) => {
                let order = Order::of(kind, inbound)?;
                signed.sign(&order, now)?;
                format!("{name} in {header}: it can be signed")
            }
            Kind::ClientCredentials(endpoint)
            | Kind::JwtBearer(endpoint, _)
            | Kind::TokenExchange(endpoint, _) => {
                Order::of(kind, inbound)?;
                let host = endpoint.url.host_str().unwrap_or_default();
                format!("{name} in {header}: would fetch it from {host}, unless one is kept")
            }
        };
        Ok(what)
    }

    /// `old` is still good, and another one is wanted soon.
    fn refreshed(
        &self,
        order: &Order,
        old: Arc<Token>,
        clock: &Clock,
    ) -> Result<Arc<Token>, CredentialError> {
        let now = clock.now();
        if let Kind::SignedJwt(_) = self.inner.settings.kind {
            return self.inner.sign(order, now);
        }
        if self.inner.tokens.failure(&order.key, now).is_none() {
            let fetch = self.fetch(order, clock);
            let (tokens, key) = (&self.inner.tokens, &order.key);
            let fresh = || tokens.find(key, now).filter(|token| token.is_fresh(now));
            let known = || fresh().map(Ok);
            self.inner.flights.begin(order.key, known, fetch);
        }
        Ok(old)
    }

    /// Another token than `refused`.
    async fn anew(&self, order: &Order, refused: Option<&Arc<Token>>, clock: &Clock) -> Outcome {
        let now = clock.now();
        if let Kind::SignedJwt(_) = self.inner.settings.kind {
            return self.inner.sign(order, now);
        }
        let fetch = self.fetch(order, clock);
        let (tokens, key) = (&self.inner.tokens, &order.key);
        let is_other = |token: &Arc<Token>| refused.is_none_or(|old| !Arc::ptr_eq(old, token));
        let known = || {
            let token = tokens.find(key, now).filter(is_other);
            let failure = || tokens.failure(key, now).map(Err);
            token.map(Ok).or_else(failure)
        };
        self.inner.flights.join(order.key, known, fetch).await
    }

    fn fetch(&self, order: &Order, clock: &Clock) -> impl Future<Output = Outcome> + Send + use<> {
        let (inner, order, clock) = (Arc::clone(&self.inner), order.clone(), clock.clone());
        let upstream = Arc::clone(&self.upstream);
        async move {
            let outcome = inner.fetch(&order, &clock).await;
            inner.learn(&order, &outcome, &clock);
            if let Err(error) = &outcome {
                tracing::warn!(upstream = &*upstream, cause = %error, "no credential");
            }
            outcome
        }
    }
}

impl Inner {
    /// The token as it is shown.
    fn field(&self, token: &[u8]) -> Result<HeaderValue, CredentialError> {
        let scheme = self.settings.scheme.as_bytes();
        let blank: &[u8] = if scheme.is_empty() { b"" } else { b" " };
        let value = zeroize::Zeroizing::new([scheme, blank, token].concat());
        let value = HeaderValue::from_bytes(&value);
        let mut value = value.map_err(|_| CallError::Lacks("token that can be shown"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn held(&self, value: HeaderValue, again: Option<(Order, Arc<Token>)>) -> Held {
        let header = self.settings.header.clone();
        Held {
            header,
            value,
            again,
        }
    }

    fn sign(&self, order: &Order, now: UnixTime) -> Outcome {
        let Kind::SignedJwt(signed) = &self.settings.kind else {
            return Err(CallError::GivenUp.into());
        };
        let token = signed.sign(order, now)?;
        let value = self.field(token.as_bytes())?;
        let token = Arc::new(Token::new(value, now, signed.assertion.lifetime));
        if signed.reuse {
            self.tokens.keep(order.key, &token);
        }
        Ok(token)
    }

    async fn fetch(&self, order: &Order, clock: &Clock) -> Outcome {
        let kind = &self.settings.kind;
        let endpoint = kind.endpoint().ok_or(CallError::GivenUp)?;
        let client = self.client.get_or_init(|| client_of(endpoint));
        let client = client.as_ref().map_err(Clone::clone)?;
        let exchange = async {
            // It is never closed.
            let _leave = self.leave.acquire().await.map_err(|_| CallError::Busy)?;
            let asked = clock.now();
            let mut request = self.request(order, asked)?;
            endpoint.complete(&mut request, asked)?;
            let (status, body) = post(client, &endpoint.url, request).await?;
            let any_type = matches!(kind, Kind::TokenExchange(..));
            let answer = answer::read(status, body, any_type)?;
            let value = self.field(answer.token.as_bytes())?;
            Ok(Arc::new(Token::new(value, asked, answer.lifetime)))
        };
        // One limit over everything: a body that drips in does not stretch it.
        let limit = endpoint.timeout;
        let fetched = tokio::time::timeout(limit, exchange).await;
        fetched.unwrap_or(Err(CallError::Timeout(limit).into()))
    }

    fn request(&self, order: &Order, now: UnixTime) -> Result<TokenRequest, CredentialError> {
        match &self.settings.kind {
            Kind::ClientCredentials(_) => Ok(client_credentials::request()),
            Kind::JwtBearer(_, assertion) => jwt_bearer::request(assertion, order, now),
            Kind::TokenExchange(_, exchange) => exchange.request(order, now),
            Kind::Forward | Kind::SignedJwt(_) => Err(CallError::GivenUp.into()),
        }
    }

    fn learn(&self, order: &Order, outcome: &Outcome, clock: &Clock) {
        let now = clock.now();
        self.counts.count(outcome, now);
        let cooldown = self.settings.kind.endpoint();
        let cooldown = cooldown.map_or(0, |endpoint| endpoint.cooldown);
        match outcome {
            Ok(token) => self.tokens.keep(order.key, token),
            Err(error) => self.tokens.failed(order.key, error, now, cooldown),
        }
    }
}

fn client_of(endpoint: &super::Endpoint) -> Result<reqwest::Client, CallError> {
    let trust = Trust::of(&endpoint.url, endpoint.authorities.as_deref());
    let client = trust.client(call::builder().pool_max_idle_per_host(FETCHES));
    client.map_err(|why| CallError::Trust(why.to_string()))
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        self.upstream == other.upstream && self.inner.settings == other.inner.settings
    }
}

impl Eq for Credential {}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.inner.settings.kind.name();
        write!(f, "Credential({}, {kind}, [redacted])", self.upstream)
    }
}
