//! ELF files: which debug information they hold, and the build-id by which separate debug information is found.

use crate::look::{Fields, Look, text};
use crate::{Detail, FileKind, Identified};

/// Further section and program headers are ignored.
const MOST_SECTIONS: u64 = 8192;
const MOST_SEGMENTS: u64 = 64;
const LONGEST_NOTES: usize = 64 << 10;

const ET_CORE: u16 = 4;
const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;

pub(super) fn recognise(look: &Look<'_>) -> Option<Identified> {
    if !look.begins(b"\x7fELF") {
        return None;
    }
    let Some(elf) = Elf::of(look) else {
        // A damaged or truncated header.
        return Some(if look.is_whole() { FileKind::ElfCut } else { FileKind::Elf }.into());
    };
    if !look.is_whole() {
        return Some(if elf.kind == ET_CORE { FileKind::ElfCore } else { FileKind::Elf }.into());
    }
    let Some(sections) = elf.sections() else {
        // A truncated core still holds memory up to its end.
        return Some(if elf.kind == ET_CORE { FileKind::ElfCore } else { FileKind::ElfCut }.into());
    };
    let has = |name: &str| sections.iter().any(|section| section.name == name.as_bytes());
    if elf.kind == ET_CORE {
        return Some(if has(".xen_pages") { FileKind::XenCore } else { FileKind::ElfCore }.into());
    }
    // Sections compressed in the old format have another name.
    if has(".debug_info") || has(".zdebug_info") || has(".debug_types") {
        return Some(FileKind::ElfDebug.into());
    }
    if has(".debug_cu_index") || has(".debug_tu_index") {
        return Some(FileKind::Dwp.into());
    }
    if has(".debug_info.dwo") || has(".debug_types.dwo") {
        return Some(FileKind::Dwo.into());
    }
    let kind = if has(".BTF") { FileKind::ElfBtf } else { FileKind::ElfStripped };
    Some(Identified { detail: elf.build_id(&sections).map(Detail::BuildId), ..kind.into() })
}

/// The header of an ELF file (System V ABI, "ELF Header").
struct Elf<'a> {
    look: &'a Look<'a>,
    wide: bool,
    big_endian: bool,
    kind: u16,
    segments: Table,
    sections: Table,
    /// The section that holds the names of sections.
    names: u64,
}

struct Table {
    offset: u64,
    size: u64,
    count: u64,
}

struct Section {
    name: Vec<u8>,
    offset: u64,
    size: u64,
}

impl<'a> Elf<'a> {
    fn of(look: &'a Look<'a>) -> Option<Self> {
        let head = look.head();
        let wide = match head.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let big_endian = match head.get(5)? {
            1 => false,
            2 => true,
            _ => return None,
        };
        let fields = Fields { bytes: head, big_endian };
        let (segments, sections, sizes) = if wide { (32, 40, 54) } else { (28, 32, 42) };
        let half = |at: usize| fields.u16(sizes + at).map(u64::from);
        Some(Self {
            look,
            wide,
            big_endian,
            kind: fields.u16(16)?,
            segments: Table { offset: fields.word(segments, wide)?, size: half(0)?, count: half(2)? },
            sections: Table { offset: fields.word(sections, wide)?, size: half(4)?, count: half(6)? },
            names: half(8)?,
        })
    }

    fn fields<'b>(&self, bytes: &'b [u8]) -> Fields<'b> {
        Fields { bytes, big_endian: self.big_endian }
    }

    /// The sections with their names; `None` if the file ends before the section table does.
    fn sections(&self) -> Option<Vec<Section>> {
        let Table { offset, size, mut count } = self.sections;
        if offset == 0 {
            return Some(Vec::new());
        }
        if size < if self.wide { 64 } else { 40 } {
            return None;
        }
        let first = self.look.read(offset, size as usize);
        let first = self.fields(&first);
        let mut names = self.names;
        // Values that do not fit into the header are in the first section header.
        if count == 0 {
            count = first.word(if self.wide { 32 } else { 20 }, self.wide)?;
        }
        if names == 0xffff {
            names = first.u32(if self.wide { 40 } else { 24 })?.into();
        }
        let length = self.look.length?;
        let end = offset.checked_add(count.checked_mul(size)?)?;
        if end > length {
            return None;
        }
        let count = count.min(MOST_SECTIONS);
        let table = self.look.read(offset, usize::try_from(count * size).ok()?);
        let header = |index: u64| table.get(usize::try_from(index.checked_mul(size)?).ok()?..);
        let place = |header: &[u8]| {
            let fields = self.fields(header);
            let at = if self.wide { 24 } else { 16 };
            let width = if self.wide { 8 } else { 4 };
            Some((fields.word(at, self.wide)?, fields.word(at + width, self.wide)?))
        };
        let texts = header(names)
            .and_then(place)
            .map(|(offset, size)| self.look.read(offset, usize::try_from(size).unwrap_or(usize::MAX)));
        let texts = texts.unwrap_or_default();
        let sections = table.chunks_exact(usize::try_from(size).ok()?).filter_map(|header| {
            let (offset, size) = place(header)?;
            let name = texts.get(self.fields(header).u32(0)? as usize..)?;
            Some(Section { name: text(name).to_owned(), offset, size })
        });
        Some(sections.collect())
    }

    /// The build-id from the note sections or, without any, from the note segments.
    fn build_id(&self, sections: &[Section]) -> Option<String> {
        let notes = |section: &&Section| matches!(&section.name[..], b".note.gnu.build-id" | b".notes");
        let in_sections =
            sections.iter().filter(notes).find_map(|section| self.id_at(section.offset, section.size));
        in_sections.or_else(|| self.id_in_segments())
    }

    fn id_in_segments(&self) -> Option<String> {
        let Table { offset, size, count } = self.segments;
        if offset == 0 || size < if self.wide { 56 } else { 32 } {
            return None;
        }
        let table = self.look.read(offset, usize::try_from(count.min(MOST_SEGMENTS) * size).ok()?);
        table.chunks_exact(usize::try_from(size).ok()?).find_map(|header| {
            let fields = self.fields(header);
            if fields.u32(0)? != PT_NOTE {
                return None;
            }
            let (offset, size) = if self.wide { (8, 32) } else { (4, 16) };
            self.id_at(fields.word(offset, self.wide)?, fields.word(size, self.wide)?)
        })
    }

    /// The build-id among the notes at a place.
    fn id_at(&self, offset: u64, size: u64) -> Option<String> {
        let notes = self.look.read(offset, usize::try_from(size).unwrap_or(usize::MAX).min(LONGEST_NOTES));
        let mut fields = self.fields(&notes);
        loop {
            let (name, id, kind) = (fields.u32(0)? as usize, fields.u32(4)? as usize, fields.u32(8)?);
            let start = 12usize.checked_add(name.checked_next_multiple_of(4)?)?;
            let end = start.checked_add(id)?;
            let id = fields.bytes.get(start..end)?;
            if kind == NT_GNU_BUILD_ID
                && fields.bytes.get(12..16) == Some(b"GNU\0")
                && (4..=64).contains(&id.len())
            {
                return Some(id.iter().map(|byte| format!("{byte:02x}")).collect());
            }
            fields = fields.from(end.checked_next_multiple_of(4)?);
        }
    }
}
