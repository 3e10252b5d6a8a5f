//! The gateway's own token service: a client's assertion becomes an access token, which the gateway's routes
//! take.

use std::path::Path;

use portcullis::{
    clock::UnixTime,
    signing::{self, Directory},
};
use serde_json::{Value, json};

use super::harness::{
    AUDIENCE, Builder, NOW, Request, Response, Signer, Stage, Token, get, mint, post, refused,
    request,
};

mod about;
mod authentication;
mod formats;
mod grants;
mod refresh;
mod reloads;
mod routes;

/// Where the tests' clients ask.
const TOKEN: &str = "/oauth/token";
/// What an assertion's audience is by default.
const ENDPOINT: &str = "https://api.example.com/oauth/token";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const JWT_CLIENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The secret of the client "auditor".
const SECRET: &str = "a secret of the auditor's";

/// A service with the clients `erp` (ES256, a key set), `crm` (RS256, a certificate), `old` (not active) and
/// `auditor` (a secret, and it may ask about everybody's tokens). `more` is merged into its section.
fn builder(more: &str) -> Builder {
    let builder = Stage::builder();
    let folder = builder.directory().to_owned();
    make_key(&folder);
    write(
        &folder,
        "erp.json",
        json!({"keys": [mint::es256().jwk()]}).to_string(),
    );
    let certificate = mint::rsa().certificate((2020, 1, 1), (2090, 1, 1));
    write(&folder, "crm.pem", certificate.pem());
    let clients = format!(
        "[server]\npublic_url = \"{AUDIENCE}\"\n\
         [signing]\ndirectory = \"keys\"\n\
         [token_service]\nenabled = true\n{more}\n\
         [token_service.clients.erp]\njwks_file = \"erp.json\"\nscopes = [\"orders:read\", \"orders:write\"]\n\
         [token_service.clients.crm]\ncertificate_file = \"crm.pem\"\nscopes = [\"orders:read\"]\n\
         [token_service.clients.old]\nactive = false\njwks_file = \"erp.json\"\n\
         [token_service.clients.auditor]\nclient_secret = \"{SECRET}\"\ngrants = []\nintrospect = true\n"
    );
    builder.with(&clients)
}

fn stage() -> Stage {
    builder("").start()
}

fn make_key(folder: &Path) {
    let keys = Directory::new(folder.join("keys"));
    let settings = signing::Settings::default();
    keys.generate(&settings, None, UnixTime(NOW - 86_400))
        .unwrap();
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), content).unwrap();
}

/// A good assertion of `erp`, without a `jti`.
fn assertion() -> Token<'static> {
    Token::of(mint::es256())
        .claim("iss", "erp")
        .claim("aud", ENDPOINT)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
}

/// A good assertion by which `client` says who it is, with this `jti`.
fn client_assertion(signer: &'static Signer, client: &str, jti: &str) -> String {
    Token::of(signer)
        .claim("iss", client)
        .claim("sub", client)
        .claim("aud", ENDPOINT)
        .claim("exp", NOW + 300)
        .claim("iat", NOW)
        .claim("jti", jti)
        .sign()
}

fn form(target: &str, parameters: &[(&str, &str)]) -> Request {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(parameters);
    request("POST", target).form(body.finish())
}

/// A request for a token with this assertion.
fn grant(assertion: &str, more: &[(&str, &str)]) -> Request {
    let mut parameters = vec![("grant_type", BEARER), ("assertion", assertion)];
    parameters.extend_from_slice(more);
    form(TOKEN, &parameters)
}

/// The token that `request` gets, and the whole answer.
#[track_caller]
fn granted(stage: &Stage, request: &Request) -> (String, Value) {
    let response = stage.send(request);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.field("cache-control"), Some("no-store"));
    assert_eq!(response.field("pragma"), Some("no-cache"));
    assert!(response.field("x-request-id").is_some());
    let answer = response.json();
    assert_eq!(answer["token_type"], "Bearer");
    let token = answer["access_token"].as_str().unwrap().to_owned();
    (token, answer)
}

/// `request` is refused with an error of RFC 6749, and the upstream hears nothing.
#[track_caller]
fn fails(stage: &Stage, request: &Request, status: u16, error: &str) -> Response {
    let before = stage.upstream.connections();
    let response = stage.send(request);
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    assert_eq!(response.json()["error"], error, "{text}");
    assert_eq!(response.field("cache-control"), Some("no-store"));
    let description = response.json()["error_description"].to_string();
    assert!(
        description.len() > 10 && !description.contains("erp"),
        "{description}"
    );
    assert_eq!(stage.upstream.connections(), before);
    response
}

/// The claims of a signed token.
fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, number: usize) -> Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
