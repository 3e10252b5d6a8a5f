//! How a claim is written in a header of choice. What cannot be written without a change is refused.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    ClaimHeader, Format, IdentityError,
    render::{join, text},
};
use crate::{
    claims::ClaimPath,
    jose::json::{Object, Text},
};

/// Calls `line` with each value of `header`; with none when the claim is absent or an empty string.
pub(super) fn write(
    claims: &Object,
    header: &ClaimHeader,
    mut line: impl FnMut(&str),
) -> Result<(), IdentityError> {
    let path = &header.claim;
    let Some(value) = path.find(claims) else {
        return Ok(());
    };
    match header.format {
        Format::Text => {
            let scalar = scalar(value).ok_or_else(|| IdentityError::WrongType(path.clone()))?;
            line(&text(&scalar, path)?);
        }
        Format::Csv => {
            let mut joined = String::new();
            for element in elements(value, path)? {
                join(&mut joined, &element, path)?;
            }
            line(&joined);
        }
        Format::Repeat => {
            for element in elements(value, path)? {
                let mut one = String::new();
                join(&mut one, &element, path)?;
                line(&one);
            }
        }
        Format::Json => line(&compact(value.as_written())),
        Format::Base64 => match value.string() {
            Some(string) => line(&STANDARD.encode(string.as_bytes())),
            None => line(&STANDARD.encode(compact(value.as_written()))),
        },
    }
    Ok(())
}

/// A string, or a number or boolean as it is written.
fn scalar(value: Text<'_>) -> Option<String> {
    if let Some(string) = value.string() {
        return Some(string.into_owned());
    }
    let written = value.as_written();
    let plain = value.boolean().is_some() || value.number().is_some();
    plain.then(|| written.to_owned())
}

/// Those of an array; else the value is the only one, unless it is an empty string.
fn elements(value: Text<'_>, path: &ClaimPath) -> Result<Vec<String>, IdentityError> {
    let wrong = || IdentityError::WrongType(path.clone());
    let Some(elements) = value.elements() else {
        let only = scalar(value).ok_or_else(wrong)?;
        return Ok(Some(only)
            .filter(|only| !only.is_empty())
            .into_iter()
            .collect());
    };
    elements
        .map(|element| scalar(element).ok_or_else(wrong))
        .collect()
}

/// The same JSON without blanks between its tokens, and with escapes for what is not ASCII: a header is
/// bytes, and not everyone reads them as UTF-8.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut within, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            ' ' | '\t' | '\r' | '\n' if !within => {}
            ' '..='~' => out.push(c),
            // Only a string can hold it: anywhere else it would be no JSON.
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        if c == '"' && !escaped {
            within = !within;
        }
        escaped = within && c == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(claim: &Value, format: Format) -> Result<Vec<String>, IdentityError> {
        let header = ClaimHeader {
            name: "x-it".into(),
            claim: "it".parse().unwrap(),
            format,
        };
        let mut lines = Vec::new();
        let claims = Object::of(&json!({ "it": claim }));
        write(&claims, &header, |line| lines.push(line.to_owned()))?;
        Ok(lines)
    }

    #[test]
    fn text_is_one_plain_value() {
        for (claim, line) in [
            (json!("Smith, John"), "Smith, John"),
            (json!(42), "42"),
            (json!(true), "true"),
        ] {
            assert_eq!(lines(&claim, Format::Text).unwrap(), [line]);
        }
        for claim in [json!(["a"]), json!({}), json!([])] {
            assert!(lines(&claim, Format::Text).is_err(), "{claim}");
        }
        assert!(lines(&json!("a\r\nb: c"), Format::Text).is_err());
        assert!(lines(&Value::Null, Format::Text).unwrap().is_empty());
    }

    #[test]
    fn a_list_is_joined_or_repeated() {
        let list = json!(["a", "b c", 7, false]);
        assert_eq!(lines(&list, Format::Csv).unwrap(), ["a,b c,7,false"]);
        assert_eq!(
            lines(&list, Format::Repeat).unwrap(),
            ["a", "b c", "7", "false"]
        );
        for format in [Format::Csv, Format::Repeat] {
            assert_eq!(lines(&json!("a"), format).unwrap(), ["a"]);
            for bad in [
                json!("a,admin"),
                json!(["a,admin"]),
                json!(["a", ""]),
                json!([["a"]]),
                json!([null]),
                json!({"a": 1}),
                json!(["a\nb"]),
                json!([" a"]),
            ] {
                assert!(lines(&bad, format).is_err(), "{bad}");
            }
        }
        assert!(lines(&json!([]), Format::Repeat).unwrap().is_empty());
    }

    #[test]
    fn json_is_the_same_json() {
        let claim = json!({"a": ["é 😀", "x\\\" \u{7f}\n", 1e3], "b": {"c": null}});
        let spread = serde_json::to_string_pretty(&claim).unwrap();
        let line = compact(&spread);
        assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), claim);
        assert_eq!(
            compact("[ 1 , \"a  b\\\\\" ,  12345678901234567890123 ]"),
            "[1,\"a  b\\\\\",12345678901234567890123]"
        );
    }

    #[test]
    fn base64_is_of_the_bytes_or_of_the_json() {
        assert_eq!(
            lines(&json!("a\r\nb"), Format::Base64).unwrap(),
            ["YQ0KYg=="]
        );
        assert_eq!(
            lines(&json!([1, 2]), Format::Base64).unwrap(),
            [STANDARD.encode("[1,2]")]
        );
    }
}
