//! Why a request is refused: every step of the gateway's own pipeline over one request, for an operator.

mod ask;
pub mod curl;
mod narrow;
mod posted;
mod question;
mod remembered;
mod report;
mod text;

pub use ask::ask;
pub use narrow::narrow;
pub use posted::{Posted, PostedError};
pub use question::{Question, QuestionError};
pub use remembered::{Memory, Remembered};
pub use report::Report;
