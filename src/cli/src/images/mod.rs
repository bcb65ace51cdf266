//! Memory images: [`subject`] opens one with the profile of its kernel, [`triage`] shows the dumps that hold no memory.

pub mod subject;
pub mod triage;
