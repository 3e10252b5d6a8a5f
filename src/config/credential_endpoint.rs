//! Of a credential: where it is fetched, and who the gateway is there.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use super::{
    credential_token, fetch,
    section::Section,
    url,
    value::{Entry, Node, Value},
};
use crate::{
    jose::Algorithm,
    outbound::{Authentication, Client, Endpoint, Signature},
    secret::Secret,
    signing::{Signer, SigningKey},
};

/// Parameters that the kind of the credential sets.
const RESERVED: [&str; 13] = [
    "grant_type",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "refresh_token",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Basic,
    Post,
    SecretJwt,
    PrivateKeyJwt,
    None,
}

pub(super) const METHODS: [(&str, Method); 5] = [
    ("client_secret_basic", Method::Basic),
    ("client_secret_post", Method::Post),
    ("client_secret_jwt", Method::SecretJwt),
    ("private_key_jwt", Method::PrivateKeyJwt),
    ("none", Method::None),
];

/// Reads it.
pub(super) fn decode(section: &Section<'_>, signer: Option<&Arc<Signer>>) -> Option<Endpoint> {
    let errors = section.context.errors();
    let second = Duration::from_secs(1);
    let timeout = section.some_duration("timeout", second / 100..=second * 60);
    let cooldown = section.some_duration("cooldown", second..=second * 3600);
    let authorities = fetch::authorities(section);
    let allow_http = section.boolean("allow_http").unwrap_or_default();
    let scopes = section.scopes("scopes");
    let scopes = scopes.map(|scopes| scopes.join(" ").into());
    let parameters = parameters(section);
    let Some(text) = section.some_text("token_endpoint") else {
        let help = "set \"token_endpoint\"";
        let message = "there is no \"token_endpoint\" to fetch it from";
        section.missing(section.place("kind"), message, help);
        return None;
    };
    let url = url::endpoint(
        section.context,
        text,
        allow_http,
        "the token endpoint",
        "tokens and what they are given for",
    )?;
    let client = client(section, &url, signer);
    if section.context.errors() > errors {
        return None;
    }
    Some(Endpoint {
        url,
        client,
        scope: scopes?,
        parameters,
        timeout: timeout?,
        cooldown: i64::try_from(cooldown?.as_secs()).ok()?,
        authorities,
    })
}

/// RFC 6749 §4.4: only a client that authenticates gets a token for itself.
pub(super) fn check_confidential(section: &Section<'_>, endpoint: &Endpoint) {
    let client = endpoint.client.as_ref();
    if client.is_none_or(|client| client.authentication == Authentication::None) {
        let help = "set \"client_id\" and \"authentication\", with a secret or a private key";
        let message = "client_credentials needs a client that authenticates (RFC 6749 §4.4)";
        section.missing(section.place("kind"), message, help);
    }
}

fn client(section: &Section<'_>, url: &Url, signer: Option<&Arc<Signer>>) -> Option<Client> {
    let method = section.choice("authentication", &METHODS);
    let written = ["client_secret", "client_secret_file"];
    let written = written.into_iter().find(|name| section.has(name));
    let secret = section.secret("client_secret", "client_secret_file");
    let audience = section.some_text("authentication_audience");
    let Some(id) = section.some_text("client_id") else {
        let names = [written, audience.map(|_| "authentication_audience")];
        for name in names.into_iter().flatten() {
            let message = format!("\"{name}\" needs a \"client_id\"");
            section.missing(section.place(name), message, "set \"client_id\"");
        }
        return None;
    };
    let method = method?;
    let by_secret = matches!(method, Method::Basic | Method::Post | Method::SecretJwt);
    match written {
        None if by_secret => {
            let help =
                "set \"client_secret_file\", or authentication = \"private_key_jwt\" or \"none\"";
            section.missing(id.span, "the \"client_id\" needs a secret", help);
        }
        Some(name) if !by_secret => {
            let message = format!("\"{name}\" does nothing with this \"authentication\"");
            section.context.error(section.place(name), message);
        }
        _ => {}
    }
    let by_assertion = matches!(method, Method::SecretJwt | Method::PrivateKeyJwt);
    if let Some(audience) = audience.filter(|_| !by_assertion) {
        let message = "\"authentication_audience\" does nothing with this \"authentication\"";
        section.context.error(audience.span, message);
    }
    let secret = secret.map(|(secret, _)| secret);
    let audience = audience.map_or(url.as_str(), |text| text.text);
    let signed = |signature| Authentication::Assertion {
        signature,
        audience: audience.into(),
    };
    let authentication = match method {
        Method::None => Authentication::None,
        Method::Basic => Authentication::Basic(secret?),
        Method::Post => Authentication::Post(secret?),
        Method::SecretJwt => signed(by_secret_of(section, written, &secret?)?),
        Method::PrivateKeyJwt => signed(credential_token::signature(section, signer)?),
    };
    Some(Client {
        id: id.text.into(),
        authentication,
    })
}

fn by_secret_of(section: &Section<'_>, name: Option<&str>, secret: &Secret) -> Option<Signature> {
    match SigningKey::from_secret(secret, Algorithm::Hs256) {
        Ok(key) => Some(Signature::of_key(key, secret.expose_secret())),
        Err(error) => {
            let place = section.place(name.unwrap_or("client_secret"));
            section.context.error(place, error.to_string());
            None
        }
    }
}

fn parameters(section: &Section<'_>) -> Vec<(Box<str>, Box<str>)> {
    let mut parameters = Vec::new();
    for entry in section.entries("parameters") {
        if RESERVED.contains(&&*entry.key) {
            let message = format!("\"{}\" is set by other keys of the credential", entry.key);
            section.context.error(entry.key_span, message);
            continue;
        }
        for node in values(entry) {
            match &node.value {
                Value::Text(text) => {
                    parameters.push((entry.key.as_str().into(), text.as_str().into()));
                }
                _ => section.expected(&entry.key, node, "a string or a list of strings"),
            }
        }
    }
    parameters
}

fn values(entry: &Entry) -> &[Node] {
    match &entry.node.value {
        Value::List(nodes) => nodes,
        _ => std::slice::from_ref(&entry.node),
    }
}
