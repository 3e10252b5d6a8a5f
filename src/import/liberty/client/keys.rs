//! Where the keys of an `openidConnectClient` come from.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::super::{
    super::{
        Left,
        page::{Page, open},
    },
    document::{Document, Element},
};

/// A source of keys.
pub(super) enum Keys {
    /// `jwkEndpointUrl`, with credentials.
    Uri {
        url: String,
        login: Option<(String, String)>,
    },
    /// `trustStoreRef` and `trustAliasName`.
    Store {
        file: String,
        alias: String,
        password: String,
    },
    /// `clientSecret`, for HS256.
    Secret(String),
    /// `discoveryEndpointUrl`.
    Metadata(String),
    /// The issuer's own metadata.
    Discovery,
    /// None that can be used, and why.
    Unusable(String),
}

impl Keys {
    pub(super) fn of(element: &Element<'_, '_>, document: &Document<'_>) -> Self {
        let algorithm = element.attribute("signatureAlgorithm");
        if algorithm.as_deref().is_none_or(|a| a.starts_with("HS")) {
            return match element.attribute("clientSecret") {
                Some(secret) => Self::Secret(password(&secret)),
                None => Self::Unusable("it has no clientSecret for HS256".to_owned()),
            };
        }
        if let Some(url) = element.attribute("jwkEndpointUrl") {
            let secret = element.attribute("jwkClientSecret").unwrap_or_default();
            let login = element
                .attribute("jwkClientId")
                .map(|id| (id, password(&secret)));
            return Self::Uri { url, login };
        }
        if let Some(id) = element.attribute("trustStoreRef") {
            return Self::store(&id, element, document);
        }
        element
            .attribute("discoveryEndpointUrl")
            .map_or(Self::Discovery, Self::Metadata)
    }

    fn store(id: &str, element: &Element<'_, '_>, document: &Document<'_>) -> Self {
        let Some(store) = document.by_id("keyStore", id) else {
            return Self::Unusable(format!("there is no <keyStore id=\"{id}\">"));
        };
        let Some(alias) = element.attribute("trustAliasName") else {
            return Self::Unusable(
                "it has no trustAliasName: one certificate must be named".to_owned(),
            );
        };
        Self::Store {
            file: store
                .attribute("location")
                .unwrap_or_else(|| "key.p12".to_owned()),
            alias,
            password: password(&store.attribute("password").unwrap_or_default()),
        }
    }

    /// Says what is still to be done for them.
    pub(super) fn tell(&self, called: &str, left: &mut Vec<Left>) {
        match self {
            Self::Unusable(why) => {
                let why = format!("{why}; until it is said, discovery stands there");
                left.push(Left::new(format!("the keys of {called}"), why));
            }
            Self::Store { file, password, .. } => {
                left.push(Left::new(file, "copy it beside the configuration"));
                if password.starts_with('{') {
                    let why = "only Liberty can decrypt it: write the plain one into a file";
                    left.push(Left::new(format!("the password of {file}"), why));
                }
            }
            Self::Uri { .. } | Self::Secret(_) | Self::Metadata(_) | Self::Discovery => {}
        }
    }

    /// Into the issuer's section.
    pub(super) fn write(&self, page: &mut Page) {
        match self {
            Self::Uri { url, .. } => page.key("jwks_uri", open(url)),
            Self::Store {
                file,
                alias,
                password,
            } => {
                page.key("truststore_file", open(file));
                page.key("truststore_alias", open(alias));
                let remark = "better: truststore_password_file";
                page.key_with_remark("truststore_password", open(password), remark);
            }
            Self::Secret(secret) => {
                page.key_with_remark("shared_secret", open(secret), "better: shared_secret_file");
            }
            Self::Metadata(url) => page.key("discovery_url", open(url)),
            Self::Discovery => page.remark("its keys come by discovery, from its own URL"),
            Self::Unusable(why) => page.remark(why),
        }
    }

    /// Into its `fetch` section.
    pub(super) fn write_fetch(&self, page: &mut Page, issuer: &str) {
        let (url, login) = match self {
            Self::Uri { url, login } => (url, login.as_ref()),
            Self::Metadata(url) => (url, None),
            Self::Store { .. } | Self::Secret(_) | Self::Discovery | Self::Unusable(_) => return,
        };
        let is_open = url.starts_with("http:");
        if login.is_none() && !is_open {
            return;
        }
        page.section(&["issuers", issuer, "fetch"]);
        if let Some((name, secret)) = login {
            page.key("username", open(name));
            page.key_with_remark("password", open(secret), "better: password_file");
        }
        if is_open {
            page.key_with_remark(
                "allow_http",
                true,
                "whoever is on the way can put keys of theirs in",
            );
        }
    }
}

/// A password as Liberty writes it: plain, or `{xor}`. `{aes}` and others stay as they are.
pub(super) fn password(text: &str) -> String {
    let Some(encoded) = text.strip_prefix("{xor}") else {
        return text.to_owned();
    };
    let decoded = STANDARD.decode(encoded).ok();
    let decoded = decoded.map(|bytes| bytes.into_iter().map(|byte| byte ^ b'_').collect());
    decoded
        .and_then(|bytes: Vec<u8>| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_read_where_that_is_possible() {
        assert_eq!(password("plain"), "plain");
        assert_eq!(password("{xor}LDo8LTor"), "secret");
        assert_eq!(password("{aes}AEmVKa"), "{aes}AEmVKa");
        assert_eq!(password("{xor}???"), "{xor}???");
    }
}
