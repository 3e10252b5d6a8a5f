//! `openidConnectClient` with inbound propagation: an issuer or several, and a route to them.

use toml::Value;

use super::{
    super::{
        Left,
        page::{Page, open, open_list},
    },
    called,
    document::{Document, Element},
    filter::Filter,
};

mod keys;

use keys::Keys;

/// One issuer that a client names, and what is to be seen of its tokens.
pub(super) struct Client {
    id: String,
    issuer: String,
    filter: Option<Filter>,
    /// `inboundPropagation="supported"`: no token is let through.
    is_optional: bool,
    /// `authnSessionDisabled="false"`.
    pub(super) keeps_session: bool,
    /// `headerName`.
    header: Option<String>,
    keys: Keys,
    settings: Vec<Setting>,
    introspection: Vec<Setting>,
}

/// A key, its value, and what is said of it.
struct Setting(&'static str, Value, &'static str);

/// Attributes that have nothing to do with tokens that come in: they are for log-ins by browser, or for
/// what the gateway does better or on its own.
const BROWSER: [&str; 26] = [
    "id",
    "authorizationEndpointUrl",
    "tokenEndpointUrl",
    "redirectToRPHostAndPort",
    "scope",
    "responseType",
    "grantType",
    "nonceEnabled",
    "httpsRequired",
    "redirectJunctionPath",
    "isClientSideRedirectSupported",
    "createSession",
    "initialStateCacheCapacity",
    "authenticationTimeLimit",
    "prompt",
    "includeCustomCacheKeyInSubject",
    "reAuthnOnAccessTokenExpire",
    "reAuthnCushion",
    "tokenReuse",
    "includeIdTokenInSubject",
    "useSystemPropertiesForHttpClientConnections",
    "disableLtpaCookie",
    "allowCustomCacheKey",
    "accessTokenInLtpaCookie",
    "forwardLoginParameter",
    "pkceCodeChallengeMethod",
];

/// Attributes that are carried over.
const CARRIED: [&str; 31] = [
    "inboundPropagation",
    "issuerIdentifier",
    "signatureAlgorithm",
    "jwkEndpointUrl",
    "jwkClientId",
    "jwkClientSecret",
    "trustStoreRef",
    "trustAliasName",
    "clientSecret",
    "clientId",
    "audiences",
    "headerName",
    "clockSkew",
    "validationMethod",
    "validationEndpointUrl",
    "tokenEndpointAuthMethod",
    "jwtAccessTokenRemoteValidation",
    "userIdentifier",
    "userUniqueIdentifier",
    "groupIdentifier",
    "realmName",
    "realmIdentifier",
    "mapIdentityToRegistryUser",
    "authFilterRef",
    "authnSessionDisabled",
    "discoveryEndpointUrl",
    "disableIssChecking",
    "userIdentityToCreateSubject",
    "uniqueUserIdentifier",
    "accessTokenCacheEnabled",
    "accessTokenCacheTimeout",
];

impl Client {
    /// The issuers of an element; none if it takes no tokens.
    pub(super) fn read(
        element: &Element<'_, '_>,
        document: &Document<'_>,
        left: &mut Vec<Left>,
    ) -> Vec<Self> {
        let called = called(element);
        let propagation = element.attribute("inboundPropagation");
        let is_optional = match propagation.as_deref() {
            Some("required") => false,
            Some("supported") => true,
            _ => {
                let why = "it logs browsers in (inboundPropagation is not on) and takes no tokens";
                left.push(Left::new(called, why));
                return Vec::new();
            }
        };
        let issuers = element.list("issuerIdentifier");
        if issuers.is_empty() {
            let why = "it has no issuerIdentifier: whose tokens it takes must be said";
            left.push(Left::new(called, why));
            return Vec::new();
        }
        tell_unknown(element, &called, left);
        let filter = Filter::of(element, document, left);
        let client = |issuer: String| Self {
            id: called.clone(),
            filter: filter.clone(),
            is_optional,
            keeps_session: !element.is("authnSessionDisabled", true),
            header: element.attribute("headerName"),
            keys: Keys::of(element, document),
            settings: settings(element),
            introspection: introspection(element),
            issuer,
        };
        let clients: Vec<_> = issuers.into_iter().map(client).collect();
        if let Some(client) = clients.first() {
            client.keys.tell(&called, left);
        }
        clients
    }

