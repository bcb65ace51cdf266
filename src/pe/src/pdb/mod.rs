//! PDBs from the outside: who they are, how they are called, and the forms in which stores pack them.

mod cabinet;
mod identity;
mod msfz;
mod name;

pub use cabinet::{CabinetError, Member, PdbCabinet};
pub use identity::{Identity, IdentityError};
pub use msfz::{MsfzError, unpack as unpack_msfz, unpack_bytes as unpack_msfz_bytes};
pub use name::{NameError, PdbName};
