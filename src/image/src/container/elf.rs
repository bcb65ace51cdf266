//! ELF cores of machines (System V ABI, "ELF header" and "Program header"): one `PT_LOAD` segment per range of physical
//! memory, and notes that tell of the processors.

use std::sync::Arc;

use profile::Arch;

use crate::Error;
use crate::bytes::Bytes;
use crate::container::{Container, Parts, notes};
use crate::fields::Fields;
use crate::segments::Segment;

pub(crate) const MAGIC: &[u8] = b"\x7fELF";

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const ET_CORE: u16 = 4;
/// The number of program headers does not fit: it stands in the first section header (`sh_info`).
const PN_XNUM: u64 = 0xffff;
/// More ranges than any machine has.
const MOST_HEADERS: u64 = 1 << 20;
/// Notes beyond are not read: 64 thousand processors have room in it.
const LONGEST_NOTES: u64 = 64 << 20;
/// `/proc/kcore` marks what is no memory by this physical address.
const NO_ADDRESS: u64 = u64::MAX;

struct ProgramHeader {
    kind: u32,
    offset: u64,
    physical: u64,
    virtual_address: u64,
    length: u64,
}

pub(crate) fn open(bytes: Arc<dyn Bytes>, start: &[u8]) -> Result<Parts, Error> {
    let mut parts = Parts::new(Container::ElfCore, bytes);
    let malformed =
        |offset, expected, found| Error::Malformed { container: Container::ElfCore, offset, expected, found };
    let short = || malformed(0, "an ELF header", format!("the end of the file after {} bytes", start.len()));
    let (class, data) = match start.get(4..6) {
        Some([class, data]) => (*class, *data),
        _ => return Err(short()),
    };
    if !matches!(class, 1 | 2) || !matches!(data, 1 | 2) {
        return Err(malformed(4, "class 1 or 2 and byte order 1 or 2", format!("{class} and {data}")));
    }
    let wide = class == 2;
    let header = Fields::of_endian(start, data == 2);
    let kind = header.u16(16).ok_or_else(short)?;
    if kind != ET_CORE {
        return Err(Error::Foreign {
            found: "an ELF file that is no core".to_owned(),
            advice: "parse_dwarf makes a profile of a kernel or module",
        });
    }
    let machine = header.u16(18).ok_or_else(short)?;
    let (table, sections, sizes) = if wide {
        (header.u64(32), header.u64(40), 54)
    } else {
        (header.word(28, false), header.word(32, false), 42)
    };
    let table = table.ok_or_else(short)?;
    let size = u64::from(header.u16(sizes).ok_or_else(short)?);
    let mut count = u64::from(header.u16(sizes + 2).ok_or_else(short)?);
    let smallest = if wide { 56 } else { 32 };
    if !(smallest..=2 * smallest).contains(&size) {
        return Err(malformed(sizes as u64, "the size of a program header", size.to_string()));
    }
    if count == PN_XNUM {
        let section =
            parts.bytes.up_to(sections.ok_or_else(short)?, 64).map_err(Error::reading(Container::ElfCore))?;
        let at = if wide { 44 } else { 28 };
        let section = Fields::of_endian(&section, data == 2);
        count = section.u32(at).map_or(count, u64::from);
    }
    // What the file has room for; a smaller table is a truncated file.
    let room = (parts.bytes.len().saturating_sub(table) / size).min(MOST_HEADERS);
    if count > room {
        parts.report.lose_many("missing program header", count - room, || {
            format!("the file has {room} of {count} program headers")
        });
    }
    let count = count.min(room);
    let headers = parts
        .bytes
        .up_to(table, usize::try_from(count * size).unwrap_or(usize::MAX))
        .map_err(Error::reading(Container::ElfCore))?;
    let headers: Vec<ProgramHeader> = headers
        .chunks_exact(size as usize)
        .filter_map(|header| program_header(Fields::of_endian(header, data == 2), wide))
        .collect();

    parts.hints.arch = arch(machine);
    // Several headers may name the same notes: all of them together are read up to the size of the file.
    let mut room = parts.bytes.len().min(LONGEST_NOTES);
    for header in headers.iter().filter(|header| header.kind == PT_NOTE) {
        let there = parts.bytes.len().saturating_sub(header.offset);
        let length = header.length.min(LONGEST_NOTES).min(there);
        if length > room {
            parts.report.lose("unreadable note", || {
                format!("{} bytes at {:#x}, behind too many others", header.length, header.offset)
            });
            continue;
        }
        room -= length;
        match parts.bytes.up_to(header.offset, length as usize) {
            Ok(content) => notes::read(&content, data == 2, &mut parts.hints),
            Err(error) => {
                let error = Error::reading(Container::ElfCore)(error);
                parts.report.lose("unreadable note", || error.to_string());
            }
        }
    }
    parts.segments = segments(&headers);
    if parts.segments.is_empty() {
        return Err(malformed(table, "program headers that hold memory", format!("none among {count}")));
    }
    Ok(parts)
}

fn program_header(fields: Fields, wide: bool) -> Option<ProgramHeader> {
    let [offset, virtual_address, physical, length] = if wide { [8, 16, 24, 32] } else { [4, 8, 12, 16] };
    Some(ProgramHeader {
        kind: fields.u32(0)?,
        offset: fields.word(offset, wide)?,
        virtual_address: fields.word(virtual_address, wide)?,
        physical: fields.word(physical, wide)?,
        length: fields.word(length, wide)?,
    })
}

/// The ranges of memory. Where no header has a physical address, the virtual one is taken for it.
fn segments(headers: &[ProgramHeader]) -> Vec<Segment> {
    let loaded = || headers.iter().filter(|header| header.kind == PT_LOAD && header.length > 0);
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

/// `e_machine`, for the processors whose memory is looked at.
pub(crate) fn arch(machine: u16) -> Option<Arch> {
    Some(match machine {
        3 => Arch::I386,
        8 => Arch::Mips,
        20 => Arch::Ppc,
        21 => Arch::Ppc64,
        22 => Arch::S390x,
        40 => Arch::Arm,
        62 => Arch::Amd64,
        183 => Arch::Arm64,
        243 => Arch::Riscv64,
        _ => return None,
    })
}
