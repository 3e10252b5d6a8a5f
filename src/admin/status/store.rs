//! What `/status` says of what is remembered.

use serde::Serialize;

use crate::store::Size;

/// How full the store is.
#[derive(Serialize)]
pub(super) struct StoreStatus {
    kind: &'static str,
    entries: usize,
    capacity: usize,
    records: usize,
    disk: Option<DiskStatus>,
}

#[derive(Serialize)]
struct DiskStatus {
    open: bool,
    bytes: u64,
    capacity_bytes: u64,
    commits: u64,
    errors: u64,
    refused: u64,
}

impl StoreStatus {
    pub(super) fn of(size: Size) -> Self {
        let disk = size.disk.map(|disk| DiskStatus {
            open: disk.is_open,
            bytes: disk.bytes,
            capacity_bytes: disk.capacity,
            commits: disk.commits,
            errors: disk.errors,
            refused: disk.refused,
        });
        Self {
            kind: if disk.is_some() { "disk" } else { "memory" },
            entries: size.entries,
            capacity: size.capacity,
            records: size.records,
            disk,
        }
    }
}
