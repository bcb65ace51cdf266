//! The program as users run it, one module per command.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod analyzer;
mod bundle_repository;
mod bundles;
#[cfg(unix)]
mod c_header;
mod ci_files;
mod convert_profile;
mod debug_files;
mod debug_links;
#[cfg(unix)]
mod documented;
mod export;
mod fetch_debug;
mod fetch_pdb;
mod file_kinds;
mod front_ends;
mod harness;
mod hostile_names;
mod hostile_text;
mod indexes;
mod inspect;
#[cfg(unix)]
mod json_reports;
mod lost_inventory;
mod manage_repo;
mod manage_repo_trouble;
mod mirror;
mod network;
mod of_image;
#[cfg(unix)]
mod outputs;
mod pages;
mod parse;
mod parse_btf;
mod parse_dwarf;
mod parse_pdb;
mod peinfo;
#[cfg(target_os = "linux")]
mod release_files;
mod repository;
#[cfg(target_os = "linux")]
mod sandbox;
mod schema;
mod serve;
mod snapshots;
mod version;
mod version_scan;
