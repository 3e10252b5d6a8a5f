//! The head of a request as an HTTP/2 upstream gets it (RFC 9113 §8.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri, Version,
    header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, TE},
    uri::PathAndQuery,
};

use crate::{
    forward::{
        RequestBody,
        balance::Server,
        compose::{Composition, Length, target},
        fields::Fields,
        trailers,
    },
    identity::IdentityHeaders,
};

/// A part of a head that HTTP/2 has no place for.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the request cannot be written in HTTP/2")]
pub(super) struct BadHead;

/// Fields of HTTP/2.
struct Block {
    fields: HeaderMap,
    /// Whether everything that was to be written is there.
    whole: bool,
}

/// Room for the fields that the gateway adds.
const ADDED_FIELDS: usize = 16;

/// The head for a request with `body`.
///
/// # Errors
/// [`BadHead`].
pub(super) fn compose(
    composition: &Composition<'_>,
    server: &Server,
    body: &RequestBody,
) -> Result<Request<()>, BadHead> {
    let asked = &composition.head.headers;
    let mut block = Block {
        fields: HeaderMap::with_capacity(asked.len() + ADDED_FIELDS),
        whole: true,
    };
    composition.is_sent_to(server);
    composition.fields(&mut block);
    if let Length::Exact(length) = composition.length(body) {
        block.fields.insert(CONTENT_LENGTH, length.into());
    }
    if trailers::asked_for(composition.head) {
        // It is meant for whoever answers, as trailers go all the way.
        block
            .fields
            .insert(TE, HeaderValue::from_static("trailers"));
    }
    if !block.whole {
        return Err(BadHead);
    }
    let mut request = Request::new(());
    *request.method_mut() = composition.head.method.clone();
    *request.uri_mut() = uri(composition, server)?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = block.fields;
    Ok(request)
}

fn uri(composition: &Composition<'_>, server: &Server) -> Result<Uri, BadHead> {
    let target = target(&composition.head.uri);
    let base = &composition.upstream.base_path;
    let path = match &composition.head.uri.path_and_query() {
        Some(path) if base.is_empty() => (*path).clone(),
        _ => PathAndQuery::try_from(format!("{base}{target}")).map_err(|_| BadHead)?,
    };
    Uri::builder()
        .scheme(if server.tls.is_some() {
            "https"
        } else {
            "http"
        })
        .authority(composition.host(server).as_bytes())
        .path_and_query(path)
        .build()
        .map_err(|_| BadHead)
}

impl Block {
    fn add(&mut self, name: HeaderName, mut value: HeaderValue) {
        // What is secret stands in no table that requests of others are compressed with.
        value.set_sensitive(name == AUTHORIZATION || name == COOKIE);
        self.whole &= self.fields.try_append(name, value).is_ok();
    }
}

impl Fields for Block {
    fn field(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.add(name.clone(), value.clone());
    }

    fn said(&mut self, name: HeaderName, value: &[u8]) {
        match HeaderValue::from_bytes(value) {
            Ok(value) => self.add(name, value),
            Err(_) => self.whole = false,
        }
    }

    fn identity(&mut self, identity: &IdentityHeaders<'_>) {
        for (name, value) in identity.iter() {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => self.said(name, value.as_bytes()),
                Err(_) => self.whole = false,
            }
        }
    }
}
