//! Whatever comes out of the gateway beside its answers to those who may know: no secret is in it.
//!
//! Secrets with marks go wherever a secret can go, through every kind of refusal. Then everything that the gateway
//! has said is searched for each mark, as it is and in the forms in which it may be written.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    process::Command,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::json;

use super::{
    harness::{
        AUDIENCE, Builder, ISSUER, NOW, Request, Response, Stage, Token, Upstream, get,
        http2::Http2, mint, post,
    },
    logs::Log,
};

/// Secrets, by what they are.
#[derive(Default)]
struct Marks(Vec<(String, Vec<u8>)>);

/// How much of a token is searched for at once.
const PIECE: usize = 24;

/// Everything that was said, by who said it.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Marks {
    fn add(&mut self, what: &str, secret: impl AsRef<[u8]>) {
        self.0.push((what.to_owned(), secret.as_ref().to_vec()));
    }

    /// A new secret. Some of it changes when it is percent-encoded.
    fn new_secret(&mut self, what: &str) -> String {
        let secret = format!("c0ffee+{:032x}/x", fastrand::u128(..));
        self.add(what, &secret);
        secret
    }

    /// The payload and the signature of a token; its header is the same in many. A piece of it is as good as the whole.
    fn add_token(&mut self, what: &str, token: &str) {
        for (number, part) in token.split('.').enumerate().skip(1) {
            let last = part.len().saturating_sub(PIECE);
            for begin in [0, last / 2, last] {
                if let Some(piece) = part.get(begin..begin + PIECE) {
                    self.add(&format!("{what} ({number}.{begin})"), piece);
                }
            }
        }
    }

    /// What of them stands in `said`, and how it is written there.
    fn found_in(&self, said: &Said) -> BTreeSet<String> {
        let mut wanted: HashMap<u128, Vec<(String, String)>> = HashMap::new();
        for (what, secret) in &self.0 {
            for form in forms(secret) {
                let begin = beginning(form.as_bytes()).unwrap_or_else(|| panic!("{form} is short"));
                wanted.entry(begin).or_default().push((what.clone(), form));
            }
        }
        let mut found = BTreeSet::new();
        for (who, text) in &said.0 {
            for place in 0..text.len() {
                let rest = &text.as_bytes()[place..];
                let Some(forms) = beginning(rest).and_then(|begin| wanted.get(&begin)) else {
                    continue;
                };
                for (what, form) in forms {
                    if rest.starts_with(form.as_bytes()) {
                        found.insert(format!("{what} as {form} in {who}"));
                    }
                }
            }
        }
        found
    }
}

impl Said {
    fn add(&mut self, who: &str, text: impl Into<String>) {
        self.0.push((who.to_owned(), text.into()));
    }

    fn answer(&mut self, who: &str, response: &Response) {
        self.add(who, format!("{:?}\n{}", response.head, response.text()));
    }
}

/// The first sixteen bytes, by which a text is searched for many others at once.
fn beginning(bytes: &[u8]) -> Option<u128> {
    let first = bytes.first_chunk::<16>()?;
    Some(u128::from_le_bytes(*first))
}

/// A secret as it may be written: as it is, percent-encoded in two ways, in hexadecimal, and in the middle of base64.
fn forms(secret: &[u8]) -> Vec<String> {
    let every = |digits: fn(u8) -> String| secret.iter().map(|b| digits(*b)).collect::<String>();
    let text = String::from_utf8_lossy(secret).into_owned();
    let mut forms = vec![
        form_urlencoded::byte_serialize(secret).collect(),
        every(|b| format!("%{b:02X}")),
        every(|b| format!("%{b:02x}")),
        every(|b| format!("{b:02x}")),
        text,
    ];
    for before in 0..3 {
        let bytes = [&vec![b'x'; before], secret].concat();
        // The characters at both ends also depend on what stands beside it.
        let begin = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            forms.push(encoded[begin..end].to_owned());
        }
    }
    forms
}

