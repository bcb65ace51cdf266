//! ELF cores of machines (System V ABI, "ELF header" and "Program header"): one `PT_LOAD` segment per range of physical
//! memory, and notes that tell of the processors. Cores without program headers are read by their sections.

mod repair;
mod sections;

use std::sync::Arc;

use formats::identify;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, pod};
use profile::Arch;

use crate::Error;
use crate::bytes::Bytes;
use crate::container::{Container, Looked, Parts, notes};
use crate::segments::Segment;

pub(crate) use repair::is_nearly_core;

pub(crate) const MAGIC: &[u8] = &elf::ELFMAG;

/// More ranges than any machine has.
const MOST_HEADERS: u64 = 1 << 20;
/// Longer notes are not read; 64 thousand processors fit.
const LONGEST_NOTES: u64 = 64 << 20;
/// The physical address by which `/proc/kcore` marks ranges that are not memory.
const NO_ADDRESS: u64 = u64::MAX;

struct ProgramHeader {
    kind: elf::ProgramType,
    offset: u64,
    physical: u64,
    virtual_address: u64,
    length: u64,
    memory_length: u64,
}

/// Opens the core that begins with `start`, also if one byte of its header was changed. The table of program headers and the
/// notes are read up to the size of the file; `object` decodes the fields of each header.
pub(crate) fn open(bytes: Arc<dyn Bytes>, start: &[u8]) -> Result<Parts, Error> {
    let stated = open_stated(Arc::clone(&bytes), start);
    if stated.as_ref().is_ok_and(|parts| start.starts_with(MAGIC) && repair::fills_file(parts)) {
        return stated;
    }
    let is_sound = start.starts_with(MAGIC) && stated.as_ref().is_ok_and(repair::is_sound);
    match repair::mended(&bytes, start, is_sound) {
        Some(mended) => Ok(mended),
        None => stated,
    }
}

/// Opens the core as its header says.
fn open_stated(bytes: Arc<dyn Bytes>, start: &[u8]) -> Result<Parts, Error> {
    let (class, order) = match start.get(4..6) {
        Some([class, order]) => (elf::FileClass(*class), elf::DataEncoding(*order)),
        _ => return Err(short(start)),
    };
    let endian = match order {
        elf::ELFDATA2LSB => Some(Endianness::Little),
        elf::ELFDATA2MSB => Some(Endianness::Big),
        _ => None,
    };
    match (class, endian) {
        (elf::ELFCLASS64, Some(endian)) => open_as::<FileHeader64<Endianness>>(bytes, start, endian),
        (elf::ELFCLASS32, Some(endian)) => open_as::<FileHeader32<Endianness>>(bytes, start, endian),
        _ => Err(malformed(4, "class 1 or 2 and byte order 1 or 2", format!("{} and {}", class.0, order.0))),
    }
}

fn open_as<Elf: FileHeader<Endian = Endianness>>(
    bytes: Arc<dyn Bytes>,
    start: &[u8],
    endian: Endianness,
) -> Result<Parts, Error> {
    let (header, _) = pod::from_bytes::<Elf>(start).map_err(|()| short(start))?;
    if header.e_type(endian) != elf::ET_CORE {
        return Err(Error::wrong_kind(identify(&Looked(&bytes), None)));
    }
    let mut parts = Parts::new(Container::ElfCore, bytes);
    parts.hints.arch = arch(header.e_machine(endian));
    let table: u64 = header.e_phoff(endian).into();
    if header.e_phoff(endian).into() == 0 || header.e_phnum(endian) == 0 {
        sections::read(header, endian, &mut parts)?;
        return Ok(parts);
    }
    let mut headers = program_headers(header, endian, &mut parts)?;
    repair::types(&mut headers, endian, &mut parts);
    let notes = headers.iter().filter(|header| header.kind == elf::PT_NOTE);
    let notes: Vec<(u64, u64)> = notes.map(|header| (header.offset, header.length)).collect();
    read_note_ranges::<Elf>(&notes, endian, &mut parts);
    parts.segments = segments(&headers);
    parts.other_layouts = repair::layouts(&headers, parts.bytes.len());
    if parts.segments.is_empty() {
        let found = format!("none among {}", headers.len());
        return Err(malformed(table, "program headers that hold memory", found));
    }
    Ok(parts)
}

