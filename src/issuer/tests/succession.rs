//! A registry follows another one, while requests and the refresher are at it.

use tokio::task::yield_now;

use super::*;

/// A refresher at work on a registry that changes.
struct Reloading {
    registry: Registry,
    roster: Roster,
    clock: Clock,
}

impl Reloading {
    fn start(issuers: impl IntoIterator<Item = (&'static str, KeySource)>) -> Self {
        let clock = Clock::standing_at(UnixTime(1_800_000_000));
        let issuers: Vec<_> = issuers
            .into_iter()
            .map(|(name, source)| issuer(name, source, &clock))
            .collect();
        let registry = Registry::new(issuers);
        let refresher = Refresher::new(&registry, clock.clone());
        let roster = refresher.roster();
        tokio::spawn(refresher.run());
        Self {
            registry,
            roster,
            clock,
        }
    }

    /// Puts these issuers in force.
    async fn reload(&mut self, issuers: Vec<Issuer>) {
        let next = Registry::new(issuers).succeed(&self.registry);
        self.roster.prepare(&next.change);
        self.registry = next.registry;
        self.roster.tell(next.change).await;
    }

    fn fresh(&self, name: &str, source: KeySource) -> Issuer {
        issuer(name, source, &self.clock)
    }

    fn get(&self, name: &str) -> Arc<Issuer> {
        Arc::clone(self.registry.get(name).unwrap())
    }

    async fn find(&self, name: &str, kid: &str) -> Result<String, KeyError> {
        find(self.get(name), kid.to_owned()).await
    }
}

#[tokio::test]
async fn only_what_is_new_is_fetched() {
    let (one, two) = (set_of(&[&jwk("a")]), set_of(&[&jwk("b")]));
    let (one, two) = (KeyServer::start(one).await, KeyServer::start(two).await);
    let mut it = Reloading::start([("one", source(remote(&one)))]);
    assert_eq!(it.find("one", "a").await.as_deref(), Ok("a"));
    let before = it.get("one");
    let issuers = vec![
        it.fresh("one", source(remote(&one))),
        it.fresh("two", source(remote(&two))),
    ];
    it.reload(issuers).await;
    assert_eq!(it.find("two", "b").await.as_deref(), Ok("b"));
    assert!(Arc::ptr_eq(&before, &it.get("one")));
    assert_eq!((one.hits(), two.hits()), (1, 1));

    let mut stricter = it.fresh("one", source(remote(&one)));
    stricter.rules.max_age = Some(1);
    let same = it.fresh("two", source(remote(&two)));
    it.reload(vec![stricter, same]).await;
    let after = it.get("one");
    assert!(!Arc::ptr_eq(&before, &after));
    assert!(Arc::ptr_eq(&before.keys, &after.keys));
    assert_eq!(after.rules.max_age, Some(1));
    // It is still in the refresher's care.
    after.keys.refresh_now().await;
    assert_eq!((one.hits(), two.hits()), (2, 1));
}

#[tokio::test]
async fn keys_of_another_source_are_not_used_and_those_of_other_times_are() {
    let one = KeyServer::start(set_of(&[&jwk("a")])).await;
    let two = KeyServer::start(set_of(&[&jwk("b")])).await;
    let mut it = Reloading::start([("one", source(remote(&one)))]);
    assert_eq!(it.find("one", "a").await.as_deref(), Ok("a"));
    // The provider is down while its times change: what is held goes on serving.
    one.holds_answers(true);
    let times = Remote {
        stale_for: 2 * HOUR,
        ..remote(&one)
    };
    let issuers = vec![it.fresh("one", source(times))];
    it.reload(issuers).await;
    assert_eq!(it.find("one", "a").await.as_deref(), Ok("a"));
    one.holds_answers(false);

    let elsewhere = vec![it.fresh("one", source(remote(&two)))];
    let before = it.get("one");
    it.reload(elsewhere).await;
    assert!(it.get("one").keys.current().is_none());
    assert_eq!(it.find("one", "b").await.as_deref(), Ok("b"));
    assert_eq!(it.find("one", "a").await, Err(KeyError::NotFound));

    let with_password = Remote {
        credentials: Some(("me".into(), crate::secret::Secret::new(b"secret".to_vec()))),
        ..remote(&two)
    };
    let issuers = vec![it.fresh("one", source(with_password))];
    it.reload(issuers).await;
    assert!(it.get("one").keys.current().is_none());
    // A request that began under the old settings ends under them.
    assert_eq!(find(before, "a".to_owned()).await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn an_issuer_that_is_gone_is_fetched_no_more_and_nobody_waits_for_it() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    server.holds_answers(true);
    let mut it = Reloading::start([("one", source(remote(&server)))]);
    server.has_seen(1).await;
    let gone = it.get("one");
    // The attempt is under way: who waits for it gets what comes of it.
    let waiting = tokio::spawn(find(Arc::clone(&gone), "a".to_owned()));
    while gone.keys.waiting() == 0 {
        yield_now().await;
    }
    it.reload(Vec::new()).await;
    assert!(it.registry.find("one").is_err());
    server.holds_answers(false);
    assert_eq!(waiting.await.unwrap().as_deref(), Ok("a"));
    while gone.keys.place().is_some() {
        yield_now().await;
    }
    // An order is no use any more, and a key that is not there is not waited for.
    gone.keys.refresh_now().await;
    assert_eq!(find(gone, "b".to_owned()).await, Err(KeyError::NotFound));
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn an_issuer_that_was_off_begins_anew() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let mut it = Reloading::start([("one", source(remote(&server)))]);
    assert_eq!(it.find("one", "a").await.as_deref(), Ok("a"));
    let off = Issuer {
        active: false,
        ..it.fresh("one", source(remote(&server)))
    };
    it.reload(vec![off]).await;
    assert!(it.registry.find("one").is_err());
    assert!(it.get("one").keys.current().is_none());
    let issuers = vec![it.fresh("one", source(remote(&server)))];
    it.reload(issuers).await;
    assert_eq!(it.find("one", "a").await.as_deref(), Ok("a"));
    assert_eq!(server.hits(), 2);
}

#[test]
fn one_of_a_hundred_thousand_changes() {
    let clock = Clock::standing_at(UnixTime(0));
    let issuers = |skew| {
        let make = |i: u32| {
            let mut issuer = issuer(&i.to_string(), unreachable(), &clock);
            issuer.rules.clock_skew = if i == 7 { skew } else { 0 };
            issuer
        };
        (0..100_000).map(make).collect::<Vec<_>>()
    };
    let old = Registry::new(issuers(0));
    let Succession { registry, change } = Registry::new(issuers(1)).succeed(&old);
    assert_eq!((change.added, change.changed, change.removed), (0, 1, 0));
    assert_eq!(
        (change.come.len(), change.stay.len(), change.gone.len()),
        (0, 1, 0)
    );
    let same = registry
        .iter()
        .filter(|issuer| Arc::ptr_eq(issuer, old.get(&issuer.name).unwrap()));
    assert_eq!(same.count(), 99_999);
    let kept = registry.get("7").unwrap();
    assert!(Arc::ptr_eq(&kept.keys, &old.get("7").unwrap().keys));
}

#[test]
fn fixed_keys_are_compared_and_not_their_text() {
    let clock = Clock::standing_at(UnixTime(0));
    let (a, b) = (jwk("a"), jwk("b"));
    let fixed = |jwks: &[&str]| {
        let set = set_of(jwks);
        let set = crate::jose::jwk::parse_set(set.as_bytes(), crate::jose::jwk::Symmetric::Allowed);
        KeySource::Fixed(Arc::new(set.unwrap()))
    };
    let of = |jwks: &[&str]| Registry::new([issuer("one", fixed(jwks), &clock)]);
    let old = of(&[&a]);
    let spaced = a.replace(',', " , ");
    assert!(of(&[&spaced]).succeed(&old).change.is_empty());
    for other in [
        vec![b.as_str()],
        vec![&a, &b],
        vec![&*a.replace("\"a\"", "\"c\"")],
    ] {
        let next = of(&other).succeed(&old);
        assert_eq!(next.change.changed, 1);
        let (now, before) = (next.registry.get("one").unwrap(), old.get("one").unwrap());
        assert!(!Arc::ptr_eq(&now.keys, &before.keys));
    }
}
