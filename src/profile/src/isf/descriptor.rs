use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bases::{Bases, dangling};
use super::entry::{fields, string, unsigned};
use super::enumeration;
use super::losses::DANGLING;
use crate::json::walk;
use crate::{BitRange, Name, Profile, Report, Type, TypeId};

/// The content of a member's or symbol's descriptor.
#[derive(Clone, Copy)]
pub(super) struct Lowered {
    pub(super) ty: TypeId,
    pub(super) bits: Option<BitRange>,
    /// Whether the whole descriptor was read. Parts that were not read are `void`.
    pub(super) understood: bool,
}

/// Finds the entry of an enumeration by its name.
pub(super) type FindEnumeration<'t> = &'t dyn Fn(&str) -> Option<Cow<'t, str>>;

/// Converts descriptors into types of the model, each different one once.
///
/// A descriptor never fails: a target that is missing, of an unknown kind or invalid becomes `void`, so that the
/// place and size of the pointer or array remain known. For a `void` that is held by value, the writer prints the
/// bytes up to the next member ([`crate::Resolution`]).
pub(super) struct Descriptors<'de, 't> {
    seen: HashMap<&'de str, Lowered, RandomState>,
    /// The base types.
    pub(super) bases: Bases,
    enums: HashMap<Name, TypeId, RandomState>,
    /// The type of each struct that is used: only a name until all structs have been read.
    pub(super) records: HashMap<Name, TypeId, RandomState>,
    /// The size of an address in bytes.
    address: u8,
    /// The base type whose arrays are texts of wide characters.
    wide_character: Option<Name>,
    /// Finds enumerations that have not been added.
    elsewhere: Option<FindEnumeration<'t>>,
}

/// Descriptors that are nested deeper become `void`. C has no limit, but no source gets near this one.
const MAX_NESTING: usize = 64;

impl<'de, 't> Descriptors<'de, 't> {
    pub(super) fn new(
        address: u8,
        wide_character: Option<Name>,
        elsewhere: Option<FindEnumeration<'t>>,
    ) -> Self {
        Self {
            seen: HashMap::default(),
            bases: Bases::default(),
            enums: HashMap::default(),
            records: HashMap::default(),
            address,
            wide_character,
            elsewhere,
        }
    }

    pub(super) fn add_enumeration(&mut self, name: Name, ty: TypeId) {
        self.enums.insert(name, ty);
    }

    /// The type of the descriptor `text`.
    pub(super) fn lower(&mut self, text: &'de str, profile: &mut Profile, report: &mut Report) -> Lowered {
        if let Some(lowered) = self.seen.get(text) {
            return *lowered;
        }
        let lowered = match fields(text, ["kind", "bit_position", "bit_length", "type"]) {
            Some([Some("\"bitfield\""), position, length, stored]) => {
                let (ty, understood) = self.target(stored, 0, profile, report);
                let bit = |text| unsigned(text).and_then(|bit| u16::try_from(bit).ok());
                let bits = bit(position)
                    .zip(bit(length))
                    .and_then(|(start, length)| start.checked_add(length).map(|end| BitRange { start, end }));
                Lowered { ty, bits, understood: understood && bits.is_some() }
            }
            _ => {
                let (ty, understood) = self.plain(text, 0, profile, report);
                Lowered { ty, bits: None, understood }
            }
        };
        self.seen.insert(text, lowered);
        lowered
    }

    /// The type of a descriptor inside another one.
    fn target(
        &mut self,
        text: Option<&'de str>,
        depth: usize,
        profile: &mut Profile,
        report: &mut Report,
    ) -> (TypeId, bool) {
        match text.filter(|_| depth < MAX_NESTING) {
            Some(text) => self.plain(text, depth + 1, profile, report),
            None => (profile.types.add(Type::Void), false),
        }
    }

    /// A descriptor that is not a bit-field, and whether all of it was read.
    fn plain(
        &mut self,
        text: &'de str,
        depth: usize,
        profile: &mut Profile,
        report: &mut Report,
    ) -> (TypeId, bool) {
        if let Some(Lowered { ty, bits: None, understood }) = self.seen.get(text) {
            return (*ty, *understood);
        }
        let (ty, understood) = self
            .of_kind(text, depth, profile, report)
            .unwrap_or_else(|| (profile.types.add(Type::Void), false));
        // A type that was cut because of its depth would be larger elsewhere.
        if depth == 0 || understood {
            self.seen.insert(text, Lowered { ty, bits: None, understood });
        }
        (ty, understood)
    }

    /// `None` if the kind of the descriptor is unknown or its name is missing.
    fn of_kind(
        &mut self,
        text: &'de str,
        depth: usize,
        profile: &mut Profile,
        report: &mut Report,
    ) -> Option<(TypeId, bool)> {
        let [kind, name, base, subtype, count] = fields(text, ["kind", "name", "base", "subtype", "count"])?;
        let known = |ty| Some((ty, true));
        match &*string(kind)? {
            "base" => {
                let name = string(name)?;
                if self.wide_character.is_some_and(|wide| profile.names.get(wide) == name) {
                    return known(profile.types.add(Type::WideString { bytes: None }));
                }
                known(self.bases.of(&name, profile, report))
            }
            "pointer" => {
                let (target, understood) = match subtype {
                    // dwarf2json writes `null` for a pointer without a type in DWARF: C's `void *`.
                    None => (profile.types.add(Type::Void), true),
                    some => self.target(some, depth, profile, report),
                };
                let size = match string(base).as_deref() {
                    None | Some("pointer") => self.address,
                    Some(base) => self.pointer_size(base, profile, report),
                };
                Some((profile.types.add(Type::Pointer { target, size }), understood))
            }
            "array" => {
                let (target, understood) = self.target(subtype, depth, profile, report);
                let number = count.and_then(walk::integer);
                // Go's DWARF reader gives -1 for an array without a bound.
                let count = number.map(|number| u64::try_from(number.max(0)).unwrap_or_default());
                let (count, understood) = (count.unwrap_or_default(), understood && count.is_some());
                let ty = match profile.types.get(target) {
                    Type::WideString { bytes: None } => {
                        Type::WideString { bytes: Some(count.saturating_mul(2)) }
                    }
                    _ => Type::Array { target, count },
                };
                Some((profile.types.add(ty), understood))
            }
            "struct" | "union" | "class" => {
                let name = profile.intern(&string(name)?);
                let types = &mut profile.types;
                known(*self.records.entry(name).or_insert_with(|| types.add(Type::Named(name))))
            }
            "enum" => {
                let name = string(name)?;
                known(self.enumeration(&name, profile, report))
            }
            "function" => {
                let arguments = profile.types.add_arguments(&[]);
                known(profile.types.add(Type::Function(arguments)))
            }
            _ => None,
        }
    }

    fn enumeration(&mut self, text: &str, profile: &mut Profile, report: &mut Report) -> TypeId {
        let name = profile.intern(text);
        if let Some(ty) = self.enums.get(&name) {
            return *ty;
        }
        let ty = match self.elsewhere.and_then(|find| find(text)) {
            Some(entry) => enumeration::lower(name, &entry, &mut self.bases, profile, report),
            None => dangling(name, profile, report),
        };
        self.enums.insert(name, ty);
        ty
    }

    fn pointer_size(&self, base: &str, profile: &Profile, report: &mut Report) -> u8 {
        let known = self.bases.known(base, profile);
        match known.and_then(|(_, size)| u8::try_from(size).ok()).filter(|size| *size > 0) {
            Some(size) => size,
            None => {
                report.lose(DANGLING, || base.to_owned());
                self.address
            }
        }
    }
}
