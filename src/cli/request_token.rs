//! `portcullis request-token`: asks a token endpoint for a token, with an assertion that a key signs.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use reqwest::Url;

use super::arguments;
use crate::{
    call::{self, Trust},
    clock::{Clock, UnixTime},
    issuer::discovery,
    jose::Algorithm,
    outbound::{Authentication, Client, Signature, TokenRequest, post},
    signing::{ClaimError, Claims, Header, SigningKey, file},
};

/// What `request-token` can be told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The token endpoint
    #[arg(long, value_name = "URL")]
    endpoint: Url,
    /// The private key that signs: PEM or DER (PKCS#8, PKCS#1, SEC1), or a JWK
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
    /// What is signed by; by default the key's own algorithm, RS256 for RSA
    #[arg(short, long, value_name = "ALG", value_parser = arguments::signature_algorithm)]
    algorithm: Option<Algorithm>,
    /// The kid; by default that of the JWK, or the key's thumbprint (RFC 7638)
    #[arg(long, value_name = "KID")]
    key_id: Option<String>,
    /// Who asks (iss): the client's name at the server
    #[arg(long, value_name = "ISS")]
    issuer: String,
    /// Whom the token is to be about (sub); by default who asks
    #[arg(long, value_name = "SUB", conflicts_with = "client_credentials")]
    subject: Option<String>,
    /// Whom the assertion is for (aud); by default the endpoint
    #[arg(long, value_name = "AUD")]
    audience: Option<String>,
    /// A scope to ask for; may be repeated
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// How long the assertion is good; 5m by default
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = arguments::lifetime,
        conflicts_with = "client_credentials"
    )]
    lifetime: Option<i64>,
    /// The form of the answer, where the server has several
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// PEM certificates of the authorities to trust instead of the machine's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Ask for a token of one's own (RFC 6749 §4.4) and authenticate by private_key_jwt
    #[arg(long)]
    client_credentials: bool,
    /// Allow http to another machine than this one
    #[arg(long)]
    allow_http: bool,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON (RFC 6749 §5).
    Json,
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
    /// XML.
    Xml,
}

/// Bad usage, or a key that cannot be used.
const BAD: u8 = 2;
/// How long an assertion is good unless something else is said, in seconds.
const LIFETIME: i64 = 300;
/// The most time that the request may take.
const PATIENCE: Duration = Duration::from_secs(30);

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Prints the answer. Exits with 0 when it is a token, 1 when there is none, 2 for bad usage.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let asked = options.request(Clock::system().now());
    let asked = asked.and_then(|request| Ok((request, options.client()?)));
    let (request, client) = match asked {
        Ok(asked) => asked,
        Err(message) => return end(BAD, &message),
    };
    match send(options, request, &client) {
        Ok((status, body)) => {
            let _ = print(&body);
            match status {
                200..=299 => ExitCode::SUCCESS,
                status => end(
                    1,
                    &format!("the server gives no token: its status is {status}"),
                ),
            }
        }
        Err(message) => end(1, &message),
    }
}

fn end(code: u8, message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "portcullis request-token: {message}");
    ExitCode::from(code)
}

fn print(body: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(body)?;
    if !body.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn send(
    options: &Options,
    request: TokenRequest,
    client: &reqwest::Client,
) -> Result<(u16, Vec<u8>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let answer = runtime.block_on(async {
        let sending = post(client, &options.endpoint, request);
        tokio::time::timeout(PATIENCE, sending).await
    });
    match answer {
        Ok(Ok((status, body))) => Ok((status.as_u16(), body)),
        Ok(Err(error)) => Err(format!("the server does not answer: {error}")),
        Err(_) => Err(format!("the server does not answer within {PATIENCE:?}")),
    }
}

impl Options {
    fn request(&self, now: UnixTime) -> Result<TokenRequest, String> {
        let key = self.signing_key()?;
        let audience = self.audience.as_deref();
        let audience = audience.unwrap_or(self.endpoint.as_str());
        let mut request = if self.client_credentials {
            let mut request = TokenRequest::new("client_credentials");
            let client = Client {
                id: self.issuer.as_str().into(),
                authentication: Authentication::Assertion {
                    signature: Signature::of_key(key, &[]),
                    audience: audience.into(),
                },
            };
            let done = client.authenticate(&mut request, now);
            done.map_err(|error| error.to_string())?;
            request
        } else {
            let claims = self.claims(audience, now)?;
            let token = key.token(&Header::new("JWT"), &claims);
            let mut request = TokenRequest::new(JWT_BEARER);
            request.add("assertion", &token.map_err(|error| error.to_string())?);
            request
        };
        if !self.scope.is_empty() {
            request.add("scope", &self.scope.join(" "));
        }
        match self.format {
            Format::Json => {}
            Format::Urlencoded => request.add("format", "urlencoded"),
            Format::Xml => request.add("format", "xml"),
        }
        Ok(request)
    }

    fn claims(&self, audience: &str, now: UnixTime) -> Result<Claims, String> {
        let subject = self.subject.as_deref().unwrap_or(&self.issuer);
        let mut claims = Claims::new();
        claims.set_random_id().map_err(|error| error.to_string())?;
        for (name, value) in [("iss", &*self.issuer), ("sub", subject), ("aud", audience)] {
            let set = claims.set(name, value);
            set.map_err(|error: ClaimError| error.to_string())?;
        }
        let lifetime = self.lifetime.unwrap_or(LIFETIME);
        let completed = claims.complete(now, lifetime);
        completed.map_err(|error| error.to_string())?;
        Ok(claims)
    }

    fn signing_key(&self) -> Result<SigningKey, String> {
        let document = file::read_private(&self.key).map_err(|error| error.to_string())?;
        let key = SigningKey::read(&document, self.algorithm);
        let key = key.map_err(|error| format!("{} cannot be used: {error}", self.key.display()))?;
        Ok(match &self.key_id {
            Some(kid) => key.with_kid(kid.as_str()),
            None => key,
        })
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let url = &self.endpoint;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the endpoint must be https".to_owned());
        }
        if url.scheme() == "http" && !discovery::is_loopback(url) && !self.allow_http {
            return Err(
                "the endpoint must be https; --allow-http where the network is trusted".to_owned(),
            );
        }
        let authorities = self.ca_file.as_deref().map(read).transpose()?;
        let trust = Trust::of(url, authorities.as_deref());
        let client = trust.client(call::builder());
        client.map_err(|error| error.to_string())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
