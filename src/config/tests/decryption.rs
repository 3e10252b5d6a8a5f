//! `[decryption]`, and an issuer's.

use super::{files::Folder, *};

const SECRET: &[u8] = br#"{"kty":"oct","alg":"A128KW","kid":"one","k":"GawgguFyGrWKav7AX4VKUg"}"#;

fn with(lines: &str) -> String {
    format!("{UPSTREAM}{ISSUER}{lines}")
}

fn keys(config: &Config) -> Vec<(String, Option<String>)> {
    let keys = config.policy.keychain.iter();
    keys.map(|held| {
        (
            held.name.to_string(),
            held.issuer.as_deref().map(str::to_owned),
        )
    })
    .collect()
}

fn is_required(config: &Config) -> bool {
    let issuer = config.policy.registry.iter().next().unwrap();
    issuer.encryption_required
}

#[test]
fn keys_are_common_or_one_issuers() {
    let set = [&br#"{"keys":["#[..], SECRET, b"]}"].concat();
    let folder = Folder::new()
        .write("a.json", SECRET, 0o600)
        .write("b.json", &set, 0o600);
    let config = folder.accept(&with("[decryption]\nprivate_key_file = \"a.json\"\n"));
    assert_eq!(keys(&config), [("one".to_owned(), None)]);
    assert!(
        config
            .warnings
            .iter()
            .all(|warning| !warning.contains("json"))
    );
    assert!(!is_required(&config));
    let text = with(
        "decryption = { private_key_file = \"b.json\", required = true }\n\
         [decryption]\nprivate_key_file = [\"a.json\", \"b.json\"]\nalgorithms = [\"A128KW\", \"dir\"]\n",
    );
    let config = folder.accept(&text);
    let own = Some("https://idp.example".to_owned());
    let expected = [None, None, own].map(|issuer| ("one".to_owned(), issuer));
    assert_eq!(keys(&config), expected);
    assert!(is_required(&config));
    let algorithms = config
        .policy
        .keychain
        .iter()
        .map(|held| held.algorithms.len());
    assert_eq!(algorithms.collect::<Vec<_>>(), [2, 2, 2]);
    assert!(keys(&folder.accept(&with("[decryption]\nprivate_key_file = \"\"\n"))).is_empty());
}

#[test]
fn what_an_issuer_leaves_out_is_as_for_all() {
    let folder = Folder::new().write("a.json", SECRET, 0o600);
    let common = "[decryption]\nprivate_key_file = \"a.json\"\nrequired = true\n";
    assert!(is_required(&folder.accept(&with(common))));
    let not = with(&format!("decryption = {{ required = false }}\n{common}"));
    assert!(!is_required(&folder.accept(&not)));
    let defaults = with(&format!(
        "[issuer_defaults]\ndecryption = {{ required = false }}\n{common}"
    ));
    assert!(!is_required(&folder.accept(&defaults)));
    folder.refuse(
        &with("[issuer_defaults]\ndecryption = { private_key_file = \"a.json\" }\n"),
        "move \"private_key_file\" to [decryption]",
    );
}

#[test]
fn an_issuer_of_the_issuers_file_may_have_its_own() {
    let issuers = |decryption: &str| {
        let key = "\"key\":{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}";
        format!("{{\"a\":{{{key},\"algorithms\":[\"HS256\"],\"decryption\":{decryption}}}}}")
    };
    let folder = |decryption: &str| {
        let folder = Folder::new().write("a.json", SECRET, 0o600);
        folder.write("issuers.json", issuers(decryption).as_bytes(), 0o600)
    };
    let text = format!("issuers_file = \"issuers.json\"\n{UPSTREAM}");
    let config = folder("{\"private_key_file\":\"a.json\",\"required\":true}").accept(&text);
    assert_eq!(keys(&config), [("one".to_owned(), Some("a".to_owned()))]);
    assert!(is_required(&config));
    folder("{\"required\":true}").refuse(&text, "no key decrypts them");
    folder("{\"requird\":true}").refuse(&text, "did you mean \"required\"?");
}

#[test]
fn a_key_file_that_cannot_be_used_is_an_error() {
    let text = with("[decryption]\nprivate_key_file = \"key\"\n");
    Folder::new().refuse(&text, "cannot read");
    for (content, says) in [
        (&b"nothing"[..], "holds no private key: PEM"),
        (b"{\"keys\":[]}", "holds no private key: PEM"),
        (
            b"{\"kty\":\"oct\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}",
            "\"alg\" is missing",
        ),
        (b"{\"kty\":\"EC\",\"crv\":\"P-256\"}", "\"d\" is missing"),
        (
            b"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
            "\"d\" is missing",
        ),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "not a valid private key",
        ),
    ] {
        Folder::new()
            .write("key", content, 0o600)
            .refuse(&text, says);
    }
    let open = Folder::new().write("key", SECRET, 0o644).accept(&text);
    assert!(
        open.warnings
            .iter()
            .any(|warning| warning.contains("chmod 600"))
    );
}

#[test]
fn names_are_known_and_there_is_one_at_least() {
    for (line, column, says) in [
        (
            "algorithms = [\"RSA1_5\"]",
            15,
            "\"RSA1_5\" is not supported",
        ),
        (
            "algorithms = [\"RSA-OAEP-265\"]",
            15,
            "did you mean \"RSA-OAEP-256\"?",
        ),
        ("algorithms = []", 14, "leave it out for all of them"),
        (
            "encryptions = [\"A128CBC\"]",
            16,
            "is not supported for encrypted tokens",
        ),
        ("encryptions = \"A128GCM\"", 15, "must be a list of strings"),
        ("required = 1", 12, "must be true or false"),
        ("private_key_file = 1", 20, "must be a list of strings"),
        (
            "private_key_file = [\"\"]",
            21,
            "cannot hold an empty string",
        ),
        (
            "private_key_fle = \"x\"",
            1,
            "did you mean \"private_key_file\"?",
        ),
    ] {
        let text = with(&format!("[decryption]\n{line}\n"));
        refuse_at(&text, &format!("6:{column}"), &[says]);
    }
}

#[test]
fn what_must_be_encrypted_needs_a_key() {
    let folder = Folder::new().write("a.json", SECRET, 0o600);
    let text = with("decryption = { required = true }\n");
    folder.refuse(&text, "no key decrypts them");
    folder.refuse(
        &with("[decryption]\nrequired = true\n"),
        "no key decrypts them",
    );
    let text = with("decryption = { required = true, private_key_file = \"a.json\" }\n");
    assert!(is_required(&folder.accept(&text)));
    let inactive = with("active = false\ndecryption = { required = true }\n");
    folder.accept(&inactive);
}

#[test]
fn many_keys_without_a_kid_are_a_warning() {
    let nameless = br#"{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}"#;
    let folder = Folder::new().write("a", nameless, 0o600);
    let warns = |count: usize| {
        let files = vec!["\"a\""; count].join(", ");
        let config = folder.accept(&with(&format!(
            "[decryption]\nprivate_key_file = [{files}]\n"
        )));
        config
            .warnings
            .iter()
            .any(|warning| warning.contains("use JWKs with a \"kid\""))
    };
    assert!(!warns(4));
    assert!(warns(5));
}
