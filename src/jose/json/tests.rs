//! Strictness, and that what is accepted means the same as to another reader.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn nested(levels: usize, open: &str, close: &str) -> String {
    format!(
        "{{\"a\":{}1{}}}",
        open.repeat(levels - 1),
        close.repeat(levels - 1)
    )
}

#[test]
fn an_object_is_read_as_it_stands() {
    let object = parse_object(br#" {"a":[1,-2,2.5,"\u00e9\n",null,true,{}],"b":{"a":1}} "#);
    let expected = json!({"a": [1, -2, 2.5, "é\n", null, true, {}], "b": {"a": 1}});
    assert_eq!(Value::Object(object.unwrap()), expected);
}

#[test]
fn a_member_that_stands_twice_is_refused_at_every_depth() {
    for (text, name) in [
        (r#"{"alg":1,"alg":1}"#, "alg"),
        (r#"{"alg":1,"\u0061lg":1}"#, "alg"),
        (r#"{"a":{"b":[{"c":1,"c":2}]}}"#, "c"),
        (r#"{"":1,"":1}"#, ""),
    ] {
        let error = parse_object(text.as_bytes()).unwrap_err();
        assert_eq!(error, JsonError::Duplicate(name.into()), "{text}");
    }
    assert!(parse_object(br#"{"alg":1,"Alg":1,"a":{"alg":1}}"#).is_ok());
}

#[test]
fn a_duplicate_is_named_within_bounds() {
    let name = "x".repeat(5_000);
    let text = format!("{{\"{name}\":1,\"{name}\":1}}");
    let error = parse_object(text.as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(parse_object(nested(MAX_DEPTH, open, close).as_bytes()).is_ok());
        let deeper = nested(MAX_DEPTH + 1, open, close);
        assert_eq!(parse_object(deeper.as_bytes()), Err(JsonError::TooDeep));
        let deepest = nested(100_000, open, close);
        assert_eq!(parse_object(deepest.as_bytes()), Err(JsonError::TooDeep));
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["[]", "1", "\"{}\"", "null", "true", "[{}]"] {
        assert_eq!(
            parse_object(text.as_bytes()),
            Err(JsonError::NotAnObject),
            "{text}"
        );
    }
    assert!(parse_object(b"{}").is_ok());
}

#[test]
fn bad_syntax_is_refused_without_repeating_it() {
    let texts: [&[u8]; 16] = [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"{} x",
        b"{}{}",
        b"{}\0",
        b"{\"secret\":\xff}",
        b"{\"secret\":\"\xc0\xaf\"}",
        b"{\"secret\":\"\\ud800\"}",
        b"{\"secret\":1,}",
        b"{'secret':1}",
        b"{secret:1}",
        b"{\"secret\":01}",
        b"{\"secret\":NaN}",
        b"{\"secret\":1e999}",
        b"{\"secret\":\"\n\"}",
    ];
    for text in texts {
        let error = parse_object(text).unwrap_err();
        assert!(matches!(error, JsonError::Syntax(_)), "{text:?}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_object(&bytes);
    }

    #[test]
    fn what_is_accepted_means_the_same_to_serde_json(text in r#"\{("[ab]":([0-9]|"[a-z]*"|\[\]),?){0,4}\}"#) {
        if let Ok(object) = parse_object(text.as_bytes()) {
            let other: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Value::Object(object), other);
        }
    }
}

/// The same value, with white space and escapes as another writer may set them.
fn rewritten(value: &Value, salt: usize) -> String {
    let (mut text, mut in_string) = (String::new(), false);
    for (at, character) in value.to_string().chars().enumerate() {
        match character {
            '"' => {
                in_string = !in_string;
                text.push(character);
            }
            'a' if in_string && (at + salt).is_multiple_of(2) => text.push_str("\\u0061"),
            ',' | ':' | '[' | ']' | '{' | '}' if !in_string && (at + salt).is_multiple_of(3) => {
                text.push_str(&format!(" {character}\n"));
            }
            _ => text.push(character),
        }
    }
    text
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "[a-zé\"\\\\\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\é]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn a_member_is_found_by_its_name_and_by_nothing_like_it() {
    let text = r#" { "a" : [1, {"b" : "x\"y"} ] ,"\u0061b":2,"c\"d":null ,"":"","a\":1,\"z":3} "#;
    let object = Object::parse(text.as_bytes().to_vec()).unwrap();
    let written = |name| object.get(name).map(|value| value.as_written());
    assert_eq!(written("a"), Some("[1, {\"b\" : \"x\\\"y\"} ]"));
    assert_eq!(written("ab"), Some("2"));
    assert_eq!(written("c\"d"), Some("null"));
    assert_eq!(written(""), Some("\"\""));
    assert_eq!(written("a\":1,\"z"), Some("3"));
    for absent in ["b", "z", "\\u0061b", "a\"", "\"a\"", "a:", "c", "A"] {
        assert_eq!(written(absent), None, "{absent}");
    }
    let inner = object.get("a").unwrap().elements().unwrap().nth(1).unwrap();
    assert_eq!(inner.get("b").unwrap().string().unwrap(), "x\"y");
    assert!(inner.get("x").is_none() && inner.elements().is_none());
}

#[test]
fn each_value_is_what_it_is_and_nothing_else() {
    let object = Object::of(&json!({"s": "x", "n": -1.5, "b": true, "z": null, "e": [], "o": {}}));
    let get = |name| object.get(name).unwrap();
    assert_eq!(get("s").string().unwrap(), "x");
    assert_eq!(get("n").number().unwrap().as_f64(), Some(-1.5));
    assert_eq!(get("b").boolean(), Some(true));
    assert!(get("z").is_null());
    assert_eq!(get("e").elements().unwrap().count(), 0);
    for name in ["n", "b", "z", "e", "o"] {
        assert!(get(name).string().is_none(), "{name}");
        assert_eq!(get(name).number().is_some(), name == "n");
        assert_eq!(get(name).boolean().is_some(), name == "b");
        assert_eq!(get(name).is_null(), name == "z");
        assert_eq!(get(name).elements().is_some(), name == "e");
    }
    assert_eq!(format!("{object:?}"), "Object([redacted])");
}

#[test]
fn a_member_that_stands_twice_among_many_is_refused() {
    for many in [2, 23, 24, 25, 26, 2_000] {
        let members = |twice: Option<usize>| {
            let names = (0..many).map(|n| format!("n{}", if twice == Some(n) { 0 } else { n }));
            let members: Vec<_> = names.map(|name| format!("\"{name}\":1")).collect();
            format!("{{\"in\":{{{}}}}}", members.join(","))
        };
        assert!(parse_object(members(None).as_bytes()).is_ok(), "{many}");
        let error = parse_object(members(Some(many - 1)).as_bytes()).unwrap_err();
        assert_eq!(error, JsonError::Duplicate("n0".into()), "{many}");
    }
}

#[test]
fn members_are_found_in_a_long_text_too() {
    let object = Object::of(&json!({"a": "x".repeat(40_000), "b": {"a": 1}, "c\"d": 2}));
    assert_eq!(object.get("b").unwrap().to_value(), json!({"a": 1}));
    assert_eq!(object.get("c\"d").unwrap().to_value(), json!(2));
    assert_eq!(object.get("a").unwrap().string().unwrap().len(), 40_000);
    assert!(object.get("x").is_none() && object.get("").is_none());
}

proptest! {
    #[test]
    fn any_object_means_the_same_to_another_reader(value in values(), salt in 0_usize..6) {
        // With a backslash in it, the quotes would have to be read more carefully.
        let plain = !value.to_string().contains('\\');
        let value = json!({"v": value, "w": 1});
        let text = if plain { rewritten(&value, salt) } else { value.to_string() };
        let object = Object::parse(text.clone().into_bytes()).unwrap();
        let other: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&Value::Object(object.to_map()), &other);
        prop_assert_eq!(object.get("v").unwrap().to_value(), other["v"].clone());
        if let (Some(members), Some(text)) = (other["v"].as_object(), object.get("v")) {
            for (name, member) in members {
                prop_assert_eq!(&text.get(name).unwrap().to_value(), member);
            }
        }
        if let (Some(elements), Some(text)) = (other["v"].as_array(), object.get("v")) {
            let found: Vec<Value> = text.elements().unwrap().map(|e| e.to_value()).collect();
            prop_assert_eq!(&found, elements);
        }
    }

    #[test]
    fn what_another_reader_refuses_is_refused(
        value in values(), at in any::<prop::sample::Index>(), byte in prop_oneof![
            prop::sample::select(b"\"\\{}[],:0123456789eE+-.utfn \n\0\x1f\xff".to_vec()), any::<u8>()]
    ) {
        let mut bytes = json!({"v": value}).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let other: Result<Value, _> = serde_json::from_slice(&bytes);
        match (Object::parse(bytes), other) {
            (Ok(object), Ok(other)) => prop_assert_eq!(Value::Object(object.to_map()), other),
            (Ok(_), Err(error)) => prop_assert!(false, "too lenient: {error}"),
            (Err(JsonError::Syntax(why)), Ok(_)) => prop_assert!(false, "too strict: {why}"),
            (Err(_), _) => {}
        }
    }
}