    /// `[issuers."…"]`.
    pub(super) fn write(&self, page: &mut Page) {
        page.section(&["issuers", &self.issuer]);
        page.remark(&self.id);
        self.keys.write(page);
        for Setting(name, value, remark) in &self.settings {
            match remark.is_empty() {
                true => page.key(name, value.clone()),
                false => page.key_with_remark(name, value.clone(), remark),
            }
        }
        if !self.introspection.is_empty() {
            page.section(&["issuers", &self.issuer, "introspection"]);
            for Setting(name, value, remark) in &self.introspection {
                match remark.is_empty() {
                    true => page.key(name, value.clone()),
                    false => page.key_with_remark(name, value.clone(), remark),
                }
            }
        }
        self.keys.write_fetch(page, &self.issuer);
    }

    /// Whether both are for the same requests, so that one route is for both.
    fn shares_route(&self, other: &Self) -> bool {
        self.filter == other.filter
            && self.is_optional == other.is_optional
            && self.header == other.header
    }
}

/// One route for all clients that are for the same requests. Those with more to ask come first.
pub(super) fn routes(page: &mut Page, clients: &[Client]) {
    let mut sorted: Vec<&Client> = clients.iter().collect();
    sorted.sort_by_key(|client| client.filter.as_ref().is_some_and(|f| f.when.is_empty()));
    let mut written: Vec<&Client> = Vec::new();
    for client in &sorted {
        let Some(filter) = &client.filter else {
            continue;
        };
        if written.iter().any(|other| other.shares_route(client)) {
            continue;
        }
        written.push(client);
        page.element("routes");
        match filter.is_narrowed {
            true => page.key_with_remark(
                "path",
                open(&filter.path),
                "paths that begin so, in whole segments; Liberty looks for it anywhere in the URL",
            ),
            false => page.key("path", open(&filter.path)),
        }
        if client.is_optional {
            page.key_with_remark(
                "access",
                open("optional"),
                "inboundPropagation=\"supported\"",
            );
        }
        let sharing = clients.iter().filter(|other| other.shares_route(client));
        page.key(
            "issuers",
            open_list(sharing.map(|client| client.issuer.as_str())),
        );
        if !filter.when.is_empty() {
            page.key("when", Value::Array(filter.when.clone()));
        }
        if let Some(header) = &client.header {
            let token = [("header".to_owned(), open(header))];
            page.key("token", Value::Table(token.into_iter().collect()));
        }
    }
    if !written.iter().any(|c| {
        c.filter
            .as_ref()
            .is_some_and(|f| *f == Filter::everything())
    }) {
        page.gap();
        page.remark("What no route is for is 404. To let a path through without a token:");
        page.remark("[[routes]]\npath = \"/health\"\naccess = \"public\"");
    }
}

