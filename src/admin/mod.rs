//! The admin listener: health, metrics, status, reload, why a request is refused, and a page of it all.

use std::{convert::Infallible, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    gateway::Gateway,
    reload::Reloads,
    secret::Secret,
    server::{Course, ListenAddress, ListenError, Listener, listener::Opening},
};

mod browser;
mod explain;
mod metrics;
mod page;
mod refusals;
mod reload;
mod status;

use status::listing::Listing;

/// How the admin listener runs, prepared from `[admin]`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: ListenAddress,
    /// The bearer secret of `token_file`; must be there when `listen` is not loopback.
    pub token: Option<Secret>,
    /// How many of the last refusals are kept for whoever asks why.
    pub refusals: usize,
}

/// An admin listener that is bound.
pub struct Bound {
    listener: std::net::TcpListener,
    address: SocketAddr,
    admin: Admin,
}

struct Admin {
    token: Token,
    gateway: Arc<Gateway>,
    reloads: Option<Reloads>,
    metrics: metrics::Exposition,
    page: page::Page,
    started: std::time::Instant,
}

/// The bearer secret that is asked for; a reload may replace it.
pub type Token = Arc<ArcSwapOption<Secret>>;

type Answer = Response<Full<Bytes>>;

/// How long one connection may take for a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the admin listener's socket.
///
/// # Errors
/// [`ListenError`]; also when what was inherited is more than one socket, or none for TCP.
pub fn open(
    address: &ListenAddress,
    opening: &mut Opening,
) -> Result<std::net::TcpListener, ListenError> {
    let mut sockets = Listener::open(address, 1, opening)?.into_iter().flatten();
    match (sockets.next(), sockets.next()) {
        (Some(Listener::Tcp(listener)), None) => Ok(listener),
        _ => Err(failed(address, std::io::ErrorKind::AddrNotAvailable.into())),
    }
}

fn failed(address: &ListenAddress, error: std::io::Error) -> ListenError {
    ListenError {
        address: address.to_string(),
        error,
    }
}

impl Bound {
    /// The listener on a socket that [`open`] gave. Without `reloads`, there is nothing to reload.
    ///
    /// # Errors
    /// [`ListenError`] when the system does not say where it listens.
    pub fn new(
        settings: Settings,
        listener: std::net::TcpListener,
        gateway: Arc<Gateway>,
        reloads: Option<Reloads>,
    ) -> Result<Self, ListenError> {
        gateway.refusals().keep(settings.refusals);
        let metrics = metrics::Exposition::new(&gateway, reloads.as_ref());
        let started = std::time::Instant::now();
        let admin = Admin {
            token: Arc::new(ArcSwapOption::new(settings.token.map(Arc::new))),
            gateway,
            reloads,
            metrics,
            page: page::Page::new(),
            started,
        };
        let address = listener.local_addr();
        let address = address.map_err(|error| failed(&settings.listen, error))?;
        Ok(Self {
            listener,
            address,
            admin,
        })
    }

    /// Where it listens, the port filled in.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The secret that it asks for.
    #[must_use]
    pub fn token(&self) -> Token {
        Arc::clone(&self.admin.token)
    }

    /// Serves until it is dropped.
    pub async fn serve(self, course: watch::Receiver<Course>) {
        let admin = Rc::new(self.admin);
        let listener = match TcpListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the admin listener cannot be used"),
        };
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (admin, course) = (Rc::clone(&admin), course.clone());
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| {
                    let (admin, course) = (Rc::clone(&admin), *course.borrow());
                    async move { Ok::<_, Infallible>(admin.answer(request, course).await) }
                });
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>, course: Course) -> Answer {
        let path = request.uri().path();
        let open = matches!(path, "/livez" | "/readyz" | "/metrics");
        if !open && let Err(foreign) = browser::admit(&request, self.token.load().is_some()) {
            return foreign.answer();
        }
        // The page itself says nothing of the gateway.
        let open = open || path == "/";
        if !open && !self.admits(&request) {
            let mut answer = text(
                StatusCode::UNAUTHORIZED,
                "the admin token is missing or wrong\n",
            );
            let challenge = http::HeaderValue::from_static("Bearer realm=\"portcullis admin\"");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
            return answer;
        }
        if path == "/reload" {
            return reload::answer_to(request.method(), self.reloads.as_ref()).await;
        }
        if path == "/explain" {
            if *request.method() == Method::POST
                && let Err(foreign) = browser::json(request.headers())
            {
                return foreign.answer();
            }
            return explain::answer_to(request, &self.gateway).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
            let allow = http::HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(header::ALLOW, allow);
            return answer;
        }
        match path {
            "/" => self.page.answer(),
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => status::ready(&self.gateway, course),
            "/metrics" => self.metrics.answer(request.headers()),
            "/status" => match Listing::parse(request.uri().query().unwrap_or_default()) {
                Ok(listing) => {
                    let uptime = self.started.elapsed();
                    let last = self.reloads.as_ref().and_then(Reloads::last);
                    status::status(&self.gateway, uptime, course, &listing, last.as_ref())
                }
                Err(usage) => text(StatusCode::BAD_REQUEST, usage),
            },
            _ if path.starts_with(refusals::PATH) => refusals::answer_to(path, &self.gateway),
            _ => text(
                StatusCode::NOT_FOUND,
                "/ /livez /readyz /metrics /status /refusals, POST /reload, POST /explain\n",
            ),
        }
    }

    fn admits(&self, request: &Request<Incoming>) -> bool {
        let token = self.token.load();
        let Some(token) = token.as_ref() else {
            return true;
        };
        let mut given = request.headers().get_all(header::AUTHORIZATION).iter();
        let (Some(given), None) = (given.next(), given.next()) else {
            return false;
        };
        let given = given.as_bytes();
        given
            .split_at_checked("Bearer ".len())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
            .is_some_and(|(_, secret)| token.matches(secret))
    }
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    answer(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(body.as_bytes()),
    )
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    // Whatever a page of strangers embeds, it is neither read nor guessed at.
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        fields.insert(name, http::HeaderValue::from_static(value));
    }
    answer
}
