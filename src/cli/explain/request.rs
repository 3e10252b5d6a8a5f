//! The request that is explained, from its parts on the command line.

use std::net::IpAddr;

use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, HOST},
    request::Parts,
};

use crate::gateway::{Gateway, Policy};

/// The head of a request that carries `token` where the gateway looks for it.
///
/// # Errors
/// A sentence that says which part is wrong.
pub(super) fn head(
    request: &str,
    headers: &[String],
    token: &str,
    gateway: &Gateway,
    from: Option<IpAddr>,
) -> Result<Parts, String> {
    let mut words = request.split_whitespace();
    let (Some(method), Some(target), None) = (words.next(), words.next(), words.next()) else {
        return Err(format!(
            "--request \"{request}\": write a method and a target, as in \"GET /orders/42\""
        ));
    };
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("--request \"{request}\": that is no method"))?;
    let target: Uri = target
        .parse()
        .map_err(|_| format!("--request \"{request}\": that is no target"))?;
    let mut built = Request::builder().method(method).uri(target);
    for header in headers {
        let (name, value) = field(header)?;
        built = built.header(name, value);
    }
    let (mut head, ()) = built
        .body(())
        .map_err(|_| format!("--request \"{request}\": that is no request"))?
        .into_parts();
    if !head.headers.contains_key(HOST) {
        head.headers
            .insert(HOST, host(&head.uri, &gateway.snapshot().policy));
    }
    carry(&mut head, token, gateway, from)?;
    Ok(head)
}

fn field(header: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("-H \"{header}\": write a name, a colon and a value");
    let (name, value) = header.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong())?;
    Ok((name, value.trim().parse().map_err(|_| wrong())?))
}

/// The host of the target, of the public URL, or else the machine's own.
fn host(target: &Uri, policy: &Policy) -> HeaderValue {
    let public = policy
        .public_url
        .as_deref()
        .and_then(|url| url.parse::<Uri>().ok());
    target
        .authority()
        .or_else(|| public.as_ref()?.authority())
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        .unwrap_or(HeaderValue::from_static("localhost"))
}

/// Puts the token where the request's route looks for it.
fn carry(
    head: &mut Parts,
    token: &str,
    gateway: &Gateway,
    from: Option<IpAddr>,
) -> Result<(), String> {
    let route = gateway.route_for(head.clone(), from);
    let own = route.and_then(|route| route.token.header.clone());
    let name = own.unwrap_or(AUTHORIZATION);
    if head.headers.contains_key(&name) {
        return Err(format!(
            "-H \"{name}: …\": the token stands there; leave the header out"
        ));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| "the token holds characters that no header can carry".to_owned())?;
    value.set_sensitive(true);
    head.headers.insert(name, value);
    Ok(())
}
