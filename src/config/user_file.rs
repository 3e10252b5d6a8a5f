//! The file of users and their groups.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use super::{
    context::Context,
    files,
    schema::{Key, Schema, key, section},
    section::Section,
    toml_source,
    value::{Entry, Span},
};
use crate::{
    identity::{Account, AccountError},
    users::UserFile,
};

static FILE: LazyLock<Schema> = LazyLock::new(|| {
    let keys = &[section("users", "[users.NAME]: each user.")];
    Schema::new("the file of users", keys)
});
static USER: LazyLock<Schema> = LazyLock::new(|| Schema::new("[users.NAME]", KEYS));

const KEYS: &[Key] = &[
    key("groups", "[]", "The user's groups."),
    key("unique_name", "\"\"", "A name that nobody else has."),
    key("realm", "\"\"", "The realm, in the place of the issuer's."),
];

/// Reads the users of the file at `path`, which is named at `span`.
pub(super) fn read(context: &Context<'_>, path: PathBuf, span: Span) -> Option<UserFile> {
    let text = match files::read_text(&path, files::MAX_CONFIGURATION) {
        Ok(text) => text,
        Err(error) => {
            context.error(span, error.to_string());
            return None;
        }
    };
    let users = decode(context, &path, &text);
    if users.is_empty() {
        let path = path.display();
        context.warn(format!(
            "{path} has no users: whoever must be one is refused"
        ));
    }
    Some(UserFile::new(path, users))
}

fn decode(context: &Context<'_>, path: &Path, text: &str) -> Vec<Account> {
    let node = toml_source::read(context, &path.display().to_string(), text);
    let file = Section::open(context, &FILE, &node);
    let users = file.entries("users").iter();
    users.filter_map(|entry| user(context, entry)).collect()
}

fn user(context: &Context<'_>, entry: &Entry) -> Option<Account> {
    let user = Section::open(context, &USER, &entry.node);
    let groups = user.texts("groups")?;
    let wrong = |span: Span| move |error: AccountError| context.error(span, error.to_string());
    let account = Account::new(&entry.key, groups.iter().map(|group| group.text));
    let account = account.map_err(wrong(entry.key_span)).ok()?;
    let name = user.text("unique_name")?;
    let account = account.with_unique_name(name.text);
    let account = account.map_err(wrong(name.span)).ok()?;
    let realm = user.text("realm")?;
    account
        .with_realm(realm.text)
        .map_err(wrong(realm.span))
        .ok()
}
