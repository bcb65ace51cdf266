use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Deserialize;

use crate::{BitRange, Name, Profile, Report, Type, TypeId};

/// A type as ISF describes it (`type_descriptor` in its schema).
#[derive(Deserialize)]
struct Descriptor {
    kind: String,
    name: Option<String>,
    /// The base type a pointer is stored in, where that is not `pointer`.
    base: Option<String>,
    subtype: Option<Box<Descriptor>>,
    count: Option<u64>,
    bit_position: Option<u16>,
    bit_length: Option<u16>,
    #[serde(rename = "type")]
    stored: Option<Box<Descriptor>>,
}

/// What a member's or symbol's descriptor says.
#[derive(Clone, Copy)]
pub(super) struct Lowered {
    pub(super) ty: TypeId,
    pub(super) bits: Option<BitRange>,
}

/// Turns descriptors into types of the model, each different one once.
pub(super) struct Descriptors<'de> {
    seen: HashMap<&'de str, Option<Lowered>, RandomState>,
    /// Each base type, with its type and its size in bytes.
    bases: HashMap<Name, (TypeId, u32), RandomState>,
    enums: HashMap<Name, TypeId, RandomState>,
    /// The type of each struct that is used: a mere name until all structs are read.
    pub(super) records: HashMap<Name, TypeId, RandomState>,
    /// The size of an address in bytes.
    address: u8,
    /// The base type whose arrays are texts of wide characters.
    wide_character: Option<Name>,
}

impl<'de> Descriptors<'de> {
    pub(super) fn new(address: u8, wide_character: Option<Name>) -> Self {
        Self {
            seen: HashMap::default(),
            bases: HashMap::default(),
            enums: HashMap::default(),
            records: HashMap::default(),
            address,
            wide_character,
        }
    }

    pub(super) fn add_base(&mut self, name: Name, ty: TypeId, size: u32) {
        self.bases.insert(name, (ty, size));
    }

    pub(super) fn add_enumeration(&mut self, name: Name, ty: TypeId) {
        self.enums.insert(name, ty);
    }

    /// The type of a base type; a name that is none stays opaque and is counted.
    pub(super) fn base(&mut self, name: &str, profile: &mut Profile, report: &mut Report) -> TypeId {
        let name = profile.intern(name);
        if let Some((ty, _)) = self.bases.get(&name) {
            return *ty;
        }
        // Readers know this one, whether a table defines it or not.
        let ty = match profile.names.get(name) {
            "void" => profile.types.add(Type::Void),
            _ => dangling(name, profile, report),
        };
        self.bases.insert(name, (ty, 0));
        ty
    }

    /// The type that the descriptor `text` stands for; `None` where it is none.
    pub(super) fn lower(
        &mut self,
        text: &'de str,
        profile: &mut Profile,
        report: &mut Report,
    ) -> Option<Lowered> {
        if let Some(lowered) = self.seen.get(text) {
            return *lowered;
        }
        let lowered = serde_json::from_str(text).ok().and_then(|descriptor: Descriptor| {
            if descriptor.kind != "bitfield" {
                return Some(Lowered { ty: self.plain(&descriptor, profile, report)?, bits: None });
            }
            let start = descriptor.bit_position?;
            let end = start.checked_add(descriptor.bit_length?)?;
            let ty = self.plain(descriptor.stored.as_deref()?, profile, report)?;
            Some(Lowered { ty, bits: Some(BitRange { start, end }) })
        });
        self.seen.insert(text, lowered);
        lowered
    }

    /// A descriptor that is no bit-field. The JSON reader bounds how deep it nests.
    fn plain(
        &mut self,
        descriptor: &Descriptor,
        profile: &mut Profile,
        report: &mut Report,
    ) -> Option<TypeId> {
        match descriptor.kind.as_str() {
            "base" => {
                let name = descriptor.name.as_deref()?;
                if self.wide_character.is_some_and(|wide| profile.names.get(wide) == name) {
                    return Some(profile.types.add(Type::WideString { bytes: None }));
                }
                Some(self.base(name, profile, report))
            }
            "pointer" => {
                let target = self.plain(descriptor.subtype.as_deref()?, profile, report)?;
                let size = match descriptor.base.as_deref() {
                    None | Some("pointer") => self.address,
                    Some(base) => self.pointer_size(base, profile, report),
                };
                Some(profile.types.add(Type::Pointer { target, size }))
            }
            "array" => {
                let (element, count) = (descriptor.subtype.as_deref()?, descriptor.count?);
                let target = self.plain(element, profile, report)?;
                Some(profile.types.add(match profile.types.get(target) {
                    Type::WideString { bytes: None } => {
                        Type::WideString { bytes: Some(count.saturating_mul(2)) }
                    }
                    _ => Type::Array { target, count },
                }))
            }
            "struct" | "union" | "class" => {
                let name = profile.intern(descriptor.name.as_deref()?);
                let types = &mut profile.types;
                Some(*self.records.entry(name).or_insert_with(|| types.add(Type::Named(name))))
            }
            "enum" => {
                let name = profile.intern(descriptor.name.as_deref()?);
                if let Some(ty) = self.enums.get(&name) {
                    return Some(*ty);
                }
                let ty = dangling(name, profile, report);
                self.enums.insert(name, ty);
                Some(ty)
            }
            "function" => {
                let arguments = profile.types.add_arguments(&[]);
                Some(profile.types.add(Type::Function(arguments)))
            }
            _ => None,
        }
    }

    fn pointer_size(&self, base: &str, profile: &Profile, report: &mut Report) -> u8 {
        let known = profile.names.find(base).and_then(|name| self.bases.get(&name));
        match known.and_then(|(_, size)| u8::try_from(*size).ok()).filter(|size| *size > 0) {
            Some(size) => size,
            None => {
                report.lose(DANGLING, || base.to_owned());
                self.address
            }
        }
    }
}

/// Counted for base types and enumerations that are used and defined nowhere.
const DANGLING: &str = "names of base types or enumerations that nothing defines";

fn dangling(name: Name, profile: &mut Profile, report: &mut Report) -> TypeId {
    report.lose(DANGLING, || profile.names.get(name).to_owned());
    profile.types.add(Type::Named(name))
}
