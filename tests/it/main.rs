//! Integration tests: one binary.

#[cfg(test)]
mod access;
#[cfg(test)]
mod access_log;
#[cfg(test)]
mod authorizers;
#[cfg(test)]
mod balance;
#[cfg(test)]
mod bind;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod desync;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod forward;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod guides;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod http;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod http2_balance;
#[cfg(test)]
mod http2_ends;
#[cfg(test)]
mod http2_tls;
#[cfg(test)]
mod http2_upstream;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod import;
#[cfg(test)]
mod introspection;
#[cfg(test)]
mod jose;
#[cfg(test)]
mod key_tls;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod minting;
#[cfg(test)]
mod names;
#[cfg(test)]
mod no_secret;
#[cfg(test)]
mod outbound;
#[cfg(test)]
mod outbound_http2;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod page;
mod path;
#[cfg(test)]
mod process;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod session;
#[cfg(test)]
mod smoke;
#[cfg(test)]
mod status;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tls_clients;
#[cfg(test)]
mod tls_reload;
#[cfg(test)]
mod tls_upstream;
#[cfg(test)]
mod together;
#[cfg(test)]
mod token_place;
#[cfg(test)]
mod token_service;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod trailers;
#[cfg(test)]
mod tunnels;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod workers;
