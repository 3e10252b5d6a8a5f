//! How much memory the process may hold: what the configuration says, or most of what its control group
//! allows.

use std::{fs, path::Path};

/// The most memory that the process may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ceiling {
    /// Most of what the process's control group allows; none where that has no limit.
    #[default]
    Group,
    /// No ceiling.
    Off,
    /// So many bytes.
    Bytes(u64),
}

/// How much of a control group's limit is used, in percent: the system counts more than the process's own
/// memory against it, and nothing may go beyond.
const SHARE: u64 = 90;

impl Ceiling {
    /// The ceiling in bytes, as things are now; `None`: there is none.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Group => {
                let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
                let limit = limit(&groups, Path::new("/sys/fs/cgroup"))?;
                Some(limit / 100 * SHARE)
            }
            Self::Off => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// The lowest limit of the control groups that `groups` (cgroups(7)) names and of those above them.
fn limit(groups: &str, root: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (folder, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        lowest(&folder, path, file)
    });
    limits.min()
}

/// In a container the path may lead nowhere, because the group is mounted at the root; the root is asked
/// last in any case.
fn lowest(root: &Path, group: &str, file: &str) -> Option<u64> {
    let group = Path::new(group.trim_start_matches('/'));
    let limits = group.ancestors().filter_map(|group| {
        let text = fs::read_to_string(root.join(group).join(file)).ok()?;
        // "max", or close to the largest number that there is: no limit.
        let bytes: u64 = text.trim().parse().ok()?;
        (bytes < 1 << 60).then_some(bytes)
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_lowest_limit_above_the_process_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let groups = "0::/system.slice/portcullis.service\n";
        assert_eq!(limit(groups, root), None);
        write(root, "system.slice/portcullis.service/memory.max", "max\n");
        assert_eq!(limit(groups, root), None);
        write(root, "system.slice/memory.max", "1000000\n");
        assert_eq!(limit(groups, root), Some(1_000_000));
        let own = "system.slice/portcullis.service/memory.max";
        write(root, own, "500000\n");
        assert_eq!(limit(groups, root), Some(500_000));
        write(root, own, "2000000\n");
        assert_eq!(limit(groups, root), Some(1_000_000));
        // In a container, whose group is mounted as the root.
        write(root, "memory.max", "4096\n");
        assert_eq!(limit("0::/../../pods/1\n", root), Some(4096));
        assert_eq!(limit("0::/\n", root), Some(4096));
    }

    #[test]
    fn version_1_is_understood_too() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let groups = "9:cpu,cpuacct:/docker/1\n8:memory:/docker/1\n1:name=systemd:/\n0::/\n";
        let none = "9223372036854771712\n";
        write(root, "memory/docker/1/memory.limit_in_bytes", none);
        assert_eq!(limit(groups, root), None);
        write(root, "memory/docker/1/memory.limit_in_bytes", "777777\n");
        assert_eq!(limit(groups, root), Some(777_777));
        assert_eq!(limit("nonsense\n9:cpu:/docker/1\n", root), None);
    }

    #[test]
    fn what_is_configured_is_what_counts() {
        assert_eq!(Ceiling::Bytes(5).bytes(), Some(5));
        assert_eq!(Ceiling::Off.bytes(), None);
    }
}
