use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{FileKind, Identified, WrongKind};
use profile::MappedFile;

use crate::folder::{self, Member};
use crate::{Error, Files, Nothing, Opener};

/// The input of a conversion: one file, mapped and never copied, or a folder.
///
/// A front-end takes it by value, so that the file is unmapped as soon as nothing in it is needed any more.
#[derive(Debug)]
pub struct Source {
    place: String,
    path: PathBuf,
    content: Content,
    opener: Arc<dyn Opener>,
}

#[derive(Debug)]
enum Content {
    File(MappedFile),
    Folder(Vec<Member>),
}

/// The name of standard input in messages.
const STANDARD_INPUT: &str = "standard input";

impl Source {
    /// Opens a file or a folder; `-` is standard input. Files that it names are opened on the disk.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Self::standard_input();
        }
        let place = path.display().to_string();
        let failed = |source| Error::Open { place: place.clone(), source };
        // A pipe can be opened only once, and must not be read before that.
        let content = match std::fs::metadata(path).map_err(failed)?.is_dir() {
            true => Content::Folder(folder::files(path).map_err(failed)?),
            false => Content::File(MappedFile::open(path).map_err(failed)?),
        };
        Ok(Self { place, path: path.to_owned(), content, opener: Arc::new(Files::default()) })
    }

    fn standard_input() -> Result<Self, Error> {
        let failed = |source| Error::Open { place: STANDARD_INPUT.to_owned(), source };
        let file = standard_input().map_err(failed)?;
        Ok(Self { place: STANDARD_INPUT.to_owned(), ..Self::from_bytes("", file) })
    }

    /// A file that is already mapped or in memory, under a name. It stands alone: files that it names are not opened.
    pub fn from_bytes(name: &str, file: MappedFile) -> Self {
        let (place, path) = (name.to_owned(), PathBuf::from(name));
        Self { place, path, content: Content::File(file), opener: Arc::new(Nothing) }
    }

    /// The source as the user named it, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its path. It may not exist on the disk: the file may have been unpacked, or be in memory. Empty for standard
    /// input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The bytes of a file; `None` for a folder.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::File(file) => Some(file),
            Content::Folder(_) => None,
        }
    }

    /// The files of a folder, sorted by name; none for a file.
    pub fn members(&self) -> &[Member] {
        match &self.content {
            Content::File(_) => &[],
            Content::Folder(members) => members,
        }
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.content, Content::Folder(_))
    }

    /// Its kind, by its content.
    pub fn identify(&self) -> Identified {
        match &self.content {
            Content::File(file) => {
                let bytes: &[u8] = file;
                formats::identify(&bytes, Some(&self.path))
            }
            Content::Folder(members) => {
                let is_bundle =
                    members.iter().any(|member| member.name.starts_with("Contents/Resources/DWARF/"));
                if is_bundle { FileKind::DsymBundle } else { FileKind::Folder }.into()
            }
        }
    }

    /// Its size in bytes; for a folder, the size of all files in it.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::File(file) => file.len() as u64,
            Content::Folder(members) => members.iter().map(|member| member.size).sum(),
        }
    }

    /// Opens the files that it names.
    pub fn opener(&self) -> Arc<dyn Opener> {
        Arc::clone(&self.opener)
    }

    /// The file itself.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a folder; `expected` says what the front-end reads.
    pub fn into_file(self, expected: &str) -> Result<MappedFile, Error> {
        match self.content {
            Content::File(file) => Ok(file),
            Content::Folder(_) => Err(WrongKind::new(expected.to_owned(), FileKind::Folder).into()),
        }
    }
}

/// All of standard input. If it is redirected from a file, the file is mapped, and the program never writes to it.
fn standard_input() -> io::Result<MappedFile> {
    #[cfg(unix)]
    {
        use std::fs::File;
        use std::os::fd::AsFd;

        use profile::remember_input;

        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let metadata = file.metadata()?;
        if metadata.is_file() {
            remember_input(&metadata);
        }
        MappedFile::from_file(file)
    }
    #[cfg(not(unix))]
    {
        use std::io::Read;
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(MappedFile::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_bytes_and_a_folder_its_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b/c")).unwrap();
        std::fs::write(folder.path().join("b/c/d"), "four").unwrap();
        std::fs::write(folder.path().join("a"), "one").unwrap();
        let file = Source::open(&folder.path().join("a")).unwrap();
        assert_eq!((file.bytes(), file.name(), file.size()), (Some(&b"one"[..]), "a".to_owned(), 3));
        let whole = Source::open(folder.path()).unwrap();
        let names: Vec<&str> = whole.members().iter().map(|member| member.name.as_str()).collect();
        assert_eq!((names.as_slice(), whole.size()), (&["a", "b/c/d"][..], 7));
        let refused = whole.into_file("a PDB").unwrap_err();
        assert!(refused.to_string().starts_with("expected a PDB, found a folder"), "{refused}");
        let absent = Source::open(&folder.path().join("x")).unwrap_err();
        assert!(matches!(absent, Error::Open { .. }), "{absent}");
    }

    #[test]
    fn a_file_in_memory_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let beside = folder.path().join("beside");
        std::fs::write(&beside, "here").unwrap();
        let source = Source::from_bytes("x", Vec::new().into());
        assert!(source.opener().open(&beside, None).is_err());
        let source = Source::open(&beside).unwrap();
        let opener = source.opener();
        assert_eq!(&*opener.open(&beside, Some(folder.path())).unwrap(), b"here");
        assert!(opener.open(Path::new("/dev/zero"), None).is_err());
    }
}
