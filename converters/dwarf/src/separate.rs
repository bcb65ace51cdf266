//! Debug information in a file of its own, found as GDB finds it (the GDB manual, "Separate Debug Files"): by the build-id
//! below the folders for debug files, and by the name in `.gnu_debuglink` beside the file, in `.debug` there, and below
//! the folders for debug files.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use frontend::Opener;
use object::Object;
use profile::MappedFile;

use crate::{build_id, check_debug_file, container};

/// Where distributions keep debug files, if no other folder is named.
pub const DEBUG_FOLDER: &str = "/usr/lib/debug";
/// The folder for debug files beside a file.
const BESIDE: &str = ".debug";
/// How many places that were looked at are told.
const MOST_TOLD: usize = 8;

/// What came of looking for a separate debug file.
#[derive(Debug, Default)]
pub struct Separate {
    /// The file and where it is, if there is one and it belongs to the other.
    pub found: Option<(PathBuf, MappedFile)>,
    /// The places that were looked at without success, and why each was passed over.
    pub passed: Vec<String>,
    /// Whether the file names its debug file (`.gnu_debuglink`).
    pub is_named: bool,
}

/// What a file says of its debug file.
struct Wanted {
    build_id: Option<Vec<u8>>,
    /// The name and the CRC-32 of the whole debug file.
    link: Option<(String, u32)>,
}

/// A place to look, and the folder that the file has to be in.
struct Place {
    path: PathBuf,
    below: PathBuf,
    by_id: bool,
}

/// Looks for the debug file of the ELF file `bytes`, which is at `path`. `folders` are those for debug files; a file is
/// opened only if it is below one of them, or below the folder of `path`. A file of another build is passed over.
pub fn find_separate(bytes: &[u8], path: &Path, folders: &[PathBuf], opener: &dyn Opener) -> Separate {
    Wanted::of(bytes).find(path, folders, opener)
}

/// Looks for the debug file of a build by its build-id alone, below the folders for debug files.
pub fn find_by_build_id(build_id: &[u8], folders: &[PathBuf], opener: &dyn Opener) -> Separate {
    let wanted = Wanted { build_id: Some(build_id.to_vec()), link: None };
    wanted.find(Path::new(""), folders, opener)
}

impl Separate {
    fn pass(&mut self, path: &Path, reason: &str) {
        if self.passed.len() < MOST_TOLD {
            self.passed.push(format!("{}: {reason}", path.display()));
        }
    }
}

impl Wanted {
    fn of(bytes: &[u8]) -> Self {
        let link = container::parse("ELF", bytes).ok().and_then(|file| {
            let (name, checksum) = file.gnu_debuglink().ok()??;
            Some((String::from_utf8(name.to_vec()).ok()?, checksum))
        });
        Self { build_id: build_id(bytes), link }
    }

    fn find(&self, path: &Path, folders: &[PathBuf], opener: &dyn Opener) -> Separate {
        let mut separate = Separate { is_named: self.link.is_some(), ..Separate::default() };
        for place in self.places(path, folders) {
            let file = match opener.open(&place.path, Some(&place.below)) {
                Ok(file) => file,
                Err(error) => {
                    let reason = match error.kind() {
                        io::ErrorKind::NotFound => "it is not there".to_owned(),
                        _ => error.to_string(),
                    };
                    separate.pass(&place.path, &reason);
                    continue;
                }
            };
            match self.check(&file, place.by_id) {
                Ok(()) => {
                    separate.found = Some((place.path, file));
                    break;
                }
                Err(reason) => separate.pass(&place.path, &reason),
            }
        }
        separate
    }

    fn places(&self, path: &Path, folders: &[PathBuf]) -> Vec<Place> {
        let mut places = Vec::new();
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let digits = self.build_id.iter().flatten().map(|byte| format!("{byte:02x}")).collect::<String>();
        if let Some((first, rest)) = digits.split_at_checked(2).filter(|(_, rest)| !rest.is_empty()) {
            places.extend(folders.iter().map(|root| Place {
                path: root.join(".build-id").join(first).join(format!("{rest}.debug")),
                below: root.clone(),
                by_id: true,
            }));
        }
        // Only a name is followed, never a path.
        let name = self.link.as_ref().map(|(name, _)| name.as_str());
        let name = name.filter(|name| Path::new(name).file_name() == Some(OsStr::new(name)));
        let Some(name) = name else { return places };
        let beside = [folder.join(name), folder.join(BESIDE).join(name)];
        // A debug file may name itself.
        let others = beside.into_iter().filter(|place| place != path);
        places.extend(others.map(|path| Place { path, below: folder.to_owned(), by_id: false }));
        let absolute = std::fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
        let Ok(absolute) = absolute else { return places };
        let inner: PathBuf =
            absolute.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        places.extend(folders.iter().map(|root| Place {
            path: root.join(&inner).join(name),
            below: root.clone(),
            by_id: false,
        }));
        places
    }

    /// Whether this is the debug file.
    fn check(&self, file: &[u8], by_id: bool) -> Result<(), String> {
        match (&self.link, &self.build_id) {
            (Some((_, expected)), _) if !by_id => {
                let found = crc32fast::hash(file);
                if found != *expected {
                    return Err(format!("its CRC-32 is {found:08x}, expected {expected:08x}"));
                }
                Ok(())
            }
            (_, Some(build_id)) => check_debug_file(file, build_id),
            _ => Ok(()),
        }
    }
}
