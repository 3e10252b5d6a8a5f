//! `basicRegistry`: users and their groups, as a file of ours.

use std::collections::BTreeMap;

use super::{
    super::{
        Left,
        page::{Page, open_list},
    },
    document::Document,
};

/// The users of all basic registries, as the text of a user file; `None` when there is no registry.
pub(super) fn users(document: &Document<'_>, left: &mut Vec<Left>) -> Option<String> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut any = false;
    for registry in document.elements("basicRegistry") {
        any = true;
        let parts: Vec<_> = registry.children().collect();
        for user in parts.iter().filter(|part| part.name() == "user") {
            users
                .entry(user.attribute("name").unwrap_or_default())
                .or_default();
        }
        for group in parts.iter().filter(|part| part.name() == "group") {
            let name = group.attribute("name").unwrap_or_default();
            for member in group.children().filter(|child| child.name() == "member") {
                let member = member.attribute("name").unwrap_or_default();
                match users.get_mut(&member) {
                    Some(groups) => groups.push(name.clone()),
                    None => left.push(Left::new(
                        format!("<member name=\"{member}\"> of <group name=\"{name}\">"),
                        "there is no such user",
                    )),
                }
            }
        }
    }
    if !any {
        return None;
    }
    left.push(Left::new(
        "the passwords of <basicRegistry>",
        "nobody logs in with one here",
    ));
    users.remove("");
    let mut page = Page::from("<basicRegistry>");
    for (name, groups) in &users {
        page.section(&["users", name]);
        page.key("groups", open_list(groups.iter().map(String::as_str)));
    }
    Some(page.into_text())
}
