//! `GET /`: the page, one document that asks `/status`, `/refusals` and `/explain` for all that it shows.
//!
//! It holds no data and no secret, the same bytes for everybody, so it is given without the admin secret: a browser
//! cannot send a bearer token with a navigation. The page asks for the secret, and keeps it in its memory only.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{Answer, answer};

/// What stands around the style and the script.
const HEAD: &str = include_str!("page/head.html");
const BODY: &str = include_str!("page/body.html");

const STYLE: &str = concat!(
    include_str!("page/page.css"),
    include_str!("page/parts.css")
);

/// One module of many files, in the order in which they name each other.
const SCRIPT: &str = concat!(
    include_str!("page/dom.js"),
    include_str!("page/words.js"),
    include_str!("page/ask.js"),
    include_str!("page/steps.js"),
    include_str!("page/verdict.js"),
    include_str!("page/explain.js"),
    include_str!("page/refusals.js"),
    include_str!("page/issuers.js"),
    include_str!("page/tables.js"),
    include_str!("page/main.js"),
);

/// The document, and the policy under which a browser may show it.
pub(super) struct Page {
    document: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// Puts it together. The hashes of the policy (CSP Level 3, section 2.3.1) are those of what stands in it.
    pub(super) fn new() -> Self {
        let parts = [
            HEAD,
            "<style>",
            STYLE,
            "</style>\n<script type=\"module\">",
            SCRIPT,
            "</script>\n",
            BODY,
        ];
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            source(SCRIPT),
            source(STYLE)
        );
        // Base64 and the text above are visible ASCII; were they not, nothing would be allowed.
        let nothing = HeaderValue::from_static("default-src 'none'");
        Self {
            document: parts.concat().into(),
            policy: HeaderValue::try_from(policy).unwrap_or(nothing),
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let kind = "text/html; charset=utf-8";
        let mut answer = answer(StatusCode::OK, kind, self.document.clone());
        let fields = answer.headers_mut();
        fields.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// What a policy calls this text.
fn source(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    format!("sha256-{}", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_ends_an_element_early_or_is_fetched() {
        let script = SCRIPT.to_ascii_lowercase();
        for end in [
            "</script",
            "<!--",
            "innerhtml",
            "outerhtml",
            "insertadjacent",
            "document.write",
            "eval(",
        ] {
            assert!(!script.contains(end), "{end}");
        }
        assert!(!STYLE.contains('<') && !STYLE.contains("url(") && !STYLE.contains("@import"));
        let document = [HEAD, STYLE, SCRIPT, BODY].concat();
        // The one address is the name of a namespace.
        let text = document.replace("http://www.w3.org/2000/svg", "");
        for outside in [
            "src=", "//cdn", "http://", "https://", " onclick", " onload", " style=",
        ] {
            let found = text
                .lines()
                .find(|line| line.contains(outside) && !line.contains("placeholder"));
            assert_eq!(found, None, "{outside}");
        }
        assert!(
            document.is_ascii(),
            "so that its bytes are those that were hashed"
        );
        assert!(document.len() < 64 * 1024, "{}", document.len());
    }

    #[test]
    fn a_script_is_known_by_the_hash_of_its_text() {
        // As of CSP Level 3, section 8.1.
        assert_eq!(
            source("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }
}
