//! `[session]`, `[store]` and `replay`.

use super::{files::Folder, *};
use crate::{issuer::Replay, session::SameSite};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// One error in the second line after `[session]`, which stands in line 3.
#[track_caller]
fn refused(line: &str, column: usize, says: &[&str]) {
    let text = format!("{UPSTREAM}[session]\nenabled = true\n{line}\n{ISSUER}");
    refuse_at(&text, &format!("5:{column}"), says);
}

fn session(lines: &str) -> String {
    format!("{UPSTREAM}{ISSUER}audiences = [\"a\"]\n[session]\n{lines}\n")
}

#[test]
fn a_session_is_off_until_it_is_enabled() {
    assert!(accept(&session("")).policy.session.is_none());
    assert!(
        accept(&session("max_age = \"2h\""))
            .policy
            .session
            .is_none()
    );
    let settings = accept(&session("enabled = true")).policy.session.unwrap();
    assert_eq!(settings.max_age, 3600);
    assert!(settings.keys.is_none());
    assert!(settings.secure && !settings.unsafe_methods);
    assert_eq!(settings.same_site, SameSite::Lax);
    assert_eq!(settings.logout_path, None);
    let lines = "enabled = true\nmax_age = \"2h\"\nsame_site = \"strict\"\nsecure = false\n\
                 unsafe_methods = true\nlogout_path = \"/auth/logout\"\n";
    let settings = accept(&session(lines)).policy.session.unwrap();
    assert_eq!(settings.max_age, 7200);
    assert!(!settings.secure && settings.unsafe_methods);
    assert_eq!(settings.same_site, SameSite::Strict);
    assert_eq!(settings.logout_path.as_deref(), Some("/auth/logout"));
}

#[test]
fn what_a_session_cannot_be() {
    refused("max_age = \"0s\"", 11, &["from 1s to 7d"]);
    refused("max_age = \"8d\"", 11, &["from 1s to 7d"]);
    refused(
        "same_site = \"none\"",
        13,
        &["must be \"lax\" or \"strict\""],
    );
    for path in ["logout", "/", "/a/../b", "/a?b", "/a#b", "/%61", "//a"] {
        let line = format!("logout_path = \"{path}\"");
        refused(&line, 15, &["\"/logout\"", "not a path"]);
    }
    refused("key = \"secret\"", 1, &["unknown key \"key\""]);
}

#[test]
fn a_cookie_without_https_is_for_loopback() {
    let text = |listen: &str| {
        session("enabled = true\nsecure = false") + &format!("[server]\nlisten = {listen}\n")
    };
    for listen in ["\"127.0.0.1:1\"", "\"unix:s\"", "[\"[::1]:1\", \"unix:s\"]"] {
        accept(&text(listen));
    }
    for listen in ["\"0.0.0.0:1\"", "[\"127.0.0.1:1\", \"10.0.0.1:1\"]"] {
        let says = ["server.listen that is loopback", "leave \"secure\" out"];
        refuse_at(&text(listen), "8:10", &says);
    }
    accept(&text("\"0.0.0.0:1\"").replace("secure = false", ""));
}

#[test]
fn the_token_and_the_session_have_cookies_of_their_own() {
    let token = "[token]\ncookie = \"__Host-portcullis\"\n";
    let text = session("enabled = true") + token;
    refuse_at(&text, "7:11", &["cannot both be called", "token.cookie"]);
    accept(&text.replace("enabled = true", ""));
    accept(&text.replace("__Host-", ""));
}

#[test]
fn session_keys_come_from_a_file() {
    let text = session("enabled = true\nkey_file = \"keys\"");
    let good = Folder::new().write("keys", format!("# k\n{KEY}\n").as_bytes(), 0o600);
    let config = good.accept(&text);
    assert!(config.policy.session.unwrap().keys.is_some());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.files.keys().any(|file| file.ends_with("keys")));
    for (content, says) in [
        ("", "there is no key in it"),
        ("c2hvcnQ=", "line 1 is not 32 bytes in base64"),
        (
            &format!("{KEY}\n{KEY}"),
            "the key of line 2 stands there before",
        ),
    ] {
        let folder = Folder::new().write("keys", content.as_bytes(), 0o600);
        folder.refuse(&text, says);
        folder.refuse(&text, "openssl rand -base64 32");
    }
    Folder::new().refuse(&text, "cannot read");
}

