//! The example of Axway's JWT bearer flow.

use portcullis::signing::{Directory, Settings};

use super::{super::harness::request, *};

const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ENDPOINT: &str = "https://api.example.com/api/oauth/token";
const BOTH: &str = "resource.READ resource.WRITE";

fn axway() -> Example {
    Example::start("axway", |_, directory| {
        make_key(directory);
        let certificate = partner().certificate((2026, 1, 1), (2030, 1, 1));
        fs::write(directory.join("reporting.pem"), certificate.pem()).unwrap();
    })
}

/// What `portcullis keys generate` does.
pub(super) fn make_key(directory: &Path) {
    let keys = Directory::new(directory.join("keys"));
    keys.generate(&Settings::default(), None, UnixTime(NOW - 86_400))
        .unwrap();
}

/// A good assertion, as Axway's own sample makes it: its times are texts.
fn assertion() -> Token<'static> {
    let token = Token::of(partner()).without_header("kid");
    token
        .claim("iss", "reporting")
        .claim("aud", ENDPOINT)
        .claim("iat", NOW.to_string())
        .claim("exp", (NOW + 300).to_string())
}

fn grant(assertion: &Token<'_>, more: &[(&str, &str)]) -> Request {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("grant_type", BEARER);
    body.append_pair("assertion", &assertion.sign());
    body.extend_pairs(more);
    request("POST", "/api/oauth/token").form(body.finish())
}

impl Example {
    /// The access token that `request` gets, with this scope.
    #[track_caller]
    fn grants(&self, request: &Request, scope: &str) -> String {
        let before = self.upstream.count();
        let response = request.send(self.gateway.address());
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.field("cache-control"), Some("no-store"));
        let answer = response.json();
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 3600);
        assert_eq!(answer["scope"], scope);
        assert!(answer.get("refresh_token").is_none());
        assert_eq!(self.upstream.count(), before, "the upstream saw it");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// `request` gets an error of RFC 6749 and no token.
    #[track_caller]
    fn denies(&self, request: &Request, error: &str) {
        let response = request.send(self.gateway.address());
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(response.json()["error"], error, "{}", response.text());
        assert!(response.json().get("access_token").is_none());
        self.upstream.saw_nothing();
    }
}

#[test]
fn a_good_assertion_opens_the_reports() {
    let example = axway();
    let all = example.grants(&grant(&assertion(), &[]), BOTH);
    let read = [("scope", "resource.READ")];
    let read = example.grants(&grant(&assertion(), &read), "resource.READ");
    let write = [("scope", "resource.WRITE,resource.READ")];
    example.grants(&grant(&assertion(), &write), "resource.WRITE resource.READ");
    example.upstream.saw_nothing();
    for token in [&all, &read] {
        let seen = example.allows(&get("/reports/1").bearer(token));
        assert_eq!(seen.field("x-auth-subject"), Some("alice"));
        assert_eq!(seen.field("x-auth-issuer"), Some("https://api.example.com"));
    }
    example.allows(&post("/reports/1", "{}").bearer(&all));
    let write = post("/reports/1", "{}").bearer(&read);
    example.refuses(&write, 403, "scope_insufficient");
    example.refuses(&get("/reports/1"), 401, "token_missing");
    example.refuses(&get("/other").bearer(&all), 404, "route_not_found");
    let assertion = get("/reports/1").bearer(assertion().sign());
    example.refuses(&assertion, 401, "issuer_unknown");
}

#[test]
fn a_bad_assertion_gets_no_token() {
    let example = axway();
    for wrong in [
        assertion().claim("iss", "old-reporting"),
        assertion().claim("iss", "nobody"),
        assertion().claim("aud", "https://api.example.com"),
        assertion().claim("exp", NOW - 60),
        assertion().claim("exp", NOW + 301),
        assertion().without("iat").claim("exp", NOW + 361),
        assertion().claim("exp", "soon"),
        assertion().without("exp"),
        assertion().claim("iat", NOW + 61),
        assertion().without("sub"),
        Token::of(mint::rsa())
            .without_header("kid")
            .claim("iss", "reporting")
            .claim("aud", ENDPOINT),
    ] {
        example.denies(&grant(&wrong, &[]), "invalid_grant");
    }
    example.denies(
        &grant(&assertion(), &[("scope", "resource.DELETE")]),
        "invalid_scope",
    );
    example.denies(
        &grant(&assertion(), &[("format", "yaml")]),
        "invalid_request",
    );
    let other = "grant_type=client_credentials&client_id=reporting";
    let other = request("POST", "/api/oauth/token").form(other);
    example.denies(&other, "unsupported_grant_type");
    let once = grant(&assertion().claim("jti", "1"), &[]);
    example.grants(&once, BOTH);
    example.denies(&once, "invalid_grant");
}
