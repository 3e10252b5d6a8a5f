//! A refusal as the client sees it: a problem document (RFC 9457) and a challenge (RFC 6750 §3).

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    code::{Challenge, Code},
    refusal::Refusal,
};
use crate::forward::{ResponseBody, headers::X_REQUEST_ID};

/// What every challenge of one configuration says.
#[derive(Clone, Debug)]
pub struct Realm {
    realm: String,
    /// The URL of a page about refusals, without a fragment.
    docs: Option<String>,
}

/// The body of a refusal.
#[derive(serde::Serialize)]
struct Problem<'p> {
    /// RFC 9457 §3.1.1. Without it, it is "about:blank": the status says it all.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_: Option<&'p str>,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    request_id: &'p str,
}

impl Realm {
    /// The realm of a gateway that clients know by `public_url`; `docs` is the page about its refusals.
    #[must_use]
    pub fn new(public_url: Option<&str>, docs: Option<&str>) -> Self {
        let url = public_url.and_then(|url| reqwest::Url::parse(url).ok());
        let realm = url
            .as_ref()
            .and_then(|url| url.host_str())
            .unwrap_or("portcullis")
            .to_owned();
        let docs = docs.map(str::to_owned);
        Self { realm, docs }
    }

    /// Where somebody who is refused with `code` reads on.
    fn page(&self, code: Code) -> Option<String> {
        let docs = self.docs.as_ref()?;
        Some(format!("{docs}#{}", code.name()))
    }

    fn challenge(
        &self,
        code: Code,
        scope: Option<&str>,
        resource_metadata: Option<&str>,
    ) -> Option<HeaderValue> {
        let error = match code.challenge() {
            Challenge::None => return None,
            Challenge::Bare => None,
            Challenge::InvalidRequest => Some("invalid_request"),
            Challenge::InvalidToken => Some("invalid_token"),
            Challenge::InsufficientScope => Some("insufficient_scope"),
        };
        let mut text = format!("Bearer realm=\"{}\"", self.realm);
        if let Some(error) = error {
            text += &format!(
                ", error=\"{error}\", error_description=\"{}\"",
                code.detail()
            );
            if let Some(page) = self.page(code) {
                text += &format!(", error_uri=\"{page}\"");
            }
        }
        if let Some(scope) = scope {
            text += &format!(", scope=\"{scope}\"");
        }
        if let Some(metadata) = resource_metadata {
            text += &format!(", resource_metadata=\"{metadata}\"");
        }
        HeaderValue::try_from(text).ok()
    }
}

/// The response to a refused request; `resource_metadata` is the URL for its challenge.
#[must_use]
pub fn refuse(
    refusal: &Refusal,
    request_id: &HeaderValue,
    realm: &Realm,
    resource_metadata: Option<&str>,
) -> Response<ResponseBody> {
    let code = refusal.code();
    let mut response = Response::new(ResponseBody::Own(problem(
        code,
        request_id,
        realm.page(code).as_deref(),
    )));
    *response.status_mut() = code.status();
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_REQUEST_ID, request_id.clone());
    let scope = match refusal {
        Refusal::Denied { scope, .. } => scope.as_deref(),
        _ => None,
    };
    if let Some(challenge) = realm.challenge(code, scope, resource_metadata) {
        fields.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(allow) = refusal.allow() {
        fields.insert(ALLOW, allow);
    }
    if matches!(
        code,
        Code::KeysUnavailable
            | Code::IntrospectionUnavailable
            | Code::RegistryUnavailable
            | Code::StoreUnavailable
            | Code::CredentialUnavailable
            | Code::Overloaded
    ) {
        fields.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if let Some(wait) = refusal.retry_after() {
        fields.insert(RETRY_AFTER, wait);
    }
    if code.closes() {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
        // For whoever counts why connections end.
        response.extensions_mut().insert(code);
    }
    response
}

/// The problem document of `code`; `page` is the URL of what there is to read about it.
#[must_use]
pub fn problem(code: Code, request_id: &HeaderValue, page: Option<&str>) -> Bytes {
    let status = code.status();
    let problem = Problem {
        type_: page,
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        code: code.name(),
        detail: code.detail(),
        request_id: request_id.to_str().unwrap_or_default(),
    };
    serde_json::to_vec(&problem).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: HeaderValue = HeaderValue::from_static("r1");

    fn challenge(code: Code, url: Option<&str>, scope: Option<&str>) -> Option<String> {
        Realm::new(url, None)
            .challenge(code, scope, url.map(|_| "https://m"))
            .map(|v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn challenges_say_what_rfc_6750_lets_them() {
        assert_eq!(
            challenge(Code::TokenMissing, None, None).unwrap(),
            "Bearer realm=\"portcullis\""
        );
        assert_eq!(
            challenge(Code::TokenExpired, Some("https://api.example.com"), None).unwrap(),
            "Bearer realm=\"api.example.com\", error=\"invalid_token\", \
             error_description=\"The token expired.\", \
             resource_metadata=\"https://m\""
        );
        let scope = challenge(Code::ScopeInsufficient, None, Some("a b")).unwrap();
        assert!(scope.contains("error=\"insufficient_scope\"") && scope.ends_with("scope=\"a b\""));
        assert_eq!(challenge(Code::RouteNotFound, None, None), None);
    }

    #[test]
    fn the_body_is_a_problem_document() {
        let response = refuse(&Refusal::TokenMissing, &ID, &Realm::new(None, None), None);
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[X_REQUEST_ID], "r1");
        let body: serde_json::Value =
            serde_json::from_slice(&problem(Code::TokenMissing, &ID, None)).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "title": "Unauthorized", "status": 401, "code": "token_missing",
                "detail": "The request carries no token.", "request_id": "r1",
            })
        );
    }

    #[test]
    fn a_refusal_links_to_its_page_where_there_is_one() {
        let realm = Realm::new(None, Some("https://docs.example.com/refusals"));
        let page = "https://docs.example.com/refusals#token_expired";
        let challenge = realm.challenge(Code::TokenExpired, None, None).unwrap();
        assert_eq!(
            challenge.to_str().unwrap(),
            format!(
                "Bearer realm=\"portcullis\", error=\"invalid_token\", \
                 error_description=\"The token expired.\", error_uri=\"{page}\""
            )
        );
        let body = problem(
            Code::TokenExpired,
            &ID,
            realm.page(Code::TokenExpired).as_deref(),
        );
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], page);
        // A bare challenge says no error (RFC 6750 §3.1), and so nothing about one.
        let bare = realm.challenge(Code::TokenMissing, None, None).unwrap();
        assert_eq!(bare, "Bearer realm=\"portcullis\"");
    }
}
