//! The step from [`Principal`] to [`Permit`]: the route's own rules.

use std::{fmt, sync::Arc};

use super::facts::{self, Facts};
use crate::{
    bind::Mismatch,
    claims::Scopes,
    identity::Principal,
    jose::json::Object,
    route::{Access, Route},
    rule::RuleDenied,
    token::Absent,
};
use http::request::Parts;

/// Leave to forward one request: it holds the request's head, so it cannot serve another.
///
/// [`permit`] makes one for an identity, [`Permit::public`] one for nobody, and there is no third
/// way. It can be named and passed on:
///
/// ```
/// use portcullis::authz::Permit;
///
/// fn pass_on(permit: Permit) -> Permit {
///     permit
/// }
/// ```
///
/// It cannot be built:
///
/// ```compile_fail,E0451
/// use std::sync::Arc;
///
/// use portcullis::{authz::Permit, route::Route};
///
/// fn forge(head: http::request::Parts, route: Arc<Route>) -> Permit {
///     Permit { head, route, principal: None }
/// }
/// ```
///
/// It cannot be cloned:
///
/// ```compile_fail,E0599
/// use portcullis::authz::Permit;
///
/// fn twice(permit: Permit) -> (Permit, Permit) {
///     (permit.clone(), permit)
/// }
/// ```
///
/// Nor does a step below it open from outside, be it the signature's proof or the evidence that there
/// was no token:
///
/// ```compile_fail,E0423
/// use portcullis::jose::Verified;
///
/// fn forge() -> Verified {
///     Verified(Default::default())
/// }
/// ```
///
/// ```compile_fail,E0423
/// use portcullis::token::Absent;
///
/// fn forge() -> Absent {
///     Absent(())
/// }
/// ```
pub struct Permit {
    head: Box<Parts>,
    route: Arc<Route>,
    principal: Option<Principal>,
}

/// Why an identity may not do a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The route ignores tokens: to come here with an identity is a mistake in the program.
    #[error("the route is public and takes no identity")]
    Public,
    /// The route takes tokens of other issuers only. The registry sees to it before; this is the
    /// second lock.
    #[error("the route does not take this issuer's tokens")]
    Issuer,
    /// A scope that the route asks for is missing.
    #[error("the token's scope does not cover what the route asks for")]
    Scope,
    /// A claim is bound to the request, and they do not agree.
    #[error(transparent)]
    Binding(#[from] Mismatch),
    /// A rule of the route is not true.
    #[error(transparent)]
    Rule(#[from] RuleDenied),
}

/// Lets `principal` do the request of `head` on `route`, if the route's scopes, bindings and rules
/// say so. `facts` are what they look at beside the head, which is as it will be forwarded.
///
/// # Errors
/// [`Denied`] is the first rule that says no; the head is gone then, for nothing may be forwarded.
pub fn permit(
    principal: Principal,
    route: &Arc<Route>,
    head: Box<Parts>,
    facts: &Facts,
) -> Result<Permit, Denied> {
    let identity = principal.identity();
    decide(identity.issuer(), identity.claims(), route)?;
    facts::check(Some(&principal), route, &head, facts)?;
    Ok(Permit {
        head,
        route: Arc::clone(route),
        principal: Some(principal),
    })
}

impl Permit {
    /// Leave without an identity: on a public route always, on a route where the token is optional
    /// with the evidence that the request carried none, and else never (`None`). The route's bindings
    /// and rules hold for nobody too, who has no claims.
    ///
    /// # Errors
    /// [`Denied`] is the first binding or rule that says no.
    pub fn public(
        route: &Arc<Route>,
        head: Box<Parts>,
        absent: Option<Absent>,
        facts: &Facts,
    ) -> Result<Option<Self>, Denied> {
        let open = match route.access {
            Access::Public => true,
            Access::Optional => absent.is_some(),
            Access::Required => false,
        };
        if !open {
            return Ok(None);
        }
        facts::check(None, route, &head, facts)?;
        Ok(Some(Self {
            head,
            route: Arc::clone(route),
            principal: None,
        }))
    }

    /// The route that the request takes.
    #[must_use]
    pub const fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Who does the request; `None`: nobody in particular.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// The request's head.
    #[must_use]
    pub const fn head(&self) -> &Parts {
        &self.head
    }

    /// What it holds; the permit is used up.
    #[must_use]
    pub fn into_parts(self) -> (Box<Parts>, Arc<Route>, Option<Principal>) {
        (self.head, self.route, self.principal)
    }
}

impl fmt::Debug for Permit {
    /// The head may hold a token, so only the route is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.principal.is_some() {
            "identity"
        } else {
            "anonymous"
        };
        write!(f, "Permit({}, {who})", self.route.name)
    }
}

