//! The second pass: reads the definitions that the first pass chose into the profile's model.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use gimli::constants as dw;
use profile::{
    Choice, ChoiceOption, Label, Name, NativeKind, NewMember, Profile, RecordId, RecordKind, Report,
    StorageUnit, Type, TypeId, Types,
};

use crate::entry::{self, Entry};
use crate::fold::{First, Firsts, Found};
use crate::language::Languages;
use crate::native;
use crate::plan::{Encoding, Kind, Plans};
use crate::scope::Scopes;
use crate::site::{Reference, Site};
use crate::units::{Table, Unit, Units};
use crate::value::{Place, Value, place};

type Map<K, V> = HashMap<K, V, RandomState>;

/// The largest index type that gives an array its bounds.
const MAX_INDEX_TYPE: u64 = 1 << 16;
/// How deep records without a size of their own are looked for in each other.
const MAX_SIZELESS_DEPTH: usize = 8;
/// How deep types are followed before they are treated as circular.
const MAX_DEPTH: usize = 96;
/// How many bytes of plans are kept. Definitions are visited in several orders, and each of a kernel's thousands of
/// units has its own abbreviations.
const MAX_PLANS: usize = 48 << 20;
/// Names of this length and more are counted.
const LONG_NAME: usize = 256;
/// Counted for uses of a name that several definitions fit.
const AMBIGUOUS: &str = "definitions that point to different definitions of one name in different units";

/// Reads definitions into `profile`.
pub(crate) struct Lowering<'p, 'u, 'a> {
    units: &'u Units<'a>,
    found: &'u Found,
    profile: &'p mut Profile,
    report: &'p mut Report,
    /// By the table that they were compiled from, which several units may share.
    plans: Map<Table, Arc<Plans>>,
    /// The plans of the unit that was read last.
    last_plans: Option<(u32, Arc<Plans>)>,
    /// The size of these plans in bytes.
    plan_bytes: usize,
    /// How many bytes of abbreviations may still be read.
    abbreviations_left: u64,
    /// How many bytes the names may take together.
    longest_names: usize,
    scopes: Scopes,
    /// The type that each type entry became.
    known: Map<Site, TypeId>,
    /// Equal types are stored once.
    types: Map<Type, TypeId>,
    unnamed_records: Map<(RecordKind, u64, Vec<Member>), TypeId>,
    unnamed_enumerations: Map<(TypeId, Vec<Label>), TypeId>,
    functions: Map<Vec<TypeId>, TypeId>,
    /// The names of records that have a type but may not have been read yet.
    reserved: Map<TypeId, Name>,
    records: Chosen,
    enumerations: Chosen,
    /// Entries being read. Each has the type that was reserved if an entry led back to it.
    open: Vec<(Site, Option<TypeId>)>,
    /// Declarations of names with several definitions, none of which is in the declaring unit.
    forward: Map<(bool, Name), TypeId>,
    /// Records whose size the source does not give as a number.
    sizeless: Vec<RecordId>,
}

/// The chosen definitions of one kind.
#[derive(Default)]
struct Chosen {
    by_name: Map<Name, Vec<TypeId>>,
    by_print: Map<u64, (Name, TypeId)>,
    /// For names with several definitions: the one in each unit; `None` if the unit has several.
    in_unit: Map<(u32, Name), Option<TypeId>>,
}

/// The plans of a unit, to be kept.
fn compile(units: &Units<'_>, number: u32) -> Option<(Table, Arc<Plans>)> {
    let unit = units.units.get(number as usize)?;
    let mut plans = Plans::default();
    plans.compile(unit.abbreviations, unit.abbreviations_at, unit.encoding)?;
    plans.shrink();
    Some((unit.table(), Arc::new(plans)))
}

/// A member as a hash key.
type Member = (Option<Name>, u64, TypeId, Option<profile::BitRange>);

