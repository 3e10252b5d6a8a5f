//! What a rule requires, as a route can say it.

use serde_json::{Map, Value};

use super::{objects, provider::Provider, text, texts};

/// Which tokens a route takes, and whether it needs one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requirement {
    /// The providers, by name, each with the audiences that are asked of it here.
    pub(super) providers: Vec<(String, Vec<String>)>,
    /// Whether a request without a token passes.
    pub(super) is_optional: bool,
    /// Whether Envoy lets a bad token pass as well.
    pub(super) forgives: bool,
}

/// How deep requirements may stand in one another.
const MAX_DEPTH: usize = 8;

impl Requirement {
    /// What `value` requires; `Ok(None)` when it requires nothing.
    ///
    /// # Errors
    /// Why no route can say it.
    pub(super) fn read(
        value: Option<&Value>,
        providers: &[Provider],
    ) -> Result<Option<Self>, String> {
        match value.and_then(Value::as_object) {
            None => Ok(None),
            Some(object) if object.is_empty() => Ok(None),
            Some(object) => Self::of(object, providers, MAX_DEPTH).map(Some),
        }
    }

    fn of(
        object: &Map<String, Value>,
        providers: &[Provider],
        depth: usize,
    ) -> Result<Self, String> {
        if depth == 0 {
            return Err("its requirements stand too deep in one another".to_owned());
        }
        let mut all = Self::default();
        if let Some(name) = text(object, "provider_name") {
            all.add(name, &[], providers)?;
        } else if let Some(both) = object
            .get("provider_and_audiences")
            .and_then(Value::as_object)
        {
            let name = text(both, "provider_name").unwrap_or_default();
            all.add(name, &texts(both, "audiences"), providers)?;
        } else if let Some(any) = object.get("requires_any").and_then(Value::as_object) {
            for one in objects(any, "requirements") {
                let one = Self::of(one, providers, depth - 1)?;
                all.providers.extend(one.providers);
                all.is_optional |= one.is_optional;
                all.forgives |= one.forgives;
            }
        } else if let Some(every) = object.get("requires_all").and_then(Value::as_object) {
            let mut requirements = objects(every, "requirements");
            match (requirements.next(), requirements.next()) {
                (Some(one), None) => all = Self::of(one, providers, depth - 1)?,
                _ => {
                    return Err(
                        "it requires several tokens at once, and a request has one".to_owned()
                    );
                }
            }
        } else if object.contains_key("allow_missing") {
            all.is_optional = true;
        } else if object.contains_key("allow_missing_or_failed") {
            all.is_optional = true;
            all.forgives = true;
        } else {
            return Err("what it requires is not known".to_owned());
        }
        match all.providers.is_empty() && !all.is_optional {
            true => Err("it requires a token of nobody".to_owned()),
            false => Ok(all),
        }
    }

    fn add(&mut self, name: &str, audiences: &[&str], known: &[Provider]) -> Result<(), String> {
        if !known.iter().any(|provider| provider.name == name) {
            return Err(format!("its provider \"{name}\" is not there"));
        }
        let audiences = audiences.iter().map(|audience| (*audience).to_owned());
        self.providers.push((name.to_owned(), audiences.collect()));
        Ok(())
    }
}
