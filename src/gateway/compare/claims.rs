//! Time, audience and claims.

use super::{Case, Compared, words};
use crate::{
    claims::{Audiences, ClaimPath, ClaimsError},
    clock::UnixTime,
    issuer::Issuer,
};

pub(super) fn compare(case: &Case<'_>, error: &ClaimsError) -> Option<Compared> {
    let issuer = case.note.issuer.as_ref()?;
    Some(match error {
        ClaimsError::Issuer => {
            let configured = vec![words::one(&issuer.name)];
            Compared::new("iss", named(case, "iss"), configured)
        }
        ClaimsError::Expired(at) => {
            let ago = case.now.since(*at);
            let note = format!("it expired {ago} s ago, and the skew is {} s", skew(issuer));
            time(case, issuer, "exp", *at, note)
        }
        ClaimsError::NotYetValid(at) => {
            let left = at.since(case.now);
            let note = format!("it begins in {left} s, and the skew is {} s", skew(issuer));
            time(case, issuer, "nbf", *at, note)
        }
        ClaimsError::IssuedInFuture(at) => {
            let left = at.since(case.now);
            let note = format!("that is in {left} s, and the skew is {} s", skew(issuer));
            time(case, issuer, "iat", *at, note)
        }
        ClaimsError::TooOld(at) => {
            let age = case.now.since(*at);
            let most = issuer.rules.max_age.unwrap_or_default();
            let skew = skew(issuer);
            let note = format!("it is {age} s old, max_age is {most} s and the skew {skew} s");
            time(case, issuer, "iat", *at, note)
        }
        ClaimsError::Audience => audience(case, issuer),
        ClaimsError::Missing(path) => {
            let mut asked = vec!["a value that is not null".to_owned()];
            asked.extend(allowed(issuer, path));
            Compared::new(words::one(path.as_str()), case.note.claim(path), asked)
        }
        ClaimsError::NotAllowed(path) => Compared::new(
            words::one(path.as_str()),
            case.note.claim(path),
            allowed(issuer, path),
        ),
        ClaimsError::Malformed { claim, why } => {
            Compared::new(*claim, named(case, claim), vec![format!("not this: {why}")])
        }
    })
}

fn skew(issuer: &Issuer) -> i64 {
    issuer.rules.clock_skew
}

fn time(case: &Case<'_>, issuer: &Issuer, what: &str, at: UnixTime, note: String) -> Compared {
    let now = format!("now {}", case.now);
    let skew = format!("clock_skew {} s", skew(issuer));
    let age = issuer.rules.max_age.filter(|_| what == "iat");
    let age = age.map(|age| format!("max_age {age} s"));
    let configured = [now, skew].into_iter().chain(age).collect();
    Compared::new(what, vec![format!("{} ({at})", at.0)], configured).noting(Some(note))
}

fn audience(case: &Case<'_>, issuer: &Issuer) -> Compared {
    let token = named(case, "aud");
    let (configured, note) = match &issuer.rules.audiences {
        Audiences::All => (Vec::new(), None),
        Audiences::OneOf(allowed) => (words::several(&**allowed), near(&token, allowed)),
        Audiences::ResourcePrefix => {
            let path = case
                .head
                .map_or(case.note.uri.path(), |head| head.uri.path());
            let resource = case.snapshot.resource(&issuer.rules.audiences, path);
            let note = "without audiences, aud must be a prefix of the URL that was asked for";
            let resource = resource.unwrap_or_else(|| "server.public_url is not set".to_owned());
            (words::several([resource]), Some(note.to_owned()))
        }
    };
    Compared::new("aud", token, configured).noting(note)
}

/// The audience that may have been meant.
fn near(token: &[String], allowed: &[Box<str>]) -> Option<String> {
    let plain = |text: &str| text.trim_end_matches('/').to_lowercase();
    token.iter().find_map(|found| {
        let near = allowed
            .iter()
            .take(words::MOST)
            .find(|one| plain(one) == plain(found))?;
        Some(format!(
            "{found} and {near} differ by a slash or by case",
            near = words::one(near)
        ))
    })
}

fn allowed(issuer: &Issuer, path: &ClaimPath) -> Vec<String> {
    let rule = issuer.rules.allowed.iter().find(|(own, _)| own == path);
    let values = rule
        .map(|(_, values)| values.as_slice())
        .unwrap_or_default();
    words::several(values.iter().map(|value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }))
}

fn named(case: &Case<'_>, claim: &str) -> Vec<String> {
    let claims = case.note.claims();
    let value = claims.and_then(|claims| claims.get(claim));
    value.map(|value| words::values(&value)).unwrap_or_default()
}
