//! Users and their groups from a file, read with the configuration.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::identity::Account;

/// The users of a file, by their exact names.
#[derive(Debug, PartialEq, Eq)]
pub struct UserFile {
    path: PathBuf,
    users: HashMap<Box<str>, Arc<Account>>,
}

impl UserFile {
    /// These users of the file at `path`.
    #[must_use]
    pub fn new(path: PathBuf, users: impl IntoIterator<Item = Account>) -> Self {
        let users = users.into_iter();
        Self {
            path,
            users: users.map(|u| (u.user().into(), Arc::new(u))).collect(),
        }
    }

    /// The user of this name, byte for byte.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<&Arc<Account>> {
        self.users.get(user)
    }

    /// Where it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}
