//! Compares descriptors: whether a profile describes a type as Microsoft's `ms-pdb` reads it, including the targets
//! of pointers, the elements of arrays and the labels of enumerations.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ms_pdb::codeview::parser::Number;
use ms_pdb::tpi::TypeStream;
use ms_pdb::types::fields::Field;
use ms_pdb::types::{TypeData, TypeIndex};
use serde_json::Value;

use super::second::own_name;

/// How deep descriptors are compared.
const MAX_DEPTH: usize = 8;

/// The number of comparisons, and the differences.
#[derive(Debug, Default)]
pub struct Compared {
    pub structs: usize,
    pub members: usize,
    pub arrays: usize,
    pub variables: usize,
    pub wrong: Vec<String>,
}

/// Compares every named struct of a PDB and these variables, by name and type index, with a profile.
pub fn compare(path: &Path, json: &Value, variables: &[(String, u32)]) -> Compared {
    let pdb = ms_pdb::Pdb::open(path).unwrap();
    let stream = pdb.read_type_stream().unwrap();
    let mut definitions: BTreeMap<Vec<u8>, Vec<TypeIndex>> = BTreeMap::new();
    let mut named = Vec::new();
    let first = stream.type_index_begin().0;
    for (position, record) in stream.iter_type_records().enumerate() {
        let index = TypeIndex(first + position as u32);
        let (name, unique, forward) = match record.parse() {
            Ok(TypeData::Struct(it)) => (it.name, it.unique_name, it.fixed.property.get().fwdref()),
            Ok(TypeData::Union(it)) => (it.name, it.unique_name, it.fixed.property.get().fwdref()),
            _ => continue,
        };
        if !forward {
            definitions.entry(unique.unwrap_or(name).to_vec()).or_default().push(index);
            named.push((own_name(&name.to_string()), index));
        }
    }
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in json["$STRUCTS"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
        keys.entry(key).or_default().push(key);
        if let Some(name) = without_hash(key) {
            keys.entry(name).or_default().push(key);
        }
    }
    let comparer = Comparer {
        stream: &stream,
        json,
        definitions,
        wide: if matches!(json["$METADATA"]["arch"].as_str(), Some("I386" | "ARM")) { 4 } else { 8 },
        open: RefCell::default(),
        arrays: Cell::new(0),
    };
    let mut compared = Compared::default();
    for (name, index) in named.iter().filter(|(name, _)| !name.is_empty()) {
        compared.structs += 1;
        let mut reasons = Vec::new();
        let fits =
            keys.get(name.as_str()).into_iter().flatten().any(|key| match comparer.members(*index, key, 0) {
                Ok(members) => {
                    compared.members += members;
                    true
                }
                Err(reason) => {
                    reasons.push(format!("{key}: {reason}"));
                    false
                }
            });
        if !fits {
            compared.wrong.push(format!("{name} ({:#x}): {reasons:?}", index.0));
        }
    }
    for (name, index) in variables {
        let Some(descriptor) = json["$CONSTANT_TYPES"].get(name) else { continue };
        compared.variables += 1;
        if let Err(reason) = comparer.describes(TypeIndex(*index), descriptor, 0) {
            compared.wrong.push(format!("variable {name}: {reason}: {descriptor}"));
        }
    }
    compared.arrays = comparer.arrays.get();
    compared
}

/// `name` of `name__0123abcd`.
fn without_hash(key: &str) -> Option<&str> {
    let (name, hash) = key.rsplit_once("__")?;
    let hash = hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && hash.len() >= 8;
    hash.then_some(name)
}

struct Comparer<'a> {
    stream: &'a TypeStream<Vec<u8>>,
    json: &'a Value,
    /// Definitions by decorated name or, without one, by name.
    definitions: BTreeMap<Vec<u8>, Vec<TypeIndex>>,
    wide: u64,
    /// Structs that are being compared or were found equal.
    open: RefCell<BTreeSet<(u32, String)>>,
    arrays: Cell<usize>,
}

