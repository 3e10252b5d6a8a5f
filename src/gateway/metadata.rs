//! Protected resource metadata (RFC 9728): whom a client asks for a token.

use bytes::Bytes;
use http::{Method, request::Parts};
use serde_json::json;

use super::Policy;
use crate::{route::Access, token::Sources};

/// Where the document stands, before the resource's own path.
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata document of a gateway that clients know by its `public_url`.
#[derive(Debug)]
pub struct Metadata {
    path: String,
    document: Bytes,
}

/// The most issuers that the document names.
const MAX_ISSUERS: usize = 100;

/// Where a token may stand, by the names of RFC 9728 §2. A header or a cookie of one's own has none.
fn methods(policy: &Policy) -> Vec<&'static str> {
    let any = |there: fn(&Sources) -> bool| {
        let mut checked = policy
            .routes
            .all()
            .iter()
            .filter(|r| r.access != Access::Public);
        checked.any(|route| there(&route.token))
    };
    [
        ("header", any(|sources| sources.header.is_none())),
        (
            "body",
            any(|sources| sources.header.is_none() && sources.form_parameter.is_some()),
        ),
        (
            "query",
            any(|sources| sources.header.is_none() && sources.query_parameter.is_some()),
        ),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect()
}

impl Metadata {
    /// The document for `policy`; `None` without a `public_url`.
    #[must_use]
    pub fn new(policy: &Policy) -> Option<Self> {
        let public_url = policy.public_url.as_deref()?;
        let url = reqwest::Url::parse(public_url).ok()?;
        let mut issuers: Vec<&str> = policy
            .registry
            .iter()
            .filter(|i| i.active)
            .map(|i| &*i.name)
            .collect();
        issuers.sort_unstable();
        issuers.truncate(MAX_ISSUERS);
        let document = json!({
            "resource": public_url,
            "authorization_servers": issuers,
            "bearer_methods_supported": methods(policy),
        });
        let path = format!("{WELL_KNOWN}{}", url.path().trim_end_matches('/'));
        Some(Self {
            path,
            document: document.to_string().into(),
        })
    }

    /// The document, if that is what a request asks for.
    #[must_use]
    pub fn at(&self, head: &Parts) -> Option<Bytes> {
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        (reads && head.uri.path() == self.path).then(|| self.document.clone())
    }
}
