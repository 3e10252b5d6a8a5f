use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, request::Parts};

use super::*;

const NOW: UnixTime = UnixTime(1000);
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "8PECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn keys(text: &str) -> Keys {
    Keys::parse(text).unwrap()
}

fn settings() -> Settings {
    Settings {
        keys: None,
        max_age: 3600,
        secure: true,
        same_site: SameSite::Lax,
        unsafe_methods: true,
        logout_path: None,
    }
}

fn session(token: &str) -> Session {
    Session {
        id: Id::random().unwrap(),
        until: NOW.plus(60),
        rules: Fingerprint([7; 16]),
        token: token.as_bytes().to_vec(),
    }
}

fn cookie(settings: &Settings, session: &Session, keys: &Keys) -> String {
    let cookie = settings.start(session, keys, NOW).unwrap();
    cookie.to_str().unwrap().to_owned()
}

fn value(cookie: &str) -> String {
    let (_, rest) = cookie.split_once('=').unwrap();
    rest.split(';').next().unwrap().to_owned()
}

#[test]
fn a_session_comes_out_as_it_went_in_and_the_cookie_shows_nothing_of_it() {
    let (settings, keys, token) = (settings(), keys(KEY), "eyJh.eyJi.c2ln");
    let session = session(token);
    let cookie = cookie(&settings, &session, &keys);
    assert!(cookie.starts_with("__Host-portcullis="), "{cookie}");
    let attributes = "; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax";
    assert!(cookie.ends_with(attributes), "{cookie}");
    let value = value(&cookie);
    let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
    assert!(!bytes.windows(2).any(|pair| pair == b"{\""));
    let opened = settings.open(value.as_bytes(), &keys, NOW).unwrap();
    assert_eq!(opened.token, token.as_bytes());
    assert_eq!(opened.id, session.id);
    assert_eq!(opened.until, session.until);
    assert_eq!(opened.rules, session.rules);
    assert_eq!(
        format!("{opened:?} {keys:?}"),
        "Session([redacted]) [redacted]"
    );
}

#[test]
fn a_session_ends_to_the_second() {
    let (settings, keys) = (settings(), keys(KEY));
    let value = value(&cookie(&settings, &session("t"), &keys));
    let at = |now| settings.open(value.as_bytes(), &keys, UnixTime(now));
    assert!(at(1059).is_some());
    assert!(at(1060).is_none());
    assert_eq!(settings.until(NOW, None), UnixTime(4600));
    assert_eq!(settings.until(NOW, Some(UnixTime(1300))), UnixTime(1300));
    assert_eq!(settings.until(NOW, Some(UnixTime(9999))), UnixTime(4600));
}

#[test]
fn whatever_is_changed_in_a_cookie_makes_it_none() {
    let (settings, keys) = (settings(), keys(KEY));
    let value = value(&cookie(&settings, &session("eyJh.eyJi.c2ln"), &keys));
    let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
    let open = |bytes: &[u8]| {
        let value = URL_SAFE_NO_PAD.encode(bytes);
        settings.open(value.as_bytes(), &keys, NOW)
    };
    assert!(open(&bytes).is_some());
    for place in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut forged = bytes.clone();
            forged[place] ^= bit;
            assert!(open(&forged).is_none(), "byte {place}");
        }
        assert!(open(&bytes[..place]).is_none());
    }
    assert!(open(&[bytes.as_slice(), b"x"].concat()).is_none());
    for text in ["", "=", "a b", &format!("{value}="), &"A".repeat(5000)] {
        assert!(settings.open(text.as_bytes(), &keys, NOW).is_none());
    }
}

