use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frontend::{Files, Opener};
use profile::{MappedFile, Report, is_refusal};

/// A file that belongs to the one being converted: it holds a part of its debug information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companion<'a> {
    /// The types of one unit (`.dwo`), by the name the compiler gave it and the folder it ran in.
    Split {
        /// Its path, which may be relative to the folder.
        name: &'a str,
        /// The compiler's working folder.
        folder: Option<&'a str>,
    },
    /// All split units of the file in one (`.dwp`).
    Package,
    /// What several files share (`dwz`), by the path the file gives and the other's build-id.
    Supplement {
        /// Its path, which may be relative to the file's folder.
        path: &'a str,
        /// Its build-id.
        build_id: &'a [u8],
    },
}

/// Where companions are looked for.
pub trait Companions {
    /// Returns the companion if it is found. A file that is there and may not be opened is counted in `report`, with
    /// the reason.
    fn find(&self, companion: Companion<'_>, report: &mut Report) -> Option<MappedFile>;
}

/// No companion is ever found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Companions for Alone {
    fn find(&self, _: Companion<'_>, _: &mut Report) -> Option<MappedFile> {
        None
    }
}

/// Companions are looked for where compilers and distributions put them: in the folder of the compiler, beside
/// the file, and under `/usr/lib/debug`.
///
/// The debug file chose the paths, so they are followed only as far as these folders: a supplementary file lies
/// below the file's own folder, below the tree of debug files that the file lies in (`.../usr/lib/debug`), or below
/// `/usr/lib/debug`; a split unit below the file's folder, or below the compiler's working folder if its name ends
/// in `.dwo` (the GDB manual, "Separate Debug Files", and GCC's `-gsplit-dwarf`). Only regular files of at most
/// 16 GiB are opened, without blocking.
#[derive(Debug)]
pub struct Beside {
    file: PathBuf,
    opener: Arc<dyn Opener>,
}

/// Where distributions keep debug files.
const DEBUG_FILES: &str = "usr/lib/debug";

/// A place to look, and the folder that the file has to be in; `None` where the program chose the place itself.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    below: Option<PathBuf>,
}

impl Beside {
    /// Companions of the file at this path, on the disk.
    pub fn new(file: &Path) -> Self {
        Self::through(file, Arc::new(Files::default()))
    }

    /// Companions of the file at this path, which `opener` opens.
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
                    // A working folder that is relative (`-fdebug-compilation-dir=.`) counts from the file's.
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
                // A path from the root joins as itself.
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
        // The last reason for a path is the one of the widest folder.
        for (path, error) in refused.into_iter().rev().take(1) {
            // The reason is part of the kind, as examples are shortened when they are shown.
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
        // Only what is named as a split unit may lie in a folder that the file names itself.
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
    fn what_a_debug_file_may_not_name_is_refused_with_the_reason() {
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
