//! What `/status` says of what is remembered.

use serde::Serialize;

use crate::{
    gateway::Gateway,
    store::{Remote, Size},
};

/// How full the store is.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum StoreStatus {
    /// In memory or in a file.
    Own {
        kind: &'static str,
        entries: usize,
        capacity: usize,
        records: usize,
        disk: Option<DiskStatus>,
    },
    /// On a server.
    Remote {
        kind: &'static str,
        open: bool,
        evicts: bool,
        commands: u64,
        connects: u64,
        errors: u64,
        refused: u64,
        /// What is wrong with it.
        error: Option<String>,
    },
}

#[derive(Serialize)]
pub(super) struct DiskStatus {
    open: bool,
    bytes: u64,
    capacity_bytes: u64,
    commits: u64,
    errors: u64,
    refused: u64,
}

impl StoreStatus {
    pub(super) fn of(gateway: &Gateway) -> Option<Self> {
        let remote = gateway.remote_store().map(Self::remote);
        remote.or_else(|| gateway.store_size().map(Self::own))
    }

    fn own(size: Size) -> Self {
        let disk = size.disk.map(|disk| DiskStatus {
            open: disk.is_open,
            bytes: disk.bytes,
            capacity_bytes: disk.capacity,
            commits: disk.commits,
            errors: disk.errors,
            refused: disk.refused,
        });
        Self::Own {
            kind: if disk.is_some() { "disk" } else { "memory" },
            entries: size.entries,
            capacity: size.capacity,
            records: size.records,
            disk,
        }
    }

    fn remote(remote: Remote) -> Self {
        Self::Remote {
            kind: "redis",
            open: remote.is_open,
            evicts: remote.evicts,
            commands: remote.commands,
            connects: remote.connects,
            errors: remote.errors,
            refused: remote.refused,
            error: remote.trouble,
        }
    }
}
