//! A second reader of types, made with Microsoft's `ms-pdb`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ms_pdb::codeview::parser::Number;
use ms_pdb::tpi::TypeStream;
use ms_pdb::types::fields::Field;
use ms_pdb::types::{Leaf, TypeData, TypeIndex};

use super::shown::{Layout, Layouts, Place};

/// The result of the second reader.
pub struct Second {
    pub layouts: Layouts,
    /// The number of definitions in records of kinds that it cannot read.
    pub unreadable: usize,
    /// Enumerations by name: labels with their values as the records hold them.
    pub enumerations: BTreeMap<String, BTreeSet<BTreeMap<String, i128>>>,
    pub guid: String,
    pub dbi_age: u32,
}

/// Reads the types of a PDB; pointers without a size of their own have `address` bytes.
pub fn read(path: &Path, address: u64) -> Second {
    let pdb = ms_pdb::Pdb::open(path).unwrap();
    let stream = pdb.read_type_stream().unwrap();
    let reader = Reader { definitions: definitions(&stream), stream: &stream, address };
    let guid = pdb.binding_key().guid.simple().to_string().to_uppercase();
    let mut second = Second {
        layouts: Layouts::new(),
        unreadable: 0,
        enumerations: BTreeMap::new(),
        guid,
        dbi_age: pdb.dbi_header().age.get(),
    };
    for record in stream.iter_type_records() {
        if (0x1608..=0x160b).contains(&record.kind.0) {
            second.unreadable += 1;
        }
        let Ok(data) = record.parse() else { continue };
        match data {
            TypeData::Struct(it) if !it.fixed.property.get().fwdref() => {
                let layout = reader.layout(number(it.length), it.fixed.field_list.get());
                second.layouts.entry(own_name(&it.name.to_string())).or_default().insert(layout);
            }
            TypeData::Union(it) if !it.fixed.property.get().fwdref() => {
                let layout = reader.layout(number(it.length), it.fixed.fields.get());
                second.layouts.entry(own_name(&it.name.to_string())).or_default().insert(layout);
            }
            TypeData::Enum(it) if !it.fixed.property.get().fwdref() => {
                let labels = reader.labels(it.fixed.fields.get());
                second.enumerations.entry(own_name(&it.name.to_string())).or_default().insert(labels);
            }
            _ => {}
        }
    }
    second
}

/// Names that compilers make up count as empty.
pub fn own_name(name: &str) -> String {
    let last = name.rsplit("::").next().unwrap();
    let made_up = last == "__unnamed"
        || ["<unnamed-", "<anonymous-"].iter().any(|start| last.starts_with(start))
            && last.matches('>').count() == 1
            && last.ends_with('>');
    if made_up { String::new() } else { name.to_owned() }
}

type Types = TypeStream<Vec<u8>>;

/// Sizes of definitions by decorated name or, without one, by name.
fn definitions(stream: &Types) -> BTreeMap<Vec<u8>, u64> {
    let mut definitions = BTreeMap::new();
    for record in stream.iter_type_records() {
        let (forward, name, unique, size) = match record.parse() {
            Ok(TypeData::Struct(it)) => {
                (it.fixed.property.get().fwdref(), it.name, it.unique_name, it.length)
            }
            Ok(TypeData::Union(it)) => (it.fixed.property.get().fwdref(), it.name, it.unique_name, it.length),
            _ => continue,
        };
        if !forward {
            definitions.entry(unique.unwrap_or(name).to_vec()).or_insert(number(size));
        }
    }
    definitions
}

struct Reader<'a> {
    stream: &'a Types,
    definitions: BTreeMap<Vec<u8>, u64>,
    address: u64,
}

