//! The type that an entry defines.

use gimli::constants as dw;
use profile::{NativeKind, Type, TypeId};

use super::lowering::{Lowering, MAX_DEPTH};
use crate::entry::Entry;
use crate::language::Languages;
use crate::native;
use crate::plan::EntryKind;
use crate::site::{Reference, Site};

impl<'a> Lowering<'_, '_, 'a> {
    /// The type that a reference from an entry of `unit` leads to; void if it leads nowhere.
    pub(crate) fn reference(&mut self, unit: u32, reference: Reference) -> TypeId {
        if reference == Reference::Nothing {
            return self.intern(Type::Void);
        }
        match self.units.find(unit, reference) {
            Some((unit, at)) => self.ty(Site { unit, at }),
            None => {
                self.report.lose("references that lead nowhere", || self.units.place(Site { unit, at: 0 }));
                self.intern(Type::Void)
            }
        }
    }

    /// The type an entry defines.
    pub(super) fn ty(&mut self, site: Site) -> TypeId {
        if let Some(ty) = self.known.get(&site) {
            return *ty;
        }
        if let Some((_, again)) = self.open.iter_mut().find(|(open, _)| *open == site) {
            return *again.get_or_insert_with(|| self.profile.types.reserve(1));
        }
        if self.open.len() > MAX_DEPTH {
            self.report.lose("types nested too deeply", || self.units.place(site));
            return self.intern(Type::Void);
        }
        self.open.push((site, None));
        let ty = self.read(site);
        if let Some((_, Some(again))) = self.open.pop() {
            // A type that is a name for itself would not be a type.
            let meaning = if again == ty { Type::Void } else { Type::Alias { name: None, target: ty } };
            self.profile.types.set(again, meaning);
        }
        self.known.insert(site, ty);
        ty
    }

    fn read(&mut self, site: Site) -> TypeId {
        let Some(entry) = self.entry(site) else {
            self.report.lose("entries that cannot be read", || self.units.place(site));
            return self.intern(Type::Void);
        };
        match entry.kind {
            EntryKind::Native => self.native(site, &entry),
            EntryKind::Qualifier => self.reference(site.unit, entry.ty),
            EntryKind::Bound => self.subrange(site, &entry),
            EntryKind::Typedef => self.typedef(site, &entry),
            EntryKind::Pointer => self.pointer(site, &entry),
            EntryKind::Array => self.array(site, &entry),
            EntryKind::Signature => self.function(site, &entry),
            EntryKind::Record => self.record(site, &entry),
            EntryKind::Enumeration => self.enumeration(site, &entry),
            EntryKind::Bytes => self.bytes(site, &entry),
            _ => {
                self.report.lose("types of a kind that has no place in a profile", || {
                    format!("{} at {}", entry.tag, self.units.place(site))
                });
                self.intern(Type::Void)
            }
        }
    }

    fn typedef(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let target = self.reference(site.unit, entry.ty);
        // Typedefs are skipped, except those that give a type its name.
        let nameless = match self.profile.types.peel_named(target) {
            (None, Type::Record(id)) => self.profile.types.record(id).is_some_and(|it| it.name.is_none()),
            (None, Type::Enumeration(id)) => {
                self.profile.types.enumeration(id).is_some_and(|it| it.name.is_none())
            }
            _ => false,
        };
        match self.name(site, entry) {
            Some(name) if nameless => self.intern(Type::Alias { name: Some(name), target }),
            _ => target,
        }
    }

    fn pointer(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let target = self.reference(site.unit, entry.ty);
        let address_size = self.encoding(site).map_or(8, |encoding| encoding.address_size);
        let size = entry.size.and_then(|size| u8::try_from(size).ok()).unwrap_or(address_size);
        if entry.tag != dw::DW_TAG_ptr_to_member_type {
            return self.intern(Type::Pointer { target, size });
        }
        // For data members an offset; for functions the function and an adjustment of `this` (Itanium C++ ABI, 2.3).
        if let Type::Function(_) = self.profile.types.peel(target) {
            let target = self.intern(Type::Pointer { target, size: address_size });
            return self.intern(Type::Array { target, count: 2 });
        }
        self.integer(u64::from(size), true)
    }