/// The default configuration with a secret wherever one can stand, and a server that is asked with them.
fn builder(marks: &mut Marks, server: &Upstream, format: &str) -> Builder {
    let mut secret = |what: &str| marks.new_secret(what);
    let url = server.url();
    let builder = Stage::builder();
    let folder = builder.directory().to_owned();
    let session = secret("session key");
    std::fs::write(folder.join("subject.key"), secret("subject key")).unwrap();
    let key: [u8; 32] = session.as_bytes()[..32].try_into().unwrap();
    std::fs::write(
        folder.join("session.keys"),
        STANDARD_NO_PAD.encode(key) + "=\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("erp.json"),
        json!({"keys": [mint::es256().jwk()]}).to_string(),
    )
    .unwrap();
    let keys = portcullis::signing::Directory::new(folder.join("keys"));
    let settings = portcullis::signing::Settings::default();
    keys.generate(&settings, None, portcullis::clock::UnixTime(NOW - 86_400))
        .unwrap();
    let text = format!(
        "[server]\npublic_url = \"{AUDIENCE}\"\nhttp2_cleartext = true\n\
         [admin]\ntoken = \"{admin}\"\n\
         [access_log]\nfile = \"access.log\"\nformat = \"{format}\"\nsubject = \"hash\"\n\
         subject_key_file = \"subject.key\"\n\
         [token]\ncookie = \"token\"\nquery_parameter = \"t\"\n\
         [session]\nenabled = true\nkey_file = \"session.keys\"\nlogout_path = \"/logout\"\n\
         [signing]\ndirectory = \"keys\"\n\
         [token_service]\nenabled = true\nrefresh_tokens = true\n\
         [token_service.clients.erp]\njwks_file = \"erp.json\"\nscopes = [\"orders:read\"]\n\
         [token_service.clients.auditor]\nclient_secret = \"{auditor}\"\ngrants = []\nintrospect = true\n\
         [upstreams.other]\nurl = \"{url}\"\n\
         [upstreams.other.credential]\nkind = \"client_credentials\"\nclient_id = \"us\"\n\
         client_secret = \"{client}\"\ntoken_endpoint = \"{url}/token\"\n\
         [[routes]]\npath = \"/scoped\"\nscopes = [\"admin\"]\n\
         [[routes]]\npath = \"/other\"\nupstream = \"other\"\n\
         [[routes]]\npath = \"/asked\"\nissuers = [\"https://asked.example\"]\n\
         [[routes]]\npath = \"/{{*rest}}\"\nissuers = [\"{ISSUER}\", \"https://shared.example\", \"{AUDIENCE}\"]\n\
         [issuers.\"{ISSUER}\".fetch]\nusername = \"us\"\npassword = \"{password}\"\n\
         [issuers.\"https://shared.example\"]\naudiences = [\"ALL_AUDIENCES\"]\nshared_secret = \"{shared}\"\n\
         [issuers.\"https://asked.example\"]\naudiences = [\"ALL_AUDIENCES\"]\njwks_uri = \"{url}/keys\"\n\
         [issuers.\"https://asked.example\".introspection]\nendpoint = \"{url}/introspect\"\n\
         opaque = true\nclient_id = \"us\"\nclient_secret = \"{asked}\"\n",
        admin = secret("admin token"),
        auditor = secret("client secret of the auditor"),
        client = secret("client secret at the token endpoint"),
        password = secret("password of the key set"),
        shared = secret("shared secret"),
        asked = secret("client secret at the introspection endpoint"),
    );
    builder.in_a_file().with(&text)
}

/// Requests that carry each of `tokens` everywhere, with secrets beside them.
fn requests(marks: &mut Marks, tokens: &[String]) -> Vec<Request> {
    let mut all = Vec::new();
    let query = marks.new_secret("query").replace(['+', '/'], "-");
    marks.add("query", &query);
    for token in tokens {
        for path in ["/", "/scoped", "/asked", "/other"] {
            all.push(get(&format!("{path}?q={query}")).bearer(token));
        }
        all.push(get("/").field("Cookie", format!("token={token}")));
        all.push(get(&format!("/?t={token}")));
        all.push(get(&format!("/?access_token={token}")).bearer(token));
        all.push(post("/", "").form(format!("access_token={token}")));
        all.push(get("/").field("X-Token", token.as_str()));
        all.push(get("/").field("Referer", format!("https://a.example/?t={token}")));
        all.push(post("/", token.clone()));
        all.push(post("/oauth/token", "").form(format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={token}"
        )));
        all.push(post("/oauth/revoke", "").form(format!("token={token}")));
        all.push(
            post("/oauth/token", "")
                .form(format!("grant_type=refresh_token&refresh_token={token}")),
        );
        all.push(get(&format!("/oauth/tokeninfo?access_token={token}")));
        all.push(post("/logout", "").field("Cookie", format!("__Host-portcullis={token}")));
    }
    let basic = marks.new_secret("password of Basic");
    let basic = STANDARD_NO_PAD.encode(format!("alice:{basic}"));
    all.push(get("/").field("Authorization", format!("Basic {basic}")));
    let guessed = marks
        .new_secret("guessed client secret")
        .replace('+', "%2B");
    all.push(
        post("/oauth/introspect", "")
            .form(format!("token=x&client_id=auditor&client_secret={guessed}")),
    );
    let cookie = marks.new_secret("foreign cookie").replace('/', "-");
    all.push(get("/").field(
        "Cookie",
        format!("other={cookie}; __Host-portcullis={cookie}"),
    ));
    all
}

