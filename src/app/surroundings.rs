//! What a process is given by whoever starts it.

use std::io;

use super::supervisor::Supervisor;
use crate::server::{Inherited, listener::Opening};

/// Sockets that came with the process, how to open others, and who supervises it. The default is: none,
/// alone, nobody.
#[derive(Debug, Default)]
pub struct Surroundings {
    pub(super) opening: Opening,
    pub(super) supervisor: Supervisor,
}

impl Surroundings {
    /// Those of this process. With `takes_over`, the ports may be shared with a gateway of the same user,
    /// which is about to end. To be called once, before the process has threads.
    ///
    /// # Errors
    /// What is wrong with a socket that came with it.
    pub fn of_process(takes_over: bool) -> io::Result<Self> {
        let inherited = Inherited::from_environment()?;
        Ok(Self {
            opening: Opening {
                inherited,
                takes_over,
            },
            supervisor: Supervisor::of_environment(),
        })
    }
}
