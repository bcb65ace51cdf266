use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frontend::{Files, Opener};
use profile::{MappedFile, Report, is_refusal};

/// Another file that holds a part of the debug information of the file being converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companion<'a> {
    /// The types of one unit (`.dwo`), by the name that the compiler gave it and the compiler's working folder.
    Split {
        /// Its path, which may be relative to the folder.
        name: &'a str,
        /// The compiler's working folder.
        folder: Option<&'a str>,
    },
    /// All split units of the file in one (`.dwp`).
    Package,
    /// The supplementary file made by `dwz`, which several files share, by the path in the file and its build-id.
    Supplement {
        /// Its path, which may be relative to the file's folder.
        path: &'a str,
        /// Its build-id.
        build_id: &'a [u8],
    },
}

/// Finds companions.
pub trait Companions {
    /// Returns the companion if it is found. A file that exists but must not be opened is counted in `report` with
    /// the reason.
    fn find(&self, companion: Companion<'_>, report: &mut Report) -> Option<MappedFile>;
}

/// Finds no companions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Companions for Alone {
    fn find(&self, _: Companion<'_>, _: &mut Report) -> Option<MappedFile> {
        None
    }
}

/// Finds companions where compilers and distributions put them: in the compiler's working folder, next to the file,
/// and below `/usr/lib/debug`.
///
/// The paths come from the debug file, so they are followed only inside certain folders. A supplementary file has to
/// be below the file's own folder, below the tree of debug files that contains the file (`.../usr/lib/debug`), or
/// below `/usr/lib/debug`. A split unit has to be below the file's folder or, if its name ends in `.dwo`, below the
/// compiler's working folder (the GDB manual, "Separate Debug Files", and GCC's `-gsplit-dwarf`). Only regular files
/// of at most 16 GiB are opened, without blocking.
#[derive(Debug)]
pub struct Beside {
    file: PathBuf,
    opener: Arc<dyn Opener>,
}

/// The folder in which distributions keep debug files.
const DEBUG_FILES: &str = "usr/lib/debug";

/// A place to search, and the folder that must contain the file; `None` if the program chose the place itself.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    below: Option<PathBuf>,
}

impl Beside {
    /// Finds the companions of the file at this path on the disk.
    pub fn new(file: &Path) -> Self {
        Self::through(file, Arc::new(Files::default()))
    }

    /// Finds the companions of the file at this path; `opener` opens them.
    pub fn through(file: &Path, opener: Arc<dyn Opener>) -> Self {
        Self { file: file.to_owned(), opener }
    }

    fn candidates(&self, companion: Companion<'_>) -> Vec<Candidate> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let named = |path: &str| folder.join(Path::new(path).file_name().unwrap_or_default());
        let below = |folder: &Path, path: PathBuf| Candidate { path, below: Some(folder.to_owned()) };
        match companion {
            Companion::Split { name, folder: compiled_in } => {
                let is_split = Path::new(name).extension().is_some_and(|extension| extension == "dwo");
                let compiled = compiled_in.map(|compiled_in| {
                    // A relative working folder (`-fdebug-compilation-dir=.`) is relative to the file's folder.
                    let place = folder.join(compiled_in);
                    let root = if Path::new(compiled_in).is_absolute() && is_split { &place } else { folder };
                    below(root, place.join(name))
                });
                let beside = [folder.join(name), named(name)].map(|path| below(folder, path));
                compiled.into_iter().chain(beside).collect()
            }
            Companion::Package => {
                let mut longer = self.file.clone().into_os_string();
                longer.push(".dwp");
                [longer.into(), self.file.with_extension("dwp")]
                    .map(|path| Candidate { path, below: None })
                    .into()
            }
            Companion::Supplement { path, build_id } => {
                let debug_files = Path::new("/").join(DEBUG_FILES);
                let digits: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
                let by_id = digits.split_at_checked(2).map(|(first, rest)| {
                    debug_files.join(".build-id").join(first).join(format!("{rest}.debug"))
                });
                // Joining an absolute path gives that path.
                let stated = folder.join(path);
                let tree = folder.ancestors().find(|tree| tree.ends_with(DEBUG_FILES));
                let trees = tree.into_iter().chain([folder, debug_files.as_path()]);
                let mut all: Vec<Candidate> = trees.map(|tree| below(tree, stated.clone())).collect();
                all.push(below(folder, named(path)));
                all.extend(by_id.map(|path| below(&debug_files, path)));
                all
            }
        }
    }
}

