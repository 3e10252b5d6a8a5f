//! What the process holds, as the system counts it.

use std::fs;

/// The memory of this process that is in use, in bytes; `None` where the system does not say.
///
/// `statm` would be shorter, but counts in pages, whose size it does not say.
#[must_use]
pub fn resident() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_this_process_holds() {
        let held = resident().unwrap();
        assert!((1 << 20..1 << 40).contains(&held), "{held}");
    }

    #[test]
    fn what_the_system_does_not_say_is_not_known() {
        assert_eq!(
            parse("Name:\tx\nVmRSS:\t    1234 kB\nVmData:\t1 kB\n"),
            Some(1234 * 1024)
        );
        for other in ["", "VmRSS:\t1234\n", "VmRSS: -1 kB\n", "VmHWM:\t1 kB\n"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