#[test]
fn a_cookie_for_plain_http_is_none_for_https() {
    let (secure, keys) = (settings(), keys(KEY));
    let plain = Settings {
        secure: false,
        ..settings()
    };
    let cookie = cookie(&plain, &session("t"), &keys);
    assert!(cookie.starts_with("portcullis="), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
    let value = value(&cookie);
    assert!(plain.open(value.as_bytes(), &keys, NOW).is_some());
    assert!(secure.open(value.as_bytes(), &keys, NOW).is_none());
}

#[test]
fn the_first_key_encrypts_and_all_decrypt() {
    let (old, new) = (keys(KEY), keys(OTHER));
    let rotated = keys(&format!("# new\n{OTHER}\n\n{KEY}\n"));
    let settings = settings();
    let opens =
        |cookie: &str, keys: &Keys| settings.open(value(cookie).as_bytes(), keys, NOW).is_some();
    let before = cookie(&settings, &session("t"), &old);
    assert!(opens(&before, &old) && opens(&before, &rotated));
    assert!(!opens(&before, &new));
    let after = cookie(&settings, &session("t"), &rotated);
    assert!(opens(&after, &rotated) && opens(&after, &new));
    assert!(!opens(&after, &old));
    let own = Keys::generate().unwrap();
    assert!(opens(&cookie(&settings, &session("t"), &own), &own));
    assert!(!opens(&after, &own));
}

#[test]
fn a_key_file_has_keys_of_full_length_each_of_them_once() {
    let url_safe = KEY.replace('+', "-").replace('/', "_");
    assert_eq!(keys(&url_safe), keys(KEY));
    assert_ne!(keys(OTHER), keys(KEY));
    let many = (0..9).map(|n| URL_SAFE_NO_PAD.encode([n; 32]));
    let many = many.collect::<Vec<_>>().join("\n");
    for (text, error) in [
        ("", KeyFileError::Empty),
        ("# none\n\n", KeyFileError::Empty),
        ("AAECAw==", KeyFileError::Line(1)),
        (&format!("{KEY}\nnot base64!"), KeyFileError::Line(2)),
        (&format!("{KEY}\n{OTHER}\n{KEY}"), KeyFileError::Twice(3)),
        (&many, KeyFileError::TooMany),
    ] {
        assert_eq!(Keys::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_token_that_is_too_long_for_a_cookie_gets_none() {
    let (settings, keys) = (settings(), keys(KEY));
    let start = |length: usize| {
        let token = [vec![b'a'; length / 4 * 4], b"eyJi".to_vec()].join(&b'.');
        let token = String::from_utf8(token).unwrap();
        settings.start(&session(&token), &keys, NOW)
    };
    assert!(start(3800).is_ok());
    assert_eq!(start(4000).err(), Some(SealError::TooLarge));
    let longest = (0..4096)
        .rev()
        .find_map(|length| start(length).ok())
        .unwrap();
    let (pair, _) = longest.to_str().unwrap().split_once(';').unwrap();
    assert!((4080..=4096).contains(&pair.len()), "{}", pair.len());
}

fn request(method: &str, fields: &[(&'static str, &str)]) -> Parts {
    let mut builder = Request::builder().method(method).uri("/");
    for (name, value) in fields {
        builder = builder.header(*name, HeaderValue::from_str(value).unwrap());
    }
    builder.body(()).unwrap().into_parts().0
}

#[test]
fn a_request_that_changes_something_needs_evidence_of_its_origin() {
    const HOST: (&str, &str) = ("host", "api.example.com");
    const PUBLIC: Option<&str> = Some("https://public.example/v1");
    let settings = settings();
    for (fields, expected) in [
        (vec![], false),
        (vec![("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "same-site")], false),
        (vec![("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "none")], false),
        (vec![("origin", "https://api.example.com")], true),
        (vec![("origin", "https://API.example.com:443")], true),
        (vec![("origin", "https://public.example")], true),
        (vec![("origin", "http://api.example.com")], false),
        (vec![("origin", "https://api.example.com:8443")], false),
        (
            vec![("origin", "https://api.example.com.evil.example")],
            false,
        ),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "null")], false),
        (vec![("origin", "")], false),
        // Both must agree, and each may come once.
        (
            vec![
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
            false,
        ),
        (
            vec![
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://api.example.com"),
            ],
            false,
        ),
        (
            vec![
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
        (
            vec![
                ("origin", "https://api.example.com"),
                ("origin", "https://evil.example"),
            ],
            false,
        ),
    ] {
        let with_host: Vec<_> = std::iter::once(HOST).chain(fields.clone()).collect();
        for method in ["POST", "PUT", "DELETE", "PATCH", "QUERY"] {
            let head = request(method, &with_host);
            assert_eq!(may_log_in(&head, &settings, PUBLIC), expected, "{fields:?}");
            let refused = is_of_another_origin(&head, &settings, PUBLIC);
            assert_eq!(refused, !expected && !fields.is_empty(), "{fields:?}");
            let strict = Settings {
                unsafe_methods: false,
                ..settings.clone()
            };
            assert!(!may_log_in(&head, &strict, PUBLIC));
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(may_log_in(&request(method, &with_host), &settings, None));
        }
    }
}
