use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use formats::FileKind;
use pe::{CabinetError, Identity, IdentityError, MsfzError, PdbCabinet, unpack_msfz};
use profile::{AtomicFile, Progress};

use crate::error::in_words;
use crate::layout::{self, Form};
use crate::listing::Listings;
use crate::manifest::Wanted;
use crate::pointer::Pointer;

/// Why a file is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It was truncated on its way.
    Cut(String),
    /// It is something else.
    Other(String),
    /// The unpacked file cannot be written.
    Write(io::Error),
}

impl Refusal {
    /// The message for the user.
    pub fn reason(self) -> String {
        match self {
            Self::Cut(reason) | Self::Other(reason) => reason,
            Self::Write(error) => error.to_string(),
        }
    }
}

/// A folder laid out as a store, into which PDBs are put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FolderStore {
    root: PathBuf,
}

/// The kind of a file, by its first bytes.
pub(crate) enum Content {
    /// The PDB, ready to be used.
    Pdb,
    /// A compressed PDB.
    Packed(FileKind),
}

impl FolderStore {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn two_tiers(&self) -> bool {
        self.root.join(layout::TWO_TIERS).is_file()
    }

    /// The places of the file, in the order in which they are tried.
    pub fn places(&self, wanted: &Wanted) -> Vec<(Form, PathBuf)> {
        layout::entries(wanted, self.two_tiers())
            .into_iter()
            .map(|entry| (entry.form, self.root.join(entry.path.iter().collect::<PathBuf>())))
            .collect()
    }

    /// The places of the file in other spellings than those of [`FolderStore::places`].
    pub fn other_spellings(&self, wanted: &Wanted, listings: &Listings) -> Vec<(Form, PathBuf)> {
        let mut found: Vec<(Form, PathBuf)> = Vec::new();
        for entry in layout::entries(wanted, self.two_tiers()) {
            for path in listings.matching(&self.root, entry.path.iter().map(String::as_str)) {
                if found.iter().all(|(_, known)| *known != path) {
                    found.push((entry.form, path));
                }
            }
        }
        found
    }

    /// The place of the plain file.
    fn place(&self, wanted: &Wanted) -> PathBuf {
        let mut places = self.places(wanted);
        if places.is_empty() { self.root.clone() } else { places.swap_remove(0).1 }
    }

    /// Creates a file for the store. It is invisible until it is put into its place.
    pub fn begin(&self, wanted: &Wanted) -> io::Result<AtomicFile> {
        std::fs::create_dir_all(&self.root)?;
        AtomicFile::create_in(&self.root, &self.place(wanted))
    }

    /// Moves a checked file into its place. If a valid file has appeared there in the meantime, it stays; an invalid
    /// one is replaced.
    pub fn put(&self, wanted: &Wanted, file: AtomicFile) -> io::Result<PathBuf> {
        let path = file.path().to_owned();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let there = profile::open_regular(&path, profile::LARGEST_COMPANION)
            .is_ok_and(|mut there| matches!(examine(&mut there, wanted), Ok(Content::Pdb)));
        if !there {
            file.commit()?;
        }
        Ok(path)
    }

    /// Copies a checked file into the store.
    pub fn copy(&self, wanted: &Wanted, from: &Path) -> io::Result<PathBuf> {
        let mut source = File::open(from)?;
        let file = self.begin(wanted)?;
        io::copy(&mut source, &mut file.as_file())?;
        self.put(wanted, file)
    }
}

/// Checks whether a file is the wanted PDB, a compressed file that may hold it, or neither.
pub(crate) fn examine(file: &mut (impl Read + Seek), wanted: &Wanted) -> Result<Content, Refusal> {
    match Identity::read(file) {
        Ok(identity) if identity.guid_age == wanted.guid_age => Ok(Content::Pdb),
        Ok(identity) => {
            Err(Refusal::Other(format!("expected the PDB {}, found {}", wanted.guid_age, identity.guid_age)))
        }
        Err(IdentityError::WrongKind(wrong)) => match wrong.kind() {
            kind @ (FileKind::Cabinet | FileKind::Msfz) => Ok(Content::Packed(kind)),
            FileKind::Empty | FileKind::PdbCut => Err(Refusal::Cut(wrong.reason())),
            _ => Err(Refusal::Other(wrong.reason())),
        },
        Err(error @ IdentityError::Truncated { .. }) => Err(Refusal::Cut(in_words(&error))),
        Err(error) => Err(Refusal::Other(in_words(&error))),
    }
}

/// Unpacks the PDB in a compressed file, named `shown` in messages, to `target`.
pub(crate) fn unpack(
    source: &File,
    container: FileKind,
    shown: &str,
    wanted: &Wanted,
    target: &mut AtomicFile,
    limit: u64,
    progress: &dyn Progress,
) -> Result<(), Refusal> {
    let step = format!("Extracting {wanted}");
    let came = |done| progress.advance(&step, done);
    let refuse = |error: &dyn std::error::Error| Refusal::Other(in_words(error));
    match container {
        FileKind::Cabinet => {
            let mut source = source.try_clone().map_err(|error| refuse(&error))?;
            source.seek(SeekFrom::Start(0)).map_err(|error| refuse(&error))?;
            progress.debug(&format!("Extracting cabinet: {shown}"));
            let mut cabinet = PdbCabinet::open(BufReader::new(source), Some(wanted.name.as_str()), limit)
                .map_err(|error| refuse(&error))?;
            progress.debug(&format!("  extracting {}", cabinet.member().name));
            progress.begin(&step, Some(cabinet.member().size));
            let result = cabinet.extract(target, &came);
            progress.end(&step);
            result.map_err(|error| match error {
                CabinetError::Write(source) => Refusal::Write(source),
                error @ CabinetError::Cut { .. } => Refusal::Cut(in_words(&error)),
                error => refuse(&error),
            })?;
        }
        _ => {
            progress.debug(&format!("Unpacking the compact PDB {shown}"));
            progress.begin(&step, None);
            let result = unpack_msfz(source, target.as_file(), limit, &came);
            progress.end(&step);
            result.map_err(|error| match error {
                MsfzError::Write(source) => Refusal::Write(source),
                error => refuse(&error),
            })?;
        }
    }
    target.flush().map_err(Refusal::Write)?;
    match examine(target, wanted)? {
        Content::Pdb => Ok(()),
        Content::Packed(container) => {
            Err(Refusal::Other(format!("expected a PDB inside, found {container}")))
        }
    }
}

/// Reads a `file.ptr`.
pub(crate) fn read_pointer(file: &mut (impl Read + Seek)) -> Result<Pointer, Refusal> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.by_ref().take(Pointer::LONGEST + 1).read_to_end(&mut text))
        .map_err(|error| Refusal::Other(in_words(&error)))?;
    if text.len() as u64 > Pointer::LONGEST {
        let found = FileKind::of(&text);
        return Err(Refusal::Other(format!(
            "expected a file.ptr of at most {} bytes, found {found}",
            Pointer::LONGEST
        )));
    }
    Pointer::parse(&text).map_err(|error| Refusal::Other(in_words(&error)))
}
