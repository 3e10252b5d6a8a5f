//! A rotation never invalidates a live token: a simulated clock, a directory, and verifiers with caches.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{clock::UnixTime, jose::Algorithm};

const START: UnixTime = UnixTime(1_800_000_000);
/// How long verifiers keep a key set, in seconds; each key is published at least that long before it signs.
const CACHED: i64 = 600;

/// What happens at one step.
#[derive(Clone, Debug)]
struct Step {
    /// The time since the step before, in seconds.
    pause: i64,
    /// A rotation: how long after it the new key signs, and the longest life of its tokens.
    rotation: Option<(i64, i64)>,
    /// How long the token lives that is signed then, in parts of the longest.
    part: f64,
}

struct Token {
    text: String,
    expires: UnixTime,
}

/// Everything that was signed and served so far.
struct World {
    directory: Directory,
    _folder: tempfile::TempDir,
    tokens: Vec<Token>,
    /// What a verifier could have fetched, and when.
    served: Vec<(UnixTime, Value)>,
}

fn step() -> impl Strategy<Value = Step> {
    let rotation = proptest::option::weighted(0.6, (CACHED..4000_i64, 1..4000_i64));
    (0..3000_i64, rotation, 0.0..=1.0).prop_map(|(pause, rotation, part)| Step {
        pause,
        rotation,
        part,
    })
}

fn key_of<'j>(jwks: &'j Value, token: &str) -> Option<&'j serde_json::Map<String, Value>> {
    let header = token.split('.').next().unwrap();
    let header = jsonwebtoken::decode_header(format!("{header}.e30.e30")).unwrap();
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.filter_map(Value::as_object)
        .find(|jwk| jwk["kid"].as_str() == header.kid.as_deref())
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::new(folder.path().to_owned());
        let settings = Settings {
            algorithm: Algorithm::EdDsa,
            token_lifetime: 1000,
            ..Settings::default()
        };
        directory.generate(&settings, None, START).unwrap();
        Self {
            directory,
            _folder: folder,
            tokens: Vec::new(),
            served: Vec::new(),
        }
    }

    /// One key signs, and every live token is proved by what is served now and by what was served lately.
    fn holds_at(&mut self, now: UnixTime) {
        let signer = self.directory.load().unwrap();
        let signing = signer.keys().iter();
        let signing = signing.filter(|held| held.life.phase_at(now) == Phase::Signing);
        assert_eq!(signing.count(), 1);
        self.served.push((now, signer.jwks_at(now)));
        let lately = self.served.iter();
        let lately: Vec<_> = lately
            .filter(|(then, _)| now.since(*then) <= CACHED && *then <= now)
            .collect();
        for token in self.tokens.iter().filter(|token| now < token.expires) {
            let mut keys = lately.iter().map(|(then, jwks)| {
                key_of(jwks, &token.text).unwrap_or_else(|| panic!("{then} {now}"))
            });
            let first = keys.next().unwrap();
            assert!(prove(&token.text, first).is_some());
            assert!(keys.all(|key| key == first));
        }
    }

    /// The moments between two steps at which something could be wrong first.
    fn passes(&mut self, from: UnixTime, to: UnixTime) {
        let ends = self.tokens.iter().map(|token| token.expires.plus(-1));
        let signer = self.directory.load().unwrap();
        let turns = signer.keys().iter().flat_map(|held| {
            let begins = held.life.dates.signs_from;
            [
                Some(begins.plus(-1)),
                Some(begins),
                held.life.retires,
                held.life.gone(),
            ]
        });
        let mut moments: Vec<_> = ends.chain(turns.flatten()).collect();
        moments.retain(|moment| from < *moment && *moment < to);
        moments.sort();
        moments.dedup();
        for moment in moments {
            self.holds_at(moment);
            self.sign(moment, 1.0);
        }
    }

    fn sign(&mut self, now: UnixTime, part: f64) {
        let signer = self.directory.load().unwrap();
        let longest = signer.key_at(now).unwrap().life.dates.token_lifetime;
        let mut claims = claims();
        claims
            .complete(now, (longest as f64 * part) as i64)
            .unwrap();
        let text = signer.sign(&Header::new("JWT"), &claims, now).unwrap();
        let expires = claims.expires().unwrap();
        self.tokens.push(Token { text, expires });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_token_is_proved_at_every_moment_of_its_life(steps in proptest::collection::vec(step(), 1..12)) {
        let mut world = World::new();
        let mut now = START;
        for step in steps {
            let then = now.plus(step.pause);
            world.passes(now, then);
            now = then;
            world.holds_at(now);
            if let Some((after, lifetime)) = step.rotation {
                world.directory.rotate(None, after, Some(lifetime), now).unwrap();
            }
            world.holds_at(now);
            world.sign(now, step.part);
            world.holds_at(now);
        }
        world.passes(now, now.plus(20_000));
    }
}

#[test]
fn a_key_that_signs_before_verifiers_know_it_is_found_out_by_the_same_test() {
    let mut world = World::new();
    world.holds_at(START);
    let before = START.plus(1);
    world
        .directory
        .rotate(None, CACHED - 1, None, before)
        .unwrap();
    let now = before.plus(CACHED - 1);
    world.sign(now, 1.0);
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.holds_at(now)));
    assert!(found.is_err());
}
