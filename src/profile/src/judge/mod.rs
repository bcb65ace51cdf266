//! Judgement: whether a profile has the names that its readers look up, whether they can use its file, and whether two
//! profiles agree.

mod compare;
pub(crate) mod health;
pub(crate) mod needs;
mod obstacles;

pub use compare::{Comparison, Difference, Reason, Settled, compare};
pub use health::{Health, Missing, Scope, Verdict, member_offset};
pub use needs::Consumer;
pub use obstacles::{FileForm, Obstacle, obstacles};
