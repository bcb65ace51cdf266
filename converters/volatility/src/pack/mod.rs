//! The forms of a pack: a zip archive, the folder it was unpacked into, or one of its files.

mod discover;
mod role;
mod zip;

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use formats::{FileKind, WrongKind, identify};
use frontend::{Source, folder};
use profile::MappedFile;
use sha2::{Digest, Sha256};

pub use discover::find_packs;
pub(crate) use role::{Chosen, TypeSource};

use crate::Error;

/// A pack: its members, and how to read them.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    members: Vec<Member>,
    origin: Origin,
}

/// A file of a pack.
#[derive(Debug)]
struct Member {
    /// Its name in the pack, with slashes between folders; never used as a path.
    name: String,
    size: u64,
}

#[derive(Debug)]
enum Origin {
    Zip(zip::Archive),
    /// The only member.
    File(MappedFile),
    /// The paths of the members, in the members' order.
    Files(Vec<PathBuf>),
    /// The bytes of the members.
    Memory(Vec<Arc<[u8]>>),
}

/// The bytes of a member.
pub(crate) enum Content {
    Mapped(MappedFile),
    Unpacked(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Content::Mapped(file) => file,
            Content::Unpacked(bytes) => bytes,
            Content::Shared(bytes) => bytes,
        }
    }
}

/// What this front-end reads, in words.
pub(crate) const READS: &str = "a pack of Volatility 2, a dump of DWARF or vtypes";

/// Whether a file with this name, in a pack's folder, is used for a profile.
pub fn is_pack_member(name: &str) -> bool {
    role::of(name).is_some()
}

impl Pack {
    /// Opens a zip archive, an unpacked folder, or a single file (a dump, vtypes, a kernel module) as a pack of one
    /// member.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::WrongKind`] and [`Error::DamagedArchive`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let opened = Source::open(path).map_err(|error| match error {
            frontend::Error::Open { place, source } => Error::Open { path: place, source },
            other => Error::Open { path: path.display().to_string(), source: io::Error::other(other) },
        });
        Self::of_source(opened?)
    }

    /// The same for a source that is already open.
    ///
    /// # Errors
    /// [`Error::WrongKind`] and [`Error::DamagedArchive`].
    pub fn of_source(source: Source) -> Result<Self, Error> {
        let (place, path, mut name) = (source.place().to_owned(), source.path().to_owned(), source.name());
        if source.is_folder() {
            let found = source.members().iter();
            let (members, files) = found
                .map(|file: &folder::Member| {
                    (Member { name: file.name.clone(), size: file.size }, file.path.clone())
                })
                .unzip();
            return Ok(Self { path, members, origin: Origin::Files(files) });
        }
        let file = source
            .into_file(READS)
            .map_err(|error| Error::Open { path: place.clone(), source: io::Error::other(error) })?;
        let found = identify(&&file[..], Some(&path));
        let wrong_kind =
            |found| Err(Error::WrongKind { path: place.clone(), wrong: WrongKind::new(READS, found) });
        if zip::is_archive(&file) {
            if matches!(found.kind, FileKind::Document | FileKind::Jar | FileKind::Aff4) {
                return wrong_kind(found);
            }
            let archive = zip::Archive::open(file)
                .map_err(|reason| Error::DamagedArchive { path: place.clone(), reason })?;
            let members = archive.members();
            return Ok(Self { path, members, origin: Origin::Zip(archive) });
        }
        if !role::of(&name).is_some_and(role::Role::has_types) {
            // For other file names the content decides.
            name.push_str(match found.kind {
                FileKind::LibdwarfText | FileKind::ReadelfText | FileKind::LlvmText => ".dwarf",
                FileKind::Vtypes => ".vtypes",
                _ => return wrong_kind(found),
            });
        }
        let members = vec![Member { name, size: file.len() as u64 }];
        Ok(Self { path, members, origin: Origin::File(file) })
    }

    /// A pack of members that are already in memory, each with its name in the pack.
    pub fn in_memory(members: Vec<(String, Vec<u8>)>) -> Self {
        let (members, bytes) = members
            .into_iter()
            .map(|(name, bytes)| (Member { name, size: bytes.len() as u64 }, Arc::from(bytes)))
            .unzip();
        Self { path: PathBuf::new(), members, origin: Origin::Memory(bytes) }
    }

    /// The names of its members, in the order of the archive.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.name.as_str())
    }

    /// The uncompressed size of all members according to the archive.
    pub fn size(&self) -> u64 {
        self.members.iter().map(|member| member.size).sum()
    }

    /// The file name of the pack, without its ending.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = [".zip", ".vtypes", ".dwarf", ".py"].iter().find_map(|ending| name.strip_suffix(ending));
        stem.unwrap_or(&name).to_owned()
    }

    pub(crate) fn name_of(&self, member: usize) -> &str {
        self.members.get(member).map_or("", |member| &member.name)
    }

    /// Chooses the members that are used.
    pub(crate) fn choose(&self) -> Chosen {
        Chosen::among(&self.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>())
    }

    /// Reads a member.
    pub(crate) fn read(&self, member: usize) -> Result<Content, Error> {
        let damaged = |reason: String| Error::Member { member: self.name_of(member).to_owned(), reason };
        match &self.origin {
            Origin::Zip(archive) => archive.read(member).map(Content::Unpacked).map_err(damaged),
            Origin::File(file) => Ok(Content::Mapped(file.clone())),
            Origin::Files(paths) => {
                let path = paths.get(member).ok_or_else(|| damaged("it is gone".to_owned()))?;
                MappedFile::open(path).map(Content::Mapped).map_err(|error| damaged(error.to_string()))
            }
            Origin::Memory(all) => {
                let bytes = all.get(member).ok_or_else(|| damaged("it is gone".to_owned()))?;
                Ok(Content::Shared(Arc::clone(bytes)))
            }
        }
    }

    /// The SHA-256 of the archive or file. For a folder it is the SHA-256 of the lines that `sha256sum` prints for
    /// its files, sorted.
    pub(crate) fn sha256(&self) -> Result<String, Error> {
        if let Origin::Zip(archive) = &self.origin {
            return Ok(hex(archive.bytes()));
        }
        if let [_] = &self.members[..] {
            return Ok(hex(&self.read(0)?));
        }
        let mut lines = Vec::with_capacity(self.members.len());
        for (index, member) in self.members.iter().enumerate() {
            lines.push(format!("{}  {}\n", hex(&self.read(index)?), member.name));
        }
        lines.sort_unstable();
        Ok(hex(lines.concat().as_bytes()))
    }
}

/// The SHA-256 of some bytes, in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}