#[test]
fn sessions_that_will_surprise_are_warned_of() {
    let warned = |config: Config, says: &str| {
        let warnings = config.warnings;
        assert!(warnings.iter().any(|w| w.contains(says)), "{warnings:?}");
    };
    warned(accept(&session("enabled = true")), "has no key_file");
    warned(
        accept(&session("logout_path = \"/out\"")),
        "\"logout_path\" does nothing",
    );
    let text = session("enabled = true\nkey_file = \"keys\"");
    let open = Folder::new().write("keys", KEY.as_bytes(), 0o644);
    warned(open.accept(&text), "open to others: chmod 600");
}

#[test]
fn how_much_is_remembered() {
    let usual = accept_with("").store;
    assert_eq!(usual, crate::store::Settings::default());
    let config = accept_with("[store]\nmax_entries = 500\n");
    assert_eq!(config.store.entries, 500);
    for number in ["0", "99", "100000001", "-1"] {
        let text = format!("{UPSTREAM}[store]\nmax_entries = {number}\n{ISSUER}");
        refuse_at(&text, "4:15", &["a whole number from 100 to 100000000"]);
    }
}

#[test]
fn what_is_remembered_may_be_in_a_file() {
    let folder = Folder::new().write("file", b"", 0o600);
    let text = |lines: &str| format!("{UPSTREAM}[store]\n{lines}\n{ISSUER}");
    let accept = |lines: &str| folder.accept(&text(lines));
    let store = accept("path = \"state/a.redb\"\nmax_size = \"64MiB\"").store;
    assert!(store.path.unwrap().ends_with("state/a.redb"));
    assert_eq!(store.max_size, 64 << 20);
    // It is made when the gateway starts, not when its configuration is read.
    assert_eq!(accept("path = \"\"").store.path, None);
    assert!(accept("path = \"file\"").store.path.is_some());
    let idle = accept("max_size = \"64MiB\"").warnings;
    assert!(
        idle.iter().any(|w| w.contains("without a \"path\"")),
        "{idle:?}"
    );
    folder.refuse(&text("path = \".\""), "name a file in it");
    folder.refuse(&text("path = 1"), "must be a string");
    for (size, says) in [
        ("15MiB", "\"max_size\""),
        ("2000GiB", "\"max_size\""),
        ("lots", "not a size"),
    ] {
        let lines = format!("path = \"a\"\nmax_size = \"{size}\"");
        folder.refuse(&text(&lines), says);
    }
}

#[test]
fn a_token_that_is_good_once_must_end() {
    let replay = |lines: &str| {
        let config = accept_with(lines);
        config
            .policy
            .registry
            .get("https://idp.example")
            .unwrap()
            .replay
    };
    assert_eq!(replay(""), Replay::Allow);
    assert_eq!(replay("replay = \"reject\"\n"), Replay::Reject);
    assert_eq!(
        replay("replay = \"reject\"\nrequire = []\nmax_age = \"1h\"\n"),
        Replay::Reject
    );
    assert_eq!(
        replay("[issuer_defaults]\nreplay = \"reject\"\n"),
        Replay::Reject
    );
    let wrong = |lines: &str| format!("{UPSTREAM}{ISSUER}{lines}\n");
    let says = ["only where tokens end", "have \"exp\" in \"require\""];
    let endless = wrong("replay = \"reject\"\nrequire = [\"sub\"]");
    refuse_at(&endless, "5:10", &says);
    let says = ["must be \"allow\" or \"reject\""];
    refuse_at(&wrong("replay = \"once\""), "5:10", &says);
    let route = format!("{UPSTREAM}[[routes]]\nsession = 1\n{ISSUER}");
    refuse_at(&route, "4:11", &["must be true or false"]);
}
