//! Random changes, against memory, with an end and a new beginning at random places.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::store::Memory;

#[derive(Clone, Debug)]
enum Step {
    Consume(usize, u8, i64),
    Contains(usize),
    Get(usize),
    Apply(Vec<Draft>),
    Advance(i64),
    Reopen,
}

/// A change of a record: which one, what it must be, what it becomes and for how long.
type Draft = (usize, Option<Option<u8>>, Option<(u8, i64)>);

fn step() -> impl Strategy<Value = Step> {
    let change = (
        0..6_usize,
        proptest::option::of(proptest::option::of(0..3_u8)),
        proptest::option::of((0..3_u8, -2..20_i64)),
    );
    prop_oneof![
        6 => (0..12_usize, 0..3_u8, -2..20_i64).prop_map(|(k, o, u)| Step::Consume(k, o, u)),
        2 => (0..12_usize).prop_map(Step::Contains),
        2 => (0..6_usize).prop_map(Step::Get),
        6 => vec(change, 0..4).prop_map(Step::Apply),
        2 => (0..8_i64).prop_map(Step::Advance),
        1 => Just(Step::Reopen),
    ]
}

fn changes(list: &[Draft], now: UnixTime) -> Vec<Change> {
    let value = |byte: u8| vec![byte; usize::from(byte) * 5];
    list.iter()
        .map(|(number, expected, new)| Change {
            key: key(*number),
            expected: expected.map(|expected| expected.map(value)),
            new: new.map(|(byte, until)| (value(byte), now.plus(until))),
        })
        .collect()
}

async fn walk(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let clock = Clock::standing_at(NOW);
    let model = Memory::new(settings.entries, clock.clone());
    let mut disk = Some(Disk::open(&settings, clock.clone()).unwrap());
    for step in steps {
        let now = clock.now();
        let store = disk.as_ref().unwrap();
        match &step {
            Step::Consume(number, who, until) => {
                let (owner, until) = (owner(&who.to_string()), now.plus(*until));
                let ours = store.consume_once(owner, key(*number), until).await;
                let theirs = model.consume_once(owner, key(*number), until).await;
                assert_eq!(ours, theirs, "{step:?}");
            }
            Step::Contains(number) => {
                let ours = store.contains(key(*number)).await;
                assert_eq!(ours, model.contains(key(*number)).await, "{step:?}");
            }
            Step::Get(number) => {
                let ours = store.get(key(*number)).await;
                assert_eq!(ours, model.get(key(*number)).await, "{step:?}");
            }
            Step::Apply(list) => {
                let ours = store.apply(changes(list, now)).await;
                assert_eq!(ours, model.apply(changes(list, now)).await, "{step:?}");
            }
            Step::Advance(seconds) => clock.advance(*seconds),
            Step::Reopen => {
                drop(disk.take());
                disk = Some(Disk::open(&settings, clock.clone()).unwrap());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_memory_does(steps in vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(walk(steps));
    }
}
