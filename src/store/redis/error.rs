//! Why Redis cannot be used.

use super::settings::Address;

/// Why Redis cannot be used. The texts name the server and say what to do; none holds what the gateway sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RedisError {
    /// Nobody is there, or nobody that the gateway trusts.
    #[error("{0} cannot be reached: {1}")]
    Unreachable(Address, String),
    /// It took too long.
    #[error("{0} does not answer in time: it hangs, or \"timeout\" is too short for the way there")]
    Late(Address),
    /// It went away.
    #[error("{0} closed the connection: {1}")]
    Closed(Address, String),
    /// It is something else.
    #[error(
        "{0} does not speak the protocol of Redis: look at \"url\", and whether it wants TLS (rediss://)"
    )]
    NotRedis(Address),
    /// It asks for a password.
    #[error("{0} asks for a password: set \"password_file\", and \"username\" for an ACL user")]
    NoPassword(Address),
    /// It does not take ours.
    #[error("{0} refuses the user or the password: look at \"username\" and \"password_file\"")]
    WrongPassword(Address),
    /// There is no such database.
    #[error("{0} has no database {1}: look at the number behind the \"/\" of \"url\"")]
    Database(Address, u32),
    /// It cannot be written to.
    #[error(
        "{0} is a replica, which cannot be written to: name the primary, or its sentinels and \"master\""
    )]
    Replica(Address),
    /// It knows where the data is, and has none.
    #[error("{0} is a sentinel: set \"master\" to what it calls the server")]
    Sentinel(Address),
    /// Keys would be spread over servers, and changes are made together.
    #[error(
        "{0} is part of a cluster, which this store cannot use: name a server of its own, or sentinels and \"master\""
    )]
    Cluster(Address),
    /// It lacks what is needed.
    #[error("{0} runs version {1}; version 6.0 or later is needed, or Valkey")]
    Version(Address, String),
    /// It has just begun.
    #[error("{0} still reads its data")]
    Loading(Address),
    /// The sentinels know no such master.
    #[error(
        "the sentinel {0} knows no master {1:?}: look at \"master\", and whether \"url\" names sentinels"
    )]
    NoMaster(Address, Box<str>),
    /// A defect of this program.
    #[error("the connection to the store met a defect, and begins anew")]
    Panicked,
    /// It refuses what is asked of it.
    #[error("{0} refuses a command: {1}")]
    Refused(Address, String),
}
