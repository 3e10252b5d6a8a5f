//! What the user must be allowed to do. It is asked before the server counts: a right that is missing would else show
//! at the first request that needs it, and where the configuration lets such requests pass, hardly at all.

use super::{error::RedisError, resp::Reply, settings::Address};

/// All that commands and scripts do, with a key that is never there; what writes comes last, for a full server.
const SCRIPT: &str = "redis.call('TIME') redis.call('GET', KEYS[1]) redis.call('EXISTS', KEYS[1]) \
    redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], '', 'XX', 'PX', 1) return 1";

/// What servers of versions 6 and 7 say when a user may not do something, outside of scripts and in them.
const DENIALS: [&str; 3] = ["NOPERM", "ACL failure", "The user executing the script"];

/// The command that needs every right, and changes nothing.
pub(super) fn question(prefix: &str) -> [Vec<u8>; 4] {
    let key = format!("{prefix}rights").into_bytes();
    [
        b"EVAL".to_vec(),
        SCRIPT.as_bytes().to_vec(),
        b"1".to_vec(),
        key,
    ]
}

/// Whether the user may do all. Another error is left to those who come with a use: the server may be full, and will do.
///
/// # Errors
/// [`RedisError::Rights`] when it may not.
pub(super) fn check(reply: &Reply, address: &Address) -> Result<(), RedisError> {
    match reply {
        Reply::Error(text) if DENIALS.iter().any(|denial| text.contains(denial)) => {
            let plain = |c: &char| !c.is_control();
            let text = text.chars().filter(plain).take(200).collect();
            Err(RedisError::Rights(address.clone(), text))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named_and_a_full_server_will_do() {
        let address = Address {
            host: "redis.internal".into(),
            port: 6379,
        };
        for denial in [
            "NOPERM User portcullis has no permissions to run the 'eval' command",
            "ERR ACL failure in script: User portcullis has no permissions to run the 'time' command",
            "ERR The user executing the script can't run this command or subcommand script: 1",
        ] {
            let error = check(&Reply::Error(denial.into()), &address).unwrap_err();
            assert!(error.to_string().contains(denial), "{error}");
        }
        let full = "OOM command not allowed when used memory > 'maxmemory'.";
        for good in [Reply::Error(full.into()), Reply::Integer(1)] {
            assert_eq!(check(&good, &address), Ok(()));
        }
    }
}