fn tokens(marks: &mut Marks) -> Vec<String> {
    let mut all = vec![
        mint::token()
            .claim("private", "c0ffee-of-a-claim-good")
            .sign(),
        mint::token()
            .claim("exp", 1)
            .claim("private", "c0ffee-of-a-claim-expired")
            .sign(),
        Token::of(mint::stranger())
            .claim("private", "c0ffee-of-a-claim-forged")
            .sign(),
        mint::token()
            .header("typ", "logout+jwt")
            .claim("private", "c0ffee-of-a-claim-typ")
            .sign(),
        mint::token()
            .claim("sub", "x\ny")
            .claim("private", "c0ffee-of-a-claim-claim")
            .sign(),
        mint::token()
            .claim("iss", "https://shared.example")
            .claim("private", "c0ffee-of-a-claim-iss")
            .sign(),
        mint::token()
            .claim("iss", "https://nobody.example")
            .claim("private", "c0ffee-of-a-claim-no")
            .sign(),
        format!(
            "{}=",
            mint::token()
                .claim("private", "c0ffee-of-a-claim-malformed")
                .sign()
        ),
        format!(
            "{}.",
            mint::token()
                .claim("private", "c0ffee-of-a-claim-parts")
                .sign()
        ),
        mint::token().claim("private", "c0ffee".repeat(2000)).sign(),
    ];
    for token in &all {
        marks.add_token("token", token.trim_end_matches(['=', '.']));
    }
    marks.add("claim", "c0ffee-of-a-claim-");
    let opaque = marks.new_secret("opaque token").replace(['+', '/'], "-");
    marks.add("opaque token", &opaque);
    all.push(opaque);
    all
}

fn admin_answers(said: &mut Said, stage: &Stage, marks: &mut Marks, secret: &str) {
    let to = stage.gateway.admin();
    for path in ["/status", "/metrics", "/readyz", "/refusals", "/"] {
        said.answer(path, &get(path).bearer(secret).send(to));
    }
    let wrong = marks.new_secret("wrong admin token");
    said.answer(
        "/status without leave",
        &get("/status").bearer(wrong).send(to),
    );
    said.answer("/reload", &post("/reload", "").bearer(secret).send(to));
    let token = mint::token()
        .claim("private", "c0ffee-of-a-claim-explained")
        .sign();
    marks.add_token("token to explain", &token);
    let asked = json!({"token": token, "method": "GET", "url": "/", "headers": {}});
    said.answer(
        "/explain",
        &post("/explain", asked.to_string()).bearer(secret).send(to),
    );
}

