//! A token without the third that base64 adds: the cookie's own base64 would add it once more.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The token as it is.
const PLAIN: u8 = 0;
/// Parts in base64url between dots: each decoded, behind its length in two bytes.
const DECODED: u8 = 1;

/// `token`, in as few bytes as can be. [`unpack`] gives back the very same bytes.
pub(super) fn pack(token: &[u8]) -> Vec<u8> {
    decoded(token).unwrap_or_else(|| [&[PLAIN], token].concat())
}

/// The token that was [`pack`]ed.
pub(super) fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (form, mut rest) = packed.split_first()?;
    match *form {
        PLAIN => return Some(rest.to_vec()),
        DECODED => {}
        _ => return None,
    }
    let mut token = String::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (part, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if !token.is_empty() {
            token.push('.');
        }
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
        rest = after;
    }
    rest.is_empty().then(|| token.into_bytes())
}

/// Only where nothing gets lost: the decoder takes each text in one spelling. The first part is not empty.
fn decoded(token: &[u8]) -> Option<Vec<u8>> {
    if token.first().is_none_or(|first| *first == b'.') {
        return None;
    }
    let mut packed = vec![DECODED];
    for part in token.split(|b| *b == b'.') {
        let part = URL_SAFE_NO_PAD.decode(part).ok()?;
        packed.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
        packed.extend_from_slice(&part);
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signed_token_becomes_shorter() {
        let token = [[b'a'; 400]; 3].join(&b'.');
        let packed = pack(&token);
        assert!(packed.len() < 920, "{}", packed.len());
        assert_eq!(unpack(&packed).unwrap(), token);
        // What is cut off or goes on is not another token.
        assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        assert_eq!(unpack(&[packed.as_slice(), &[0]].concat()), None);
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&[7, 1, 2]), None);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(token in "[-_=. A-Ca-c0-3é]{0,40}") {
            prop_assert_eq!(unpack(&pack(token.as_bytes())).unwrap(), token.as_bytes());
        }
    }
}
