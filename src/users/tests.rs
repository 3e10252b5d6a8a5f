//! Who is asked, and what stays when the configuration changes.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::jose::json::Object;

const NOW: UnixTime = UnixTime(1_800_000_000);
const LONG: Duration = Duration::from_secs(60);

/// Maps `name` to a user of that name, `null` to whom the token names, and fails at all else.
struct ByName;

impl SubjectMapper for ByName {
    async fn map(&self, claims: &Object) -> Result<Option<Account>, MapperError> {
        match claims.get("name") {
            Some(name) if name.is_null() => Ok(None),
            Some(name) => {
                let name = name.string();
                let name = name.ok_or_else(|| MapperError::failed("the name is no string"))?;
                Ok(Some(Account::new(&name, ["mapped"])?))
            }
            None => std::future::pending().await,
        }
    }
}

fn brought(timeout: Duration) -> Mapper {
    Mapper::new(ByName, timeout, LONG)
}

fn file(groups: &[&str]) -> Option<Arc<UserRegistry>> {
    let users = [Account::new("alice", groups).unwrap()];
    let file = UserFile::new("users.toml".into(), users);
    Some(Arc::new(UserRegistry::File(file)))
}

fn over_http(url: &str, ttl: Duration) -> Mapper {
    Mapper::over_http(HttpMapper::new(url.parse().unwrap(), None), LONG, ttl)
}

#[tokio::test]
async fn a_mapper_of_the_program_says_who_it_is() {
    let mapper = brought(LONG);
    let map = async |claims| mapper.map(&Object::of(&claims), NOW).await;
    let alice = map(json!({"name": "alice"})).await.unwrap();
    assert_eq!(
        alice.account.unwrap().groups().collect::<Vec<_>>(),
        ["mapped"]
    );
    assert_eq!(alice.until, NOW.plus(60));
    assert!(map(json!({"name": null})).await.unwrap().account.is_none());
    let failed = map(json!({"name": 7})).await;
    assert_eq!(
        failed.err(),
        Some(MapperError::failed("the name is no string"))
    );
    let unusable = map(json!({"name": "a\r\nb"})).await;
    assert!(matches!(unusable, Err(MapperError::Account(_))));
    let short = Duration::from_millis(5);
    let late = brought(short).map(&Object::of(&json!({})), NOW).await;
    assert_eq!(late.err(), Some(MapperError::Timeout(short)));
}

#[tokio::test]
async fn a_user_of_a_file_is_found_and_nobody_else() {
    let registry = file(&["a"]).unwrap();
    assert!(registry.find("alice", NOW).await.unwrap().account.is_some());
    assert!(registry.find("bob", NOW).await.unwrap().account.is_none());
    let nameless = registry.find("", NOW).await;
    assert!(matches!(nameless, Err(LookupError::UserUnknown)));
}

#[test]
fn nobody_is_asked_for_an_issuer_that_does_without() {
    let settings = IdentityClaims::default();
    let without = IdentityClaims {
        mapper: false,
        user_registry: false,
        ..settings.clone()
    };
    assert_eq!(Users::default().by(&settings), NOBODY);
    let users = Users::new(None, file(&[]));
    assert_ne!(users.by(&settings), NOBODY);
    assert_eq!(users.by(&without), NOBODY);
    assert!(users.registry(&without).is_none());
}

#[test]
fn what_is_the_same_stays_and_what_is_not_does_not() {
    let users =
        |mapper: Option<Mapper>, groups: &[&str]| Arc::new(Users::new(mapper, file(groups)));
    let old = users(None, &["a"]);
    assert!(Arc::ptr_eq(&users(None, &["a"]).succeed(&old), &old));
    let settings = IdentityClaims::default();
    for other in [
        users(None, &["b"]),
        users(Some(over_http("https://m.example/", LONG)), &["a"]),
        Arc::default(),
    ] {
        let next = Arc::clone(&other).succeed(&old);
        assert!(Arc::ptr_eq(&next, &other) && !other.is_like(&old));
        assert_ne!(next.by(&settings), old.by(&settings));
    }
    let old = users(Some(over_http("https://m.example/", LONG)), &[]);
    let same = users(Some(over_http("https://m.example/", LONG)), &[]);
    assert!(same.is_like(&old));
    for mapper in [
        over_http("https://m.example/2", LONG),
        over_http("https://m.example/", LONG / 2),
    ] {
        assert!(!users(Some(mapper), &[]).is_like(&old));
    }
}

#[test]
fn the_mapper_of_the_program_stays_when_the_configuration_changes() {
    let old = Arc::new(Users::new(None, file(&["a"])).with_mapper(brought(LONG)));
    let same = Arc::new(Users::new(None, file(&["a"])));
    assert!(Arc::ptr_eq(&same.succeed(&old), &old));
    for other in [Users::new(None, file(&["b"])), Users::default()] {
        let next = Arc::new(other).succeed(&old);
        let mapper = next.mapper(&IdentityClaims::default()).unwrap();
        assert!(mapper.is_brought());
    }
}
