//! `POST /reload`: reads the configuration again, and says what came of it.

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, answer, text};
use crate::reload::{Cause, Outcome, Reloads};

/// 200 with the generation in force, or a problem document (RFC 9457): 422 with every error when the
/// configuration cannot be used.
pub(super) async fn answer_to(method: &Method, reloads: Option<&Reloads>) -> Answer {
    if *method != Method::POST {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "POST only\n");
        let allow = HeaderValue::from_static("POST");
        answer.headers_mut().insert(header::ALLOW, allow);
        return answer;
    }
    let Some(reloads) = reloads else {
        let detail = "The configuration did not come from a file.";
        return problem(StatusCode::CONFLICT, "reload_unavailable", detail, None);
    };
    match reloads.ask(Cause::Admin).await {
        Ok(reload) => told(&reload.outcome),
        Err(error) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            problem(status, "reload_unavailable", &error.to_string(), None)
        }
    }
}

fn told(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Applied(generation) | Outcome::Unchanged(generation) => {
            let body = json!({ "outcome": outcome.name(), "generation": generation });
            let body = body.to_string().into();
            answer(StatusCode::OK, "application/json", body)
        }
        Outcome::Refused(errors) => {
            let detail = "The configuration cannot be used; the old one stays in force.";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            problem(status, "configuration_refused", detail, Some(errors))
        }
    }
}

fn problem(status: StatusCode, code: &str, detail: &str, errors: Option<&str>) -> Answer {
    let mut body = json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    if let (Value::Object(members), Some(errors)) = (&mut body, errors) {
        members.insert("errors".to_owned(), errors.into());
    }
    answer(status, "application/problem+json", body.to_string().into())
}
