use proptest::prelude::*;

use super::*;

fn read(line: &str) -> Question {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn field<'q>(question: &'q Question, name: &str) -> Option<&'q str> {
    let mut found = question
        .headers
        .iter()
        .filter(|(own, _)| own.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} stands twice");
    value
}

#[test]
fn a_line_from_a_terminal_is_read() {
    let question = read(
        "$ curl -sSi -XPUT 'https://api.example/orders/42?a=b#top' \\\n  -H 'Authorization: Bearer abc' \
         --header=\"X-A: it's \\\"b\\\"\" -o /dev/null --compressed --http1.1 \\\n --data-raw '{\"id\":1}' \
         -H 'Content-Type: application/json' -m 5\n",
    );
    assert_eq!(question.method, "PUT");
    assert_eq!(question.target, "https://api.example/orders/42?a=b");
    assert_eq!(field(&question, "authorization"), Some("Bearer abc"));
    assert_eq!(field(&question, "x-a"), Some("it's \"b\""));
    assert_eq!(field(&question, "content-type"), Some("application/json"));
    assert_eq!(question.body, br#"{"id":1}"#);
    assert!(question.token.is_none());
}

#[test]
fn a_line_from_a_browser_is_read() {
    let question = read(
        "curl 'http://localhost:8080/x' -X 'POST' -H $'accept: a\\'b\\u00e9' -b 'a=b; c=d' -A 'Mozilla/5.0 (X)' \
         -e http://here/ --data-raw $'a=1\\nb' --insecure",
    );
    assert_eq!(field(&question, "accept"), Some("a'bé"));
    assert_eq!(field(&question, "cookie"), Some("a=b; c=d"));
    assert_eq!(field(&question, "user-agent"), Some("Mozilla/5.0 (X)"));
    assert_eq!(field(&question, "referer"), Some("http://here/"));
    assert_eq!(question.body, b"a=1\nb");
    assert_eq!(
        field(&question, "content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn methods_bodies_and_queries_are_curls() {
    for (line, method, target, body) in [
        ("curl a/b", "GET", "http://a/b", ""),
        ("curl --url a", "GET", "http://a", ""),
        ("curl -I a", "HEAD", "http://a", ""),
        ("curl -d a=1 -d b=2 a", "POST", "http://a", "a=1&b=2"),
        ("curl -da=1 -XPATCH a", "PATCH", "http://a", "a=1"),
        (
            "curl -G -d a=1 --data-urlencode 'b=c d' a",
            "GET",
            "http://a?a=1&b=c%20d",
            "",
        ),
        ("curl -Gd a=1 'a/?x'", "GET", "http://a/?x&a=1", ""),
        ("curl --json '{}' a", "POST", "http://a", "{}"),
        (
            "curl --data-urlencode 'a b&' a",
            "POST",
            "http://a",
            "a%20b%26",
        ),
        ("curl --data-raw @x a", "POST", "http://a", "@x"),
        ("curl -- -a", "GET", "http://-a", ""),
        ("/usr/bin/curl a # and so on", "GET", "http://a", ""),
        ("curl.exe \"a?b=$\"", "GET", "http://a?b=$", ""),
    ] {
        let question = read(line);
        assert_eq!(
            (&*question.method, &*question.target),
            (method, target),
            "{line}"
        );
        assert_eq!(String::from_utf8(question.body).unwrap(), body, "{line}");
    }
    let json = read("curl --json {} a");
    assert_eq!(field(&json, "content-type"), Some("application/json"));
    assert_eq!(field(&json, "accept"), Some("application/json"));
    assert_eq!(
        field(&read("curl -d a -H 'Content-Type:' a"), "content-type"),
        None
    );
    assert_eq!(field(&read("curl -H 'X-Empty;' a"), "x-empty"), Some(""));
}

#[test]
fn users_and_bearers_become_headers() {
    let basic = Some("Basic bWU6cHc=");
    assert_eq!(field(&read("curl -u me:pw a"), "authorization"), basic);
    let question = read("curl https://me:p%77@a/b");
    assert_eq!(
        (field(&question, "authorization"), &*question.target),
        (basic, "https://a/b")
    );
    let question = read("curl --oauth2-bearer t a");
    assert_eq!(field(&question, "authorization"), Some("Bearer t"));
}

#[test]
fn what_is_not_understood_is_named() {
    for (line, said) in [
        ("", "begins with \"\""),
        ("wget a", "begins with \"wget\""),
        ("curl", "no URL"),
        ("curl a b", "more than one URL"),
        ("curl --frobnicate a", "--frobnicate is not known"),
        ("curl --frobnicate=1 a", "--frobnicate is not known"),
        ("curl -sy a", "-y is not known"),
        ("curl a -H", "-H has no value"),
        ("curl a --request", "--request has no value"),
        ("curl --silent=1 a", "--silent takes no value"),
        ("curl -H nothing a", "is none: write a name"),
        ("curl -d @secret a", "stands in a file"),
        ("curl --json @secret a", "stands in a file"),
        ("curl --data-urlencode n@secret a", "stands in a file"),
        ("curl -H @secret a", "names a file"),
        ("curl -b jar.txt a", "names a file"),
        ("curl -T secret a", "reads or sends a file"),
        ("curl -K secret a", "reads options from a file"),
        ("curl -F a=b a", "multipart form"),
        ("curl 'a", "a ' is not closed"),
        ("curl \"a", "a \" is not closed"),
        ("curl $'a", "a ' is not closed"),
        ("curl a \\", "ends with a backslash"),
        (
            "curl -H \"Authorization: Bearer $TOKEN\" a",
            "the place of \"$\"",
        ),
        ("curl `cat secret`", "the place of \"`\""),
        ("curl $(cat secret)", "the place of \"$\""),
        ("curl a?b=1&c=2", "\"&\" ends the command"),
        ("curl a | jq", "\"|\" ends the command"),
        ("curl a > secret", "\">\" ends the command"),
        ("curl a\ncurl b", "\"⏎\" ends the command"),
        ("curl a ^\r\n -H b", "Windows"),
        ("curl $'\\xff' a", "says no character"),
    ] {
        let error = parse(line)
            .err()
            .unwrap_or_else(|| panic!("{line}"))
            .to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
    let long = format!("curl {}", "a".repeat(MAX_BYTES));
    assert_eq!(parse(&long).err(), Some(CurlError::TooLong));
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(line in "\\PC*", tail in "[-a-zA-Z'\"$\\\\ =@:#/?{}\n]{0,60}") {
        let _ = parse(&line);
        let _ = parse(&format!("curl {line}"));
        let _ = parse(&format!("curl {tail}"));
    }

    #[test]
    fn a_quoted_word_is_itself(word in "[^']{1,40}") {
        let words = words::split(&format!("curl '{word}'"));
        // The one thing that is looked for in quotes, too.
        prop_assume!(!word.contains(" ^"));
        prop_assert_eq!(words, Ok(vec!["curl".to_owned(), word.replace("\r\n", "\n")]));
    }
}
