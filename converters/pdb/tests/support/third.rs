//! A third reader, made with `pdb2`: it knows the newer class records, and the addresses of symbols.

use std::collections::BTreeMap;
use std::path::Path;

use pdb::{FallibleIterator, SymbolData, TypeData, TypeIndex};

use super::second;
use super::shown::{Layout, Place};

/// Layouts of the classes in records 0x1608 to 0x160b, with their names (empty if a compiler made them up). Member
/// sizes are not compared.
pub fn newer_layouts(path: &Path) -> Vec<(String, Layout)> {
    let mut pdb = pdb::PDB::open(std::fs::File::open(path).unwrap()).unwrap();
    let information = pdb.type_information().unwrap();
    let mut finder = information.finder();
    let mut layouts = Vec::new();
    let mut records = information.iter();
    let mut definitions = Vec::new();
    while let Some(record) = records.next().unwrap() {
        finder.update(&records);
        if (0x1608..=0x160b).contains(&record.raw_kind()) {
            definitions.push(record.parse().unwrap());
        }
    }
    for definition in definitions {
        let (name, size, fields) = match definition {
            TypeData::Class(it) if !it.properties.forward_reference() => (it.name, it.size, it.fields),
            TypeData::Union(it) if !it.properties.forward_reference() => (it.name, it.size, Some(it.fields)),
            _ => continue,
        };
        let mut layout = Layout { size, members: BTreeMap::new() };
        members(&finder, fields, &mut layout);
        layouts.push((second::own_name(&name.to_string()), layout));
    }
    layouts
}

fn members(finder: &pdb::TypeFinder<'_>, fields: Option<TypeIndex>, layout: &mut Layout) {
    let Some(Ok(TypeData::FieldList(list))) = fields.map(|fields| finder.find(fields).unwrap().parse())
    else {
        return;
    };
    for field in list.fields {
        let (name, bit, width) = match field {
            TypeData::Member(it) => {
                let (bit, width) = match finder.find(it.field_type).unwrap().parse() {
                    Ok(TypeData::Bitfield(bits)) => (u64::from(bits.position), Some(bits.length.into())),
                    _ => (0, None),
                };
                (it.name.to_string().into_owned(), it.offset * 8 + bit, width)
            }
            TypeData::BaseClass(it) => {
                let base = finder.find(it.base_class).unwrap().parse().unwrap();
                (format!("__base_{}", base.name().unwrap()), u64::from(it.offset) * 8, None)
            }
            TypeData::VirtualFunctionTablePointer(_) => ("__vfptr".to_owned(), 0, None),
            TypeData::VirtualBaseClass(it) if it.direct => {
                ("__vbptr".to_owned(), u64::from(it.base_pointer_offset) * 8, None)
            }
            _ => continue,
        };
        layout.add(name, Place { bit, width });
    }
    members(finder, list.continuation, layout);
}

/// A public symbol: whether it is a function, and its RVA if it has one.
pub struct Public {
    pub name: String,
    pub function: bool,
    pub rva: Option<u32>,
}

/// Every public symbol, or the error of that reader.
pub fn publics(path: &Path) -> Result<Vec<Public>, String> {
    let mut pdb = pdb::PDB::open(std::fs::File::open(path).unwrap()).unwrap();
    let table = pdb.global_symbols().map_err(|error| error.to_string())?;
    let map = pdb.address_map().map_err(|error| error.to_string())?;
    let omap = omap_without_original_sections(path);
    let mut publics = Vec::new();
    let mut records = table.iter();
    while let Some(record) = records.next().map_err(|error| error.to_string())? {
        if let Ok(SymbolData::Public(it)) = record.parse() {
            let rva = it.offset.to_rva(&map).map(|rva| rva.0);
            let rva = if omap.is_empty() { rva } else { rva.and_then(|rva| moved(&omap, rva)) };
            publics.push(Public { name: it.name.to_string().into_owned(), function: it.function, rva });
        }
    }
    Ok(publics)
}

/// Every variable with an address: its name and the index of its type. Modules may have variables of the same name.
pub fn variables(path: &Path) -> Result<Vec<(String, u32)>, String> {
    let reason = |error: pdb::Error| error.to_string();
    let mut pdb = pdb::PDB::open(std::fs::File::open(path).unwrap()).unwrap();
    let mut variables = Vec::new();
    let mut add = |record: pdb::Symbol<'_>| {
        if let Ok(SymbolData::Data(it)) = record.parse()
            && it.type_index.0 != 0
        {
            variables.push((it.name.to_string().into_owned(), it.type_index.0));
        }
    };
    let table = pdb.global_symbols().map_err(reason)?;
    let mut records = table.iter();
    while let Some(record) = records.next().map_err(reason)? {
        add(record);
    }
    let information = pdb.debug_information().map_err(reason)?;
    let mut modules = information.modules().map_err(reason)?;
    while let Some(module) = modules.next().map_err(reason)? {
        let Some(module) = pdb.module_info(&module).map_err(reason)? else { continue };
        let mut records = module.symbols().map_err(reason)?;
        while let Some(record) = records.next().map_err(reason)? {
            add(record);
        }
    }
    variables.sort();
    variables.dedup();
    // Which of several gets the plain name depends on addresses, which are not read here.
    let mut counts = BTreeMap::<String, usize>::new();
    for (name, _) in &variables {
        *counts.entry(name.clone()).or_default() += 1;
    }
    variables.retain(|(name, _)| counts[name] == 1);
    Ok(variables)
}

/// The OMAP of a PDB without original section headers, which `pdb2` ignores in that case. Syzygy leaves the section
/// headers unchanged.
fn omap_without_original_sections(path: &Path) -> Vec<(u32, u32)> {
    use ms_pdb::dbi::optional_dbg::OptionalDebugStream as Slot;
    let Ok(pdb) = ms_pdb::Pdb::open(path) else { return Vec::new() };
    let dbi = pdb.read_dbi_stream().unwrap();
    let header = dbi.optional_debug_header().unwrap();
    let slot = |slot: Slot| header.stream_by_index(slot.0 as usize);
    let (Some(omap), None) = (slot(Slot::OMAP_FROM_SRC_DATA), slot(Slot::ORIGINAL_SECTION_HEADER_DATA))
    else {
        return Vec::new();
    };
    let bytes = pdb.read_stream_to_vec(omap).unwrap();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(8).map(|entry| (number(&entry[..4]), number(&entry[4..]))).collect()
}

/// The new place of the byte at `rva`; `None` if it was removed, which Syzygy marks with the highest bit.
fn moved(omap: &[(u32, u32)], rva: u32) -> Option<u32> {
    let (from, to) = omap.iter().rev().find(|(from, _)| *from <= rva)?;
    (*to != 0 && to >> 31 == 0).then(|| rva - from + to)
}
