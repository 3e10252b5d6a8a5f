//! Certificates that change while the gateway runs: new connections see the new one, and none is dropped.

use std::{fs, os::unix::fs::symlink};

use portcullis::reload::{Cause, Outcome};

use super::{
    harness::{Authority, Pair, Stage, TlsClient, TlsConnection, get, mint, refused},
    tls::{NAME, simple},
};

fn write(stage: &Stage, [certificate, key]: &Pair) {
    fs::write(stage.file("api.pem"), certificate).unwrap();
    fs::write(stage.file("api.key"), key).unwrap();
}

#[track_caller]
fn serves(connection: &mut TlsConnection) {
    let request = get("/").bearer(mint::token().sign());
    assert_eq!(connection.exchange(&request).unwrap().status, 200);
    refused(
        &connection.exchange(&get("/")).unwrap(),
        401,
        "token_missing",
    );
}

#[test]
fn a_new_certificate_is_for_new_connections() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    let mut old = client.connect(stage.address(), NAME).unwrap();
    serves(&mut old);
    let (before, unrelated) = (old.certificate(), TlsClient::trusting(&authority));
    write(&stage, &authority.issue(&[NAME]));
    stage.applies();
    let mut new = unrelated.connect(stage.address(), NAME).unwrap();
    assert_ne!(new.certificate(), before);
    serves(&mut new);
    serves(&mut old);
    // A session that began under the old one is not taken up; its client gets a new one.
    let mut again = client.connect(stage.address(), NAME).unwrap();
    assert!(!again.is_resumed());
    serves(&mut again);
}

#[test]
fn sessions_outlive_a_reload_of_something_else() {
    let authority = Authority::new();
    let mut stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    serves(&mut client.connect(stage.address(), NAME).unwrap());
    stage.rewrites("[upstream]\nidle_timeout = \"50s\"");
    stage.applies();
    let mut again = client.connect(stage.address(), NAME).unwrap();
    assert!(again.is_resumed());
    serves(&mut again);
}

#[test]
fn a_broken_one_changes_nothing_and_is_told() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let client = TlsClient::trusting(&authority);
    let [certificate, _] = authority.issue(&[NAME]);
    fs::write(stage.file("api.pem"), certificate).unwrap();
    let response = stage.reload();
    assert_eq!(response.status, 422);
    let errors = response.json()["errors"].as_str().unwrap().to_owned();
    assert!(
        errors.contains("does not belong to the first certificate"),
        "{errors}"
    );
    assert!(
        errors.contains("api.key") && errors.contains('^'),
        "{errors}"
    );
    serves(&mut client.connect(stage.address(), NAME).unwrap());
    fs::remove_file(stage.file("api.pem")).unwrap();
    assert_eq!(stage.reload().status, 422);
    serves(&mut client.connect(stage.address(), NAME).unwrap());
}

#[test]
fn a_file_that_changes_and_a_link_that_is_swapped_are_followed() {
    let authority = Authority::new();
    let stage = simple(&authority.issue(&[NAME]), "");
    let shown = || {
        let client = TlsClient::trusting(&authority);
        let mut connection = client.connect(stage.address(), NAME).unwrap();
        serves(&mut connection);
        connection.certificate()
    };
    let first = shown();
    let reload = stage.next_reload(|| write(&stage, &authority.issue(&[NAME])));
    assert!(matches!(
        (reload.cause, &reload.outcome),
        (Cause::File, Outcome::Applied(_))
    ));
    let second = shown();
    assert_ne!(first, second);
    // As a ConfigMap has it.
    for version in ["v1", "v2"] {
        let [certificate, key] = authority.issue(&[NAME]);
        fs::create_dir(stage.file(version)).unwrap();
        fs::write(stage.file(version).join("api.pem"), certificate).unwrap();
        fs::write(stage.file(version).join("api.key"), key).unwrap();
    }
    let reload = stage.next_reload(|| {
        symlink("v1", stage.file("..data")).unwrap();
        for name in ["api.pem", "api.key"] {
            fs::remove_file(stage.file(name)).unwrap();
            symlink(format!("..data/{name}"), stage.file(name)).unwrap();
        }
    });
    assert!(matches!(reload.outcome, Outcome::Applied(_)), "{reload:?}");
    let third = shown();
    let reload = stage.next_reload(|| {
        symlink("v2", stage.file("..new")).unwrap();
        fs::rename(stage.file("..new"), stage.file("..data")).unwrap();
    });
    assert!(matches!(reload.outcome, Outcome::Applied(_)), "{reload:?}");
    assert!(second != third && third != shown());
}

#[test]
fn tls_is_turned_on_and_off_by_a_restart_only() {
    let authority = Authority::new();
    let mut stage = simple(&authority.issue(&[NAME]), "");
    stage.rewrites_without(&["server"], "tls");
    let response = stage.reload();
    assert_eq!(response.status, 422);
    let errors = response.json()["errors"].as_str().unwrap().to_owned();
    assert!(errors.contains("\"server.tls\" changed"), "{errors}");
    stage.refuses(&get("/").bearer(mint::token().sign()), 400, "tls_required");
    let client = TlsClient::trusting(&authority);
    serves(&mut client.connect(stage.address(), NAME).unwrap());
}
