//! Which scope a client gets.

use super::{OAuthError, settings::Client};
use crate::claims::scope::is_scope;

/// The scope that `client` gets when it asks for `asked`, separated by spaces or commas: all of it, or its
/// registered ones when it asks for nothing. No scope at all is an empty text.
pub(super) fn granted(client: &Client, asked: Option<&str>) -> Result<String, OAuthError> {
    let registered = || client.scopes.iter().map(|scope| &**scope);
    let Some(asked) = asked else {
        return Ok(registered().collect::<Vec<_>>().join(" "));
    };
    let mut granted: Vec<&str> = Vec::new();
    for scope in asked.split([' ', ',']).filter(|scope| !scope.is_empty()) {
        if !is_scope(scope) || !registered().any(|own| own == scope) {
            return Err(OAuthError::InvalidScope);
        }
        if !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    if granted.is_empty() {
        return Err(OAuthError::InvalidScope);
    }
    Ok(granted.join(" "))
}

/// The scope of a refreshed token: what was granted and is still the client's, or the part of it that is
/// asked for.
pub(super) fn narrowed(
    client: &Client,
    before: &str,
    asked: Option<&str>,
) -> Result<String, OAuthError> {
    let is_own = |scope: &&str| client.scopes.iter().any(|own| **own == **scope);
    let left: Vec<&str> = before.split(' ').filter(is_own).collect();
    let Some(asked) = asked else {
        return Ok(left.join(" "));
    };
    let asked = granted(client, Some(asked))?;
    if asked.split(' ').all(|scope| left.contains(&scope)) {
        Ok(asked)
    } else {
        Err(OAuthError::InvalidScope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token_service::settings::Grant;

    fn client(scopes: &[&str]) -> Client {
        Client {
            active: true,
            scopes: scopes.iter().map(|&scope| scope.into()).collect(),
            subjects: None,
            audiences: Vec::new(),
            grants: vec![Grant::JwtBearer],
            secret: None,
            introspect: false,
        }
    }

    #[test]
    fn any_or_all_of_the_clients_in_either_separation() {
        let client = client(&["orders:read", "orders:write"]);
        let get = |asked| granted(&client, asked).ok();
        let both = Some("orders:read orders:write".to_owned());
        assert_eq!(get(None), both);
        assert_eq!(get(Some("orders:read,orders:write")), both);
        assert_eq!(get(Some("orders:read, orders:write orders:read")), both);
        assert_eq!(get(Some("orders:write")).as_deref(), Some("orders:write"));
        for wrong in [
            "admin",
            "orders:read admin",
            "Orders:read",
            ",",
            "orders:read\"",
            "orders",
        ] {
            assert_eq!(get(Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_client_without_scopes_gets_none() {
        let client = client(&[]);
        assert_eq!(granted(&client, None).as_deref(), Ok(""));
        assert_eq!(granted(&client, Some("a")), Err(OAuthError::InvalidScope));
    }

    #[test]
    fn a_refreshed_scope_never_grows() {
        let client = client(&["a", "b"]);
        let get = |before, asked| narrowed(&client, before, asked).ok();
        assert_eq!(get("a b", None).as_deref(), Some("a b"));
        assert_eq!(get("a b", Some("b")).as_deref(), Some("b"));
        // The client has lost "c" since.
        assert_eq!(get("a c", None).as_deref(), Some("a"));
        assert_eq!(get("a", Some("b")), None);
        assert_eq!(get("a c", Some("c")), None);
    }
}
