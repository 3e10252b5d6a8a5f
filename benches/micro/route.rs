//! Which route a request is for, in small tables and in large ones.

use divan::{Bencher, black_box};
use http::Method;
use portcullis::{
    bind::Bindings,
    rate::RateLimits,
    route::{Access, Route, Routes, Visit, When, target},
    rule::Rules,
    token::Sources,
};

#[divan::bench(args = [1, 100, 10_000])]
fn find(bencher: Bencher<'_, '_>, count: usize) {
    let routes = table(count);
    let path = format!("/r{:05}/42", count / 2);
    bencher.bench(|| {
        routes
            .find("api.example.com", black_box(&path), &Method::GET, none)
            .unwrap()
            .id
    });
}

/// No route is for it.
#[divan::bench(args = [1, 100, 10_000])]
fn not_found(bencher: Bencher<'_, '_>, count: usize) {
    let routes = table(count);
    bencher.bench(|| {
        routes
            .find("api.example.com", black_box("/r/42"), &Method::GET, none)
            .is_err()
    });
}

/// The path as it is matched and forwarded: already canonical, and not.
#[divan::bench(args = ["/orders/42", "/orders/./a%2Db/../42"])]
fn canonical(bencher: Bencher<'_, '_>, path: &str) {
    bencher.bench(|| target::canonical(black_box(path)).is_ok());
}

/// No route here has a filter.
fn none<'v>() -> Visit<'v> {
    unreachable!()
}

fn table(count: usize) -> Routes {
    let routes = (0..count).map(|number| Route {
        id: number,
        name: format!("route {number}").into(),
        host: None,
        path: format!("/r{number:05}/{{id}}").into(),
        methods: None,
        access: Access::Required,
        token: Sources::default(),
        issuers: None,
        scopes: vec!["orders:read".into()],
        any_scopes: Vec::new(),
        when: When::default(),
        bind: Bindings::default(),
        rules: Rules::default(),
        limits: RateLimits::default(),
        session: true,
        upgrades: Vec::new(),
        tunnel_until_expiry: true,
        upstream: 0,
    });
    Routes::new(routes.collect()).ok().unwrap()
}
