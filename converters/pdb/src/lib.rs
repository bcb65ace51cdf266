//! PDB to profile.
