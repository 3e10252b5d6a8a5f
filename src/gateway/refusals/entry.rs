//! One request that was refused.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    clock::UnixTime,
    gateway::{Code, Compared, Step},
};

/// What is kept of a request that was refused. Every text is bounded, and fit to be shown.
#[derive(Debug)]
pub struct Entry {
    /// Its identifier.
    pub request_id: Box<str>,
    /// When it was refused.
    pub at: UnixTime,
    /// What the client was told.
    pub code: Code,
    /// Where it failed.
    pub step: Step,
    /// The name of its route.
    pub route: Option<Arc<str>>,
    /// The name of the issuer, if it is one of the configuration.
    pub issuer: Option<Arc<str>>,
    /// Its method; empty if there was no request.
    pub method: Box<str>,
    /// Its path, canonical if it has such a form, and without the query.
    pub path: Box<str>,
    /// The other end of the connection.
    pub client: Option<IpAddr>,
    /// What the log says.
    pub cause: Box<str>,
    /// Of its token's header.
    pub header: Option<TokenHeader>,
    /// The names of its token's claims: of a token that proved nothing, a stranger's words.
    pub claims: Option<Box<[String]>>,
    /// What was compared where it failed.
    pub compared: Option<Compared>,
}

/// Members of a token's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHeader {
    /// `alg`.
    pub alg: Option<String>,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`; it is not kept of a token whose signature was good.
    pub typ: Option<String>,
}

/// What an entry takes beside its texts, roughly; and a text.
const OVERHEAD: usize = 320;
const TEXT: usize = 32;

impl Entry {
    /// What it takes in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        let header = self
            .header
            .iter()
            .flat_map(|header| [&header.alg, &header.kid, &header.typ]);
        let claims = self.claims.iter().flatten();
        let compared = self.compared.iter().flat_map(|compared| {
            let lists = compared.token.iter().chain(&compared.configured);
            lists.chain(&compared.note).chain([&compared.what])
        });
        let texts = header.flatten().chain(claims).chain(compared);
        let texts: usize = texts.map(|text| text.len() + TEXT).sum();
        OVERHEAD
            + self.request_id.len()
            + self.method.len()
            + self.path.len()
            + self.cause.len()
            + texts
    }
}