/// The program headers, as far as they are in the file.
fn program_headers<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    parts: &mut Parts,
) -> Result<Vec<ProgramHeader>, Error> {
    let table: u64 = header.e_phoff(endian).into();
    let size = u64::from(header.e_phentsize(endian));
    let smallest = size_of::<Elf::ProgramHeader>() as u64;
    if !(smallest..=2 * smallest).contains(&size) {
        let at = if Elf::is_type_64_sized() { 54 } else { 42 };
        return Err(malformed(at, "the size of a program header", size.to_string()));
    }
    let mut count = u64::from(header.e_phnum(endian));
    if count == u64::from(elf::PN_XNUM) {
        // The number does not fit here: it is in the first section header.
        let section = parts.bytes.up_to(header.e_shoff(endian).into(), size_of::<Elf::SectionHeader>());
        let section = section.map_err(Error::reading(Container::ElfCore))?;
        let section = pod::from_bytes::<Elf::SectionHeader>(&section).ok();
        count = section.map_or(count, |(section, _)| section.sh_info(endian).into());
    }
    // The number that fits into the file; a smaller table means a truncated file.
    let room = (parts.bytes.len().saturating_sub(table) / size).min(MOST_HEADERS);
    if count > room {
        parts.report.lose_many("missing program header", count - room, || {
            format!("the file has {room} of {count} program headers")
        });
    }
    let length = usize::try_from(count.min(room) * size).unwrap_or(usize::MAX);
    let content = parts.bytes.up_to(table, length).map_err(Error::reading(Container::ElfCore))?;
    let headers = content.chunks_exact(size as usize);
    let headers = headers.filter_map(|header| pod::from_bytes::<Elf::ProgramHeader>(header).ok());
    let headers = headers.map(|(header, _)| ProgramHeader {
        kind: header.p_type(endian),
        offset: header.p_offset(endian).into(),
        virtual_address: header.p_vaddr(endian).into(),
        physical: header.p_paddr(endian).into(),
        length: header.p_filesz(endian).into(),
        memory_length: header.p_memsz(endian).into(),
    });
    Ok(headers.collect())
}

/// Reads the notes in these ranges of the file (offset and length) into the hints.
fn read_note_ranges<Elf: FileHeader<Endian = Endianness>>(
    ranges: &[(u64, u64)],
    endian: Endianness,
    parts: &mut Parts,
) {
    // Several ranges may name the same notes: all of them together are read up to the size of the file.
    let mut room = parts.bytes.len().min(LONGEST_NOTES);
    for &(offset, stated) in ranges {
        let there = parts.bytes.len().saturating_sub(offset);
        let length = stated.min(LONGEST_NOTES).min(there);
        if length > room {
            parts
                .report
                .lose("unreadable note", || format!("{stated} bytes at {offset:#x}, behind too many others"));
            continue;
        }
        room -= length;
        match parts.bytes.up_to(offset, length as usize) {
            Ok(content) => notes::read::<Elf>(&content, endian, &mut parts.hints),
            Err(error) => {
                let error = Error::reading(Container::ElfCore)(error);
                parts.report.lose("unreadable note", || error.to_string());
            }
        }
    }
}

fn malformed(offset: u64, expected: &'static str, found: String) -> Error {
    Error::Malformed { container: Container::ElfCore, offset, expected, found }
}

fn short(start: &[u8]) -> Error {
    malformed(0, "an ELF header", format!("the end of the file after {} bytes", start.len()))
}

/// The ranges of memory. If no header has a physical address, the virtual ones are used.
fn segments(headers: &[ProgramHeader]) -> Vec<Segment> {
    let loaded = || headers.iter().filter(|header| header.kind == elf::PT_LOAD && header.length > 0);
    let physical = loaded().any(|header| header.physical != 0) || loaded().count() == 1;
    loaded()
        .filter(|header| header.physical != NO_ADDRESS)
        .map(|header| Segment {
            start: if physical { header.physical } else { header.virtual_address },
            length: header.length,
            offset: header.offset,
        })
        .collect()
}

/// `e_machine`, for the supported processors.
fn arch(machine: elf::Machine) -> Option<Arch> {
    Some(match machine {
        elf::EM_386 => Arch::I386,
        elf::EM_MIPS => Arch::Mips,
        elf::EM_PPC => Arch::Ppc,
        elf::EM_PPC64 => Arch::Ppc64,
        elf::EM_S390 => Arch::S390x,
        elf::EM_ARM => Arch::Arm,
        elf::EM_X86_64 => Arch::Amd64,
        elf::EM_AARCH64 => Arch::Arm64,
        elf::EM_RISCV => Arch::Riscv64,
        _ => return None,
    })
}
