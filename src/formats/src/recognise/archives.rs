//! Archives, identified by their headers and their members.

use crate::look::{Fields, Look};
use crate::{FileKind, Identified};

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    let kind = if look.begins(b"!<arch>\ndebian-binary") {
        FileKind::Deb
    } else if look.begins(b"!<arch>\n") {
        FileKind::Ar
    } else if look.begins(b"MSCF") {
        return cabinet(look).map(Into::into);
    } else if look.begins(b"PK\x03\x04") || look.begins(b"PK\x05\x06") || look.begins(b"PK\x07\x08") {
        zip(look)
    } else {
        return tar(look).map(Into::into);
    };
    Some(kind.into())
}

/// "Microsoft Cabinet Format": version 1.3, or three reserved numbers of which the first is zero. This excludes
/// memory and texts that begin with the same letters.
fn cabinet(look: &Look<'_>) -> Option<FileKind> {
    let fields = look.little();
    let version = fields.u16(24).is_none_or(|version| version == 0x0103);
    let reserved = fields.u32(4).is_none_or(|number| number == 0);
    (version || reserved).then_some(FileKind::Cabinet)
}

/// POSIX 1003.1, "ustar Interchange Format", with the checksum of the first header.
fn tar(look: &Look<'_>) -> Option<FileKind> {
    if !look.has(257, b"ustar") {
        return None;
    }
    let header = look.head().get(..512)?;
    let stated = header.get(148..156)?;
    let digits = stated.iter().filter(|byte| byte.is_ascii_digit());
    let stated = digits.fold(0u64, |sum, digit| sum * 8 + u64::from(digit & 7));
    let spaces = 8 * u64::from(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    let field: u64 = header.get(148..156)?.iter().map(|byte| u64::from(*byte)).sum();
    (sum - field + spaces == stated).then_some(FileKind::Tar)
}

/// The kind of a zip archive, by its comment and the names of its members.
fn zip(look: &Look<'_>) -> FileKind {
    let Some(directory) = directory(look) else { return by_first(look) };
    if directory.comment.starts_with(b"aff4:") {
        return FileKind::Aff4;
    }
    of_names(&directory.names)
}

/// The kind of archive that these member names belong to.
fn of_names(names: &[Vec<u8>]) -> FileKind {
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(&String::from_utf8_lossy(name)));
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let dump = |name: &str| {
        let base = base(name);
        [".dwarf", ".dwarfdump", ".vtypes", ".vtype"].iter().any(|ending| base.ends_with(ending))
    };
    if any(&|name| name == "information.turtle" || name == "container.description") {
        FileKind::Aff4
    } else if any(&|name| name == "[Content_Types].xml") || any(&|name| name == "META-INF/manifest.xml") {
        FileKind::Document
    } else if any(&|name| name == "META-INF/MANIFEST.MF" || name == "AndroidManifest.xml") {
        FileKind::Jar
    } else if any(&dump) || any(&|name| base(name).contains("system.map")) {
        FileKind::Pack
    } else {
        FileKind::Zip
    }
}

/// The kind by the name of the first member, for an archive whose directory cannot be read.
fn by_first(look: &Look<'_>) -> FileKind {
    let length = usize::from(look.little().u16(26).unwrap_or(0));
    let name = look.head().get(30..30 + length).unwrap_or_default();
    of_names(&[name.to_vec()])
}

/// The end of a zip archive.
struct Directory {
    comment: Vec<u8>,
    names: Vec<Vec<u8>>,
}

/// APPNOTE.TXT, 4.3.12 and 4.3.16. The archive's comment is searched for in the last kilobytes only.
fn directory(look: &Look<'_>) -> Option<Directory> {
    const TAIL: usize = 8 << 10;
    const LONGEST_DIRECTORY: usize = 256 << 10;
    let tail = look.tail(TAIL);
    let end = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let end = Fields::little(&tail).from(end);
    let (size, offset) = (end.u32(12)?, end.u32(16)?);
    let comment = end.bytes.get(22..)?.to_vec();
    let entries = look.read(offset.into(), (size as usize).min(LONGEST_DIRECTORY));
    let mut names = Vec::new();
    let mut entry = Fields::little(&entries);
    while entry.bytes.starts_with(b"PK\x01\x02") {
        let lengths =
            [entry.u16(28), entry.u16(30), entry.u16(32)].map(|length| usize::from(length.unwrap_or(0)));
        let Some(name) = entry.bytes.get(46..46 + lengths[0]) else { break };
        names.push(name.to_vec());
        entry = entry.from(46 + lengths.iter().sum::<usize>());
    }
    Some(Directory { comment, names })
}