fn decide(issuer: &str, claims: &Object, route: &Route) -> Result<(), Denied> {
    match route.access {
        Access::Public => return Err(Denied::Public),
        Access::Optional | Access::Required => {}
    }
    if route
        .issuers
        .as_ref()
        .is_some_and(|issuers| !issuers.contains(issuer))
    {
        return Err(Denied::Issuer);
    }
    // A route that asks for no scope has every token's covered, whatever it says.
    let asks = !route.scopes.is_empty() || !route.any_scopes.is_empty();
    if !asks || Scopes::of(claims).covers(&route.scopes, &route.any_scopes) {
        Ok(())
    } else {
        Err(Denied::Scope)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::token::{Presented, Sources, extract};

    const ISS: &str = "https://idp.example.com";

    fn route(access: Access) -> Route {
        Route {
            id: 0,
            name: "/orders".into(),
            host: None,
            path: "/orders".into(),
            methods: None,
            access,
            token: Sources::default(),
            issuers: None,
            scopes: Vec::new(),
            any_scopes: Vec::new(),
            when: crate::route::When::default(),
            bind: crate::bind::Bindings::default(),
            rules: crate::rule::Rules::default(),
            limits: crate::rate::RateLimits::default(),
            session: true,
            upgrades: Vec::new(),
            tunnel_until_expiry: true,
            upstream: 0,
        }
    }

    fn head() -> Box<Parts> {
        let request = http::Request::get("/orders").header("authorization", "Bearer t");
        Box::new(request.body(()).unwrap().into_parts().0)
    }

    fn ask(route: &Route, claims: &Value) -> Result<(), Denied> {
        decide(ISS, &Object::of(claims), route)
    }

    #[test]
    fn a_public_route_takes_no_identity() {
        assert_eq!(ask(&route(Access::Public), &json!({})), Err(Denied::Public));
        assert_eq!(ask(&route(Access::Optional), &json!({})), Ok(()));
        assert_eq!(ask(&route(Access::Required), &json!({})), Ok(()));
    }

    #[test]
    fn a_route_takes_its_own_issuers_only() {
        let only = |issuers: &[&str]| Route {
            issuers: Some(issuers.iter().map(|&i| i.into()).collect()),
            ..route(Access::Required)
        };
        assert_eq!(
            ask(&only(&["https://other.example.com", ISS]), &json!({})),
            Ok(())
        );
        for others in [&["https://idp.example.com/"][..], &[]] {
            assert_eq!(
                ask(&only(others), &json!({})),
                Err(Denied::Issuer),
                "{others:?}"
            );
        }
    }

    #[test]
    fn a_route_asks_for_its_scopes() {
        let route = Route {
            scopes: vec!["orders:read".into()],
            any_scopes: vec!["eu".into(), "us".into()],
            ..route(Access::Required)
        };
        assert_eq!(ask(&route, &json!({"scope": "us orders:read"})), Ok(()));
        for scope in [
            "orders:read",
            "us",
            "us orders:readall",
            "us\torders:read",
            "us  orders:read",
        ] {
            assert_eq!(
                ask(&route, &json!({"scope": scope})),
                Err(Denied::Scope),
                "{scope:?}"
            );
        }
        assert_eq!(ask(&route, &json!({})), Err(Denied::Scope));
    }

    fn absent() -> Option<Absent> {
        let (bare, ()) = http::Request::new(()).into_parts();
        match extract(&bare, None, &Sources::default()) {
            Ok(Presented::None(absent)) => Some(absent),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_passes_only_where_no_token_is_asked_for() {
        let public = |access, absent| {
            let route = Arc::new(route(access));
            Permit::public(&route, head(), absent, &Facts::default()).unwrap()
        };
        assert!(public(Access::Public, None).is_some());
        assert!(public(Access::Public, absent()).is_some());
        assert!(public(Access::Optional, absent()).is_some());
        assert!(public(Access::Optional, None).is_none());
        assert!(public(Access::Required, None).is_none());
        assert!(public(Access::Required, absent()).is_none());
    }

    #[test]
    fn a_permit_holds_its_request_and_prints_no_token() {
        let route = Arc::new(route(Access::Public));
        let permit = Permit::public(&route, head(), None, &Facts::default())
            .unwrap()
            .unwrap();
        assert_eq!(format!("{permit:?}"), "Permit(/orders, anonymous)");
        assert!(Arc::ptr_eq(permit.route(), &route));
        assert!(permit.principal().is_none());
        assert_eq!(permit.head().uri, "/orders");
        let (head, back, identity) = permit.into_parts();
        assert_eq!(head.headers["authorization"], "Bearer t");
        assert!(Arc::ptr_eq(&back, &route) && identity.is_none());
    }
}
