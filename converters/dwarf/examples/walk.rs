//! The floor our speed is measured against: gimli decodes every attribute of every DIE of a file, on one
//! thread, and hashes the names. Nothing is kept.
//!
//! `cargo run --release --example walk -- vmlinux`

use std::hash::{DefaultHasher, Hasher};

use object::{Object, ObjectSection};
use profile::MappedFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("expected the file to walk")?;
    let file = MappedFile::open(path.as_ref())?;
    let object = object::File::parse(&*file)?;
    let endian =
        if object.is_little_endian() { gimli::RunTimeEndian::Little } else { gimli::RunTimeEndian::Big };
    let sections = gimli::DwarfSections::load(|id| -> Result<_, object::Error> {
        object
            .section_by_name(id.name())
            .map_or(Ok(Default::default()), |section| section.uncompressed_data())
    })?;
    let dwarf = sections.borrow(|section| gimli::EndianSlice::new(section, endian));
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
                        gimli::AttributeValue::String(name) => name,
                        gimli::AttributeValue::DebugStrRef(offset) => dwarf.debug_str.get_str(offset)?,
                        _ => continue,
                    };
                    names.write(name.slice());
                }
            }
        }
    }
    println!("{entries} entries, names {:016x}", names.finish());
    Ok(())
}
