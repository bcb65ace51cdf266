//! Reads PE files, the debug records in them, and the identity of PDBs. Everything here works offline.
//!
//! Start here: [`Pe::parse`] reads a PE file, [`CodeView::scan`] finds the records that name PDBs in
//! any bytes.
//!
//! - **Executables** (`executable`). A [`Pe`] gives its headers, sections, RSDS records, imports, exports and
//!   version. Every part is read on its own, so damage to one part does not affect the others.
//! - **Debug records** (`code_view`, `rsds`). An [`Rsds`] names a PDB by its path, GUID and age. [`CodeView`] also reads
//!   the other kinds of records.
//! - **Identity of PDBs** (`pdb`). [`PdbName`] is the name in a store, and [`Identity`] is the GUID and age in the
//!   file itself. [`PdbCabinet`] and [`unpack_msfz`] unpack compressed PDBs.
//!
//! This crate reads no part of a PDB beyond its identity.
//!
//! ```
//! use pe::CodeView;
//!
//! let mut bytes = b"some bytes RSDS".to_vec();
//! bytes.extend([0xab; 16]); // the GUID
//! bytes.extend(2_u32.to_le_bytes()); // the age
//! bytes.extend(b"d:\\build\\ntkrnlmp.pdb\0");
//! let found = CodeView::scan(&bytes, 1);
//! assert_eq!(found[0].offset, 11);
//! assert_eq!(found[0].record.file_name(), "ntkrnlmp.pdb");
//! assert_eq!(found[0].record.key(), "ABABABABABABABABABABABABABABABAB2");
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod code_view;
mod executable;
mod pdb;
mod rsds;

pub use code_view::{CodeView, Nb10, Sighting};
pub use executable::{Directory, Export, Headers, Import, PartsError, Pe, PeError, Section, Version};
pub use pdb::{
    CabinetError, Identity, IdentityError, Member, MsfzError, NameError, PdbCabinet, PdbName, unpack_msfz,
    unpack_msfz_bytes,
};
pub use rsds::Rsds;
