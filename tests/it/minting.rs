//! `portcullis keys` and `portcullis mint`: the program itself, and a gateway that takes what it signs.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::clock::Clock;
use serde_json::{Value, json};

use super::harness::{Stage, get};

const ALGORITHMS: [&str; 15] = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
];

fn portcullis(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

/// What the program prints when all is well.
#[track_caller]
fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = portcullis(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*errors), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// What it says when it refuses: nothing else is printed.
#[track_caller]
fn refuses(folder: &Path, arguments: &[&str], why: &str) {
    let output = portcullis(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]));
    assert!(errors.contains(why), "{errors}");
}

fn part(token: &str, number: usize) -> Value {
    let part = token.trim_end().split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder with the keys in `keys`, and one of them as `key.pem`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    says(folder.path(), &["keys", "generate", "--directory", "keys"]);
    let mut files = fs::read_dir(folder.path().join("keys")).unwrap();
    let pem = files.find_map(|file| {
        let path = file.unwrap().path();
        path.extension().is_some_and(|e| e == "pem").then_some(path)
    });
    let content = fs::read(pem.unwrap()).unwrap();
    write(&folder.path().join("key.pem"), content, 0o600);
    folder
}

fn flipped(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

#[test]
fn the_gateway_takes_what_is_minted_with_each_algorithm() {
    let mut builder = Stage::builder().clock(Clock::system());
    let folder = builder.directory().to_owned();
    let secret = "0123456789abcdef".repeat(4);
    write(&folder.join("secret"), &secret, 0o600);
    let oct = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&secret)});
    let oct = json!({ "keys": [oct] }).to_string();
    let mut issuers = String::new();
    let mut tokens = Vec::new();
    for algorithm in ALGORITHMS.into_iter().chain(["HS256", "HS384", "HS512"]) {
        let issuer = format!("https://mint.example/{algorithm}");
        let mut arguments = vec![
            "mint",
            "--issuer",
            &issuer,
            "--subject",
            "alice",
            "--type",
            "at+jwt",
        ];
        let jwks = if algorithm.starts_with("HS") {
            arguments.extend(["--secret-file", "secret", "--algorithm", algorithm]);
            oct.clone()
        } else {
            says(
                &folder,
                &[
                    "keys",
                    "generate",
                    "-d",
                    algorithm,
                    "--algorithm",
                    algorithm,
                ],
            );
            arguments.extend(["--directory", algorithm]);
            says(
                &folder,
                &["keys", "list", "-d", algorithm, "--format", "jwks"],
            )
        };
        tokens.push(says(&folder, &arguments).trim_end().to_owned());
        write(&folder.join(format!("{algorithm}.json")), jwks, 0o600);
        issuers += &format!(
            "[issuers.\"{issuer}\"]\njwks_file = \"{algorithm}.json\"\nalgorithms = [\"{algorithm}\"]\n"
        );
    }
    builder = builder.with(&issuers);
    let stage = builder.start();
    for token in tokens {
        let seen = stage.allows(&get("/").bearer(&token));
        assert_eq!(seen.field("x-auth-subject"), Some("alice"));
        stage.rejects_text(&flipped(&token), "signature_invalid");
    }
}