#[test]
fn no_secret_comes_out_anywhere() {
    let log = Log::start();
    for format in ["json", "common", "combined"] {
        let (mut marks, mut said) = (Marks::default(), Said::default());
        let before = log.text().len();
        let server = Upstream::start();
        let given = marks.new_secret("token of the token endpoint");
        let stage = builder(&mut marks, &server, format).start();
        let admin = marks
            .0
            .iter()
            .find(|(what, _)| what == "admin token")
            .unwrap()
            .1
            .clone();
        let admin = String::from_utf8(admin).unwrap();
        let tokens = tokens(&mut marks);
        let mut refusals = BTreeSet::new();
        let answers = [
            (
                "200 OK",
                json!({"access_token": given, "token_type": "Bearer", "active": false}).to_string(),
            ),
            (
                "401 Unauthorized",
                json!({"error": "invalid_client", "error_description": given}).to_string(),
            ),
            ("200 OK", given.clone()),
        ];
        for (status, body) in answers {
            server.replies_with(status, "content-type: application/json\r\n", body);
            for request in requests(&mut marks, &tokens) {
                let response = stage.send(&request);
                for (name, value) in &response.head.fields {
                    if name.eq_ignore_ascii_case("set-cookie") && value.contains("Path") {
                        let value = value.split(['=', ';']).nth(1).unwrap_or_default();
                        if value.len() > 24 {
                            marks.add("session", &value[24..]);
                        }
                    }
                }
                // An upstream's own answer is its client's business.
                let kind = response.field("content-type").unwrap_or_default();
                if response.status >= 400 && kind == "application/problem+json" {
                    refusals.extend(response.code());
                    // And so is the cookie of a session that began.
                    let head = response.head.fields.iter();
                    let head = head.filter(|(name, _)| !name.eq_ignore_ascii_case("set-cookie"));
                    let head: Vec<_> = head.collect();
                    said.add("an answer", format!("{head:?}\n{}", response.text()));
                }
            }
        }
        let mut client = Http2::open(stage.address());
        for token in tokens.iter().filter(|token| token.len() < 8000) {
            let request = http::Request::get(format!("http://api.example.com/scoped?t2={token}"))
                .header("authorization", format!("Bearer {token}"))
                .body(())
                .unwrap();
            said.answer("an answer over HTTP/2", &client.exchange(request, &[]));
        }
        assert!(client.ends());
        admin_answers(&mut said, &stage, &mut marks, &admin);
        commands(&mut said, stage.directory(), &tokens);
        for code in [
            "token_expired",
            "signature_invalid",
            "token_malformed",
            "scope_insufficient",
            "token_inactive",
        ] {
            assert!(refusals.contains(code), "no {code} in {refusals:?}");
        }
        let folder = stage.drained();
        let lines = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
        assert!(lines.lines().count() > 200);
        said.add("the access log", lines);
        said.add("the log", log.text().split_off(before));
        assert!(said.0.iter().all(|(_, text)| !text.is_empty()));
        assert_eq!(marks.found_in(&said), BTreeSet::new());
        planted(&marks, said);
    }
}

/// What `check` and `explain` say of the same configuration, and of broken ones.
fn commands(said: &mut Said, folder: &Path, tokens: &[String]) {
    let file = folder.join("portcullis.toml");
    let run = |arguments: &[&str], file: &Path| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let output = program
            .args(arguments)
            .arg("-c")
            .arg(file)
            .output()
            .unwrap();
        let texts =
            [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
        texts.concat()
    };
    said.add("check", run(&["check"], &file));
    for token in tokens.iter().take(6) {
        for format in ["text", "json"] {
            let at = NOW.to_string();
            said.add(
                "explain",
                run(&["explain", "--format", format, "--at", &at, token], &file),
            );
        }
    }
    let good = std::fs::read_to_string(&file).unwrap();
    let broken = folder.join("broken.toml");
    let cases = [
        good.replace("token = \"", "token = [\""),
        good.replace("client_secret = ", "client_sekret = "),
        good.replace("client_secret = \"", "client_secret = [\""),
        good.replace("shared_secret = \"", "shared_secret = \"\n"),
        good.replace("password = \"", "password = { \""),
        good.replace(
            "http://127.0.0.1",
            "http://us:c0ffee-of-a-claim-url@127.0.0.1",
        ),
    ];
    for text in cases {
        assert_ne!(text, good);
        std::fs::write(&broken, text).unwrap();
        let report = run(&["check"], &broken);
        assert!(report.contains("error"), "{report}");
        said.add("check of a broken file", report);
    }
}

/// The search finds each mark in each form, wherever that stands.
fn planted(marks: &Marks, mut said: Said) {
    let places = said.0.len();
    let mut planted = BTreeSet::new();
    for (number, (what, secret)) in marks.0.iter().enumerate() {
        for form in forms(secret) {
            let (who, text) = &mut said.0[number % places];
            text.push_str(&format!(" {form}."));
            planted.insert(format!("{what} as {form} in {who}"));
        }
    }
    let found = marks.found_in(&said);
    let missed: Vec<_> = planted.difference(&found).collect();
    assert!(missed.is_empty(), "the search misses {missed:#?}");
}
