//! Records and enumerations where they are used, and the definition that a name means.

use gimli::constants as dw;
use profile::{Label, Name, RecordKind, Type, TypeId};

use super::lowering::Lowering;
use crate::entry::Entry;
use crate::native;
use crate::plan::EntryKind;
use crate::site::{Reference, Site};

impl<'a> Lowering<'_, '_, 'a> {
    /// The type of a used record: the chosen definition of its name, or an unnamed one.
    pub(super) fn record(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        if let Reference::Signature(_) = entry.link {
            return self.reference(site.unit, entry.link);
        }
        if let Some(name) = self.name(site, entry) {
            return match self.chosen(site, entry, name, true) {
                Some(ty) => ty,
                None => self.intern(Type::Named(name)),
            };
        }
        let known_size = self.record_size(site, entry);
        let members = self.members(site, entry, known_size);
        let (kind, size) = (record_kind(entry.tag), known_size.unwrap_or(0));
        let key = members.iter().map(|item| (item.name, item.offset, item.ty, item.bits)).collect();
        let key = (kind, size, key);
        if let Some(ty) = self.unnamed_records.get(&key) {
            return *ty;
        }
        let id = self.profile.types.add_record(&mut self.profile.names, None, kind, size, &members);
        if known_size.is_none() && !entry.declared {
            self.sizeless.push(id);
        }
        let ty = self.profile.types.add(Type::Record(id));
        self.unnamed_records.insert(key, ty);
        ty
    }

    /// The size of a record in bytes, if the source gives it: its own, or that of the integer which holds its bits.
    pub(super) fn record_size(&mut self, site: Site, entry: &Entry<'a>) -> Option<u64> {
        if entry.size.is_some() || entry.declared || entry.ty == Reference::Nothing {
            return entry.size;
        }
        let ty = self.reference(site.unit, entry.ty);
        self.profile.types.size_of(ty)
    }

    pub(super) fn enumeration(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        if let Reference::Signature(_) = entry.link {
            return self.reference(site.unit, entry.link);
        }
        if let Some(name) = self.name(site, entry) {
            return match self.chosen(site, entry, name, false) {
                Some(ty) => ty,
                // Only declared: the integer that it is stored in.
                None => self.underlying(site, entry, false).0,
            };
        }
        let (underlying, signed, labels) = self.labels(site, entry);
        let key = (underlying, labels);
        if let Some(ty) = self.unnamed_enumerations.get(&key) {
            return *ty;
        }
        let id = self.profile.types.add_enumeration(None, underlying, signed, &key.1);
        let ty = self.profile.types.add(Type::Enumeration(id));
        self.unnamed_enumerations.insert(key, ty);
        ty
    }

    /// The chosen definition of an entry with this name, which defines or declares it; `None` if no unit defines the name.
    ///
    /// If there are several, a definition is itself, and a declaration refers to the one in its own unit. A
    /// declaration in a unit without one gets a type of its own ([`Lowering::settle_declarations`]).
    fn chosen(&mut self, site: Site, entry: &Entry<'a>, name: Name, records: bool) -> Option<TypeId> {
        let kind = if records { &self.records } else { &self.enumerations };
        let definitions = kind.by_name.get(&name)?;
        if let [only] = definitions.as_slice() {
            return Some(*only);
        }
        if !entry.declared
            && let Some((_, ty)) = self.found.exact.get(&site).and_then(|print| kind.by_print.get(print))
        {
            return Some(*ty);
        }
        if let Some(Some(ty)) = kind.in_unit.get(&(site.unit, name)) {
            return Some(*ty);
        }
        let types = &mut self.profile.types;
        Some(*self.forward.entry((records, name)).or_insert_with(|| {
            let slot = types.reserve(1);
            types.set(slot, Type::Named(name));
            slot
        }))
    }

    /// The storage of an enumeration, whether it is signed, and its labels.
    pub(super) fn labels(&mut self, site: Site, entry: &Entry<'a>) -> (TypeId, bool, Vec<Label>) {
        let mut labels = Vec::new();
        for child in self.children(site, entry) {
            if child.kind != EntryKind::Enumerator {
                continue;
            }
            match (self.text(site, &child), child.value) {
                (Some(name), Some(bits)) => labels.push(Label { name, bits }),
                _ => self.report.lose("labels without a name or a value", || self.units.place(site)),
            }
        }
        let negative = labels.iter().any(|label| (label.bits as i64) < 0);
        let (underlying, signed, size) = self.underlying(site, entry, negative);
        // A label written as a negative number may belong to an unsigned type, and the other way round.
        let unused = 64u32.saturating_sub(u32::try_from(size.saturating_mul(8)).unwrap_or(64));
        for label in &mut labels {
            if unused < 64 {
                let raised = label.bits << unused;
                label.bits = if signed { ((raised as i64) >> unused) as u64 } else { raised >> unused };
            }
        }
        (underlying, signed, labels)
    }

    /// The native in which an enumeration is stored, whether it is signed, and its size in bytes.
    fn underlying(&mut self, site: Site, entry: &Entry<'a>, negative: bool) -> (TypeId, bool, u64) {
        let ty = self.reference(site.unit, entry.ty);
        if let Type::Native(id) = self.profile.types.peel(ty)
            && let Some(native) = self.profile.types.native_of(id)
            && native.size > 0
        {
            let size = u64::from(native.size);
            let signed = native::is_signed(self.profile.names.get(native.name), native.kind);
            if entry.size.is_none_or(|said| said == size) {
                return (ty, signed, size);
            }
        }
        let size = entry.size.unwrap_or(4);
        (self.integer(size, negative), negative, size)
    }
}

pub(super) fn record_kind(tag: dw::DwTag) -> RecordKind {
    match tag {
        dw::DW_TAG_union_type => RecordKind::Union,
        dw::DW_TAG_class_type | dw::DW_TAG_interface_type => RecordKind::Class,
        _ => RecordKind::Struct,
    }
}
