//! Who the client is (RFC 6749 §2.3, RFC 7523 §2.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;

use super::{
    Desk, OAuthError, Refused, Request,
    parameters::Parameters,
    prove::{Known, Use},
};

/// `client_assertion_type`.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a client says to prove who it is.
enum Credentials {
    /// A signed assertion.
    Assertion(String),
    /// A name and a secret.
    Secret {
        name: String,
        secret: zeroize::Zeroizing<String>,
        basic: bool,
    },
}

impl<'d> Desk<'d> {
    /// The client, which must prove who it is.
    pub(super) async fn authenticate(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Known<'d>, Refused> {
        match self.client(request, parameters).await? {
            Some(known) => Ok(known),
            None => {
                let error = OAuthError::InvalidClient { basic: false };
                Err(error.because("no client authentication came"))
            }
        }
    }

    /// The client, if it tries to prove who it is; then it must succeed.
    pub(super) async fn client(
        &self,
        request: &Request<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Option<Known<'d>>, Refused> {
        let Some(credentials) = credentials(request, parameters)? else {
            return Ok(None);
        };
        let known = match credentials {
            Credentials::Secret {
                name,
                secret,
                basic,
            } => self.with_secret(&name, &secret, basic)?,
            Credentials::Assertion(assertion) => {
                let proved = self.prove(&assertion, Use::Authentication).await?;
                let changes = proved.use_up().into_iter().collect();
                if !self.records.apply(changes).await? {
                    let error = OAuthError::InvalidClient { basic: false };
                    let refused = error.because("the client assertion was used before");
                    return Err(refused.of(proved.known.name));
                }
                proved.known
            }
        };
        if parameters
            .get("client_id")
            .is_some_and(|id| *id != **known.name)
        {
            let error = OAuthError::InvalidClient { basic: false };
            return Err(error
                .because("client_id names another client")
                .of(known.name));
        }
        Ok(Some(known))
    }

    fn with_secret(&self, name: &str, secret: &str, basic: bool) -> Result<Known<'d>, Refused> {
        let error = OAuthError::InvalidClient { basic };
        let found = self.service.settings.clients.get_key_value(name);
        let Some((name, client)) = found else {
            return Err(error.because("no client has this name").guessed());
        };
        self.check_guesses(Some(name))?;
        let refused = |cause: &str| error.because(cause).of(name).guessed();
        match &client.secret {
            None => Err(refused("the client has no secret")),
            Some(own) if !own.matches(secret.as_bytes()) => Err(refused("the secret is wrong")),
            Some(_) if !client.active => Err(refused("the client is not active")),
            Some(_) => Ok(Known { name, client }),
        }
    }
}

/// The one way in which the client says who it is; several are an error (RFC 6749 §2.3).
fn credentials(
    request: &Request<'_>,
    parameters: &Parameters<'_>,
) -> Result<Option<Credentials>, Refused> {
    let mut found = Vec::new();
    let mut fields = request.head.headers.get_all(AUTHORIZATION).iter();
    if let Some(field) = fields.next() {
        let one = fields.next().is_none();
        let basic = field.to_str().ok().filter(|_| one).and_then(basic);
        found.push(basic.ok_or_else(|| {
            let error = OAuthError::InvalidClient { basic: true };
            error.because("the Authorization header holds no Basic credentials")
        })?);
    }
    match (
        parameters.get("client_assertion_type"),
        parameters.get("client_assertion"),
    ) {
        (None, None) => {}
        (Some(JWT_BEARER), Some(assertion)) => {
            found.push(Credentials::Assertion(assertion.to_owned()));
        }
        _ => {
            let text = "client_assertion and its client_assertion_type belong together.";
            return Err(OAuthError::InvalidRequest(text).into());
        }
    }
    if let Some(secret) = parameters.get("client_secret") {
        let name = parameters.need("client_id", "client_secret needs a client_id.")?;
        found.push(Credentials::Secret {
            name: name.to_owned(),
            secret: secret.to_owned().into(),
            basic: false,
        });
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (only, None) => Ok(only),
        _ => {
            let text = "The client authenticates in more than one way.";
            Err(OAuthError::InvalidRequest(text).into())
        }
    }
}

/// Name and secret, each encoded as in a form (RFC 6749 §2.3.1).
fn basic(field: &str) -> Option<Credentials> {
    let (scheme, rest) = field.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(rest.trim()).ok()?);
    let (name, secret) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    };
    Some(Credentials::Secret {
        name: decode(name)?,
        secret: decode(secret)?.into(),
        basic: true,
    })
}
