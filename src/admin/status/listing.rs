//! Which issuers one answer lists: a registry may hold a hundred thousand, an answer a thousand.

use crate::issuer::{Issuer, Registry};

/// The most issuers that one answer lists, and that have metrics of their own.
pub(in crate::admin) const MAX_ISSUERS: usize = 1000;

/// What the query of `/status` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::admin) struct Listing {
    /// Only the issuer of this name.
    issuer: Option<String>,
    /// Only issuers whose names come after this one.
    after: Option<String>,
    /// Only issuers that need a look.
    only_failing: bool,
}

/// The issuers of one answer, by name.
pub(super) struct Page<'s> {
    pub(super) issuers: Vec<&'s Issuer>,
    /// Where the rest is, if there is more.
    pub(super) next: Option<String>,
}

impl Listing {
    /// What `query` asks for.
    ///
    /// # Errors
    /// A sentence, when it asks for something else or for one thing twice.
    pub(in crate::admin) fn parse(query: &str) -> Result<Self, &'static str> {
        const USAGE: &str = "only issuer=NAME, after=NAME and state=failing, each once\n";
        let mut listing = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_new = match &*name {
                "issuer" => listing.issuer.replace(value.into_owned()).is_none(),
                "after" => listing.after.replace(value.into_owned()).is_none(),
                "state" if value == "failing" => {
                    !std::mem::replace(&mut listing.only_failing, true)
                }
                _ => false,
            };
            if !is_new {
                return Err(USAGE);
            }
        }
        Ok(listing)
    }

    /// The issuers of `registry` that it asks for, as many as one answer lists.
    pub(super) fn page<'s>(&self, registry: &'s Registry) -> Page<'s> {
        if let Some(name) = &self.issuer {
            let found = registry.get(name).map(AsRef::as_ref);
            let issuers = found.into_iter().filter(|i| self.wants(i)).collect();
            return Page {
                issuers,
                next: None,
            };
        }
        let all = registry.iter().map(AsRef::as_ref);
        let (issuers, rest) = first(all.filter(|i| self.wants(i)).collect(), |i| &*i.name);
        let last = issuers.last().filter(|_| !rest.is_empty());
        let next = last.map(|last| self.following(&last.name));
        Page { issuers, next }
    }

    fn wants(&self, issuer: &Issuer) -> bool {
        self.after
            .as_deref()
            .is_none_or(|after| &*issuer.name > after)
            && (!self.only_failing || is_failing(issuer))
    }

    fn following(&self, name: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::from("/status?"));
        query.append_pair("after", name);
        if self.only_failing {
            query.append_pair("state", "failing");
        }
        query.finish()
    }
}

/// The first [`MAX_ISSUERS`] of `all` in the order of `by`, and the others in no order. Those are not
/// sorted: they may be many.
pub(in crate::admin) fn first<'a, T: Copy, K: Ord + ?Sized + 'a>(
    mut all: Vec<T>,
    by: impl Fn(&T) -> &'a K,
) -> (Vec<T>, Vec<T>) {
    let mut rest = Vec::new();
    if all.len() > MAX_ISSUERS {
        all.select_nth_unstable_by(MAX_ISSUERS, |a, b| by(a).cmp(by(b)));
        rest = all.split_off(MAX_ISSUERS);
    }
    all.sort_unstable_by(|a, b| by(a).cmp(by(b)));
    (all, rest)
}

/// Whether an active issuer has no keys that serve, or the last attempt to read them failed.
fn is_failing(issuer: &Issuer) -> bool {
    issuer.active && (!issuer.is_ready() || issuer.keys.status().error.is_some())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::Clock,
        issuer::{
            KeySource,
            tests::{issuer, jwk, set_of},
        },
        jose::jwk::{Symmetric, parse_set},
    };

    fn listing(query: &str) -> Listing {
        Listing::parse(query).unwrap()
    }

    #[test]
    fn a_query_is_understood_or_refused() {
        assert_eq!(listing(""), Listing::default());
        let encoded = listing("issuer=https%3A%2F%2Fidp.example%2F");
        assert_eq!(encoded.issuer.as_deref(), Some("https://idp.example/"));
        assert!(listing("state=failing&after=a").only_failing);
        for wrong in [
            "limit=5",
            "issuer",
            "issuer=a&issuer=b",
            "state=good",
            "state=failing&state=failing",
        ] {
            let refused = Listing::parse(wrong).is_err();
            assert_eq!(refused, wrong != "issuer", "{wrong}");
        }
    }

    #[test]
    fn pages_follow_each_other_until_all_were_listed() {
        let clock = Clock::system();
        let fixed = KeySource::Fixed(Arc::default());
        let name = |n: usize| format!("https://idp.example/{n:05}");
        let count = 2 * MAX_ISSUERS + 1;
        let registry = Registry::new((0..count).map(|n| issuer(&name(n), fixed.clone(), &clock)));
        let (mut listing, mut seen) = (Listing::default(), Vec::new());
        loop {
            let page = listing.page(&registry);
            assert!(page.issuers.len() <= MAX_ISSUERS);
            seen.extend(page.issuers.iter().map(|issuer| issuer.name.to_string()));
            let Some(next) = page.next else { break };
            listing = Listing::parse(next.strip_prefix("/status?").unwrap()).unwrap();
        }
        assert_eq!(seen, (0..count).map(name).collect::<Vec<_>>());
    }

    #[test]
    fn one_issuer_or_only_those_that_need_a_look() {
        let clock = Clock::system();
        let good = parse_set(set_of(&[&jwk("a")]).as_bytes(), Symmetric::Allowed).unwrap();
        let off = Issuer {
            active: false,
            ..issuer("off", KeySource::Fixed(Arc::default()), &clock)
        };
        let registry = Registry::new([
            issuer("good", KeySource::Fixed(Arc::new(good)), &clock),
            issuer("bad", KeySource::Fixed(Arc::default()), &clock),
            off,
        ]);
        let names = |query: &str| -> Vec<String> {
            let page = listing(query).page(&registry);
            page.issuers.iter().map(|i| i.name.to_string()).collect()
        };
        assert_eq!(names(""), ["bad", "good", "off"]);
        assert_eq!(names("after=bad"), ["good", "off"]);
        assert_eq!(names("state=failing"), ["bad"]);
        assert_eq!(names("issuer=good"), ["good"]);
        assert_eq!(names("issuer=goo"), [""; 0]);
        assert_eq!(names("issuer=good&state=failing"), [""; 0]);
    }
}
