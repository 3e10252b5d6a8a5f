//! The request that is explained, made of its parts.

use std::net::IpAddr;

use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, HOST},
    request::Parts,
};

use crate::{
    gateway::{Gateway, Policy},
    secret::Secret,
};

/// What somebody wants to know: what becomes of this request? It cannot be printed: its headers hold tokens.
#[derive(Clone)]
pub struct Question {
    /// Its method.
    pub method: String,
    /// A path with its query, or a whole `http` or `https` URL.
    pub target: String,
    /// Its header fields.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The client's address, for filters and rules.
    pub from: Option<IpAddr>,
    /// A token to put where the route looks for it; `None`: the request is as it is.
    pub token: Option<Secret>,
}

/// Why a question is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It has no such method.
    #[error("\"{0}\" is no method: write GET or POST, say")]
    Method(String),
    /// It has no such target.
    #[error("\"{0}\" is no target: write a path such as /orders/42, or a whole http or https URL")]
    Target(String),
    /// A header field is none.
    #[error("the header \"{0}\" cannot be sent: write a name, a colon and a value")]
    Header(String),
    /// The token's place is taken.
    #[error("the token stands in the header \"{0}\": leave that header out")]
    Taken(HeaderName),
    /// The token cannot stand in a header.
    #[error("the token holds characters that no header can carry")]
    Token,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            from: None,
            token: None,
        }
    }
}

impl Question {
    /// The head of the request, with the token where `gateway` looks for it.
    ///
    /// # Errors
    /// [`QuestionError`] says which part is wrong.
    pub fn head(&self, gateway: &Gateway) -> Result<Parts, QuestionError> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| QuestionError::Method(cut(&self.method)))?;
        let (target, host) = self.target()?;
        let mut built = Request::builder().method(method).uri(target);
        for (name, value) in &self.headers {
            let wrong = || QuestionError::Header(cut(name));
            let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
            let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
            built = built.header(name, value);
        }
        let (mut head, ()) = built
            .body(())
            .map_err(|_| QuestionError::Target(cut(&self.target)))?
            .into_parts();
        if !head.headers.contains_key(HOST) {
            let host = host.unwrap_or_else(|| own_host(&gateway.snapshot().policy));
            head.headers.insert(HOST, host);
        }
        if let Some(token) = &self.token {
            carry(&mut head, token, gateway, self.from)?;
        }
        Ok(head)
    }

    /// The target as a client sends it, and the host that it sends beside.
    fn target(&self) -> Result<(Uri, Option<HeaderValue>), QuestionError> {
        let wrong = || QuestionError::Target(cut(&self.target));
        let target: Uri = self.target.parse().map_err(|_| wrong())?;
        let parts = target.into_parts();
        let path = parts.path_and_query.as_ref();
        let is_path = path.is_some_and(|path| path.as_str().starts_with('/'));
        match (&parts.scheme, parts.authority) {
            (None, None) if is_path => {}
            (Some(scheme), Some(authority)) if matches!(scheme.as_str(), "http" | "https") => {
                let (_, host) = split_user(authority.as_str());
                let host = HeaderValue::from_str(host).map_err(|_| wrong())?;
                let path = match path {
                    Some(path) if is_path => path.as_str().to_owned(),
                    Some(path) => format!("/{}", path.as_str()),
                    None => "/".to_owned(),
                };
                return Ok((path.parse().map_err(|_| wrong())?, Some(host)));
            }
            _ => return Err(wrong()),
        }
        let path = path.ok_or_else(wrong)?.as_str();
        Ok((path.parse().map_err(|_| wrong())?, None))
    }
}

/// `user:password@host` in its two parts: a client sends the first in another way.
fn split_user(authority: &str) -> (Option<&str>, &str) {
    match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    }
}

/// The host of the public URL, or else the machine's own.
fn own_host(policy: &Policy) -> HeaderValue {
    let public = policy
        .public_url
        .as_deref()
        .and_then(|url| url.parse::<Uri>().ok());
    public
        .as_ref()
        .and_then(Uri::authority)
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        .unwrap_or(HeaderValue::from_static("localhost"))
}

/// Puts the token where the request's route looks for it.
fn carry(
    head: &mut Parts,
    token: &Secret,
    gateway: &Gateway,
    from: Option<IpAddr>,
) -> Result<(), QuestionError> {
    let route = gateway.route_for(head.clone(), from);
    let own = route.and_then(|route| route.token.header.clone());
    let name = own.unwrap_or(AUTHORIZATION);
    if head.headers.contains_key(&name) {
        return Err(QuestionError::Taken(name));
    }
    let value = [b"Bearer ", token.expose_secret()].concat();
    let mut value = HeaderValue::try_from(value).map_err(|_| QuestionError::Token)?;
    value.set_sensitive(true);
    head.headers.insert(name, value);
    Ok(())
}

/// Part of what somebody wrote, for an error; it may be a token in the wrong place.
fn cut(text: &str) -> String {
    text.chars()
        .take(40)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<(String, Option<String>), QuestionError> {
        let question = Question {
            target: text.to_owned(),
            ..Question::default()
        };
        let (target, host) = question.target()?;
        let host = host.map(|host| host.to_str().unwrap().to_owned());
        Ok((target.to_string(), host))
    }

    #[test]
    fn a_target_is_a_path_or_a_whole_url() {
        let host = Some("api.example.com:81".to_owned());
        for (text, path, host) in [
            ("/orders?a=b", "/orders?a=b", None),
            ("http://api.example.com:81/a?b#c", "/a?b", host.clone()),
            ("https://me:pw@api.example.com:81", "/", host.clone()),
            ("http://api.example.com:81?q", "/?q", host),
        ] {
            assert_eq!(target(text), Ok((path.to_owned(), host)), "{text}");
        }
        for wrong in [
            "",
            "*",
            "orders",
            "api.example.com/a",
            "ftp://a/b",
            "/a b",
            "http://",
        ] {
            let said = QuestionError::Target(wrong.to_owned());
            assert_eq!(target(wrong), Err(said), "{wrong}");
        }
    }
}
