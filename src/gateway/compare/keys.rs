//! The key that a token names, and those that there are.

use super::{Case, Compared, words};
use crate::gateway::say;

pub(super) fn compare(case: &Case<'_>) -> Option<Compared> {
    let issuer = case.note.issuer.as_ref()?;
    let set = issuer.keys.current();
    let status = issuer.keys.status();
    let mut configured: Vec<String> = Vec::new();
    if let Some(set) = &set {
        let used = set.keys.iter().map(|key| say::one_key(key));
        let skipped = set.skipped.iter().map(|skipped| {
            let kid = skipped.kid.as_deref().unwrap_or("(no kid)");
            format!("{kid} (not used: {})", skipped.reason)
        });
        configured = words::several(used.chain(skipped));
    }
    let mut note = format!("the keys are from {}", say::origin(issuer));
    if let Some(read_at) = status.read_at {
        let age = case.now.since(read_at);
        note.push_str(&format!(", {age} s old"));
    }
    if let Some(error) = &status.error {
        note.push_str(&format!("; the last read failed: {}", words::one(error)));
    }
    Some(Compared::new("kid", asked(case), configured).noting(Some(note)))
}

/// The key that the token asks for.
fn asked(case: &Case<'_>) -> Vec<String> {
    let kid = case.note.header("kid");
    let kid = kid.unwrap_or_else(|| "(no kid)".to_owned());
    let algorithm = case.note.header("alg").unwrap_or_default();
    vec![format!("{kid} ({algorithm})")]
}

/// An encrypted token: only its header is told, never what a private key found out.
pub(super) fn decryption(case: &Case<'_>) -> Compared {
    let member = |name| {
        case.note
            .header(name)
            .map(|value| format!("{name} {value}"))
    };
    let token = ["alg", "enc", "kid", "cty"].into_iter().filter_map(member);
    let keys = case.snapshot.policy.keychain.iter();
    let configured = words::several(keys.map(ToString::to_string));
    Compared::new("key", token.collect(), configured)
}
