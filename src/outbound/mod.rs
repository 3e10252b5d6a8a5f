//! What the gateway shows to an upstream to be let in: a token that it signs, fetches or hands on.
//!
//! A [`Credential`] belongs to one upstream. What it says may depend on the request: on claims of the inbound
//! token, or on that token itself ([`Inbound`]). What was signed or fetched is kept until shortly before it
//! expires, apart for everything that flows in, and fetched once for all requests that wait for it.

mod answer;
mod assertion;
mod client_credentials;
mod counts;
mod credential;
mod credentials;
mod endpoint;
mod error;
mod flight;
mod jwt_bearer;
mod order;
mod settings;
mod signature;
mod signed_jwt;
mod token_exchange;
mod token_request;
mod tokens;

pub use assertion::{Assertion, ClaimValue};
pub use counts::Counts;
pub use credential::{Credential, Held};
pub use credentials::Credentials;
pub use endpoint::{Authentication, Client, Endpoint};
pub use error::{CallError, CredentialError};
pub use order::Inbound;
pub use settings::{Kind, Settings};
pub use signature::Signature;
pub use signed_jwt::SignedJwt;
pub use token_exchange::{SubjectToken, TokenExchange};
pub use token_request::{TokenRequest, post};