    fn function(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let children = self.children(site, entry);
        let arguments: Vec<TypeId> = children
            .iter()
            .filter(|child| child.kind == EntryKind::Argument)
            .map(|argument| self.reference(site.unit, argument.ty))
            .collect();
        let ty = match self.functions.get(&arguments) {
            Some(ty) => *ty,
            None => {
                let list = self.profile.types.add_arguments(&arguments);
                let ty = self.profile.types.add(Type::Function(list));
                self.functions.insert(arguments, ty);
                ty
            }
        };
        // A function of Go that has a size is a value: the address of a closure.
        match entry.size.and_then(|size| u8::try_from(size).ok()).filter(|size| *size > 0) {
            Some(size) => self.intern(Type::Pointer { target: ty, size }),
            None => ty,
        }
    }

    /// A text or a set: bytes, as many as the source gives it.
    fn bytes(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let target = match entry.tag {
            dw::DW_TAG_set_type => self.profile.native("unsigned char", 1, NativeKind::Unsigned),
            _ => self.profile.native("char", 1, NativeKind::Char),
        };
        let byte = self.intern(target);
        match entry.size {
            Some(count) if !entry.dynamic => self.intern(Type::Array { target: byte, count }),
            _ if entry.dynamic => self.intern(Type::Array { target: byte, count: 0 }),
            _ => {
                self.report.lose("sets and texts without a size", || self.units.place(site));
                self.intern(Type::Void)
            }
        }
    }

    /// A subrange of another type's values, as in Ada and Pascal: stored as that type, or in fewer bytes.
    fn subrange(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let of = self.reference(site.unit, entry.ty);
        match (entry.size, self.profile.types.size_of(of)) {
            (Some(size), known) if known != Some(size) => {
                let signed = match self.profile.types.peel(of) {
                    Type::Native(id) => {
                        let native = self.profile.types.native_of(id);
                        native.is_some_and(|native| native.kind == NativeKind::Signed)
                    }
                    _ => false,
                };
                self.integer(size, signed)
            }
            _ => of,
        }
    }

    fn native(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let text = self.units.units.get(site.unit as usize).zip(entry.name);
        let text = text.and_then(|(unit, name)| self.found.strings(site.unit, unit).text(name));
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        if entry.tag == dw::DW_TAG_unspecified_type {
            let void = self.intern(Type::Void);
            if !native::is_null_pointer(&text) {
                // Types that a linker made from assembly, and types of no values: neither has a layout.
                return void;
            }
            let size = self.encoding(site).map_or(8, |encoding| encoding.address_size);
            return self.intern(Type::Pointer { target: void, size });
        }
        let size = entry.size.or(entry.bit_size.map(|bits| bits.div_ceil(8))).unwrap_or(0);
        let size = u32::try_from(size).unwrap_or(0);
        let language = self.found.roots.get(&site.unit).and_then(|root| root.language);
        let native = if Languages::has_base_types_of_c(language) {
            self.profile.c_native(&text, size, native::kind_in_c(&text, entry.encoding))
        } else {
            let (kind, complex) =
                (native::kind_elsewhere(entry.encoding), native::is_complex(entry.encoding));
            self.profile.native_by_encoding(&text, size, kind, complex)
        };
        self.intern(native)
    }

    /// The type of something that is stored. A function is stored as its address, as in Pascal, and a type without
    /// values has no bytes (Zig's `void`).
    pub(super) fn held(&mut self, site: Site, reference: Reference) -> TypeId {
        let ty = self.reference(site.unit, reference);
        match self.profile.types.peel(ty) {
            Type::Function(_) => {
                let size = self.encoding(site).map_or(8, |encoding| encoding.address_size);
                self.intern(Type::Pointer { target: ty, size })
            }
            Type::Void if self.is_unspecified(site.unit, reference) => {
                let byte = self.profile.native("unsigned char", 1, NativeKind::Unsigned);
                let target = self.intern(byte);
                self.intern(Type::Array { target, count: 0 })
            }
            _ => ty,
        }
    }

    /// Whether a type is one with only a name.
    fn is_unspecified(&mut self, unit: u32, reference: Reference) -> bool {
        self.behind_names(unit, reference).is_some_and(|(_, entry)| entry.tag == dw::DW_TAG_unspecified_type)
    }

    /// The entry that typedefs and qualifiers lead to, and its unit.
    pub(super) fn behind_names(&mut self, unit: u32, reference: Reference) -> Option<(u32, Entry<'a>)> {
        let (mut unit, mut reference) = (unit, reference);
        for _ in 0..MAX_DEPTH {
            let (found, at) = self.units.find(unit, reference)?;
            let entry = self.entry(Site { unit: found, at })?;
            if !matches!(entry.kind, EntryKind::Qualifier | EntryKind::Typedef) {
                return Some((found, entry));
            }
            (unit, reference) = (found, entry.ty);
        }
        None
    }
}
