//! Many requests, few fetches.

use tokio::task::{JoinSet, yield_now};

use super::*;

/// Lets everything run until `count` requests wait.
async fn until_waiting(bench: &Bench, count: usize) {
    while bench.ring().waiting() < count {
        yield_now().await;
    }
}

fn finds(bench: &Bench, kids: impl Iterator<Item = String>) -> JoinSet<Result<String, KeyError>> {
    kids.map(|kid| find(bench.issuer(), kid)).collect()
}

#[tokio::test]
async fn an_unknown_kid_costs_one_fetch_for_all_who_wait() {
    for (wanted, found) in [
        ("new", Ok("new".to_owned())),
        ("none", Err(KeyError::NotFound)),
    ] {
        let old = jwk("old");
        let server = KeyServer::start(set_of(&[&old])).await;
        let cooldown = Duration::ZERO;
        let bench = Bench::new(source(Remote {
            cooldown,
            ..remote(&server)
        }))
        .start();
        assert_eq!(bench.find("old").await.as_deref(), Ok("old"));
        let before = server.hits();

        server.publishes(set_of(&[&old, &jwk("new")]));
        server.holds_answers(true);
        let waiting = finds(&bench, std::iter::repeat_n(wanted.to_owned(), 100));
        until_waiting(&bench, 100).await;
        // The others do not wait.
        assert_eq!(bench.find("old").await.as_deref(), Ok("old"));
        server.holds_answers(false);
        assert_eq!(waiting.join_all().await, vec![found; 100]);
        assert_eq!(server.hits(), before + 1);
    }
}

#[tokio::test]
async fn a_thousand_unknown_kids_cost_one_fetch_a_cooldown() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let bench = Bench::new(source(remote(&server)));
    let refresher = bench.refresher();
    let waiting = finds(&bench, (0..1000).map(|i| format!("unknown-{i}")));
    until_waiting(&bench, 1000).await;
    tokio::spawn(refresher.run());
    assert_eq!(
        waiting.join_all().await,
        vec![Err(KeyError::NotFound); 1000]
    );
    for i in 0..1000 {
        assert_eq!(
            bench.find(&format!("more-{i}")).await,
            Err(KeyError::NotFound)
        );
    }
    assert_eq!(server.hits(), 1);
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn requests_wait_for_the_first_fetch() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    server.holds_answers(true);
    let bench = Bench::new(source(remote(&server))).start();
    server.has_seen(1).await;
    let waiting = finds(&bench, ["a", "b"].into_iter().map(str::to_owned));
    until_waiting(&bench, 2).await;
    server.holds_answers(false);
    let mut found = waiting.join_all().await;
    found.sort_by_key(Result::is_err);
    assert_eq!(found, [Ok("a".to_owned()), Err(KeyError::NotFound)]);
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn a_request_does_not_wait_longer_than_a_fetch_may_take() {
    let server = KeyServer::start(String::new()).await;
    let timeout = Duration::from_millis(50);
    let bench = Bench::new(source(Remote {
        timeout,
        ..remote(&server)
    }));
    // It never runs, so that nobody but the request's own patience ends the wait.
    let _refresher = bench.refresher();
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn an_order_gets_a_fetch_that_starts_after_it() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    server.holds_answers(true);
    let bench = Bench::new(source(remote(&server))).start();
    server.has_seen(1).await;
    let ordered = bench.issuer();
    let order = tokio::spawn(async move { ordered.keys.refresh_now().await });
    until_waiting(&bench, 1).await;
    server.holds_answers(false);
    order.await.unwrap();
    assert_eq!(server.hits(), 2);
    assert_eq!(bench.ring().status().successes, 2);
}

#[tokio::test]
async fn who_waits_for_a_refresher_that_ends_is_let_go() {
    let server = KeyServer::start(String::new()).await;
    let bench = Bench::new(source(remote(&server)));
    assert_eq!(bench.find("a").await, Err(KeyError::Unavailable));
    let refresher = bench.refresher();
    let waiting = finds(&bench, std::iter::once("a".to_owned()));
    until_waiting(&bench, 1).await;
    drop(refresher);
    assert_eq!(waiting.join_all().await, [Err(KeyError::Unavailable)]);
    bench.ring().refresh_now().await;
    assert_eq!(server.hits(), 0);
}

#[tokio::test]
async fn the_refresher_may_run_on_another_thread() {
    let server = KeyServer::start(set_of(&[&jwk("a")])).await;
    let bench = Bench::new(source(remote(&server)));
    let refresher = bench.refresher();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = refresher.run() => {}
                _ = stopped => {}
            }
        });
    });
    assert_eq!(bench.find("a").await.as_deref(), Ok("a"));
    bench.ring().refresh_now().await;
    assert_eq!(bench.ring().status().successes, 2);
    drop(stop);
    thread.join().unwrap();
}
