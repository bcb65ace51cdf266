//! ELF cores that tell by sections what they hold, because they have no program headers: Xen's `dump-core` format
//! (`misc/dump-core-format` in Xen's documentation), and cores whose sections with addresses are the memory.

use std::collections::HashMap;

use object::elf;
use object::read::elf::{FileHeader, SectionHeader as _};
use object::{Endianness, pod};

use super::{malformed, read_note_ranges};
use crate::Error;
use crate::container::{Container, Parts};
use crate::fields::Fields;
use crate::segments::Segment;

/// More sections than any core has.
const MOST_SECTIONS: u64 = 1 << 16;
/// Names of sections beyond are not read.
const LONGEST_NAMES: u64 = 1 << 20;
/// The page number of a slot that holds no page (`~0`).
const NO_PAGE: u64 = u64::MAX;
/// The note of `.note.Xen` with the dump's header (`XEN_ELFNOTE_DUMPCORE_HEADER`).
const HEADER_NOTE: u32 = 0x200_0001;
/// The magic numbers of that header: of a paravirtualised guest (`XC_CORE_MAGIC`) and of a fully virtualised one
/// (`XC_CORE_MAGIC_HVM`).
const MAGICS: [u64; 2] = [0xf00f_ebed, 0xf00f_ebee];
/// The sizes that pages have.
const PAGE_SIZES: std::ops::RangeInclusive<u64> = 4096..=(64 << 10);

struct Section {
    name: Vec<u8>,
    kind: elf::SectionType,
    address: u64,
    offset: u64,
    length: u64,
}

/// Fills `parts` with what the sections tell. Their table starts at `e_shoff`.
pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    parts: &mut Parts,
) -> Result<(), Error> {
    let sections = sections(header, endian, parts)?;
    let notes = sections.iter().filter(|section| section.kind == elf::SHT_NOTE);
    let notes: Vec<(u64, u64)> = notes.map(|section| (section.offset, section.length)).collect();
    read_note_ranges::<Elf>(&notes, endian, parts);
    let named = |name: &[u8]| sections.iter().find(|section| section.name == name);
    if let Some(pages) = named(b".xen_pages") {
        let table = named(b".xen_pfn").map(|table| (table, 8));
        let table = table.or_else(|| named(b".xen_p2m").map(|table| (table, 16)));
        let size = page_size(named(b".note.Xen"), endian, parts)?;
        let Some((table, entry)) = table else {
            let found = "a core with .xen_pages alone".to_owned();
            return Err(malformed(header.e_shoff(endian).into(), "a section .xen_pfn or .xen_p2m", found));
        };
        return place_pages(pages, table, entry, size, endian, parts);
    }
    let memory = |section: &&Section| section.kind == elf::SHT_PROGBITS && section.address != 0;
    parts.segments.extend(sections.iter().filter(memory).map(|section| Segment {
        start: section.address,
        length: section.length,
        offset: section.offset,
    }));
    // A lone section may well begin at address 0.
    if parts.segments.is_empty() {
        let mut bits = sections.iter().filter(|section| section.kind == elf::SHT_PROGBITS);
        if let (Some(section), None) = (bits.next(), bits.next()) {
            parts.segments.push(Segment { start: 0, length: section.length, offset: section.offset });
        }
    }
    if parts.segments.is_empty() {
        let found = format!("no program headers, and {} sections without memory", sections.len());
        return Err(malformed(
            header.e_shoff(endian).into(),
            "program headers or sections that hold memory",
            found,
        ));
    }
    Ok(())
}

/// The sections, as far as the file has their headers, with their names.
fn sections<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    parts: &mut Parts,
) -> Result<Vec<Section>, Error> {
    let reading = Error::reading(Container::ElfCore);
    let table: u64 = header.e_shoff(endian).into();
    let size = size_of::<Elf::SectionHeader>() as u64;
    let stated = u64::from(header.e_shentsize(endian));
    if table == 0 {
        return Err(malformed(0, "program headers or sections that hold memory", "neither".to_owned()));
    }
    if stated != size {
        let at = if Elf::is_type_64_sized() { 58 } else { 46 };
        return Err(malformed(at, "the size of a section header", stated.to_string()));
    }
    let first = parts.bytes.up_to(table, size as usize).map_err(&reading)?;
    let first = pod::from_bytes::<Elf::SectionHeader>(&first).ok();
    // Numbers that do not fit are in the first section header.
    let mut count = u64::from(header.e_shnum(endian));
    let mut names = u64::from(header.e_shstrndx(endian).0);
    if let Some((first, _)) = first {
        if count == 0 {
            count = first.sh_size(endian).into();
        }
        if names == u64::from(elf::SHN_XINDEX.0) {
            names = first.sh_link(endian).into();
        }
    }
    let room = (parts.bytes.len().saturating_sub(table) / size).min(MOST_SECTIONS);
    if count > room {
        parts.report.lose_many("missing section header", count - room, || {
            format!("the file has {room} of {count} section headers")
        });
    }
    let length = usize::try_from(count.min(room) * size).unwrap_or(usize::MAX);
    let content = parts.bytes.up_to(table, length).map_err(&reading)?;
    let headers = content.chunks_exact(size as usize);
    let headers = headers.filter_map(|header| pod::from_bytes::<Elf::SectionHeader>(header).ok());
    let headers: Vec<&Elf::SectionHeader> = headers.map(|(header, _)| header).collect();
    let names = usize::try_from(names).ok().and_then(|index| headers.get(index)).copied();
    let names = match names {
        Some(header) => {
            let length: u64 = header.sh_size(endian).into();
            let offset: u64 = header.sh_offset(endian).into();
            parts.bytes.up_to(offset, length.min(LONGEST_NAMES) as usize).map_err(&reading)?
        }
        None => Vec::new(),
    };
    let name = |at: u32| -> Vec<u8> {
        // Those that are looked for have fewer than 16 letters.
        let text = names.get(at as usize..).unwrap_or_default();
        text.iter().copied().take_while(|byte| *byte != 0).take(64).collect()
    };
    let sections = headers.into_iter().map(|header| Section {
        name: name(header.sh_name(endian)),
        kind: header.sh_type(endian),
        address: header.sh_addr(endian).into(),
        offset: header.sh_offset(endian).into(),
        length: header.sh_size(endian).into(),
    });
    Ok(sections.collect())
}