#[test]
fn a_rotation_is_told_and_done_once() {
    let folder = folder();
    let folder = folder.path();
    let states = || {
        let said = says(folder, &["keys", "list", "-d", "keys", "--format", "json"]);
        let said: Value = serde_json::from_str(&said).unwrap();
        let keys = said["keys"].as_array().unwrap().iter();
        keys.map(|key| key["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["signing"]);
    let first = says(folder, &["keys", "rotate", "-d", "keys", "--after", "2h"]);
    assert!(
        first.contains(" (ES256) is published, and signs from 20"),
        "{first}"
    );
    let again = says(folder, &["keys", "rotate", "-d", "keys", "--after", "0s"]);
    assert_eq!(again, format!("a rotation is under way: {first}"));
    assert_eq!(states(), ["signing", "published"]);
    let why = "a rotation is under way: ";
    refuses(folder, &["keys", "generate", "-d", "keys"], why);
    let text = says(folder, &["keys", "list", "-d", "keys"]);
    assert!(
        text.starts_with("STATE ") && text.lines().count() == 3,
        "{text}"
    );
    let jwks = says(folder, &["keys", "list", "-d", "keys", "--format", "jwks"]);
    let jwks: Value = serde_json::from_str(&jwks).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn the_configuration_says_what_the_command_line_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    refuses(folder, &["keys", "list"], "--directory DIR");
    fs::write(
        folder.join("portcullis.toml"),
        "[signing]\ndirectory = \"own\"\nalgorithm = \"EdDSA\"\npublish_for = \"3h\"\n",
    )
    .unwrap();
    assert!(says(folder, &["keys", "generate"]).contains("(EdDSA) is published, and signs now"));
    assert!(says(folder, &["keys", "rotate"]).contains("(EdDSA) is published, and signs from"));
    assert!(folder.join("own").is_dir());
    refuses(
        folder,
        &["keys", "rotate", "-d", "other"],
        "other holds no key",
    );
    refuses(
        folder,
        &["keys", "generate", "--algorithm", "HS256"],
        "there are RS256",
    );
    fs::write(
        folder.join("portcullis.toml"),
        "[signing]\nalgorithm = \"x\"\n",
    )
    .unwrap();
    refuses(folder, &["keys", "list"], "\"x\" is not an algorithm");
}

#[test]
fn every_claim_is_as_it_was_given() {
    let folder = folder();
    let folder = folder.path();
    fs::write(
        folder.join("claims.json"),
        r#"{"a": {"b": [1]}, "scope": "x"}"#,
    )
    .unwrap();
    let token = says(
        folder,
        &[
            "mint",
            "--key",
            "key.pem",
            "--key-id",
            "k1",
            "--type",
            "at+jwt",
            "--header",
            "cty=x",
            "--issuer",
            "joe",
            "--subject",
            "alice",
            "--audience",
            "a",
            "--audience",
            "b",
            "--expires-at",
            "2027-01-15T08:05:00Z",
            "--not-before",
            "1800000000",
            "--issued-at",
            "1800000000",
            "--jti",
            "j",
            "--claim",
            "s=1=2",
            "--claim-json",
            "n=-1.5",
            "--claim-json",
            "t=true",
            "--claim-json",
            "z=null",
            "--claim-json",
            "l=[\"x\"]",
            "--claims-file",
            "claims.json",
        ],
    );
    assert_eq!(token.lines().count(), 1);
    assert_eq!(
        part(&token, 0),
        json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt", "cty": "x"})
    );
    let expected = json!({
        "iss": "joe", "sub": "alice", "aud": ["a", "b"], "exp": 1_800_000_300, "nbf": 1_800_000_000,
        "iat": 1_800_000_000, "jti": "j", "s": "1=2", "n": -1.5, "t": true, "z": null, "l": ["x"],
        "a": {"b": [1]}, "scope": "x",
    });
    assert_eq!(part(&token, 1), expected);
    let token = says(
        folder,
        &[
            "mint",
            "--key",
            "key.pem",
            "--audience",
            "a",
            "--lifetime",
            "1h",
        ],
    );
    let claims = part(&token, 1);
    assert_eq!(claims["aud"], "a");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        3600
    );
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    let token = says(folder, &["mint", "--key", "key.pem", "--jti", "none"]);
    assert!(part(&token, 1).get("jti").is_none());
    assert_eq!(part(&token, 0)["typ"], "JWT");
}

#[test]
fn claims_that_are_twice_there_or_of_the_wrong_type_are_refused() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("claims.json"), r#"{"jti": "x", "exp": 5}"#).unwrap();
    fs::write(folder.join("twice.json"), r#"{"a": 1, "a": 2}"#).unwrap();
    let mint = ["mint", "--key", "key.pem"];
    let with = |more: &[&'static str]| [&mint[..], more].concat();
    says(folder, &with(&["--claims-file", "claims.json"]));
    for (more, why) in [
        (
            &["--claim", "a=1", "--claim", "a=2"][..],
            "the claim \"a\" is given twice",
        ),
        (
            &["--subject", "x", "--claim", "sub=x"],
            "the claim \"sub\" is given twice",
        ),
        (
            &["--claims-file", "claims.json", "--jti", "auto"],
            "the claim \"jti\" is given twice",
        ),
        (
            &["--claims-file", "claims.json", "--lifetime", "5m"],
            "the claim \"exp\" is given twice",
        ),
        (&["--claims-file", "twice.json"], "stands twice"),
        (&["--claims-file", "absent.json"], "cannot read absent.json"),
        (
            &["--claim", "exp=soon"],
            "the claim \"exp\" must be a whole number",
        ),
        (
            &["--claim-json", "sub=1"],
            "the claim \"sub\" must be a string",
        ),
        (&["--claim-json", "aud=[]"], "the claim \"aud\" must be"),
        (&["--claim-json", "a=x"], "--claim-json a is not JSON"),
        (
            &["--claim-json", "a=1,\"b\":2"],
            "--claim-json a is not JSON",
        ),
        (
            &["--claim-json", "a=123456789012345678901"],
            "too large to be exact",
        ),
        (&["--claim", "a"], "--claim NAME=VALUE"),
        (&["--claim", "=a"], "a claim needs a name"),
        (
            &["--header", "alg=none"],
            "the header \"alg\" cannot be set",
        ),
        (&["--lifetime", "0s"], "at least a second"),
        (
            &["--lifetime", "1h", "--expires-at", "5"],
            "cannot be used with",
        ),
        (&["--expires-at=-1"], "the claim \"exp\" must be"),
    ] {
        refuses(folder, &with(more), why);
    }
}

#[test]
fn keys_that_must_not_sign_are_refused() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    says(folder, &["mint", "--key", "key.pem"]);
    refuses(
        folder,
        &["mint", "--key", "key.pem", "--algorithm", "RS256"],
        "does not sign RS256",
    );
    refuses(
        folder,
        &["mint", "--key", "key.pem", "--algorithm", "none"],
        "there are RS256",
    );
    refuses(folder, &["mint"], "required");
    refuses(
        folder,
        &["mint", "--key", "key.pem", "--directory", "keys"],
        "cannot be used with",
    );
    refuses(
        folder,
        &["mint", "--directory", "keys", "--lifetime", "2h"],
        "at most 3600 s",
    );
    fs::set_permissions(at("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    refuses(folder, &["mint", "--key", "key.pem"], "chmod 600 key.pem");
    let broken = fs::read_to_string(at("key.pem"))
        .unwrap()
        .replace("END", "NED");
    write(&at("broken.pem"), broken, 0o600);
    refuses(
        folder,
        &["mint", "--key", "broken.pem"],
        "it holds no private key",
    );
    refuses(
        folder,
        &["mint", "--key", "absent.pem"],
        "cannot read absent.pem",
    );
    let weak = include_str!("../../src/jose/jwe/tests/rsa1024.b64");
    let weak = format!("-----BEGIN RSA PRIVATE KEY-----\n{weak}\n-----END RSA PRIVATE KEY-----\n");
    write(&at("weak.pem"), weak, 0o600);
    refuses(
        folder,
        &["mint", "--key", "weak.pem"],
        "the RSA key is weak",
    );
    write(&at("secret"), "x".repeat(47), 0o600);
    says(folder, &["mint", "--secret-file", "secret"]);
    let short = ["mint", "--secret-file", "secret", "--algorithm", "HS384"];
    refuses(folder, &short, "47 bytes long, and HS384 needs at least 48");
    refuses(
        folder,
        &["mint", "--secret-file", "secret", "--algorithm", "ES256"],
        "does not sign ES256",
    );
    write(&at("open"), "x".repeat(64), 0o604);
    refuses(folder, &["mint", "--secret-file", "open"], "chmod 600 open");
}
