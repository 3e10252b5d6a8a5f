//! Envoy's `ext_authz` over gRPC: one method, one message each way.
//!
//! Whatever is wrong is answered with a refusal in a message, and not with an error of the call: an Envoy with
//! `failure_mode_allow` takes that for leave to go on, and a client may be able to bring it about.

mod answer;
mod messages;
mod question;

pub(super) use answer::answer;
pub(super) use question::{is_check, message_bytes, read};
