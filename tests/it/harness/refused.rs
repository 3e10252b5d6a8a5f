//! What every refusal must look like.

use serde_json::Value;

use super::Response;

/// Codes whose challenge says that the request is at fault (RFC 6750 §3.1).
const INVALID_REQUEST: [&str; 2] = ["token_ambiguous", "token_empty"];

/// Checks a refusal in every respect but what the upstream saw: status, code, the problem document
/// (RFC 9457), the request's identifier and the challenge (RFC 6750 §3).
#[track_caller]
pub(crate) fn refused(response: &Response, status: u16, code: &str) {
    let text = response.text();
    assert_eq!(
        (response.status, response.code().as_deref()),
        (status, Some(code)),
        "{text}"
    );
    assert!(response.complete, "{text}");
    assert_eq!(
        response.field("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(response.field("cache-control"), Some("no-store"));
    let problem = response.json();
    let members: Vec<_> = problem.as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "detail", "request_id", "status", "title"]);
    assert_eq!(problem["status"], status);
    assert!(
        is_text(&problem["title"]) && is_text(&problem["detail"]),
        "{text}"
    );
    let id = response.field("x-request-id");
    assert!(is_text(&problem["request_id"]));
    assert_eq!(problem["request_id"].as_str(), id);
    check_challenge(response, status, code);
}

/// Checks that a response repeats neither a token that stands in `sent`, nor part of one.
#[track_caller]
pub(crate) fn repeats_nothing_of(response: &Response, sent: &str) {
    let mut all = response.text();
    for (name, value) in &response.head.fields {
        all += &format!("\n{name}: {value}");
    }
    let words = sent.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    for word in words.filter(|word| word.len() > 24) {
        assert!(!all.contains(word), "{word} is repeated in {all}");
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[track_caller]
fn check_challenge(response: &Response, status: u16, code: &str) {
    let challenge = response.field("www-authenticate");
    let error = match (status, code) {
        (401, "token_missing") => {
            let bare = challenge.unwrap();
            assert!(bare.starts_with("Bearer realm=\""), "{bare}");
            assert!(!bare.contains("error"), "{bare}");
            return;
        }
        (401, _) => "invalid_token",
        (403, "scope_insufficient") => "insufficient_scope",
        (400, code) if INVALID_REQUEST.contains(&code) => "invalid_request",
        _ => {
            assert_eq!(challenge, None, "{code}");
            return;
        }
    };
    let challenge = challenge.unwrap();
    assert!(challenge.starts_with("Bearer realm=\""), "{challenge}");
    assert!(challenge.contains(&format!(", error=\"{error}\", error_description=\"")));
    assert_eq!(
        challenge.contains(", scope=\""),
        status == 403,
        "{challenge}"
    );
}