/// The size of a page, as the dump's header states it; 4096 where there is no header.
fn page_size(notes: Option<&Section>, endian: Endianness, parts: &Parts) -> Result<u64, Error> {
    let Some(notes) = notes else { return Ok(4096) };
    let length = notes.length.min(LONGEST_NAMES) as usize;
    let content = parts.bytes.up_to(notes.offset, length).map_err(Error::reading(Container::ElfCore))?;
    let fields = Fields::of_endian(&content, endian == Endianness::Big);
    let mut at = 0;
    while let (Some(name), Some(body), Some(kind)) = (fields.u32(at), fields.u32(at + 4), fields.u32(at + 8))
    {
        let start = at.saturating_add(12).saturating_add((name as usize).next_multiple_of(4));
        if kind == HEADER_NOTE {
            let number = |index: usize| fields.u64(start.saturating_add(8 * index));
            let place = notes.offset.saturating_add(start as u64);
            if !number(0).is_some_and(|magic| MAGICS.contains(&magic)) {
                let found =
                    number(0).map_or("the end of the notes".to_owned(), |magic| format!("{magic:#x}"));
                return Err(malformed(place, "the magic number of a Xen core", found));
            }
            let size = number(3).unwrap_or(0);
            if !PAGE_SIZES.contains(&size) || !size.is_power_of_two() {
                return Err(malformed(place, "a size of pages from 4096 to 65536", size.to_string()));
            }
            return Ok(size);
        }
        let Some(next) = start.checked_add((body as usize).next_multiple_of(4)) else { break };
        at = next;
    }
    Ok(4096)
}

/// Lays the pages out: entry `i` of the table says which page the dump's page `i` is. Pages that lie behind each other in
/// memory and in the file become one segment.
fn place_pages(
    pages: &Section,
    table: &Section,
    entry: usize,
    size: u64,
    endian: Endianness,
    parts: &mut Parts,
) -> Result<(), Error> {
    let reading = Error::reading(Container::ElfCore);
    let slots = pages.length / size;
    let count = (table.length / entry as u64).min(slots);
    if count < slots {
        parts.report.lose_many("page without a number", slots - count, || {
            format!("{slots} pages, and numbers for {count} of them")
        });
    }
    let there = parts.bytes.len().saturating_sub(table.offset) / entry as u64;
    if there < count {
        parts.report.lose_many("page without a number", count - there, || {
            format!("the file ends within the table of {count} page numbers")
        });
    }
    // Which frame the machine keeps a page in is of no use: the guest knows its own number alone.
    const AT_ONCE: u64 = 1 << 16;
    let mut segments: Vec<Segment> = Vec::new();
    let mut twice = 0u64;
    let mut seen: HashMap<u64, ()> = HashMap::new();
    let mut slot = 0;
    while slot < count.min(there) {
        let now = (count.min(there) - slot).min(AT_ONCE);
        let at = table.offset.saturating_add(slot * entry as u64);
        let content = parts.bytes.up_to(at, (now as usize) * entry).map_err(&reading)?;
        for numbers in content.chunks_exact(entry) {
            let number = Fields::of_endian(numbers, endian == Endianness::Big).u64(0).unwrap_or(NO_PAGE);
            let offset = pages.offset.saturating_add(slot * size);
            slot += 1;
            let Some(start) = (number != NO_PAGE).then(|| number.checked_mul(size)).flatten() else {
                continue;
            };
            match segments.last_mut() {
                Some(last)
                    if last.start.checked_add(last.length) == Some(start)
                        && last.offset.checked_add(last.length) == Some(offset) =>
                {
                    last.length += size;
                }
                _ => {
                    if seen.insert(start, ()).is_some() {
                        twice += 1;
                        continue;
                    }
                    segments.push(Segment { start, length: size, offset });
                }
            }
        }
        if (content.len() as u64) < now * entry as u64 {
            break;
        }
    }
    if twice > 0 {
        parts.report.lose_many("page that is there twice", twice, || "the first one is used".to_owned());
    }
    if segments.is_empty() {
        return Err(malformed(table.offset, "numbers of pages", format!("none among {count}")));
    }
    parts.segments = segments;
    Ok(())
}
