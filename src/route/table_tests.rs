use super::*;
use crate::{
    bind::Bindings,
    rate::RateLimits,
    route::{
        Access, When,
        when::{Condition, Subject, TextTest},
    },
    rule::Rules,
    token::Sources,
};

fn route(host: Option<&str>, path: &str, methods: &[Method]) -> Route {
    Route {
        id: 0,
        name: path.into(),
        host: host.map(Into::into),
        path: path.into(),
        methods: (!methods.is_empty()).then(|| methods.to_vec()),
        access: Access::Required,
        token: Sources::default(),
        issuers: None,
        scopes: Vec::new(),
        any_scopes: Vec::new(),
        when: When::default(),
        bind: Bindings::default(),
        rules: Rules::default(),
        limits: RateLimits::default(),
        session: true,
        upgrades: Vec::new(),
        tunnel_until_expiry: true,
        upstream: 0,
    }
}

fn found(routes: &Routes, host: &str, path: &str, method: &Method) -> Result<usize, NoRoute> {
    let visit = || unreachable!("no route has a filter");
    routes.find(host, path, method, visit).map(|route| route.id)
}

#[test]
fn the_most_specific_path_wins_whatever_the_order() {
    let routes = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        route(None, "/orders/{id}", &[]),
        route(None, "/orders/new", &[]),
        route(None, "/orders/{order}/lines", &[]),
    ])
    .unwrap();
    for (path, id) in [
        ("/", 0),
        ("/x/y", 0),
        ("/orders/42", 1),
        ("/orders/new", 2),
        ("/orders/42/lines", 3),
        ("/orders", 0),
    ] {
        assert_eq!(found(&routes, "h", path, &Method::GET), Ok(id), "{path}");
    }
}

#[test]
fn a_host_comes_before_every_host() {
    let routes = Routes::new(vec![
        route(None, "/a", &[]),
        route(Some("api.example.com"), "/{*rest}", &[]),
    ])
    .unwrap();
    assert_eq!(found(&routes, "api.example.com", "/a", &Method::GET), Ok(1));
    assert_eq!(found(&routes, "other", "/a", &Method::GET), Ok(0));
    assert_eq!(
        found(&routes, "other", "/b", &Method::GET),
        Err(NoRoute::NotFound)
    );
}

#[test]
fn a_path_is_its_most_specific_patterns_alone() {
    let routes = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        route(None, "/admin", &[Method::GET]),
        route(None, "/admin", &[Method::PUT]),
    ])
    .unwrap();
    assert_eq!(found(&routes, "h", "/admin", &Method::GET), Ok(1));
    assert_eq!(found(&routes, "h", "/admin", &Method::HEAD), Ok(1));
    assert_eq!(found(&routes, "h", "/admin", &Method::PUT), Ok(2));
    assert_eq!(
        found(&routes, "h", "/admin", &Method::POST),
        Err(NoRoute::Method {
            allow: "GET, PUT, HEAD".into()
        })
    );
    let lower = Method::from_bytes(b"get").unwrap();
    assert!(found(&routes, "h", "/admin", &lower).is_err());
}

#[test]
fn a_catch_all_guards_the_path_before_it() {
    let routes = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        route(None, "/admin/{*rest}", &[Method::GET]),
        route(None, "/admin/{*rest}", &[Method::PUT]),
    ])
    .unwrap();
    for path in ["/admin", "/admin/", "/admin/x"] {
        assert_eq!(found(&routes, "h", path, &Method::GET), Ok(1), "{path}");
        assert_eq!(found(&routes, "h", path, &Method::PUT), Ok(2), "{path}");
    }
    assert_eq!(found(&routes, "h", "/administrator", &Method::GET), Ok(0));
    let named = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        route(None, "/admin/{*rest}", &[]),
        route(None, "/admin", &[]),
    ])
    .unwrap();
    assert_eq!(found(&named, "h", "/admin", &Method::GET), Ok(2));
    assert_eq!(found(&named, "h", "/admin/", &Method::GET), Ok(1));
}