type Outcome = Result<(), String>;

impl Comparer<'_> {
    /// How many members a definition has, if the struct with this key is that definition.
    fn members(&self, index: TypeIndex, key: &str, depth: usize) -> Result<usize, String> {
        let (size, fields) = match self.parse(index) {
            Some(TypeData::Struct(it)) => (number(it.length), it.fixed.field_list.get()),
            Some(TypeData::Union(it)) => (number(it.length), it.fixed.fields.get()),
            _ => return Err("not a struct".to_owned()),
        };
        let entry = &self.json["$STRUCTS"][key];
        if entry[0] != size {
            return Err(format!("{} bytes, expected {size}", entry[0]));
        }
        let mut left = entry[1].as_object().unwrap().clone();
        let (mut count, mut unnamed) = (0, 0);
        for field in self.stream.iter_fields(fields) {
            let Field::Member(it) = field else { continue };
            let mut name = it.name.to_string();
            if name.is_empty() {
                unnamed += 1;
                name = format!("u{unnamed}");
            }
            let numbered = (1..64).map(|number| format!("{name}_{number}"));
            let mut reason = format!("no member {name}");
            let found = std::iter::once(name.clone()).chain(numbered).find(|name| {
                let Some(member) = left.get(name) else { return false };
                match self.member(number(it.offset), it.ty, member, depth) {
                    Ok(()) => true,
                    Err(why) => {
                        reason = format!("{name}: {why}: {member}");
                        false
                    }
                }
            });
            let Some(found) = found else { return Err(reason) };
            left.remove(&found);
            count += 1;
        }
        let more = left.keys().find(|name| !name.starts_with("__base_") && !name.starts_with("__v"));
        more.map_or(Ok(count), |name| Err(format!("a member {name} too many")))
    }

    fn member(&self, offset: u64, ty: TypeIndex, member: &Value, depth: usize) -> Outcome {
        if let Some(TypeData::Bitfield(bits)) = self.parse(self.unmodified(ty)) {
            let (target, mut arguments) = (&member[1][0], &member[1][1]);
            if target == "Enumeration" {
                arguments = &arguments["target_args"];
            }
            let place = member[0].as_u64().zip(arguments["start_bit"].as_u64());
            let start = place.map(|(offset, start)| offset * 8 + start);
            let expected = offset * 8 + u64::from(bits.position);
            let size = native(arguments["target"].as_str().unwrap_or_default());
            let fits = size.is_some_and(|(size, _)| arguments["end_bit"].as_u64() <= Some(size * 8));
            let whole = self.simple(bits.underlying_type.get());
            let sign = match (size, whole) {
                (Some((size, signed)), Some((other, expected))) if size == other => signed == expected,
                _ => true,
            };
            return check(start == Some(expected) && fits && sign, || format!("bits at {expected}"));
        }
        check(member[0] == offset, || format!("at {}, expected {offset}", member[0]))?;
        self.describes(ty, &member[1], depth)
    }

    /// Whether a descriptor describes a type.
    fn describes(&self, ty: TypeIndex, descriptor: &Value, depth: usize) -> Outcome {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let target = descriptor[0].as_str().unwrap_or_default();
        let arguments = &descriptor[1];
        let inner = || {
            let mut inner = vec![arguments["target"].clone()];
            inner.extend(arguments.get("target_args").cloned());
            Value::Array(inner)
        };
        let ty = self.unmodified(ty);
        if let Some((size, pointee)) = self.pointer(ty) {
            let width = match target {
                "Pointer" => self.wide,
                "Pointer32" => 4,
                other => return Err(format!("{other} for a pointer")),
            };
            check(width == size, || format!("a pointer of {width} bytes, expected {size}"))?;
            return match self.unmodified(pointee).0 {
                0x71 | 0x7a => check(arguments["target"] == "UnicodeString", || "not a text".to_owned()),
                0 | 3 => check(arguments["target"] == "Void", || "not void".to_owned()),
                _ => self.describes(pointee, &inner(), depth + 1),
            };
        }
        if ty.0 < 0x1000 {
            return match ty.0 {
                0 | 3 => check(target == "Void", || format!("{target} for void")),
                0x71 | 0x7a => check(target == "UnicodeString", || format!("{target} for a wide character")),
                _ => check(native(target).map(|it| it.0) == primitive(ty.0).map(|it| it.0), || {
                    format!("{target} for {:#x}", ty.0)
                }),
            };
        }
        match self.parse(ty) {
            Some(TypeData::Array(it)) => {
                self.arrays.set(self.arrays.get() + 1);
                let (element, bytes) = (it.fixed.element_type.get(), number(it.len));
                if matches!(self.unmodified(element).0, 0x71 | 0x7a) {
                    return check(arguments["length"] == bytes, || format!("expected {bytes} bytes"));
                }
                check(target == "Array", || format!("{target} for an array"))?;
                let count = arguments["count"].as_u64().unwrap_or(0);
                if let Some(size) = self.described_size(&inner()).filter(|size| *size > 0) {
                    check(count * size == bytes, || format!("{count} of {size} bytes, expected {bytes}"))?;
                }
                self.describes(element, &inner(), depth + 1)
            }
            Some(TypeData::Struct(it)) => {
                let forward = it.fixed.property.get().fwdref();
                let unique = it.unique_name.map(|name| name.as_ref());
                self.named(ty, it.name.as_ref(), unique, forward, target, depth)
            }
            Some(TypeData::Union(it)) => {
                let forward = it.fixed.property.get().fwdref();
                let unique = it.unique_name.map(|name| name.as_ref());
                self.named(ty, it.name.as_ref(), unique, forward, target, depth)
            }
            Some(TypeData::Enum(it)) if !it.fixed.property.get().fwdref() => {
                check(target == "Enumeration", || format!("{target} for an enumeration"))?;
                let values = native(arguments["target"].as_str().unwrap_or_default());
                let expected = self.simple(it.fixed.underlying_type.get());
                check(values == expected, || format!("values {values:?}, expected {expected:?}"))?;
                let labels = &self.json["$REVENUMS"][arguments["enum_name"].as_str().unwrap_or_default()];
                for field in self.stream.iter_fields(it.fixed.fields.get()) {
                    let Field::Enumerate(label) = field else { continue };
                    let value = i128::try_from(label.value).unwrap();
                    let found = labels[label.name.to_string()].to_string().parse::<i128>();
                    let equal = found.as_ref().is_ok_and(|found| (found - value) % (1 << 8) == 0);
                    check(equal, || format!("label {} is {found:?}, expected {value}", label.name))?;
                }
                Ok(())
            }
            Some(TypeData::Proc(_) | TypeData::MemberFunc(_)) => {
                check(target == "Function", || format!("{target} for a function"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a struct's key is right for a use of its definition or declaration.
    fn named(
        &self,
        index: TypeIndex,
        name: &[u8],
        unique: Option<&[u8]>,
        forward: bool,
        key: &str,
        depth: usize,
    ) -> Outcome {
        let own = own_name(&String::from_utf8_lossy(name));
        let definitions = match forward {
            true => self.definitions.get(unique.unwrap_or(name)).cloned().unwrap_or_default(),
            false => vec![index],
        };
        // An array of a declared type gives its size in bytes.
        if definitions.is_empty() && key == "unsigned char" {
            return Ok(());
        }
        if !own.is_empty() {
            let equal = key == own || without_hash(key) == Some(&own);
            check(equal, || format!("{key} for {own}"))?;
        }
        if definitions.is_empty() {
            return Ok(());
        }
        let mut reasons = Vec::new();
        for definition in definitions {
            // A pair that is being compared, or has been, is not compared again.
            if !self.open.borrow_mut().insert((definition.0, key.to_owned())) {
                return Ok(());
            }
            match self.members(definition, key, depth + 1) {
                Ok(_) => return Ok(()),
                Err(reason) => {
                    self.open.borrow_mut().remove(&(definition.0, key.to_owned()));
                    reasons.push(reason);
                }
            }
        }
        Err(format!("{key} fits no definition: {reasons:?}"))
    }

    /// The size in bytes of the type in a descriptor.
    fn described_size(&self, descriptor: &Value) -> Option<u64> {
        super::shown::size(self.json, descriptor[0].as_str()?, &descriptor[1])
    }

    /// The size and the target of a pointer that is an address.
    fn pointer(&self, ty: TypeIndex) -> Option<(u64, TypeIndex)> {
        if ty.0 < 0x1000 {
            let size = match ty.0 >> 8 {
                4 => 4,
                6 => 8,
                1 if ty.0 == 0x103 => return Some((self.wide, TypeIndex(3))),
                _ => return None,
            };
            return Some((size, TypeIndex(ty.0 & 0xff)));
        }
        let Some(TypeData::Pointer(it)) = self.parse(ty) else { return None };
        let attributes = it.fixed.attr();
        if matches!(attributes.mode(), 2 | 3) {
            return None;
        }
        let size = match (attributes.size(), attributes.pointer_kind()) {
            (0, 0x0a) => 4,
            (0, 0x0c) => 8,
            (size, _) => size.into(),
        };
        matches!(size, 4 | 8).then(|| (size, it.fixed.ty.get()))
    }

    /// Size and sign of an integer, or of the values of an enumeration.
    fn simple(&self, ty: TypeIndex) -> Option<(u64, bool)> {
        let ty = self.unmodified(ty);
        match self.parse(ty) {
            Some(TypeData::Enum(it)) => self.simple(it.fixed.underlying_type.get()),
            _ => primitive(ty.0),
        }
    }

    fn unmodified(&self, ty: TypeIndex) -> TypeIndex {
        match self.parse(ty) {
            Some(TypeData::Modifier(it)) => self.unmodified(it.underlying_type.get()),
            _ => ty,
        }
    }

    fn parse(&self, ty: TypeIndex) -> Option<TypeData<'_>> {
        if ty.0 < 0x1000 {
            return None;
        }
        let record = self.stream.record(ty).ok()?;
        if record.kind == ms_pdb::types::Leaf::LF_MEMBER {
            return None;
        }
        record.parse().ok()
    }
}

fn check(right: bool, reason: impl FnOnce() -> String) -> Outcome {
    if right { Ok(()) } else { Err(reason()) }
}

fn number(number: Number<'_>) -> u64 {
    u64::try_from(number).unwrap()
}

/// Size and sign of a native type of a profile.
fn native(name: &str) -> Option<(u64, bool)> {
    Some(match name {
        "char" => (1, true),
        "unsigned char" => (1, false),
        "short" => (2, true),
        "unsigned short" => (2, false),
        "long" => (4, true),
        "unsigned long" => (4, false),
        "long long" => (8, true),
        "unsigned long long" => (8, false),
        "float" => (4, true),
        "double" => (8, true),
        "long double" => (10, true),
        "__int128" => (16, true),
        "unsigned __int128" => (16, false),
        _ => return None,
    })
}

/// Size and sign by the number that Microsoft's documentation gives a simple type.
fn primitive(index: u32) -> Option<(u64, bool)> {
    Some(match index {
        0x10 | 0x68 | 0x70 => (1, true),
        0x20 | 0x30 | 0x69 | 0x7c => (1, false),
        0x11 | 0x72 => (2, true),
        0x21 | 0x31 | 0x73 | 0x71 | 0x7a => (2, false),
        0x08 | 0x12 | 0x74 => (4, true),
        0x22 | 0x32 | 0x75 | 0x7b => (4, false),
        0x13 | 0x76 => (8, true),
        0x23 | 0x33 | 0x77 => (8, false),
        0x14 | 0x78 => (16, true),
        0x24 | 0x79 => (16, false),
        0x40 => (4, true),
        0x41 => (8, true),
        0x42 => (10, true),
        _ => return None,
    })
}
