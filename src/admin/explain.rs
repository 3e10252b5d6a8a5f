//! `POST /explain`: what would become of a request, asked of the gateway that serves.

use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::json;

use super::{Answer, answer, text};
use crate::{
    explain::{self, Posted},
    gateway::Gateway,
};

/// The longest question, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// 200 with the report, whatever its verdict; 400 for what is no question.
pub(super) async fn answer_to(request: Request<Incoming>, gateway: &Gateway) -> Answer {
    if *request.method() != Method::POST {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "POST only\n");
        let allow = HeaderValue::from_static("POST");
        answer.headers_mut().insert(header::ALLOW, allow);
        return answer;
    }
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("a question has at most {MAX_BODY} bytes");
            return wrong(StatusCode::PAYLOAD_TOO_LARGE, &why);
        }
        Ok(Err(_)) | Err(_) => return wrong(StatusCode::BAD_REQUEST, "the body did not come"),
    };
    let posted = match Posted::parse(&body) {
        Ok(posted) => posted,
        Err(error) => return wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    // A question may take its time, and is asked of nothing that serves.
    let aside = gateway.aside(posted.at);
    match explain::ask(&aside, &posted.question).await {
        Ok(report) => answer(StatusCode::OK, "application/json", report.json().into()),
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(super) fn wrong(status: StatusCode, why: &str) -> Answer {
    let body = json!({ "error": why }).to_string();
    answer(status, "application/json", body.into())
}
