//! Open Liberty's and WebSphere Liberty's `server.xml`: `openidConnectClient` with inbound propagation,
//! `authFilter`, `keyStore`, `basicRegistry`.

use std::collections::BTreeMap;

use super::{
    CONFIGURATION, File, ImportError, Imported, Left,
    page::{Page, plain},
};

mod client;
mod document;
mod filter;
mod registry;

use client::Client;
use document::{Document, Element};

/// The name of the file with the users.
const USERS: &str = "users.toml";

/// Elements that say who may come in by other ways than ours.
const OTHER_LOGINS: [(&str, &str); 7] = [
    (
        "ldapRegistry",
        "write [user_registry] url, base_dn and user_filter",
    ),
    (
        "mpJwt",
        "write an issuer for it: its attributes are much like those of openidConnectClient",
    ),
    (
        "jwtConsumer",
        "it is for the application's own code, which goes on using it",
    ),
    (
        "oauthProvider",
        "the gateway takes tokens, it is no provider for browsers",
    ),
    (
        "openidConnectProvider",
        "the gateway takes tokens, it is no provider for browsers",
    ),
    (
        "samlWebSso20",
        "the gateway takes JSON Web Tokens, and no SAML",
    ),
    (
        "spnego",
        "the gateway takes JSON Web Tokens, and no Kerberos",
    ),
];

/// Elements that are read.
const READ: [&str; 7] = [
    "authFilter",
    "basicRegistry",
    "featureManager",
    "httpEndpoint",
    "keyStore",
    "openidConnectClient",
    "variable",
];

/// The server in `text`, which was read from `name`.
///
/// # Errors
/// [`ImportError`] when it is no `server.xml`, or takes no tokens.
pub fn import(text: &str, name: &str) -> Result<Imported, ImportError> {
    let tree = document::parse(text)?;
    let document = Document::new(&tree)?;
    let mut left = Vec::new();
    let clients: Vec<Client> = document
        .elements("openidConnectClient")
        .flat_map(|element| Client::read(&element, &document, &mut left))
        .collect();
    if clients.is_empty() {
        let message = "it has no openidConnectClient with inboundPropagation=\"required\" or \
                       \"supported\": this server takes no tokens";
        return Err(ImportError::Other(message.to_owned()));
    }
    let users = registry::users(&document, &mut left);
    let mut page = Page::from(name);
    front(&mut page, &document);
    client::routes(&mut page, &clients);
    for client in &clients {
        client.write(&mut page);
    }
    session(&mut page, &clients);
    let mut files = Vec::new();
    if let Some(users) = users {
        page.section(&["user_registry"]);
        page.key_with_remark("file", plain(USERS), "<basicRegistry>");
        files.push(File {
            name: USERS,
            text: users,
        });
    }
    others(&document, &mut left);
    document.tell_unknown_variables(&mut left);
    let text = page.into_text();
    files.insert(
        0,
        File {
            name: CONFIGURATION,
            text,
        },
    );
    Ok(Imported { files, left })
}

/// `[server]` and `[upstream]`: the gateway takes the place that clients know.
fn front(page: &mut Page, document: &Document<'_>) {
    page.section(&["server"]);
    page.key_with_remark(
        "listen",
        plain("0.0.0.0:8080"),
        "what clients call: yours to say",
    );
    page.section(&["upstream"]);
    let port = document
        .elements("httpEndpoint")
        .find_map(|endpoint| endpoint.attribute("httpPort"))
        .filter(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
        .unwrap_or_else(|| "9080".to_owned());
    page.key_with_remark(
        "url",
        plain(&format!("http://127.0.0.1:{port}")),
        "<httpEndpoint>; let Liberty listen on 127.0.0.1 only",
    );
}

fn session(page: &mut Page, clients: &[Client]) {
    if clients.iter().any(|client| client.keeps_session) {
        page.section(&["session"]);
        page.key_with_remark("enabled", true, "authnSessionDisabled=\"false\"");
    }
}

/// What else there is: said one by one where it lets somebody in, and in one line where not.
fn others(document: &Document<'_>, left: &mut Vec<Left>) {
    let mut rest: BTreeMap<String, usize> = BTreeMap::new();
    for element in document.all() {
        let name = element.name();
        if let Some((_, why)) = OTHER_LOGINS.iter().find(|(other, _)| *other == name) {
            left.push(Left::new(format!("<{name}>"), *why));
        } else if name == "include" {
            let location = element.attribute("location").unwrap_or_default();
            let why = "it is another file: import that as well";
            left.push(Left::new(format!("<include location=\"{location}\">"), why));
        } else if !READ.contains(&name) {
            *rest.entry(format!("<{name}>")).or_default() += 1;
        }
    }
    if !rest.is_empty() {
        let names: Vec<_> = rest.into_keys().collect();
        left.push(Left::new(
            names.join(", "),
            "it is the server's own affair, and stays there",
        ));
    }
}

/// How an element is called in remarks.
fn called(element: &Element<'_, '_>) -> String {
    let name = element.name();
    element
        .attribute("id")
        .map_or_else(|| format!("<{name}>"), |id| format!("<{name} id=\"{id}\">"))
}