impl<'p, 'u, 'a> Lowering<'p, 'u, 'a> {
    pub(crate) fn new(
        units: &'u Units<'a>,
        found: &'u Found,
        profile: &'p mut Profile,
        report: &'p mut Report,
    ) -> Self {
        Self {
            units,
            found,
            profile,
            report,
            plans: Map::default(),
            last_plans: None,
            plan_bytes: 0,
            abbreviations_left: units.abbreviation_limit(),
            longest_names: units.text_limit(),
            scopes: Scopes::default(),
            known: Map::default(),
            types: Map::default(),
            unnamed_records: Map::default(),
            unnamed_enumerations: Map::default(),
            functions: Map::default(),
            reserved: Map::default(),
            records: Chosen::default(),
            enumerations: Chosen::default(),
            open: Vec::new(),
            forward: Map::default(),
            sizeless: Vec::new(),
        }
    }

    /// Reads every chosen definition.
    pub(crate) fn definitions(&mut self, threads: usize) {
        let records = sorted(&self.found.records);
        let enumerations = sorted(&self.found.enumerations);
        self.prepare(
            records.iter().chain(&enumerations).map(|(_, first)| first.site.unit).collect(),
            threads,
        );
        // Names first, since a definition may use any other.
        let named_records = self.reserve(&records, true);
        let named_enumerations = self.reserve(&enumerations, false);
        self.place_in_units();
        for (first, name, ty) in named_enumerations {
            self.define_enumeration(first, name, ty);
        }
        for (first, name, ty) in named_records {
            self.define_record(first, name, ty);
        }
        // Unnamed definitions are read where they are used; this finds those that are not used anywhere.
        for (_, first) in records.iter().chain(&enumerations) {
            self.ty(first.site);
        }
        for (_, first) in sorted(&self.found.typedefs) {
            let ty = self.ty(first.site);
            self.count_units(ty, first.units);
        }
        for (_, first) in sorted(&self.found.second_names) {
            self.second_name(first.site);
        }
        for site in &self.found.ambiguous {
            let name = self.entry(*site).and_then(|entry| self.name(*site, &entry));
            let text =
                name.map_or_else(|| self.units.place(*site), |name| self.profile.names.get(name).to_owned());
            self.report.lose(AMBIGUOUS, || text);
        }
    }

