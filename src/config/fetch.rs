//! `fetch` of an issuer: how its JWKS document is fetched.

use std::{sync::LazyLock, time::Duration};

use reqwest::Url;

use super::{
    fetch_certificate, files,
    schema::{Key, Schema, key, unset},
    section::{Section, Text},
    shape::{CENTI, DAY, MINUTE, SECOND, Shape},
    url,
};
use crate::{
    issuer::{ClientCertificate, Metadata, Remote, discovery},
    secret::Secret,
};

pub(super) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::new("[issuers.\"…\".fetch]", KEYS));

/// Read by [`authorities`], wherever somebody is called over TLS.
pub(super) const CA_FILE: Key = key(
    "ca_file",
    "\"\"",
    "PEM certificates of the authorities to trust instead of the machine's.",
);

const KEYS: &[Key] = &[
    key(
        "refresh",
        "\"10m\"",
        "How often the keys are fetched in the background; a max-age of 60s or more can shorten it.",
    ).is(Shape::Duration(SECOND, DAY)),
    key(
        "cooldown",
        "\"30s\"",
        "The least time between two fetches that requests cause.",
    ).is(Shape::Duration(SECOND, DAY)),
    key(
        "stale_for",
        "\"24h\"",
        "How long keys serve after the last fetch that succeeded.",
    ).is(Shape::Duration(SECOND, Duration::from_secs(30 * 86_400))),
    key(
        "timeout",
        "\"5s\"",
        "The most time that one fetch may take, discovery included.",
    ).is(Shape::Duration(CENTI, MINUTE)),
    CA_FILE,
    key(
        "client_certificate_file",
        "\"\"",
        "PEM certificate to show (mutual TLS), at the host of jwks_uri or discovery_url.",
    ),
    key(
        "client_private_key_file",
        "\"\"",
        "Its private key (PEM, not encrypted).",
    ),
    key(
        "username",
        "\"\"",
        "For Basic authentication, at the host of jwks_uri or discovery_url.",
    ),
    key("password_file", "\"\"", "Its password."),
    unset("password", "\"${JWKS_PASSWORD}\"", "The same, as a value."),
    key(
        "allow_http",
        "false",
        "Whether keys may come over http from other machines than this one.",
    ),
];

/// What stands in `fetch`, before the URL is known.
pub(super) struct Fetch {
    refresh: Duration,
    cooldown: Duration,
    stale_for: Duration,
    timeout: Duration,
    authorities: Option<Vec<u8>>,
    client_certificate: Option<ClientCertificate>,
    credentials: Option<(String, Secret)>,
    allow_http: bool,
}

/// Reads `fetch`.
pub(super) fn decode(fetch: &Section<'_>) -> Fetch {
    let second = Duration::from_secs(1);
    let day = second * 86_400;
    let time = |name, low, high| fetch.some_duration(name, low..=high).unwrap_or_default();
    let refresh = time("refresh", second, day);
    let stale_for = time("stale_for", second, day * 30);
    if stale_for < refresh && !stale_for.is_zero() {
        let message = "keys would go stale before they are fetched again";
        let help = "\"stale_for\" must be at least as long as \"refresh\"";
        fetch
            .context
            .error_with_help(fetch.place("stale_for"), message, help);
    }
    Fetch {
        refresh,
        cooldown: time("cooldown", second, day),
        stale_for,
        timeout: time("timeout", second / 100, second * 60),
        authorities: authorities(fetch),
        client_certificate: fetch_certificate::decode(fetch),
        credentials: credentials(fetch),
        allow_http: fetch.boolean("allow_http").unwrap_or_default(),
    }
}

impl Fetch {
    /// These settings for the document at `text`, if it may be fetched from there: the keys, or the
    /// metadata of `issuer`.
    pub(super) fn of(
        self,
        section: &Section<'_>,
        text: Text<'_>,
        issuer: Option<&str>,
    ) -> Option<Remote> {
        let uri = url::absolute(section.context, text, &["https", "http"])?;
        if uri.scheme() == "http" && !discovery::is_loopback(&uri) {
            self.plain_http(section, text, &uri)?;
        }
        if uri.scheme() == "http" && self.client_certificate.is_some() {
            let message = "a client certificate cannot be shown over http";
            let help = "use https, or leave out client_certificate_file";
            section.context.error_with_help(text.span, message, help);
            return None;
        }
        Some(Remote {
            uri,
            metadata: issuer.map(|issuer| Metadata {
                issuer: issuer.into(),
                allow_http: self.allow_http,
            }),
            refresh: self.refresh,
            cooldown: self.cooldown,
            stale_for: self.stale_for,
            timeout: self.timeout,
            authorities: self.authorities,
            client_certificate: self.client_certificate,
            credentials: self.credentials,
        })
    }

    /// Whoever sits on the way of a plain request chooses the keys.
    fn plain_http(&self, section: &Section<'_>, text: Text<'_>, uri: &Url) -> Option<()> {
        let host = uri.host_str().unwrap_or_default();
        if !self.allow_http {
            let help = "use https, or set allow_http = true in fetch if the network is trusted";
            section
                .context
                .error_with_help(text.span, "key URLs must be https", help);
            return None;
        }
        let what = if self.credentials.is_some() {
            "keys and a password"
        } else {
            "keys"
        };
        section.context.warn(format!(
            "allow_http: {what} travel unprotected to and from {host}"
        ));
        Some(())
    }
}

/// The PEM certificates of `ca_file`.
pub(super) fn authorities(fetch: &Section<'_>) -> Option<Vec<u8>> {
    let (path, span) = fetch.path("ca_file")?;
    let bytes = match files::read(&path, files::MAX_DOCUMENT) {
        Ok(bytes) => bytes,
        Err(error) => {
            fetch.context.error(span, error.to_string());
            return None;
        }
    };
    match reqwest::Certificate::from_pem_bundle(&bytes) {
        Ok(certificates) if !certificates.is_empty() => Some(bytes),
        Ok(_) | Err(_) => {
            fetch
                .context
                .error(span, format!("{} holds no PEM certificate", path.display()));
            None
        }
    }
}

fn credentials(fetch: &Section<'_>) -> Option<(String, Secret)> {
    let name = fetch.some_text("username");
    let has_password = fetch.has("password") || fetch.has("password_file");
    let password = fetch.secret("password", "password_file");
    match name {
        Some(name) if !has_password => {
            fetch
                .context
                .error(name.span, "a \"username\" needs a \"password_file\"");
        }
        Some(name) if name.text.contains(':') => {
            // Basic authentication ends the name at the first colon (RFC 7617 §2).
            fetch
                .context
                .error(name.span, "a \"username\" cannot hold a colon");
        }
        None if has_password => {
            let password = ["password", "password_file"]
                .into_iter()
                .find(|name| fetch.has(name));
            let span = fetch.place(password.unwrap_or_default());
            fetch.missing(span, "a password needs a \"username\"", "set \"username\"");
        }
        Some(_) | None => {}
    }
    name.zip(password)
        .map(|(name, (password, _))| (name.text.to_owned(), password))
}
