//! The baseline for our speed: gimli decodes every attribute of every entry in a file on one thread and hashes the
//! names. Nothing is kept.
//!
//! `cargo run --release -p rekall-profile-dwarf --example walk -- vmlinux`

use std::error::Error;
use std::hash::{DefaultHasher, Hasher};

use gimli::{AttributeValue, DwarfSections, EndianSlice, RunTimeEndian};
use object::{Object, ObjectSection};
use profile::MappedFile;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("expected the file to walk")?;
    let (entries, names) = walk(&MappedFile::open(path.as_ref())?)?;
    println!("{entries} entries, names {names:016x}");
    Ok(())
}

/// The number of entries, and a hash of their names.
pub fn walk(bytes: &[u8]) -> Result<(u64, u64), Box<dyn Error>> {
    let object = object::File::parse(bytes)?;
    let endian = if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections = DwarfSections::load(|id| -> Result<_, object::Error> {
        let section = object.section_by_name(id.name());
        section.map_or(Ok(Default::default()), |section| section.uncompressed_data())
    })?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
    let (mut entries, mut names) = (0u64, DefaultHasher::new());
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let abbreviations = dwarf.abbreviations(&header)?;
        let mut raw = header.entries_raw(&abbreviations, None)?;
        while !raw.is_empty() {
            let Some(abbreviation) = raw.read_abbreviation()? else { continue };
            entries += 1;
            for specification in abbreviation.attributes() {
                let attribute = raw.read_attribute(*specification)?;
                if attribute.name() == gimli::DW_AT_name {
                    let name = match attribute.raw_value() {
                        AttributeValue::String(name) => name,
                        AttributeValue::DebugStrRef(offset) => dwarf.debug_str.get_str(offset)?,
                        _ => continue,
                    };
                    names.write(name.slice());
                }
            }
        }
    }
    Ok((entries, names.finish()))
}

/// The size of `.debug_info` in bytes, unpacked.
pub fn debug_info_size(bytes: &[u8]) -> Result<u64, Box<dyn Error>> {
    let object = object::File::parse(bytes)?;
    let section = object.section_by_name(".debug_info").ok_or("no .debug_info")?;
    Ok(section.compressed_data()?.uncompressed_size)
}
