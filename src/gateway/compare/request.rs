//! What the route asks of an identity: scopes, bindings, rules.

use super::{Case, Compared, words};
use crate::{authz::Denied, claims::Scopes};

pub(super) fn compare(case: &Case<'_>, why: &Denied) -> Option<Compared> {
    let route = case.note.route.as_ref()?;
    let claims = case.note.claims();
    Some(match why {
        Denied::Scope => {
            let granted = claims.map(|claims| words::several(Scopes::of(claims).iter()));
            let all = route.scopes.iter().map(|scope| (**scope).to_owned());
            let any = (!route.any_scopes.is_empty())
                .then(|| format!("one of {}", route.any_scopes.join(" ")));
            let needed = words::several(all.chain(any));
            Compared::new("scope", granted.unwrap_or_default(), needed).noting(missing(case))
        }
        Denied::Issuer => {
            let own = route.issuers.iter().flatten();
            let token = case
                .note
                .issuer
                .iter()
                .map(|issuer| issuer.name.to_string());
            Compared::new("iss", token.collect(), words::several(own))
        }
        Denied::Binding(mismatch) => {
            let path = mismatch.claim().parse();
            let token = path.map(|path| case.note.claim(&path)).unwrap_or_default();
            let place = vec![words::one(mismatch.place())];
            Compared::new(words::one(mismatch.claim()), token, place)
        }
        Denied::Rule(denied) => {
            let names = named_claims(denied.text());
            let values = names.iter().map(|name| {
                let value = claims.and_then(|claims| claims.get(name));
                match value {
                    Some(value) => format!("{name}: {}", words::values(&value).join(", ")),
                    None => format!("{name}: not there"),
                }
            });
            Compared::new(
                "rule",
                words::several(values),
                vec![words::fit(denied.text(), 500)],
            )
        }
        Denied::Public => return None,
    })
}

/// The scopes that are not there.
fn missing(case: &Case<'_>) -> Option<String> {
    let route = case.note.route.as_ref()?;
    let granted = Scopes::of(case.note.claims()?);
    let missing = route.scopes.iter().filter(|scope| !granted.contains(scope));
    let missing = words::several(missing);
    (!missing.is_empty()).then(|| format!("missing: {}", missing.join(" ")))
}

/// The claims that a rule names as `claims.NAME`, each once.
fn named_claims(rule: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for rest in rule.split("claims.").skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_its_claims() {
        let rule =
            "claims.level > 3 && (claims.level < 9 || 'x' in claims.amr) && claims['z'] == 1";
        assert_eq!(named_claims(rule), ["level", "amr"]);
        assert!(named_claims("request.path == '/claims'").is_empty());
    }
}