fn settings(element: &Element<'_, '_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut add = |name, value, remark| settings.push(Setting(name, value, remark));
    let algorithm = element
        .attribute("signatureAlgorithm")
        .unwrap_or_else(|| "HS256".to_owned());
    add("algorithms", open_list([algorithm.as_str()]), "");
    let audiences = element.list("audiences");
    if !audiences.is_empty() {
        add(
            "audiences",
            open_list(audiences.iter().map(String::as_str)),
            "",
        );
    }
    add(
        "require",
        open_list(["iss", "exp"]),
        "Liberty does not insist on sub; better: iss, sub, exp",
    );
    let skew = element.attribute("clockSkew");
    let skew = duration(skew.as_deref().unwrap_or("300s"));
    add(
        "clock_skew",
        open(&skew),
        "clockSkew; 300s is Liberty's default, 60s is ours",
    );
    if !element.is("tokenReuse", false) {
        add(
            "replay",
            open("reject"),
            "tokenReuse is not \"true\": a jti is good once",
        );
    }
    let mut identity = toml::Table::new();
    let names: [(&str, &[&str]); 5] = [
        (
            "subject",
            &["userIdentifier", "userIdentityToCreateSubject"],
        ),
        (
            "unique_name",
            &["userUniqueIdentifier", "uniqueUserIdentifier"],
        ),
        ("groups", &["groupIdentifier"]),
        ("realm", &["realmName"]),
        ("realm_claim", &["realmIdentifier"]),
    ];
    for (ours, theirs) in names {
        if let Some(value) = theirs.iter().find_map(|name| element.attribute(name)) {
            identity.insert(ours.to_owned(), open(&value));
        }
    }
    let maps = element.is("mapIdentityToRegistryUser", false);
    identity.insert("user_registry".to_owned(), Value::Boolean(maps));
    add("identity", Value::Table(identity), "");
    settings
}

fn introspection(element: &Element<'_, '_>) -> Vec<Setting> {
    let Some(endpoint) = element.attribute("validationEndpointUrl") else {
        return Vec::new();
    };
    let mut settings = vec![Setting(
        "endpoint",
        open(&endpoint),
        "validationEndpointUrl",
    )];
    let mut add = |name, value, remark| settings.push(Setting(name, value, remark));
    if element.attribute("validationMethod").as_deref() == Some("userinfo") {
        add("method", open("userinfo"), "");
    } else {
        if let Some(id) = element.attribute("clientId") {
            add("client_id", open(&id), "");
        }
        if let Some(secret) = element.attribute("clientSecret") {
            add(
                "client_secret",
                open(&keys::password(&secret)),
                "better: client_secret_file",
            );
        }
        let method = match element.attribute("tokenEndpointAuthMethod").as_deref() {
            Some("basic" | "client_secret_basic") => "client_secret_basic",
            _ => "client_secret_post",
        };
        add("authentication", open(method), "");
    }
    let jwt = match element
        .attribute("jwtAccessTokenRemoteValidation")
        .as_deref()
    {
        Some("allow") => "fallback",
        Some("require") => "always",
        _ => "local",
    };
    add("jwt", open(jwt), "jwtAccessTokenRemoteValidation");
    add(
        "opaque",
        Value::Boolean(true),
        "at most one issuer on each route",
    );
    settings
}

/// Liberty takes `300s`, `5m`, `1h30m`, and a number of seconds.
fn duration(text: &str) -> String {
    match text.chars().all(|c| c.is_ascii_digit()) {
        true => format!("{text}s"),
        false => text.to_owned(),
    }
}

/// Says which attributes are not carried over.
fn tell_unknown(element: &Element<'_, '_>, called: &str, left: &mut Vec<Left>) {
    for name in element.attributes() {
        let why = match name {
            "sslRef" | "hostNameVerificationEnabled" => {
                "servers are always verified; for own authorities write fetch.ca_file"
            }
            "keyManagementKeyAlias" => {
                "export the private key as PEM, and write decryption.private_key_file"
            }
            "jsonWebKeysCacheTimeout" | "cacheTimeout" => "fetch.refresh says how often",
            _ if CARRIED.contains(&name) || BROWSER.contains(&name) => continue,
            _ => "it is not known here",
        };
        left.push(Left::new(format!("{name} of {called}"), why));
    }
    if element.is("disableIssChecking", false) {
        let why = "iss is always compared: a token of nobody's is 401 issuer_unknown";
        left.push(Left::new(format!("disableIssChecking of {called}"), why));
    }
}
