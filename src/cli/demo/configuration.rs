//! The gateway's configuration in the demo: the text that a user could have written.

use std::net::SocketAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::SCHEMA_LINE;

use super::{
    Options,
    issuer::partner_url,
    tokens::{AUDIENCE, CLIENT},
};

/// What RFC 3986 §2.3 does not leave as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where the four parts of the demo listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The gateway: what clients call.
    pub(super) gateway: SocketAddr,
    /// The gateway's admin listener.
    pub(super) admin: SocketAddr,
    /// The issuer.
    pub(super) issuer: SocketAddr,
    /// The echo upstream.
    pub(super) upstream: SocketAddr,
}

impl Addresses {
    /// The issuer's URL, which is its `iss` too.
    pub(super) fn issuer_url(&self) -> String {
        format!("http://{}", self.issuer)
    }

    /// The options of the demo that lead to these ports, with a space in front; empty for the
    /// default ones.
    pub(super) fn options(&self) -> String {
        let defaults = Options::default().addresses();
        if *self == defaults {
            return String::new();
        }
        format!(
            " --port {} --issuer-port {} --upstream-port {} --admin-port {}",
            self.gateway.port(),
            self.issuer.port(),
            self.upstream.port(),
            self.admin.port()
        )
    }

    /// The configuration of a gateway between the issuer and the upstream, as TOML.
    pub(super) fn configuration(&self) -> String {
        let Self {
            gateway,
            admin,
            upstream,
            ..
        } = self;
        let issuer = self.issuer_url();
        let partner = partner_url(&issuer);
        let (issuer_key, partner_key) = (table_key(&issuer), table_key(&partner));
        format!(
            r#"{SCHEMA_LINE}# The configuration of `portcullis demo`.

[server]
listen     = "{gateway}"
public_url = "http://{gateway}"

[admin]
listen = "{admin}"

[upstream]
url = "http://{upstream}"

# Open to everybody: tokens are not even looked at.
[[routes]]
path   = "/status"
access = "public"

# No token is fine, a bad one is not.
[[routes]]
path   = "/catalog/{{*rest}}"
access = "optional"

# To read orders takes one scope, to change them another.
[[routes]]
path    = "/orders/{{*rest}}"
methods = ["GET", "HEAD"]
scopes  = ["orders:read"]

[[routes]]
path    = "/orders/{{*rest}}"
methods = ["POST", "PUT", "PATCH", "DELETE"]
scopes  = ["orders:write"]

# A scope that the tokens of the demo do not have.
[[routes]]
path   = "/reports/{{*rest}}"
scopes = ["reports:read"]

# All the rest: any good token.
[[routes]]
path   = "/{{*rest}}"
access = "required"

# An issuer is named by its `iss`, percent-encoded.
[issuers."{issuer_key}"]
jwks_uri  = "{issuer}/jwks.json"
audiences = ["{AUDIENCE}"]
claims    = {{ azp = ["{CLIENT}"] }}
# Short, so that a rotation can be tried out by hand; the default is 30s.
fetch     = {{ cooldown = "1s" }}

[issuers."{partner_key}"]
jwks_uri  = "{partner}/jwks.json"
audiences = ["{AUDIENCE}"]
"#
        )
    }
}

fn table_key(issuer: &str) -> String {
    utf8_percent_encode(issuer, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_stand_where_they_belong() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text = Addresses {
            gateway: at(1),
            admin: at(2),
            issuer: at(3),
            upstream: at(4),
        }
        .configuration();
        let value: toml::Table = text.parse().unwrap();
        assert_eq!(value["server"]["listen"].as_str(), Some("127.0.0.1:1"));
        assert_eq!(
            value["server"]["public_url"].as_str(),
            Some("http://127.0.0.1:1")
        );
        assert_eq!(value["admin"]["listen"].as_str(), Some("127.0.0.1:2"));
        assert_eq!(
            value["upstream"]["url"].as_str(),
            Some("http://127.0.0.1:4")
        );
        let issuers = value["issuers"].as_table().unwrap();
        assert_eq!(
            issuers["http%3A%2F%2F127.0.0.1%3A3"]["jwks_uri"].as_str(),
            Some("http://127.0.0.1:3/jwks.json")
        );
        assert_eq!(
            issuers["http%3A%2F%2F127.0.0.1%3A3%2Fpartner"]["jwks_uri"].as_str(),
            Some("http://127.0.0.1:3/partner/jwks.json")
        );
    }
}
