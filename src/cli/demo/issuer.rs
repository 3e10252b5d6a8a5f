//! The issuer: its metadata, its keys, and a token of every kind for the asking.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::{
    answer,
    keys::{KeyError, Keys},
    tokens::{self, Kind, LIFETIME, Names},
};
use crate::clock::Clock;

/// An issuer that signs whatever it is asked for, and the partner that it stands in for.
pub(super) struct Issuer {
    url: String,
    partner_url: String,
    keys: Mutex<Keys>,
    clock: Clock,
}

impl Issuer {
    /// An issuer at `url`, with new keys.
    ///
    /// # Errors
    /// [`KeyError`] when a key cannot be made.
    pub(super) fn new(url: &str, clock: Clock) -> Result<Self, KeyError> {
        Ok(Self {
            url: url.to_owned(),
            partner_url: partner_url(url),
            keys: Mutex::new(Keys::generate()?),
            clock,
        })
    }

    /// Signs a token of `kind`.
    ///
    /// # Errors
    /// [`KeyError`] when the key does not sign.
    pub(super) fn mint(&self, kind: Kind) -> Result<String, KeyError> {
        let names = Names {
            issuer: &self.url,
            partner: &self.partner_url,
        };
        tokens::mint(kind, &self.keys(), names, self.clock.now())
    }

    /// Answers one request.
    pub(super) fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let method = request.method();
        match (request.uri().path(), method) {
            ("/.well-known/openid-configuration", &Method::GET) => metadata(&self.url),
            ("/jwks.json", &Method::GET) => {
                answer::json(StatusCode::OK, &json!({ "keys": self.keys().published() }))
            }
            ("/partner/.well-known/openid-configuration", &Method::GET) => {
                metadata(&self.partner_url)
            }
            ("/partner/jwks.json", &Method::GET) => answer::json(
                StatusCode::OK,
                &json!({ "keys": self.keys().partner_published() }),
            ),
            ("/token", &Method::GET) => self.token(request.uri().query().unwrap_or_default()),
            ("/rotate", &Method::POST) => self.rotate(),
            ("/token", _) => error(StatusCode::METHOD_NOT_ALLOWED, "use GET"),
            ("/rotate", _) => error(StatusCode::METHOD_NOT_ALLOWED, "use POST"),
            _ => error(
                StatusCode::NOT_FOUND,
                "there are /.well-known/openid-configuration, /jwks.json, /token?kind=valid \
                 and POST /rotate",
            ),
        }
    }

    fn token(&self, query: &str) -> Response<Full<Bytes>> {
        let mut kind = Ok(Kind::Valid);
        let mut plain = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "kind" => kind = value.parse(),
                "format" => plain = value == "text",
                _ => {}
            }
        }
        let Ok(kind) = kind else {
            let kinds = Kind::ALL.map(Kind::name);
            return answer::json(
                StatusCode::BAD_REQUEST,
                &json!({ "error": "no such kind", "kinds": kinds }),
            );
        };
        match self.mint(kind) {
            Ok(token) if plain => answer::text(StatusCode::OK, &token),
            Ok(token) => answer::json(
                StatusCode::OK,
                &json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME }),
            ),
            Err(failure) => error(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string()),
        }
    }

    fn rotate(&self) -> Response<Full<Bytes>> {
        let mut keys = self.keys();
        match keys.rotate() {
            Ok(()) => answer::json(
                StatusCode::OK,
                &json!({
                    "signs_with": keys.current.id(),
                    "still_published": keys.previous.as_ref().map(|key| key.id()),
                }),
            ),
            Err(failure) => error(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string()),
        }
    }

    /// The keys, whatever became of the thread that last held them: a rotation replaces a key as a
    /// whole or not at all.
    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `iss` of the second issuer, which lives under the first one's URL.
pub(super) fn partner_url(issuer: &str) -> String {
    format!("{issuer}/partner")
}

/// OpenID Connect Discovery 1.0 §3, as far as a resource server reads it.
fn metadata(url: &str) -> Response<Full<Bytes>> {
    answer::json(
        StatusCode::OK,
        &json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks.json"),
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "EdDSA"],
        }),
    )
}

fn error(status: StatusCode, what: &str) -> Response<Full<Bytes>> {
    answer::json(status, &json!({ "error": what }))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    fn ask(issuer: &Issuer, method: &str, target: &str) -> (u16, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .body(Bytes::new())
            .unwrap();
        let response = issuer.answer(&request);
        let status = response.status().as_u16();
        let body = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(response.into_body().collect())
            .unwrap();
        (status, body.to_bytes())
    }

    fn json_of(issuer: &Issuer, method: &str, target: &str) -> Value {
        let (status, body) = ask(issuer, method, target);
        assert_eq!(status, 200, "{target}");
        serde_json::from_slice(&body).unwrap()
    }

    fn issuer() -> Issuer {
        Issuer::new("http://127.0.0.1:8081", Clock::system()).unwrap()
    }

    #[test]
    fn the_metadata_leads_to_public_keys_only() {
        let issuer = issuer();
        let metadata = json_of(&issuer, "GET", "/.well-known/openid-configuration");
        assert_eq!(metadata["issuer"], "http://127.0.0.1:8081");
        assert_eq!(metadata["jwks_uri"], "http://127.0.0.1:8081/jwks.json");
        for set in ["/jwks.json", "/partner/jwks.json"] {
            for key in json_of(&issuer, "GET", set)["keys"].as_array().unwrap() {
                assert!(key.get("kid").is_some() && key.get("alg").is_some());
                assert_eq!(key.get("d"), None);
            }
        }
    }

    #[test]
    fn a_token_comes_as_json_or_as_text() {
        let issuer = issuer();
        let answer = json_of(&issuer, "GET", "/token?kind=expired");
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 3600);
        assert_eq!(
            answer["access_token"].as_str().unwrap().split('.').count(),
            3
        );
        let (status, body) = ask(&issuer, "GET", "/token?format=text");
        assert_eq!(status, 200);
        assert!(body.starts_with(b"eyJ") && body.ends_with(b"\n"));
    }

    #[test]
    fn an_unknown_kind_is_answered_with_the_known_ones() {
        let (status, body) = ask(&issuer(), "GET", "/token?kind=golden");
        assert_eq!(status, 400);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["kinds"].as_array().unwrap().len(), Kind::ALL.len());
    }

    #[test]
    fn a_rotation_asks_for_post_and_publishes_one_more_key() {
        let issuer = issuer();
        let count = |issuer: &Issuer| {
            json_of(issuer, "GET", "/jwks.json")["keys"]
                .as_array()
                .unwrap()
                .len()
        };
        let before = count(&issuer);
        assert_eq!(ask(&issuer, "GET", "/rotate").0, 405);
        assert_eq!(count(&issuer), before);
        assert_eq!(json_of(&issuer, "POST", "/rotate")["signs_with"], "demo-2");
        assert_eq!(count(&issuer), before + 1);
        assert_eq!(
            json_of(&issuer, "POST", "/rotate")["still_published"],
            "demo-2"
        );
        assert_eq!(count(&issuer), before + 1);
        assert_eq!(ask(&issuer, "GET", "/nowhere").0, 404);
    }
}
