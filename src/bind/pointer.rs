//! A JSON Pointer into a body, followed along every member that an upstream may take for the named one.

use super::compare::Found;
use crate::{
    claims::{ClaimPath, path},
    jose::json::{Object, Text},
};

/// Calls `found` with each value at `pointer`.
///
/// Names are compared without regard to case, as many a JSON library does: `AccountID` is another
/// `accountId` to the upstream, and the last one may win there.
pub(super) fn each<'t>(object: &'t Object, pointer: &ClaimPath, found: &mut impl FnMut(Found<'t>)) {
    follow(object.to_text(), pointer.tokens(), found);
}

fn follow<'t>(value: Text<'t>, tokens: &[Box<str>], found: &mut impl FnMut(Found<'t>)) {
    // Each step goes one level down, and a body has at most `jose::json::MAX_DEPTH`.
    let Some((token, rest)) = tokens.split_first() else {
        return found(Found::Value(value));
    };
    if let Some(mut elements) = value.elements() {
        return match path::index(token) {
            Some(index) => {
                if let Some(element) = elements.nth(index) {
                    follow(element, rest, found);
                }
            }
            None => found(Found::Blocked),
        };
    }
    let Some(members) = value.members() else {
        return found(Found::Blocked);
    };
    let folded = fold(token);
    for (name, member) in members {
        if *name == **token || fold(&name) == folded {
            follow(member, rest, found);
        }
    }
}

/// One form for all cases of a name; upper case first brings the long s and the Kelvin sign home.
fn fold(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}
