//! One fetch of a JWKS document: bounded in size and time, without redirects.
