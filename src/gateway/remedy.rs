//! What would have had to differ, for each refusal: the words of docs/refusals.md.

use super::Code;

impl Code {
    /// What to do about it, for the operator and never for the client.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::TokenAmbiguous => "Send one token, in one place.",
            Self::TokenEmpty => "Put a token there, or leave the place out.",
            Self::RequestMalformed => {
                "Send the path in its plain form, one Host, and the whole body."
            }
            Self::TlsRequired => "Use https://.",
            Self::TokenMissing => {
                "Send Authorization: Bearer …, or the token in another place that the route looks at."
            }
            Self::TokenMalformed => {
                "Look at the whole token: it may be cut, or have a line break in it."
            }
            Self::TokenTooLarge => {
                "Ask the issuer for fewer claims, or raise the limit, and with it server.limits.header_bytes."
            }
            Self::AlgorithmNotAllowed => {
                "If the issuer does sign with it, add it to algorithms. HS256, HS384 and HS512 need a shared secret or local keys."
            }
            Self::CriticalHeaderUnsupported => {
                "List the extension only if something behind the gateway honours it."
            }
            Self::TypeNotAllowed => {
                "Send the access token. If your issuer uses another typ for those, add it to types."
            }
            Self::IssuerUnknown => {
                "Name the issuer in the configuration, or get a token of one that is there. Compare byte for byte: http and https, upper and lower case, a port and a slash at the end all count."
            }
            Self::IssuerInactive => "Set active to true to accept its tokens again.",
            Self::KeyNotFound => {
                "Look at /status on the admin listener: which keys are there, which are skipped, and why."
            }
            Self::SignatureInvalid => {
                "Get a fresh token. If all fail, the issuer publishes other keys than it signs with, or a proxy on the way changes the token."
            }
            Self::DecryptionFailed => {
                "Compare kid, alg and enc with the keys in [decryption]; RSA1_5 has to become RSA-OAEP."
            }
            Self::EncryptionRequired => {
                "Have the issuer encrypt its tokens, or take the rule back."
            }
            Self::TokenExpired => {
                "Get a new token. If fresh tokens are refused, compare the clocks."
            }
            Self::TokenNotYetValid => "Wait, or compare the clocks.",
            Self::TokenIssuedInFuture => "The issuer's clock is fast, or this machine's is slow.",
            Self::TokenTooOld => "Get a new token, or raise max_age.",
            Self::AudienceNotAllowed => "Ask the issuer for a token for this API, or list its aud.",
            Self::ClaimMissing => {
                "Have the issuer add the claim. To do without it, change require."
            }
            Self::ClaimNotAllowed => "Use a token of an allowed client, or list the value.",
            Self::ClaimMalformed => "Have the issuer send what RFC 7519 §4.1 says.",
            Self::MappingFailed => "Mend the mapper, so that its answer is an account or null.",
            Self::TokenReplayed => {
                "Get a new token for each request, or keep the session that the first one began."
            }
            Self::ProofInvalid => {
                "Connect with the certificate that the token was issued to, or get a new token with the one that you have."
            }
            Self::TokenInactive => "Get a fresh token. A no is remembered for five seconds.",
            Self::TokenRevoked => "Get a new token.",
            Self::ScopeInsufficient => "Ask the issuer for a token with the scopes of the route.",
            Self::UserUnknown => {
                "Add the user, or set identity.user_registry = false for the issuer."
            }
            Self::BindingMismatch => "Send what the token says, or get a token that says it.",
            Self::RuleDenied => {
                "Read the rule that the log names, and see what it looks at in this token and this request."
            }
            Self::CredentialClaimMissing => {
                "Let the issuer put the claim in, or write optional = true."
            }
            Self::RouteNotFound => "Add a route; path = \"/{*rest}\" takes all the rest.",
            Self::MethodNotAllowed => "Use another method, or add it to the route's methods.",
            Self::RequestTimeout => {
                "Look at the client's network; raise server.limits only if it is slow for a good reason."
            }
            Self::BodyTooLarge => {
                "Send the token in the Authorization header: then nobody looks into the form. Or raise the limit."
            }
            Self::UriTooLong => "Move what is in the query into a body.",
            Self::HeadersTooLarge => "Send fewer cookies, or raise the limit.",
            Self::ExpectationFailed => "Leave Expect out.",
            Self::UpstreamUnreachable => {
                "See whether it is running, and whether upstream.url is right; ask it from the gateway's machine."
            }
            Self::UpstreamTimeout => "Find out what is slow, or raise the limit of that upstream.",
            Self::UpstreamMalformed => {
                "See where url points to: a port that speaks TLS needs https://, and one that speaks HTTP/2 needs protocol = \"http2\"."
            }
            Self::CredentialRefused => {
                "Mend the client, its secret or its key, here or at the authorization server."
            }
            Self::CredentialUnavailable => {
                "Find out why the authorization server cannot be reached; /status has its last error."
            }
            Self::KeysUnavailable => {
                "Look at /status on the admin listener: it has the last error of each issuer, and when the next attempt is due."
            }
            Self::StoreUnavailable => {
                "Look at the store: a full disk or a slow one is the usual reason."
            }
            Self::RegistryUnavailable => "Find out why the directory does not answer.",
            Self::IntrospectionUnavailable => {
                "If it speaks of credentials, mend client_id and client_secret_file."
            }
            Self::RateLimited => "Wait as many seconds as Retry-After says.",
            Self::Overloaded => {
                "Raise the limit together with that of open files, or add a gateway."
            }
            Self::InternalError => {
                "Please report it, with the line of the log that names the place."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without what marks code and links.
    fn plain(markdown: &str) -> String {
        let mut text = String::new();
        for (number, part) in markdown.replace('`', "").split("](").enumerate() {
            let part = match number {
                0 => part,
                _ => part.split_once(')').map_or("", |(_, rest)| rest),
            };
            text.push_str(part);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ")
    }

    #[test]
    fn every_code_has_a_remedy_and_the_document_the_same() {
        let document = include_str!("../../docs/refusals.md");
        for code in Code::ALL {
            let (remedy, heading) = (code.remedy(), format!("\n### {}\n", code.name()));
            assert!(
                remedy.ends_with(['.', '/']) && remedy.len() < 300,
                "{remedy}"
            );
            let (_, rest) = document.split_once(&heading).unwrap();
            let entry = rest.split("\n#").next().unwrap();
            assert!(plain(entry).contains(remedy), "{}: {remedy}", code.name());
        }
    }
}
