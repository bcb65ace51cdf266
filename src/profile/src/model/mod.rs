//! The model: the contents of a profile, independent of how it is printed.

mod arch;
mod bits;
mod choice;
mod declaration;
mod found;
mod guid_age;
mod labels;
pub(crate) mod layout;
pub(crate) mod name;
pub(crate) mod natives;
mod profile;
mod report;
mod symbols;
mod types;
pub(crate) mod vocabulary;

pub use arch::{Arch, ArchError};
pub use bits::{BitRange, StorageUnit};
pub use choice::{Choice, ChoiceOption};
pub use declaration::declaration;
pub use found::{Structure, Symbol};
pub use guid_age::{GuidAge, GuidAgeError};
pub(crate) use labels::last_values;
pub use name::{Name, Names};
pub use profile::{Profile, System, banner_symbol};
pub use report::{Report, Tally};
pub use symbols::{Binding, Claim, NamedSymbol, choose_symbols, number_by_address};
pub(crate) use types::Definition;
pub use types::{
    Arguments, EnumId, Enumeration, Label, Member, Native, NativeId, NativeKind, NewMember, Record, RecordId,
    RecordKind, Type, TypeId, Types,
};
