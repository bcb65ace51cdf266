//! Symbol stores and servers: where PDBs are looked for, and how they are brought.
