//! A refusal that a gateway remembers, asked of its admin listener.

use std::{net::IpAddr, path::Path, time::Duration};

use http::StatusCode;
use reqwest::{Response, Url};
use serde::Deserialize;

use super::Options;
use crate::{
    call,
    clock::Clock,
    config,
    explain::{Remembered, Report},
    secret::Secret,
    server::ListenAddress,
};

/// How long the admin listener may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Failure {
    error: String,
}

/// Whom to ask, and with which secret.
struct Admin {
    url: Url,
    token: Option<Secret>,
}

/// The refusal of the request `id`.
///
/// # Errors
/// A sentence that says why it cannot be told.
pub(super) fn report(options: &Options, id: &str) -> Result<Report, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !(1..=128).contains(&id.len()) || !id.bytes().all(plain) {
        return Err(format!(
            "--request-id \"{id}\" is none: it stands in the response, as x-request-id and in its body"
        ));
    }
    let admin = match &options.admin {
        Some(url) => Admin {
            url: url.clone(),
            token: options.admin_token_file.as_deref().map(read).transpose()?,
        },
        None => admin_of(options)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let asked = async { tokio::time::timeout(PATIENCE, admin.ask(id)).await };
    match runtime.block_on(asked) {
        Ok(answer) => answer,
        Err(_) => Err(format!("{} does not answer within {PATIENCE:?}", admin.url)),
    }
}

/// The admin listener of the configuration.
fn admin_of(options: &Options) -> Result<Admin, String> {
    let clock = Clock::system();
    let config = config::load(&options.config, &clock).map_err(|report| report.render(false))?;
    let admin = config
        .admin
        .ok_or("the configuration has no admin listener: set admin.listen")?;
    let ListenAddress::Tcp(mut address) = admin.listen else {
        return Err("where the admin listener is, the configuration does not say: use --admin http://HOST:PORT".to_owned());
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let url = format!("http://{address}/").parse();
    let url = url.map_err(|error| format!("the admin listener's address is none: {error}"))?;
    let token = match &options.admin_token_file {
        Some(file) => Some(read(file)?),
        None => admin.token,
    };
    Ok(Admin { url, token })
}

fn read(file: &Path) -> Result<Secret, String> {
    let bytes = std::fs::read(file);
    let bytes = bytes.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(Secret::new(bytes.trim_ascii().to_vec()))
}

impl Admin {
    async fn ask(&self, id: &str) -> Result<Report, String> {
        let client = call::builder().build();
        let client = client.map_err(|error| format!("cannot start: {}", call::cause(error)))?;
        let url = self.url.join(&format!("/refusals/{id}"));
        let url = url.map_err(|error| format!("--admin {}: {error}", self.url))?;
        let mut request = client.get(url);
        if let Some(token) = &self.token {
            let secret = String::from_utf8_lossy(token.expose_secret());
            request = request.bearer_auth(secret);
        }
        let response = request.send().await;
        let response = response.map_err(|error| {
            let why = call::cause(error);
            format!(
                "cannot connect to {}: {why}; is the gateway running?",
                self.url
            )
        })?;
        self.read(response).await
    }

    async fn read(&self, response: Response) -> Result<Report, String> {
        let status = response.status();
        let url = &self.url;
        if status == StatusCode::UNAUTHORIZED {
            return Err(format!(
                "{url} lets nobody in without its admin token: use --admin-token-file FILE"
            ));
        }
        let body = call::body(response, MAX_ANSWER).await;
        let body = body.ok().flatten().unwrap_or_default();
        match status {
            StatusCode::OK => serde_json::from_slice::<Remembered>(&body)
                .map(Remembered::report)
                .map_err(|_| format!("{url} is no admin listener of this version")),
            StatusCode::NOT_FOUND => Err(match serde_json::from_slice::<Failure>(&body) {
                Ok(Failure { error }) => error,
                Err(_) => format!("{url} is no admin listener of this version"),
            }),
            other => Err(format!("{url} answers with {other}")),
        }
    }
}
