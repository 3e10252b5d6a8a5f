//! What is known of a request by the time it is refused: for the log, the metrics and the response.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use http::{Method, Uri};

use super::{glimpse::Glimpse, login::Login, proof::Proof};
use crate::{
    access_log::Entry, issuer::Issuer, rate::Fields, route::Route, secret::Secret, spans::Traced,
    tls::PeerCertificate,
};

/// Filled in as a request goes along. Route and issuer are names of the configuration, not of the request.
#[derive(Default)]
pub struct Note {
    /// The other end of the connection, known from the beginning; `None` on a Unix socket.
    pub peer: Option<IpAddr>,
    /// The method that was asked with.
    pub method: Method,
    /// The target as it came, before it is made canonical.
    pub uri: Uri,
    /// The certificate that the client has shown, where it may count.
    pub certificate: Option<Rc<PeerCertificate>>,
    /// The route that it took.
    pub route: Option<Arc<Route>>,
    /// The issuer that its token names, if it is in the registry.
    pub issuer: Option<Arc<Issuer>>,
    /// What was proved of its token.
    pub proof: Option<Arc<Proof>>,
    /// Of a token that was refused before anything was proved of it: what it says of itself.
    pub glimpse: Option<Box<Glimpse>>,
    /// Its token, where the upstream's credential is made of that.
    pub token: Option<Secret>,
    /// What the response says of the route's rate limits.
    pub rate: Option<Box<Fields>>,
    /// What has become of its session.
    pub login: Login,
    /// Its line in the access log, until its response takes it along.
    pub entry: Option<Box<Entry>>,
    /// Its trace, and its spans where it is recorded.
    pub trace: Traced,
}
