//! The shortest way through, and the shortest way out.

use super::harness::{Stage, get, mint};

#[test]
fn a_valid_token_passes_and_none_does_not() {
    let stage = Stage::new();
    let seen = stage.allows(&get("/orders/42?page=2").bearer(mint::token().sign()));
    assert_eq!((&*seen.method, &*seen.target), ("GET", "/orders/42?page=2"));
    assert_eq!(seen.field("x-auth-subject"), Some("alice"));
    assert_eq!(seen.field("authorization"), None);
    stage.refuses(&get("/orders/42"), 401, "token_missing");
}
