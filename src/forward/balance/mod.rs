//! One upstream at several addresses: which one a request goes to, and what is known about each.

mod choice;
mod ejection;
mod endpoint;
mod group;
mod health;
mod keeper;
mod queue;
mod resolve;
mod retry;
mod server;
mod settings;
mod tally;

pub use endpoint::{Endpoint, Fault, Place, State};
pub use group::Group;
pub use keeper::{Keeper, Roster};
pub use resolve::{Addresses, Resolver};
pub use retry::Retries;
pub use server::Server;
pub use settings::{Causes, Ejection, HealthCheck, Retry, Settings, Share};
pub use tally::{Counts, Outcome};

pub(super) use choice::Tried;
pub(super) use group::Nowhere;
pub(super) use queue::Queue;
pub(super) use retry::Retrying;
pub(super) use tally::Slot;
