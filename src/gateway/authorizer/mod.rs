//! Answering another proxy that asks whether a request may pass: the same pipeline, and an answer in the
//! place of a request to an upstream.
//!
//! What is asked about stands in header fields, so whoever may ask could ask about anything, and is named in
//! the configuration. A question that is not clear is refused: the other proxy sends on what it has, not what
//! was decided here.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Code;

mod allow;
mod deny;
#[cfg(feature = "ext-authz")]
mod grpc;
mod original;
mod serve;

pub use original::OriginalError;

/// What a connection came in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// `[server] listen`: what passes is forwarded.
    #[default]
    Public,
    /// The authorizer of this number: what passes is answered.
    Authorizer(u16),
}

/// Who asks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// How it asks.
    pub kind: Kind,
    /// Who may ask. Whoever is on the other end of a Unix socket may, too.
    pub trusted: Vec<IpNet>,
    /// What stands before the path of a request that is asked about; for [`Kind::EnvoyHttp`].
    pub path_prefix: Box<str>,
}

/// In which form a proxy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nginx's `auth_request`: `X-Original-Method`, `X-Original-URI`; it knows 401 and 403 only.
    Nginx,
    /// Caddy's and Traefik's `forward_auth`: `X-Forwarded-Method`, `-Uri`, `-Host`.
    ForwardAuth,
    /// Envoy's `ext_authz` over HTTP: method, path and host are those of the request.
    EnvoyHttp,
    /// Envoy's `ext_authz` over gRPC: `envoy.service.auth.v3.Authorization/Check`. A build without the feature
    /// `ext-authz` refuses whatever it is asked so.
    EnvoyGrpc,
}

impl Kind {
    /// Every kind, with its name in a configuration.
    pub const ALL: [(&'static str, Self); 4] = [
        ("nginx", Self::Nginx),
        ("forward_auth", Self::ForwardAuth),
        ("ext_authz_http", Self::EnvoyHttp),
        ("ext_authz_grpc", Self::EnvoyGrpc),
    ];

    /// Its name in a configuration and in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::ForwardAuth => "forward_auth",
            Self::EnvoyHttp => "ext_authz_http",
            Self::EnvoyGrpc => "ext_authz_grpc",
        }
    }

    /// Whether it takes the names of fields that must not go on.
    const fn removes(self) -> bool {
        matches!(self, Self::EnvoyHttp | Self::EnvoyGrpc)
    }
}

impl Authorizer {
    /// Whether `peer` may ask.
    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_none_or(|peer| {
            let peer = peer.to_canonical();
            self.trusted.iter().any(|network| network.contains(&peer))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_name_of_its_configuration() {
        for (name, kind) in Kind::ALL {
            assert_eq!(kind.name(), name);
        }
    }

    #[test]
    fn who_is_not_named_may_not_ask() {
        let authorizer = Authorizer {
            kind: Kind::Nginx,
            trusted: vec!["192.0.2.0/24".parse().unwrap()],
            path_prefix: "".into(),
        };
        let trusts = |peer: &str| authorizer.trusts(peer.parse().ok());
        assert!(trusts("192.0.2.9") && trusts("::ffff:192.0.2.9"));
        assert!(!trusts("198.51.100.1") && !trusts("::1"));
        // A Unix socket.
        assert!(authorizer.trusts(None));
    }
}