    /// Gives the records whose size the source does not give the one that their members need: Ada's records with
    /// bounds that are known only at run time end where the last member with a fixed place ends.
    pub(crate) fn settle_sizes(&mut self) {
        // One that holds another one needs that one's size.
        for _ in 0..MAX_SIZELESS_DEPTH {
            let mut changed = false;
            for id in &self.sizeless {
                let types = &self.profile.types;
                let end = |member: &profile::Member| {
                    member.offset.checked_add(types.size_of(member.ty).unwrap_or(0))
                };
                let size = types.members(*id).iter().filter_map(end).max().unwrap_or(0);
                if types.record(*id).is_some_and(|record| record.size != size) {
                    self.profile.types.set_record_size(*id, size);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Records how many units hold an unnamed definition that a typedef names.
    fn count_units(&mut self, ty: TypeId, units: u32) {
        match self.profile.types.peel(ty) {
            Type::Record(id) if self.profile.types.record(id).is_some_and(|it| it.name.is_none()) => {
                self.profile.types.set_record_units(id, units);
            }
            Type::Enumeration(id)
                if self.profile.types.enumeration(id).is_some_and(|it| it.name.is_none()) =>
            {
                self.profile.types.set_enumeration_units(id, units);
            }
            _ => {}
        }
    }

    /// For names with several definitions, finds the one in each unit.
    fn place_in_units(&mut self) {
        for (site, print) in &self.found.exact {
            for kind in [&mut self.records, &mut self.enumerations] {
                let Some((name, ty)) = kind.by_print.get(print).copied() else { continue };
                let place = kind.in_unit.entry((site.unit, name)).or_insert(Some(ty));
                *place = place.filter(|known| *known == ty);
            }
        }
    }

    /// Resolves declarations of names with several definitions, none of which is in the declaring unit, to the
    /// definition that keeps the name. They are counted as ambiguous.
    pub(crate) fn settle_declarations(&mut self) {
        let mut forward: Vec<_> = self.forward.drain().collect();
        forward.sort_unstable();
        for ((is_record, name), slot) in forward {
            let kind = if is_record { &self.records } else { &self.enumerations };
            let mut options = Vec::new();
            for ty in kind.by_name.get(&name).into_iter().flatten() {
                let definition = self.profile.types.get(*ty);
                if matches!(definition, Type::Record(_) | Type::Enumeration(_)) {
                    options.push(ChoiceOption { definition, whole: definition });
                }
            }
            let text = self.profile.names.get(name);
            let word = if is_record { "struct" } else { "enum" };
            let place = format!("{word} {text}, in units that declare it only");
            if !options.is_empty() {
                self.profile.types.add_choice(Choice { slot, options, ordered: false, place });
            }
        }
    }

    /// Keeps a typedef that is another name of a record. Only symbol tables of Volatility 3 contain such names.
    fn second_name(&mut self, site: Site) {
        let ty = self.ty(site);
        if !matches!(self.profile.types.peel(ty), Type::Record(_)) {
            return;
        }
        if let Some(name) = self.entry(site).and_then(|entry| self.name(site, &entry)) {
            self.profile.typedefs.push((name, ty));
        }
    }

    /// Compiles the abbreviations of these units on `threads` threads, as long as there is space to keep them.
    fn prepare(&mut self, mut numbers: Vec<u32>, threads: usize) {
        numbers.sort_unstable();
        numbers.dedup();
        let mut tables: HashSet<Option<Table>, RandomState> = HashSet::default();
        numbers.retain(|number| tables.insert(self.units.units.get(*number as usize).map(Unit::table)));
        let (units, next, bytes) = (self.units, AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut compiled = Vec::new();
            while bytes.load(Ordering::Relaxed) < MAX_PLANS
                && let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let Some((table, plans)) = compile(units, *number) else { continue };
                bytes.fetch_add(plans.size(), Ordering::Relaxed);
                compiled.push((table, plans));
            }
            compiled
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            self.plans.extend(work());
            for other in others {
                match other.join() {
                    Ok(compiled) => self.plans.extend(compiled),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        self.plan_bytes = bytes.into_inner();
    }

    /// Reserves types for the named definitions: their sites, names and types.
    fn reserve(&mut self, chosen: &[(u64, First)], records: bool) -> Vec<(First, Name, TypeId)> {
        let mut named = Vec::new();
        for (print, first) in chosen {
            let Some(entry) = self.entry(first.site) else { continue };
            let Some(name) = self.name(first.site, &entry) else { continue };
            let ty = self.profile.types.reserve(1);
            let kind = if records { &mut self.records } else { &mut self.enumerations };
            kind.by_name.entry(name).or_default().push(ty);
            kind.by_print.insert(*print, (name, ty));
            if records {
                self.reserved.insert(ty, name);
            }
            self.known.insert(first.site, ty);
            named.push((*first, name, ty));
        }
        named
    }

    fn define_record(&mut self, first: First, name: Name, ty: TypeId) {
        let site = first.site;
        let Some(entry) = self.entry(site) else { return };
        let size = self.record_size(site, &entry);
        let members = self.members(site, &entry, size);
        let kind = record_kind(entry.tag);
        let bytes = size.unwrap_or(0);
        let id = self.profile.types.add_record(&mut self.profile.names, Some(name), kind, bytes, &members);
        if size.is_none() {
            self.sizeless.push(id);
        }
        self.profile.types.set(ty, Type::Record(id));
        self.profile.types.set_record_units(id, first.units);
    }

    fn define_enumeration(&mut self, first: First, name: Name, ty: TypeId) {
        let site = first.site;
        let Some(entry) = self.entry(site) else { return };
        let (underlying, signed, labels) = self.labels(site, &entry);
        let id = self.profile.types.add_enumeration(Some(name), underlying, signed, &labels);
        self.profile.types.set(ty, Type::Enumeration(id));
        self.profile.types.set_enumeration_units(id, first.units);
    }

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
    fn ty(&mut self, site: Site) -> TypeId {
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
            Kind::Native => self.native(site, &entry),
            Kind::Qualifier => self.reference(site.unit, entry.ty),
            Kind::Bound => self.subrange(site, &entry),
            Kind::Typedef => self.typedef(site, &entry),
            Kind::Pointer => self.pointer(site, &entry),
            Kind::Array => self.array(site, &entry),
            Kind::Signature => self.function(site, &entry),
            Kind::Record => self.record(site, &entry),
            Kind::Enumeration => self.enumeration(site, &entry),
            Kind::Bytes => self.bytes(site, &entry),
            _ => {
                self.report.lose("types of a kind that has no place in a profile", || {
                    format!("{} at {}", entry.tag, self.units.place(site))
                });
                self.intern(Type::Void)
            }
        }
    }

    fn function(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let children = self.children(site, entry);
        let arguments: Vec<TypeId> = children
            .iter()
            .filter(|child| child.kind == Kind::Argument)
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

    /// The size of a record in bytes, if the source gives it: its own, or that of the integer which holds its bits.
    fn record_size(&mut self, site: Site, entry: &Entry<'a>) -> Option<u64> {
        if entry.size.is_some() || entry.declared || entry.ty == Reference::Nothing {
            return entry.size;
        }
        let ty = self.reference(site.unit, entry.ty);
        self.profile.types.size_of(ty)
    }

    /// The type of a used record: the chosen definition of its name, or an unnamed one.
    fn record(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
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

    fn enumeration(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
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

    /// The definition that an entry with this name is or declares; `None` if there is none.
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

    fn array(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let mut target = self.held(site, entry.ty);
        let mut bounds = self.children(site, entry);
        bounds.retain(|bound| bound.kind == Kind::Bound);
        let bounds: Vec<u64> = bounds.iter().map(|bound| self.elements(site.unit, bound)).collect();
        if bounds.is_empty() {
            return self.intern(Type::Array { target, count: 0 });
        }
        for count in bounds.into_iter().rev() {
            target = self.intern(Type::Array { target, count });
        }
        target
    }

    /// The number of elements in a dimension: 0 if it has no bound, or one that is known only at run time.
    fn elements(&mut self, unit: u32, bound: &Entry<'a>) -> u64 {
        if let Some(count) = bound.count {
            return count;
        }
        if bound.dynamic {
            return 0;
        }
        let language = self.found.roots.get(&unit).and_then(|root| root.language);
        let first = Languages::first_index(language);
        if Languages::has_base_types_of_c(language) {
            return elements(bound.lower_bound.unwrap_or(first), bound.upper_bound);
        }
        match self.behind_names(unit, bound.ty) {
            // An array with an element for each value of an enumeration, whatever their numbers are.
            Some((of, index)) if index.kind == Kind::Enumeration => {
                let values = self.children(Site { unit: of, at: index.at }, &index);
                let within = |value: i64| {
                    bound.lower_bound.is_none_or(|lower| lower as i64 <= value)
                        && bound.upper_bound.is_none_or(|upper| value <= upper as i64)
                };
                values.iter().filter(|label| label.value.is_some_and(|value| within(value as i64))).count()
                    as u64
            }
            // The bounds are those of the index type.
            Some((_, index))
                if index.kind == Kind::Bound && bound.upper_bound.is_none() && !index.dynamic =>
            {
                let lower = bound.lower_bound.or(index.lower_bound).unwrap_or(first);
                let count = elements(lower, index.upper_bound);
                // Ada's `Positive` is the index of arrays of any length.
                if count <= MAX_INDEX_TYPE { count } else { 0 }
            }
            _ => elements(bound.lower_bound.unwrap_or(first), bound.upper_bound),
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
        let text = text.and_then(|(unit, name)| self.strings(site.unit, unit).text(name));
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

    fn integer(&mut self, size: u64, signed: bool) -> TypeId {
        let integer = u32::try_from(size).ok().and_then(|size| self.profile.c_integer(size, signed));
        self.intern(integer.unwrap_or(Type::Void))
    }

    /// The members of a record, in the order of declaration.
    fn members(&mut self, site: Site, record: &Entry<'a>, size: Option<u64>) -> Vec<NewMember> {
        let mut members = Vec::new();
        for child in self.children(site, record) {
            let member = match child.kind {
                // A static member is a variable and not part of the record.
                Kind::Member if child.declared || child.external => None,
                Kind::Member => self.member(site, &child, size.unwrap_or(u64::MAX)),
                Kind::Base => self.base(site, &child),
                _ => None,
            };
            members.extend(member);
        }
        members
    }

    fn member(&mut self, site: Site, member: &Entry<'a>, record_size: u64) -> Option<NewMember> {
        let mut name = self.text(site, member);
        if let Some(text) = name.map(|name| self.profile.names.get(name))
            && (text.starts_with("_vptr.") || text.starts_with("_vptr$"))
        {
            name = Some(self.profile.names.intern("__vfptr"));
        }
        let ty = self.held(site, member.ty);
        let Some(offset) = self.offset(site, member) else {
            self.report.lose("members at places only known at run time", || self.units.place(site));
            return None;
        };
        let Some(width) = self.width(site, member) else {
            return Some(NewMember { name, offset, ty, bits: None });
        };
        let unit = self.units.units.get(site.unit as usize)?;
        let big_endian = unit.big_endian;
        let type_size = self.profile.types.size_of(ty).or(member.size).unwrap_or(4);
        let storage = first_bit(member, offset, width, type_size, big_endian).and_then(|first_bit| {
            StorageUnit::in_record(first_bit, width, type_size, record_size, big_endian)
        });
        let Some(storage) = storage else {
            self.report.lose("bit-fields no native can hold", || self.units.place(site));
            return None;
        };
        let is_record = matches!(self.profile.types.peel(ty), Type::Record(_));
        if member.bit_size.is_none()
            && u64::from(storage.bits.end.saturating_sub(storage.bits.start)) == type_size.saturating_mul(8)
        {
            return Some(NewMember { name, offset: storage.offset, ty, bits: None });
        }
        let ty = if storage.size == type_size && !is_record { ty } else { self.integer(storage.size, false) };
        Some(NewMember { name, offset: storage.offset, ty, bits: Some(storage.bits) })
    }

    /// The type of something that is stored. A function is stored as its address, as in Pascal, and a type without
    /// values has no bytes (Zig's `void`).
    fn held(&mut self, site: Site, reference: Reference) -> TypeId {
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
    fn behind_names(&mut self, unit: u32, reference: Reference) -> Option<(u32, Entry<'a>)> {
        let (mut unit, mut reference) = (unit, reference);
        for _ in 0..MAX_DEPTH {
            let (found, at) = self.units.find(unit, reference)?;
            let entry = self.entry(Site { unit: found, at })?;
            if !matches!(entry.kind, Kind::Qualifier | Kind::Typedef) {
                return Some((found, entry));
            }
            (unit, reference) = (found, entry.ty);
        }
        None
    }

    /// How many bits a member has, if it is a bit-field: as many as it says, or, if it says only at which bit it
    /// begins, as many as its type has (Zig's packed structs).
    fn width(&mut self, site: Site, member: &Entry<'a>) -> Option<u64> {
        if member.bit_size.is_some() || member.data_bit_offset.is_none() {
            return member.bit_size;
        }
        let (mut unit, mut reference) = (site.unit, member.ty);
        for _ in 0..MAX_DEPTH {
            let (found, entry) = self.behind_names(unit, reference)?;
            match (entry.kind, entry.size) {
                (Kind::Native, _) if entry.bit_size.is_some() => return entry.bit_size,
                // The bits of an enumeration or a packed struct are those of its type.
                (Kind::Enumeration, _) | (Kind::Record, None) => (unit, reference) = (found, entry.ty),
                (Kind::Pointer, None) => {
                    return Some(u64::from(self.encoding(site)?.address_size).saturating_mul(8));
                }
                (_, size) => return size?.checked_mul(8),
            }
        }
        None
    }

    /// A base class as the member `__base_<class>`.
    fn base(&mut self, site: Site, base: &Entry<'a>) -> Option<NewMember> {
        let Some(offset) = self.offset(site, base) else {
            self.report.lose("virtual base classes", || self.units.place(site));
            return None;
        };
        let ty = self.reference(site.unit, base.ty);
        let (alias, meant) = self.profile.types.peel_named(ty);
        let class = match meant {
            Type::Record(id) => self.profile.types.record(id).and_then(|record| record.name),
            Type::Named(name) => Some(name),
            // Reserves a type for a class that has not been read yet.
            _ => self.reserved.get(&ty).copied(),
        };
        let name = class.or(alias).map(|class| {
            let text = format!("__base_{}", self.profile.names.get(class));
            self.profile.names.intern(&text)
        });
        Some(NewMember { name, offset, ty, bits: None })
    }

    /// A member's offset in bytes; `None` if it is known only at run time.
    fn offset(&self, site: Site, member: &Entry<'a>) -> Option<u64> {
        match member.location {
            None => Some(0),
            Some(Value::Number(offset)) => Some(offset),
            Some(Value::Block(expression)) => {
                let unit = self.units.units.get(site.unit as usize)?;
                let place = if unit.big_endian {
                    place::<true>(expression, unit.encoding)
                } else {
                    place::<false>(expression, unit.encoding)
                };
                match place {
                    Some(Place::Offset(offset)) => Some(offset),
                    _ => None,
                }
            }
            Some(_) => None,
        }
    }

    /// The storage of an enumeration, whether it is signed, and its labels.
    fn labels(&mut self, site: Site, entry: &Entry<'a>) -> (TypeId, bool, Vec<Label>) {
        let mut labels = Vec::new();
        for child in self.children(site, entry) {
            if child.kind != Kind::Enumerator {
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

    /// A definition's own name with the names of its scopes, if its language has them.
    fn name(&mut self, site: Site, entry: &Entry<'a>) -> Option<Name> {
        let (mut site, mut entry) = (site, *entry);
        for _ in 0..4 {
            if let Some(text) = self.text(site, &entry) {
                let scope = self.scope(site);
                return match scope {
                    Some(scope) => {
                        if !self.has_room(scope.len()) {
                            return Some(text);
                        }
                        let full = format!("{scope}::{}", self.profile.names.get(text));
                        Some(self.profile.names.intern(&full))
                    }
                    None => Some(text),
                };
            }
            // The name of a definition outside the class that declares it is in the declaration.
            let (unit, at) = self.units.find(site.unit, entry.link)?;
            site = Site { unit, at };
            entry = self.entry(site)?;
        }
        None
    }

    fn scope(&mut self, site: Site) -> Option<Rc<str>> {
        let root = self.found.roots.get(&site.unit);
        if !Languages::is_scoped(root.and_then(|root| root.language)) {
            return None;
        }
        let plans = self.plans_of(site.unit)?;
        let unit = self.units.units.get(site.unit as usize)?;
        let strings = self.strings(site.unit, unit);
        self.scopes.around(site, unit, &plans, &strings)
    }

    /// A variable's name and type, from its entry or the entries that it links to.
    pub(crate) fn variable(&mut self, site: Site) -> Option<(Name, TypeId)> {
        let (mut name, mut ty) = (None, None);
        let mut site = site;
        for _ in 0..4 {
            let entry = self.entry(site)?;
            name = name.or_else(|| self.text(site, &entry));
            if ty.is_none() && entry.ty != Reference::Nothing {
                ty = Some(self.held(site, entry.ty));
            }
            if name.is_some() && ty.is_some() {
                break;
            }
            let (unit, at) = self.units.find(site.unit, entry.link)?;
            site = Site { unit, at };
        }
        Some((name?, ty?))
    }

    /// An entry's own name.
    fn text(&mut self, site: Site, entry: &Entry<'a>) -> Option<Name> {
        let unit = self.units.units.get(site.unit as usize)?;
        let text = self.strings(site.unit, unit).text(entry.name?)?;
        if text.is_empty() {
            return None;
        }
        if !self.has_room(text.len()) {
            self.report.lose("names that overlap", || self.units.place(site));
            return None;
        }
        match std::str::from_utf8(text) {
            Ok(text) => Some(self.profile.names.intern(text)),
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                self.report.lose("names that are not UTF-8", || text.clone().into_owned());
                Some(self.profile.names.intern(&text))
            }
        }
    }

    /// Whether a name of this length may be kept. Long names can overlap in the table of texts, so together they
    /// could have any size; no more are kept than the file could hold without overlaps.
    fn has_room(&self, length: usize) -> bool {
        length < LONG_NAME || self.profile.names.length().saturating_add(length) <= self.longest_names
    }

    fn strings(&self, number: u32, unit: &Unit<'a>) -> crate::units::Strings<'a> {
        let base = self.found.roots.get(&number).and_then(|root| root.str_offsets_base);
        let mut strings = unit.strings;
        strings.base = base.or(strings.base);
        strings
    }

    fn entry(&mut self, site: Site) -> Option<Entry<'a>> {
        let plans = self.plans_of(site.unit)?;
        entry::read(self.units.units.get(site.unit as usize)?, &plans, site.at)
    }

    fn children(&mut self, site: Site, parent: &Entry<'a>) -> Vec<Entry<'a>> {
        let units = self.units;
        let children = match (self.plans_of(site.unit), units.units.get(site.unit as usize)) {
            (Some(plans), Some(unit)) => entry::children(unit, &plans, parent),
            _ => None,
        };
        if children.is_none() {
            self.report.lose("definitions that break off", || self.units.place(site));
        }
        children.unwrap_or_default()
    }

    fn plans_of(&mut self, number: u32) -> Option<Arc<Plans>> {
        if let Some((last, plans)) = &self.last_plans
            && *last == number
        {
            return Some(Arc::clone(plans));
        }
        let plans = self.find_plans(number)?;
        self.last_plans = Some((number, Arc::clone(&plans)));
        Some(plans)
    }

    fn find_plans(&mut self, number: u32) -> Option<Arc<Plans>> {
        let table = self.units.units.get(number as usize)?.table();
        if let Some(plans) = self.plans.get(&table) {
            return Some(Arc::clone(plans));
        }
        if self.abbreviations_left == 0 {
            self.report.lose("abbreviations that are named again and again", || {
                self.units.place(Site { unit: number, at: 0 })
            });
            return None;
        }
        let (_, plans) = compile(self.units, number)?;
        self.abbreviations_left = self.abbreviations_left.saturating_sub(plans.read as u64);
        self.plan_bytes += plans.size();
        if self.plan_bytes > MAX_PLANS {
            self.plans.clear();
            self.plan_bytes = plans.size();
        }
        self.plans.insert(table, Arc::clone(&plans));
        Some(plans)
    }

    fn encoding(&self, site: Site) -> Option<Encoding> {
        self.units.units.get(site.unit as usize).map(|unit| unit.encoding)
    }

    /// Equal types are stored once.
    fn intern(&mut self, ty: Type) -> TypeId {
        let types: &mut Types = &mut self.profile.types;
        *self.types.entry(ty).or_insert_with(|| types.add(ty))
    }
}

/// Definitions in the order of the file.
fn sorted(firsts: &Firsts) -> Vec<(u64, First)> {
    let mut sorted: Vec<(u64, First)> = firsts.iter().map(|(print, first)| (*print, *first)).collect();
    sorted.sort_unstable_by_key(|(print, first)| (first.site, *print));
    sorted
}

fn record_kind(tag: dw::DwTag) -> RecordKind {
    match tag {
        dw::DW_TAG_union_type => RecordKind::Union,
        dw::DW_TAG_class_type | dw::DW_TAG_interface_type => RecordKind::Class,
        _ => RecordKind::Struct,
    }
}

/// The number of elements from `lower` to `upper`; 0 if there is no upper bound.
fn elements(lower: u64, upper: Option<u64>) -> u64 {
    match upper {
        // Some compilers write the upper bound of an empty array as -1 in 32 or 64 bits.
        None | Some(0xffff_ffff) => 0,
        Some(upper) => upper.wrapping_add(1).wrapping_sub(lower),
    }
}

/// The start of a bit-field, in bits from the start of its record. Counted from the least significant bit on
/// little-endian systems, otherwise from the most significant one (DWARF 5, section 5.7.6).
fn first_bit(member: &Entry<'_>, offset: u64, width: u64, type_size: u64, big_endian: bool) -> Option<u64> {
    let base = offset.checked_mul(8)?;
    if let Some(bit) = member.data_bit_offset {
        return base.checked_add(bit);
    }
    // DWARF 2 counts from the most significant bit of a unit at the member's offset. Negative if the field begins
    // before that.
    let Some(from_top) = member.bit_offset.map(|bits| bits as i64) else { return Some(base) };
    let unit_bits = i128::from(member.size.unwrap_or(type_size)) * 8;
    let bit = if big_endian {
        i128::from(base) + i128::from(from_top)
    } else {
        i128::from(base) + unit_bits - i128::from(from_top) - i128::from(width)
    };
    u64::try_from(bit).ok()
}
