//! Judgement: whether a profile has the names that its readers look up, and whether they can use its file.

pub(crate) mod health;
pub(crate) mod needs;
mod obstacles;

pub use health::{Health, Missing, Scope, Verdict, member_offset};
pub use needs::Consumer;
pub use obstacles::{FileForm, Obstacle, obstacles};