#[test]
fn a_parameter_before_a_catch_all_guards_too() {
    let routes = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        route(None, "/t/{tenant}/{*rest}", &[]),
    ])
    .unwrap();
    for path in ["/t/a", "/t/a/", "/t/a/b"] {
        assert_eq!(found(&routes, "h", path, &Method::GET), Ok(1), "{path}");
    }
    assert_eq!(found(&routes, "h", "/t", &Method::GET), Ok(0));
}

#[test]
fn two_routes_for_the_same_requests_are_an_error() {
    let errors = Routes::new(vec![
        route(None, "/a/{x}", &[Method::GET]),
        route(None, "/a/{y}", &[]),
        route(None, "nonsense", &[]),
    ])
    .err()
    .unwrap();
    assert_eq!(
        errors.first(),
        Some(&RoutesError::Same { route: 1, other: 0 })
    );
    assert!(matches!(
        errors.get(1),
        Some(RoutesError::Path { route: 2, .. })
    ));
    assert!(Routes::new(vec![route(None, "/a/{x}", &[]), route(None, "/a/b", &[])]).is_ok());
}

#[test]
fn a_guarded_parameter_keeps_the_routes_of_all_its_methods() {
    let routes = Routes::new(vec![
        route(None, "/t/{tenant}/{*rest}", &[Method::GET]),
        route(None, "/t/{tenant}/{*rest}", &[Method::PUT]),
    ])
    .unwrap();
    assert_eq!(found(&routes, "h", "/t/a", &Method::GET), Ok(0));
    assert_eq!(found(&routes, "h", "/t/a", &Method::PUT), Ok(1));
    assert!(found(&routes, "h", "/t/a", &Method::POST).is_err());
}

fn when(agent: &str) -> When {
    let tests = [TextTest::Contains([agent.into()].into())].into();
    let subject = Subject::UserAgent;
    When([Condition::Text { subject, tests }].into())
}

fn filtered(path: &str, methods: &[Method], agent: &str) -> Route {
    Route {
        when: when(agent),
        ..route(None, path, methods)
    }
}

fn visited(routes: &Routes, path: &str, method: &Method, agent: &str) -> Result<usize, NoRoute> {
    let request = http::Request::get("/").header("user-agent", agent);
    let head = request.body(()).unwrap().into_parts().0;
    let visit = || Visit {
        head: &head,
        host: "h",
        address: None,
        gone: Vec::new(),
    };
    routes.find("h", path, method, visit).map(|route| route.id)
}

#[test]
fn filters_are_tried_in_their_order_and_nothing_wider_after_them() {
    let routes = Routes::new(vec![
        route(None, "/{*rest}", &[]),
        filtered("/a", &[], "curl"),
        filtered("/a", &[Method::GET], "wget"),
        filtered("/b", &[], "curl"),
        route(None, "/b", &[]),
    ])
    .unwrap();
    let get = |path, agent| visited(&routes, path, &Method::GET, agent);
    assert_eq!(get("/a", "curl"), Ok(1));
    assert_eq!(get("/a", "wget"), Ok(2));
    assert_eq!(get("/a", "curl wget"), Ok(1));
    assert_eq!(get("/a", "other"), Err(NoRoute::Filtered));
    assert_eq!(get("/b", "curl"), Ok(3));
    assert_eq!(get("/b", "other"), Ok(4));
    assert_eq!(get("/c", "other"), Ok(0));
    let post = visited(&routes, "/a", &Method::POST, "wget");
    let allow = "GET, HEAD".to_owned();
    assert_eq!(post, Err(NoRoute::Method { allow }));
    assert_eq!(visited(&routes, "/a", &Method::POST, "curl"), Ok(1));
}

#[test]
fn a_route_that_no_request_reaches_is_an_error() {
    for (first, second) in [
        (route(None, "/a", &[]), filtered("/a", &[], "curl")),
        (
            filtered("/a", &[], "curl"),
            filtered("/a", &[Method::GET], "curl"),
        ),
    ] {
        let errors = Routes::new(vec![first, second]).err().unwrap();
        assert_eq!(errors, [RoutesError::Same { route: 1, other: 0 }]);
    }
    let apart = vec![filtered("/a", &[], "curl"), filtered("/a", &[], "wget")];
    assert!(Routes::new(apart).is_ok());
    assert!(Routes::new(vec![route(None, "/{a}/{a}", &[])]).is_err());
}
