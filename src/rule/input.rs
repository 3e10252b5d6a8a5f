//! The request and its identity as values of the language.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cel::{
    Value,
    objects::{Key, Map},
};

use super::{Asked, Failure, Inputs, MAX_VALUES, Who, needs::Fields, needs::Needs};
use crate::jose::json::{Object, Text};

/// Counts what is made, so that it stays within [`MAX_VALUES`].
struct Maker {
    left: usize,
}

/// The variables that a rule looks at, each with the fields that it looks at.
pub(super) fn variables(
    inputs: &Inputs<'_>,
    needs: &Needs,
) -> Result<Vec<(&'static str, Value)>, Failure> {
    let mut maker = Maker { left: MAX_VALUES };
    let mut variables = Vec::with_capacity(3);
    if !needs.claims.is_empty() {
        variables.push(("claims", maker.claims(inputs.claims, &needs.claims)?));
    }
    if !needs.identity.is_empty() {
        variables.push(("identity", maker.identity(&inputs.identity)?));
    }
    if !needs.request.is_empty() {
        variables.push(("request", maker.request(&inputs.request, &needs.request)?));
    }
    Ok(variables)
}

impl Maker {
    fn count(&mut self) -> Result<(), Failure> {
        self.left = self.left.checked_sub(1).ok_or(Failure::TooMuch)?;
        Ok(())
    }

    fn claims(&mut self, claims: Option<&Object>, fields: &Fields) -> Result<Value, Failure> {
        let Some(claims) = claims else {
            return Ok(map([]));
        };
        match fields {
            Fields::All => self.json(claims.to_text()),
            Fields::Some(names) => {
                let found = names
                    .iter()
                    .filter_map(|name| Some((name, claims.get(name)?)));
                let entries: Result<Vec<_>, _> = found
                    .map(|(name, value)| Ok((key(name), self.json(value)?)))
                    .collect();
                Ok(map(entries?))
            }
        }
    }

    /// A value that was read before. Its depth is that of all JSON here, [`crate::jose::json::MAX_DEPTH`].
    fn json(&mut self, value: Text<'_>) -> Result<Value, Failure> {
        self.count()?;
        if let Some(text) = value.string() {
            return Ok(string(&text));
        }
        if let Some(elements) = value.elements() {
            let list: Result<Vec<_>, _> = elements.map(|element| self.json(element)).collect();
            return Ok(Value::List(Arc::new(list?)));
        }
        if let Some(members) = value.members() {
            let entries: Result<Vec<_>, _> = members
                .map(|(name, value)| Ok((key(&name), self.json(value)?)))
                .collect();
            return Ok(map(entries?));
        }
        if let Some(boolean) = value.boolean() {
            return Ok(Value::Bool(boolean));
        }
        let Some(number) = value.number() else {
            return Ok(Value::Null);
        };
        let integer = number.as_i64().map(Value::Int);
        let number = integer
            .or_else(|| number.as_u64().map(Value::UInt))
            .or_else(|| number.as_f64().map(Value::Float));
        number.ok_or(Failure::Type)
    }

    fn identity(&mut self, who: &Who<'_>) -> Result<Value, Failure> {
        Ok(map([
            (key("subject"), string(who.subject)),
            (key("issuer"), string(who.issuer)),
            (key("realm"), string(who.realm)),
            (key("groups"), self.strings(who.groups.iter().copied())?),
            (key("scopes"), self.strings(who.scopes.iter().copied())?),
        ]))
    }

    fn request(&mut self, asked: &Asked<'_>, fields: &Fields) -> Result<Value, Failure> {
        let mut entries = vec![
            (key("method"), string(asked.method)),
            (key("path"), string(asked.path)),
            (key("host"), string(&asked.host)),
        ];
        let address = asked
            .remote_address
            .map(|address| string(&address.to_string()));
        entries.push((key("remote_address"), address.unwrap_or(Value::Null)));
        if fields.has("params") {
            let params = asked.params.iter();
            let params = params.map(|(name, value)| (key(name), string(value)));
            entries.push((key("params"), map(params)));
        }
        if fields.has("headers") {
            entries.push((key("headers"), self.headers(asked)?));
        }
        if fields.has("query") {
            entries.push((key("query"), self.query(asked)?));
        }
        Ok(map(entries))
    }

    fn headers(&mut self, asked: &Asked<'_>) -> Result<Value, Failure> {
        let mut headers = Vec::with_capacity(asked.headers.keys_len());
        for name in asked.headers.keys() {
            let mut values = Vec::new();
            for value in asked.headers.get_all(name) {
                self.count()?;
                let bytes = value.as_bytes();
                values.push(match std::str::from_utf8(bytes) {
                    Ok(text) => string(text.trim_matches([' ', '\t'])),
                    Err(_) => Value::Bytes(Arc::new(bytes.to_vec())),
                });
            }
            headers.push((key(name.as_str()), Value::List(Arc::new(values))));
        }
        Ok(map(headers))
    }

    fn query(&mut self, asked: &Asked<'_>) -> Result<Value, Failure> {
        let mut query: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(asked.query.as_bytes()) {
            self.count()?;
            query
                .entry(name.into_owned())
                .or_default()
                .push(string(&value));
        }
        let query = query.into_iter();
        Ok(map(query.map(|(name, values)| {
            (key(&name), Value::List(Arc::new(values)))
        })))
    }

    fn strings<'s>(&mut self, texts: impl Iterator<Item = &'s str>) -> Result<Value, Failure> {
        let mut values = Vec::new();
        for text in texts {
            self.count()?;
            values.push(string(text));
        }
        Ok(Value::List(Arc::new(values)))
    }
}

fn map(entries: impl IntoIterator<Item = (Key, Value)>) -> Value {
    let map: HashMap<Key, Value> = entries.into_iter().collect();
    Value::Map(Map { map: Arc::new(map) })
}

fn key(name: &str) -> Key {
    Key::String(Arc::new(name.to_owned()))
}

fn string(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}
