//! A provider: whose tokens, which keys, which places, which headers.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    super::{
        Left,
        page::{Page, list, plain},
    },
    rule::Rule,
    text, texts,
};

/// A provider that is an issuer here.
pub(super) struct Provider {
    /// Its name in the filter.
    pub(super) name: String,
    /// Its `iss`.
    pub(super) issuer: String,
    audiences: Vec<String>,
    keys: Keys,
    clock_skew: Option<i64>,
    max_age: Option<String>,
    headers: Vec<(String, String)>,
    /// Where its tokens are, as keys of `[token]`.
    pub(super) place: toml::Table,
}

enum Keys {
    Uri {
        url: String,
        refresh: Option<String>,
    },
    File(String),
    Inline(toml::Value),
}

/// All that can be carried over.
pub(super) fn all(filter: &Map<String, Value>, left: &mut Vec<Left>) -> Vec<Provider> {
    let providers = filter.get("providers").and_then(Value::as_object);
    let mut all: Vec<Provider> = Vec::new();
    for (name, value) in providers.into_iter().flatten() {
        let what = format!("provider {name}");
        let Some(object) = value.as_object() else {
            left.push(Left::new(what, "it is no object"));
            continue;
        };
        match Provider::read(name, object, left) {
            Ok(provider) if all.iter().any(|other| other.issuer == provider.issuer) => {
                let why =
                    "another provider has the same issuer: an issuer has one set of rules here";
                left.push(Left::new(what, why));
            }
            Ok(provider) => all.push(provider),
            Err(why) => left.push(Left::new(what, why)),
        }
    }
    all
}

impl Provider {
    fn read(name: &str, object: &Map<String, Value>, left: &mut Vec<Left>) -> Result<Self, String> {
        let issuer = text(object, "issuer").filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or("it names no issuer: whose tokens are taken must be said")?;
        let keys = keys(object)?;
        let mut headers = Vec::new();
        for header in super::objects(object, "claim_to_headers") {
            if let (Some(name), Some(claim)) =
                (text(header, "header_name"), text(header, "claim_name"))
            {
                let claim = match claim.contains('.') {
                    true => format!(
                        "/{}",
                        claim
                            .replace('~', "~0")
                            .replace('/', "~1")
                            .replace('.', "/")
                    ),
                    false => claim.to_owned(),
                };
                headers.push((name.to_owned(), claim));
            }
        }
        let place = place(name, object, left);
        unknown(name, object, left);
        Ok(Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            audiences: texts(object, "audiences")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            keys,
            clock_skew: object.get("clock_skew_seconds").and_then(Value::as_i64),
            max_age: text(object, "max_lifetime").map(str::to_owned),
            headers,
            place,
        })
    }

    /// `[issuers."…"]`.
    pub(super) fn write(&self, page: &mut Page, rules: &[Rule]) {
        page.section(&["issuers", &self.issuer]);
        page.remark(&format!("provider {}", self.name));
        match &self.keys {
            Keys::Uri { url, .. } => page.key("jwks_uri", plain(url)),
            Keys::File(file) => page.key("jwks_file", plain(file)),
            Keys::Inline(keys) => page.key("jwks", keys.clone()),
        }
        let of_rules = rules.iter().flat_map(|rule| rule.audiences_of(&self.name));
        let audiences: Vec<&str> = match self.audiences.is_empty() {
            true => of_rules.collect(),
            false => self.audiences.iter().map(String::as_str).collect(),
        };
        match audiences.is_empty() {
            true => page.key_with_remark(
                "audiences",
                list(["ALL_AUDIENCES"]),
                "Envoy does not look at aud; better: the API's own name",
            ),
            false => page.key("audiences", list(audiences)),
        }
        page.key_with_remark(
            "require",
            list(["iss", "exp"]),
            "Envoy lets a token without exp live for ever, unless require_expiration is set",
        );
        if let Some(skew) = self.clock_skew {
            page.key("clock_skew", plain(&format!("{skew}s")));
        }
        if let Some(age) = &self.max_age {
            page.key_with_remark("max_age", plain(age), "max_lifetime");
        }
        if !self.headers.is_empty() {
            let headers = self
                .headers
                .iter()
                .map(|(name, claim)| (name.clone(), plain(claim)));
            let headers = toml::Value::Table(headers.collect());
            let identity = [("headers".to_owned(), headers)];
            page.key(
                "identity",
                toml::Value::Table(identity.into_iter().collect()),
            );
        }
        if let Keys::Uri { url, refresh } = &self.keys {
            let is_open = url.starts_with("http:");
            if refresh.is_some() || is_open {
                page.section(&["issuers", &self.issuer, "fetch"]);
            }
            if let Some(refresh) = refresh {
                page.key_with_remark("refresh", plain(refresh), "cache_duration");
            }
            if is_open {
                let remark = "whoever is on the way can put keys of theirs in";
                page.key_with_remark("allow_http", true, remark);
            }
        }
    }
}

