//! What stores and readers need to know about a PDB: its identity, its name, and the compressed forms in stores.

mod cabinet;
mod identity;
mod msfz;
mod name;

pub use cabinet::{CabinetError, Member, PdbCabinet};
pub use identity::{Identity, IdentityError};
pub use msfz::{MsfzError, unpack as unpack_msfz, unpack_bytes as unpack_msfz_bytes};
pub use name::{NameError, PdbName};