impl Reader<'_> {
    fn layout(&self, size: u64, fields: TypeIndex) -> Layout {
        let mut layout = Layout { size, members: BTreeMap::new() };
        let mut unnamed = 0;
        let mut table_pointers = 0;
        for field in self.stream.iter_fields(fields) {
            let (name, place) = match field {
                Field::Member(it) => {
                    let mut name = it.name.to_string();
                    if name.is_empty() {
                        unnamed += 1;
                        name = format!("u{unnamed}");
                    }
                    (name, self.place(number(it.offset), it.ty))
                }
                Field::BaseClass(it) => {
                    (format!("__base_{}", self.class_name(it.ty)), self.place(number(it.offset), it.ty))
                }
                Field::VFuncTable(ty) => ("__vfptr".to_owned(), self.place(0, ty)),
                Field::VFuncOffset(it) => ("__vfptr".to_owned(), self.place(it.offset.into(), it.vtable_ty)),
                Field::DirectVirtualBaseClass(it) => {
                    table_pointers += 1;
                    if table_pointers > 1 {
                        continue;
                    }
                    ("__vbptr".to_owned(), self.place(number(it.vbpoff), it.fixed.vbtype.get()))
                }
                _ => continue,
            };
            layout.add(name, place);
        }
        layout
    }

    fn labels(&self, fields: TypeIndex) -> BTreeMap<String, i128> {
        let labels = self.stream.iter_fields(fields).filter_map(|field| match field {
            Field::Enumerate(it) => {
                let value = i128::try_from(it.value).unwrap();
                Some((it.name.to_string(), value))
            }
            _ => None,
        });
        labels.collect()
    }

    fn place(&self, offset: u64, ty: TypeIndex) -> Place {
        match self.parse(self.unmodified(ty)) {
            Some(TypeData::Bitfield(it)) => {
                Place { bit: offset * 8 + u64::from(it.position), width: Some(it.length.into()) }
            }
            _ => Place { bit: offset * 8, width: self.size(ty).map(|size| size * 8) },
        }
    }

    fn size(&self, ty: TypeIndex) -> Option<u64> {
        if ty.0 < 0x1000 {
            return primitive_size(ty.0, self.address);
        }
        match self.parse(ty)? {
            TypeData::Modifier(it) => self.size(it.underlying_type.get()),
            TypeData::Alias(it) => self.size(it.utype),
            TypeData::Enum(it) => self.size(it.fixed.underlying_type.get()),
            TypeData::Array(it) => Some(number(it.len)),
            TypeData::Pointer(it) => match (it.fixed.attr().size(), it.fixed.attr().pointer_kind()) {
                (0, 0x0a) => Some(4),
                (0, 0x0c) => Some(8),
                (0, _) => None,
                (size, _) => Some(size.into()),
            },
            TypeData::Struct(it) if !it.fixed.property.get().fwdref() => Some(number(it.length)),
            TypeData::Union(it) if !it.fixed.property.get().fwdref() => Some(number(it.length)),
            TypeData::Struct(it) => {
                self.definitions.get(it.unique_name.unwrap_or(it.name).as_ref() as &[u8]).copied()
            }
            TypeData::Union(it) => {
                self.definitions.get(it.unique_name.unwrap_or(it.name).as_ref() as &[u8]).copied()
            }
            _ => None,
        }
    }

    fn unmodified(&self, ty: TypeIndex) -> TypeIndex {
        match self.parse(ty) {
            Some(TypeData::Modifier(it)) => self.unmodified(it.underlying_type.get()),
            _ => ty,
        }
    }

    fn class_name(&self, ty: TypeIndex) -> String {
        match self.parse(self.unmodified(ty)) {
            Some(TypeData::Struct(it)) => it.name.to_string(),
            _ => "unknown".to_owned(),
        }
    }

    fn parse(&self, ty: TypeIndex) -> Option<TypeData<'_>> {
        if ty.0 < 0x1000 {
            return None;
        }
        let record = self.stream.record(ty).ok()?;
        // That reader treats an LF_MEMBER as a member function; neither is needed here.
        if record.kind == Leaf::LF_MEMBER {
            return None;
        }
        record.parse().ok()
    }
}

fn number(number: Number<'_>) -> u64 {
    u64::try_from(number).unwrap()
}

/// Sizes according to "Special Types" in Microsoft's documentation.
fn primitive_size(index: u32, address: u64) -> Option<u64> {
    match index >> 8 {
        0 => {}
        1 => return (index == 0x103).then_some(address),
        4 => return Some(4),
        6 => return Some(8),
        _ => return None,
    }
    Some(match index {
        0x10 | 0x20 | 0x30 | 0x68..=0x70 | 0x7c => 1,
        0x11 | 0x21 | 0x31 | 0x46 | 0x71..=0x73 | 0x7a => 2,
        0x08 | 0x12 | 0x22 | 0x32 | 0x40 | 0x74 | 0x75 | 0x7b => 4,
        0x13 | 0x23 | 0x33 | 0x41 | 0x76 | 0x77 => 8,
        0x42 => 10,
        0x14 | 0x24 | 0x78 | 0x79 | 0x43 => 16,
        _ => return None,
    })
}
