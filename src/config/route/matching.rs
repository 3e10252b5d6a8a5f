//! Which requests a route is for.

use http::Method;

use super::{
    super::section::{Section, Text},
    some,
};

pub(super) fn host(section: &Section<'_>, text: Text<'_>) -> Box<str> {
    let host = text
        .text
        .strip_suffix('.')
        .unwrap_or(text.text)
        .to_ascii_lowercase();
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let named = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let good = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => named && !host.split('.').any(str::is_empty),
    };
    if good {
        return host.into();
    }
    let help = "write the name alone, without scheme, port or wildcard: \"api.example.com\"";
    section
        .context
        .error_with_help(text.span, "not a host's name", help);
    // The wrong name still tells this route from those for every host.
    host.into()
}

pub(super) fn methods(section: &Section<'_>) -> Option<Vec<Method>> {
    let (nothing, help) = ("no method at all", "leave it out for every method");
    let texts = some(section, "methods", nothing, help)?.into_iter();
    Some(texts.filter_map(|text| method(section, text)).collect())
}

fn method(section: &Section<'_>, text: Text<'_>) -> Option<Method> {
    let upper = text.text.to_ascii_uppercase();
    let (message, help) = match Method::from_bytes(text.text.as_bytes()) {
        Ok(Method::CONNECT | Method::TRACE) => ("this method is never forwarded", None),
        Ok(_) if upper != text.text => (
            "methods are upper case",
            Some(format!("did you mean \"{upper}\"?")),
        ),
        Ok(method) => return Some(method),
        Err(_) => ("not a method", None),
    };
    match help {
        Some(help) => section.context.error_with_help(text.span, message, help),
        None => section.context.error(text.span, message),
    }
    None
}
