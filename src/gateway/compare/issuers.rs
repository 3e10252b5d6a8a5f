//! The issuer that a token names, and those that would do.

use super::{Case, Compared, words};
use crate::{
    gateway::Refusal,
    issuer::{Registry, RegistryError},
};

/// More issuers than this are not sorted while a request waits.
const SORTED: usize = 200;

pub(super) fn compare(case: &Case<'_>, refusal: &Refusal) -> Compared {
    let claims = case.note.claims();
    let iss = claims.and_then(|claims| claims.get("iss"));
    let token = iss.map(|iss| words::values(&iss)).unwrap_or_default();
    let found = token.first().map_or("", |iss| &**iss);
    let registry = &case.snapshot.policy.registry;
    let (configured, note) = match refusal {
        Refusal::NotAdmitted(_) => {
            let route = case.note.route.as_ref();
            let own = route.and_then(|route| route.issuers.as_ref());
            let own = own.into_iter().flatten().map(|name| &**name);
            let mut own: Vec<&str> = own.take(SORTED).collect();
            own.sort_unstable();
            let note = "the issuer is known, and the route's issuers leave it out";
            (words::several(own), Some(note.to_owned()))
        }
        Refusal::Registry(RegistryError::Inactive) => {
            (vec![format!("{found}, with active = false")], None)
        }
        _ => (nearest(registry, found), meant(registry, found)),
    };
    Compared::new("iss", token, configured).noting(note)
}

/// What may have been meant: the same name but for a slash, the case of letters, or the scheme.
fn meant(registry: &Registry, found: &str) -> Option<String> {
    let bare = found.trim_end_matches('/');
    let slash = format!("{bare}/");
    let lower = |text: &str| text.to_lowercase();
    let scheme = match bare.split_once("://") {
        Some(("http", rest)) => format!("https://{rest}"),
        Some(("https", rest)) => format!("http://{rest}"),
        _ => String::new(),
    };
    let guesses = [
        (bare.to_owned(), "a slash at its end"),
        (slash.clone(), "a slash at its end"),
        (lower(bare), "upper and lower case"),
        (lower(&slash), "upper and lower case"),
        (scheme.clone(), "http and https"),
        (format!("{scheme}/"), "http and https"),
    ];
    let known = |name: &str| name != found && registry.get(name).is_some();
    let guess = guesses.iter().find(|(name, _)| known(name));
    let by_case = || {
        let all = registry.iter().take(SORTED).map(|issuer| &*issuer.name);
        let mut same = all.filter(|name| *name != found && name.eq_ignore_ascii_case(found));
        same.next()
            .map(|name| (name.to_owned(), "upper and lower case"))
    };
    let (name, by) = guess.cloned().or_else(by_case)?;
    Some(format!(
        "did you mean {}? It differs by {by}",
        words::one(&name)
    ))
}

/// The issuers, those that begin like `found` first.
fn nearest(registry: &Registry, found: &str) -> Vec<String> {
    let mut names: Vec<&str> = registry
        .iter()
        .take(SORTED)
        .map(|issuer| &*issuer.name)
        .collect();
    let common = |name: &str| {
        let same = name.bytes().zip(found.bytes()).take_while(|(a, b)| a == b);
        same.count()
    };
    names.sort_unstable_by(|a, b| common(b).cmp(&common(a)).then(a.cmp(b)));
    let mut shown: Vec<String> = names
        .iter()
        .take(words::MOST)
        .map(|name| words::one(name))
        .collect();
    let more = registry.len().saturating_sub(shown.len());
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::Clock,
        issuer::{KeySource, tests::issuer},
    };

    fn registry(names: &[String]) -> Registry {
        let clock = Clock::system();
        let fixed = KeySource::Fixed(Arc::default());
        Registry::new(names.iter().map(|name| issuer(name, fixed.clone(), &clock)))
    }

    #[test]
    fn a_name_that_may_have_been_meant_is_named() {
        let names = ["https://idp.example/A", "https://other.example/"];
        let registry = registry(&names.map(str::to_owned));
        for (found, meant_name) in [
            ("https://idp.example/A/", Some(names[0])),
            ("https://idp.example/a", Some(names[0])),
            ("http://idp.example/A", Some(names[0])),
            ("https://other.example", Some(names[1])),
            ("HTTPS://OTHER.example", Some(names[1])),
            ("https://nobody.example", None),
            ("", None),
        ] {
            let said = meant(&registry, found);
            match meant_name {
                Some(name) => assert!(said.unwrap().contains(&format!("{name}?")), "{found}"),
                None => assert_eq!(said, None, "{found}"),
            }
        }
        assert_eq!(nearest(&registry, "https://o")[0], names[1]);
    }

    #[test]
    fn of_many_issuers_few_are_named() {
        let names: Vec<String> = (0..300)
            .map(|n| format!("https://idp.example/{n}"))
            .collect();
        let shown = nearest(&registry(&names), "https://idp.example/7");
        assert_eq!(shown.len(), words::MOST + 1);
        assert_eq!(shown.last().unwrap(), "and 280 more");
    }
}
