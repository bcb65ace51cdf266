use std::path::{Path, PathBuf};

use profile::MappedFile;

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
    /// The companion, where it is found.
    fn find(&self, companion: Companion<'_>) -> Option<MappedFile>;
}

/// No companion is ever found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Companions for Alone {
    fn find(&self, _: Companion<'_>) -> Option<MappedFile> {
        None
    }
}

/// Companions are looked for where compilers and distributions put them: at the path that was written into
/// the file, beside the file, and under `/usr/lib/debug`.
#[derive(Clone, Debug)]
pub struct Beside {
    file: PathBuf,
}

impl Beside {
    /// Companions of the file at this path.
    pub fn new(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    fn candidates(&self, companion: Companion<'_>) -> Vec<PathBuf> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let named = |path: &str| folder.join(Path::new(path).file_name().unwrap_or_default());
        match companion {
            Companion::Split { name, folder: compiled_in } => {
                let compiled = compiled_in.map(|folder| Path::new(folder).join(name));
                compiled.into_iter().chain([folder.join(name), named(name)]).collect()
            }
            Companion::Package => {
                let mut longer = self.file.clone().into_os_string();
                longer.push(".dwp");
                vec![longer.into(), self.file.with_extension("dwp")]
            }
            Companion::Supplement { path, build_id } => {
                let digits: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
                let by_id = digits.split_at_checked(2).map(|(first, rest)| {
                    PathBuf::from(format!("/usr/lib/debug/.build-id/{first}/{rest}.debug"))
                });
                // A path from the root joins as itself.
                [folder.join(path), named(path)].into_iter().chain(by_id).collect()
            }
        }
    }
}

impl Companions for Beside {
    fn find(&self, companion: Companion<'_>) -> Option<MappedFile> {
        self.candidates(companion).iter().find_map(|path| MappedFile::open(path).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_companions_may_be() {
        let beside = Beside::new(Path::new("/k/vmlinux"));
        let split = Companion::Split { name: "fs/a.dwo", folder: Some("/build") };
        let paths = ["/build/fs/a.dwo", "/k/fs/a.dwo", "/k/a.dwo"].map(PathBuf::from);
        assert_eq!(beside.candidates(split), paths);
        let paths = ["/k/vmlinux.dwp", "/k/vmlinux.dwp"].map(PathBuf::from);
        assert_eq!(beside.candidates(Companion::Package), paths);
        let supplement = Companion::Supplement { path: "../x.debug", build_id: &[0xab, 0xcd] };
        let paths =
            ["/k/../x.debug", "/k/x.debug", "/usr/lib/debug/.build-id/ab/cd.debug"].map(PathBuf::from);
        assert_eq!(beside.candidates(supplement), paths);
    }
}
