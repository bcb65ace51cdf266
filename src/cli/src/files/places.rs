use std::env;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Files;
use crate::configuration::Configuration;

/// The folder for copies of files from servers.
pub fn cache_folder() -> PathBuf {
    match directories::ProjectDirs::from("", "", "rekall-profile") {
        Some(folders) => folders.cache_dir().to_owned(),
        // An error if the system has no home folder for the program.
        None => env::temp_dir().join("rekall-profile"),
    }
}

/// Adds the user's configuration, to be read.
pub fn list_configuration(files: &mut Files) {
    Configuration::files().for_each(|file| {
        files.access().read(file);
    });
}

/// Adds temporary files for unpacking, unless the input is a regular file that begins in one of these ways and so is
/// not compressed.
pub fn unpack_unless(path: &Path, beginnings: &[&[u8]], files: &mut Files) {
    let mut start = [0; 32];
    let regular = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let seen = regular && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok());
    if !seen || !beginnings.iter().any(|beginning| start.starts_with(beginning)) {
        files.access().unpack();
    }
}
