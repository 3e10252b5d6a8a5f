use std::sync::Mutex;

use http::HeaderValue;
use tokio::time::{Instant, advance};

use super::*;
use crate::forward::{
    ForwardError, UpstreamAddress,
    balance::{Server, Settings},
};

/// When somebody asked, and what they are told.
#[derive(Clone, Default)]
struct Names {
    asked: Arc<Mutex<Vec<u64>>>,
    means: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Names {
    fn resolver(&self) -> Resolver {
        let (this, start) = (self.clone(), Instant::now());
        Resolver::new(move |_, _| {
            let mut asked = this.asked.lock().unwrap();
            asked.push(start.elapsed().as_secs());
            let found = this.means.lock().unwrap().clone();
            Box::pin(std::future::ready(Ok(found)))
        })
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

fn group() -> Arc<Group> {
    let address = UpstreamAddress::Http("orders.internal:80".parse().unwrap());
    let server = Server::new(address, HeaderValue::from_static("a"), None);
    Arc::new(Group::new("a".into(), vec![server], Settings::default()))
}

/// Lets everybody go on for so many seconds.
async fn pass(seconds: u32) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_asked_for_again_and_sooner_when_that_is_wanted() {
    let (names, group) = (Names::default(), group());
    names
        .means
        .lock()
        .unwrap()
        .push("10.0.0.1:80".parse().unwrap());
    let keeping = keep(Arc::clone(&group), 0, names.resolver());
    let keeping = tokio::spawn(keeping);
    tokio::task::yield_now().await;
    assert_eq!(names.asked(), [0]);
    pass(29).await;
    assert_eq!(names.asked(), [0]);
    pass(2).await;
    assert_eq!(names.asked(), [0, 30]);
    // Requests want it, and not more often than once in a second however many they are.
    pass(4).await;
    for _ in 0..3 {
        group.wants_look_up();
        tokio::task::yield_now().await;
    }
    pass(3).await;
    assert_eq!(names.asked().len(), 4, "{:?}", names.asked());
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_was_found_stays_and_what_is_missing_is_asked_for_soon() {
    let (names, group) = (Names::default(), group());
    let keeping = tokio::spawn(keep(Arc::clone(&group), 0, names.resolver()));
    let patience = Duration::from_secs(2);
    let first = group.first_address(patience).await;
    let Err(ForwardError::Lookup(why)) = first else {
        panic!("{first:?}")
    };
    assert_eq!(&*why, "the name has no address");
    names
        .means
        .lock()
        .unwrap()
        .push("10.0.0.1:80".parse().unwrap());
    pass(2).await;
    assert!(group.first_address(patience).await.is_ok());
    let endpoint = Arc::clone(&group.endpoints()[0]);
    assert!(group.servers()[0].lookup_error().is_none());
    names.means.lock().unwrap().clear();
    pass(40).await;
    assert!(group.servers()[0].lookup_error().is_some());
    assert!(Arc::ptr_eq(&endpoint, &group.endpoints()[0]));
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_name_for_long() {
    let group = group();
    let never = Resolver::new(|_, _| Box::pin(std::future::pending()));
    let keeping = tokio::spawn(keep(Arc::clone(&group), 0, never));
    let first = group.first_address(Duration::from_secs(2)).await;
    assert!(matches!(first, Err(ForwardError::ConnectTimeout)));
    keeping.abort();
}
