//! An answer as a `CheckResponse`.

use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderName, HeaderValue, Response,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE},
};
use prost::Message as _;

use super::messages::{
    self, CheckResponse, DeniedHttpResponse, HeaderValueOption, HttpResponse, HttpStatus,
    OkHttpResponse, Status,
};
use crate::{
    forward::{ResponseBody, WithTrailers},
    gateway::{Refusal, authorizer::allow::TO_REMOVE, grpc},
    rate::{RATE_LIMIT, RATE_LIMIT_POLICY},
};

/// What the client is told when its request goes on; all else is for the upstream.
const FOR_THE_CLIENT: [HeaderName; 3] = [SET_COOKIE, RATE_LIMIT, RATE_LIMIT_POLICY];

/// The answer of an authorizer over HTTP as a message of gRPC.
pub(in crate::gateway::authorizer) fn answer(
    response: Response<ResponseBody>,
    refusal: Option<&Refusal>,
) -> Response<ResponseBody> {
    let check = match refusal {
        None => allowed(&response),
        Some(refusal) => denied(&response, refusal),
    };
    let mut whole = BytesMut::new();
    whole.put_u8(0);
    // A message is as long as a head, so that it fits.
    whole.put_u32(u32::try_from(check.encoded_len()).unwrap_or(u32::MAX));
    whole.put_slice(&check.encode_to_vec());
    let mut trailers = http::HeaderMap::new();
    trailers.insert(grpc::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = WithTrailers::new(whole.freeze(), trailers);
    let mut response = Response::new(ResponseBody::WithTrailers(Box::new(body)));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn allowed(response: &Response<ResponseBody>) -> CheckResponse {
    let mut ok = OkHttpResponse::default();
    for (name, value) in response.headers() {
        if *name == TO_REMOVE {
            let names = value.to_str().unwrap_or_default().split(',');
            ok.headers_to_remove.extend(names.map(str::to_owned));
        } else if FOR_THE_CLIENT.contains(name) {
            ok.response_headers_to_add.push(field(name, value, true));
        } else if *name != CACHE_CONTROL {
            ok.headers.push(field(name, value, false));
        }
    }
    CheckResponse {
        status: Some(Status { code: 0 }),
        http_response: Some(HttpResponse::Ok(ok)),
    }
}

fn denied(response: &Response<ResponseBody>, refusal: &Refusal) -> CheckResponse {
    let fields = response.headers().iter();
    let fields = fields.filter(|(name, _)| ![CONNECTION, CONTENT_LENGTH].contains(name));
    let body = match response.body() {
        ResponseBody::Own(body) => body.clone(),
        _ => Bytes::new(),
    };
    CheckResponse {
        status: Some(Status {
            code: i32::from(grpc::status(refusal.code())),
        }),
        http_response: Some(HttpResponse::Denied(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(response.status().as_u16()),
            }),
            // What is to be appended, Envoy leaves out of a refusal.
            headers: fields.map(|(n, v)| field(n, v, false)).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })),
    }
}

/// `append` is whether others of the name may stand beside it.
fn field(name: &HeaderName, value: &HeaderValue, append: bool) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(messages::HeaderValue {
            key: name.as_str().into(),
            value: value.as_bytes().into(),
            raw_value: Vec::new(),
        }),
        append: Some(append),
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;
    use crate::gateway::authorizer::serve::bare;

    /// What an answer says, and its status of gRPC.
    fn read(response: Response<ResponseBody>) -> (CheckResponse, String) {
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let mut frame = || match std::pin::Pin::new(&mut body).poll_frame(&mut context) {
            std::task::Poll::Ready(frame) => frame.map(Result::unwrap),
            std::task::Poll::Pending => panic!("it is there"),
        };
        let data = frame().unwrap().into_data().unwrap();
        let trailers = frame().unwrap().into_trailers().unwrap();
        assert!(frame().is_none());
        let length = u32::from_be_bytes(data[1..5].try_into().unwrap());
        assert_eq!((data[0], length as usize), (0, data.len() - 5));
        let status = trailers["grpc-status"].to_str().unwrap().to_owned();
        (CheckResponse::decode(&data[5..]).unwrap(), status)
    }

    fn names(fields: &[HeaderValueOption]) -> Vec<String> {
        let name = |one: &HeaderValueOption| {
            String::from_utf8(one.header.as_ref().unwrap().key.clone()).unwrap()
        };
        fields.iter().map(name).collect()
    }

    #[test]
    fn what_passes_goes_on_with_its_identity() {
        let mut response = bare();
        for (name, value) in [
            ("x-auth-subject", "alice"),
            (
                "x-envoy-auth-headers-to-remove",
                "authorization,x-auth-groups",
            ),
            ("set-cookie", "a=b"),
            ("ratelimit", "\"subject\";r=1;t=1"),
            ("cache-control", "no-store"),
        ] {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        let (check, status) = read(answer(response, None));
        assert_eq!(status, "0");
        assert_eq!(check.status.unwrap().code, 0);
        let Some(HttpResponse::Ok(ok)) = check.http_response else {
            panic!("denied");
        };
        assert_eq!(names(&ok.headers), ["x-auth-subject"]);
        assert_eq!(ok.headers[0].append, Some(false));
        assert_eq!(ok.headers_to_remove, ["authorization", "x-auth-groups"]);
        assert_eq!(
            names(&ok.response_headers_to_add),
            ["set-cookie", "ratelimit"]
        );
    }

    #[test]
    fn a_refusal_is_one_to_the_last_bit() {
        let mut response = bare();
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        let fields = response.headers_mut();
        fields.insert("www-authenticate", HeaderValue::from_static("Bearer"));
        fields.insert("connection", HeaderValue::from_static("close"));
        *response.body_mut() = ResponseBody::Own(Bytes::from_static(b"{}"));
        let (check, status) = read(answer(response, Some(&Refusal::TokenMissing)));
        // The call itself went well: an error might be taken for leave to go on.
        assert_eq!(status, "0");
        assert_eq!(check.status.unwrap().code, 16);
        let Some(HttpResponse::Denied(denied)) = check.http_response else {
            panic!("allowed");
        };
        assert_eq!(denied.status.unwrap().code, 401);
        assert_eq!(names(&denied.headers), ["www-authenticate"]);
        assert_eq!(denied.body, "{}");
    }
}