fn keys(object: &Map<String, Value>) -> Result<Keys, String> {
    if let Some(remote) = object.get("remote_jwks").and_then(Value::as_object) {
        let uri = remote.get("http_uri").and_then(Value::as_object);
        let url = uri
            .and_then(|uri| text(uri, "uri"))
            .ok_or("its remote_jwks has no uri")?;
        return Ok(Keys::Uri {
            url: url.to_owned(),
            refresh: text(remote, "cache_duration").map(str::to_owned),
        });
    }
    let local = object.get("local_jwks").and_then(Value::as_object);
    let local = local.ok_or("it has neither remote_jwks nor local_jwks")?;
    if let Some(file) = text(local, "filename") {
        return Ok(Keys::File(file.to_owned()));
    }
    let bytes = text(local, "inline_bytes").map(|bytes| STANDARD.decode(bytes));
    let inline = match (text(local, "inline_string"), bytes) {
        (Some(text), _) => text.to_owned(),
        (None, Some(Ok(bytes))) => String::from_utf8(bytes).map_err(|_| "its keys are no text")?,
        (None, Some(Err(_))) => return Err("its inline_bytes are no Base64".to_owned()),
        (None, None) => {
            return Err(
                "its keys come from an environment variable: write them to a file".to_owned(),
            );
        }
    };
    let keys: Value = serde_json::from_str(&inline).map_err(|_| "its inline keys are no JSON")?;
    let private = |key: &Value| ["d", "k"].iter().any(|member| key.get(member).is_some());
    if keys
        .get("keys")
        .and_then(Value::as_array)
        .is_none_or(|keys| keys.iter().any(private))
    {
        return Err("its inline keys are no set of public keys: write them to a file".to_owned());
    }
    super::super::create::toml_value(&keys)
        .map(Keys::Inline)
        .ok_or_else(|| "there is a null among its keys".to_owned())
}

/// Where a token may be. A header of its own is the only place here.
fn place(name: &str, object: &Map<String, Value>, left: &mut Vec<Left>) -> toml::Table {
    let mut place = toml::Table::new();
    let mut add = |key: &str, values: Vec<&str>, theirs: &str| {
        if let Some(first) = values.first() {
            place.insert(key.to_owned(), plain(first));
        }
        if values.len() > 1 {
            let what = format!("all but the first of {theirs} of provider {name}");
            left.push(Left::new(what, "there is one of each here"));
        }
    };
    let usual = |header: &&Map<String, Value>| {
        text(header, "name").is_some_and(|name| name.eq_ignore_ascii_case("authorization"))
    };
    let headers: Vec<_> = super::objects(object, "from_headers").collect();
    if !headers.iter().any(usual) {
        let names = headers
            .iter()
            .filter_map(|header| text(header, "name"))
            .collect();
        add("header", names, "from_headers");
    }
    add(
        "query_parameter",
        texts(object, "from_params"),
        "from_params",
    );
    add("cookie", texts(object, "from_cookies"), "from_cookies");
    if place.contains_key("header") && place.len() > 1 {
        place.retain(|key, _| key == "header");
        let what = format!("from_params and from_cookies of provider {name}");
        left.push(Left::new(
            what,
            "a header of its own is the only place then",
        ));
    }
    if object.get("forward").and_then(Value::as_bool) == Some(true) {
        place.insert("forward".to_owned(), toml::Value::Boolean(true));
    }
    place
}

fn unknown(name: &str, object: &Map<String, Value>, left: &mut Vec<Left>) {
    for key in object.keys() {
        let why = match key.as_str() {
            "issuer" | "audiences" | "remote_jwks" | "local_jwks" | "forward" | "from_headers"
            | "from_params" | "from_cookies" | "claim_to_headers" | "clock_skew_seconds"
            | "max_lifetime" | "require_expiration" | "jwt_cache_config" => continue,
            "forward_payload_header" | "pad_forward_payload_header" => {
                "name the claims that the upstream needs: identity.headers, format = \"json\" or \
                 \"base64\""
            }
            "subjects" => "write claims = { sub = [\"…\"] }, or a rule for patterns",
            "payload_in_metadata"
            | "header_in_metadata"
            | "failed_status_in_metadata"
            | "normalize_payload_in_metadata"
            | "clear_route_cache" => {
                "it is for other filters of Envoy; rules can look at claims here"
            }
            _ => "it is not known here",
        };
        left.push(Left::new(format!("{key} of provider {name}"), why));
    }
}