impl Companions for Beside {
    fn find(&self, companion: Companion<'_>, report: &mut Report) -> Option<MappedFile> {
        let mut refused: Vec<(PathBuf, io::Error)> = Vec::new();
        for Candidate { path, below } in self.candidates(companion) {
            match self.opener.open(&path, below.as_deref()) {
                Ok(file) => return Some(file),
                Err(error) if is_refusal(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
                    refused.push((path, error));
                }
                // It is missing.
                Err(_) => {}
            }
        }
        // One reason is enough. The last candidates are those of the least restricted folders.
        for (path, error) in refused.into_iter().rev().take(1) {
            // The reason is part of the kind of loss, since examples are shortened when they are shown.
            report
                .lose(&format!("companion files that were refused ({error})"), || path.display().to_string());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(file: &str, companion: Companion<'_>) -> Vec<(String, Option<String>)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let candidates = Beside::new(Path::new(file)).candidates(companion);
        candidates.iter().map(|place| (text(&place.path), place.below.as_deref().map(text))).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let below = |folder: &str| (!folder.is_empty()).then(|| folder.to_owned());
        expected.iter().map(|(path, folder)| ((*path).to_owned(), below(folder))).collect()
    }

    #[test]
    fn where_companions_may_be() {
        let split = |name, folder| Companion::Split { name, folder: Some(folder) };
        assert_eq!(
            places("/k/vmlinux", split("fs/a.dwo", "/build")),
            pairs(&[("/build/fs/a.dwo", "/build"), ("/k/fs/a.dwo", "/k"), ("/k/a.dwo", "/k")])
        );
        // Only files named like split units may be in a folder that the file itself names.
        assert_eq!(places("/k/vmlinux", split("shadow", "/etc"))[0], pairs(&[("/etc/shadow", "/k")])[0]);
        assert_eq!(places("/k/vmlinux", split("a.dwo", "."))[0], pairs(&[("/k/./a.dwo", "/k")])[0]);
        assert_eq!(
            places("/k/vmlinux", Companion::Package),
            pairs(&[("/k/vmlinux.dwp", ""), ("/k/vmlinux.dwp", "")])
        );
        let supplement = Companion::Supplement { path: "../x.debug", build_id: &[0xab, 0xcd] };
        assert_eq!(
            places("/d/usr/lib/debug/k/vmlinux", supplement),
            pairs(&[
                ("/d/usr/lib/debug/k/../x.debug", "/d/usr/lib/debug"),
                ("/d/usr/lib/debug/k/../x.debug", "/d/usr/lib/debug/k"),
                ("/d/usr/lib/debug/k/../x.debug", "/usr/lib/debug"),
                ("/d/usr/lib/debug/k/x.debug", "/d/usr/lib/debug/k"),
                ("/usr/lib/debug/.build-id/ab/cd.debug", "/usr/lib/debug"),
            ])
        );
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_a_debug_file_must_not_name_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(folder.path().join("x.debug"), "x").unwrap();
        let beside = Beside::new(&own.join("vmlinux"));
        let mut report = Report::default();
        for (path, reason) in [("/dev/zero", "outside"), ("../x.debug", "outside"), (".", "a folder")] {
            let companion = Companion::Supplement { path, build_id: &[1, 2] };
            assert!(beside.find(companion, &mut report).is_none(), "{path}");
            let text = format!("{report:?}");
            assert!(text.contains(reason), "{path}: {text}");
            report = Report::default();
        }
        std::fs::write(own.join("x.debug"), "here").unwrap();
        let companion = Companion::Supplement { path: "../x.debug", build_id: &[1, 2] };
        assert_eq!(&*beside.find(companion, &mut report).unwrap(), b"here");
        let split = Companion::Split { name: "/dev/zero", folder: Some("/") };
        assert!(beside.find(split, &mut report).is_none());
    }
}
