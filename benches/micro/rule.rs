//! A rule as they usually are, and the most expensive one that comes to mind.

use divan::{Bencher, black_box};
use http::HeaderMap;
use portcullis::{
    jose::json::Object,
    rule::{Asked, Inputs, Rules, Who},
};

/// One claim, one macro.
#[divan::bench]
fn usual(bencher: Bencher<'_, '_>) {
    measure(
        bencher,
        "claims.amr.exists(m, m == 'mfa')",
        r#"{"amr":["pwd","mfa"]}"#,
    );
}

/// Each of many values is looked for among as many others.
#[divan::bench]
fn worst(bencher: Bencher<'_, '_>) {
    let list = |from: usize| {
        let values: Vec<String> = (from..from + 500).map(|n| format!("\"{n}\"")).collect();
        values.join(",")
    };
    let claims = format!(r#"{{"a":[{}],"b":[{}]}}"#, list(0), list(10_000));
    measure(bencher, "!claims.a.exists(x, x in claims.b)", &claims);
}

fn measure(bencher: Bencher<'_, '_>, rule: &str, claims: &str) {
    let rules = Rules::compile([rule]).ok().unwrap();
    let claims = Object::parse(claims).ok().unwrap();
    let headers = HeaderMap::new();
    let inputs = Inputs {
        claims: Some(&claims),
        identity: Who::default(),
        request: Asked {
            method: "GET",
            path: "/",
            host: "h".into(),
            headers: &headers,
            query: "",
            remote_address: None,
            params: Vec::new(),
        },
    };
    assert_eq!(rules.check(&inputs), Ok(()));
    bencher.bench(|| rules.check(black_box(&inputs)).is_ok());
}
