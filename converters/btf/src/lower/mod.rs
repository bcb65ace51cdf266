//! Reads the types of a table into the profile's model by the rules of the DWARF front-end.
//!
//! - [`meaning`] looks through records without a place in a profile: qualifiers, notes, second names.
//! - [`native`] decides the names of base types.

mod enumeration;
mod meaning;
mod native;
mod record;
mod usage;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use profile::{Choice, ChoiceOption, Name, Profile, Report, Type, TypeId};

use crate::kind::BtfKind;
use crate::table::{Table, TypeView};
use meaning::Meanings;

/// Names of this length and more are counted.
const LONG_NAME: usize = 256;

/// Reads types into `profile`.
pub(crate) struct Lowering<'t, 'a, 'p> {
    table: &'t Table<'a>,
    profile: &'p mut Profile,
    report: &'p mut Report,
    /// The size of a pointer in bytes.
    pointer: u8,
    meanings: Meanings,
    /// The model's type for type 1; the others follow it.
    first: TypeId,
    void: TypeId,
    /// Types that are referred to, in order of appearance, and whether a type is among them.
    wanted: Vec<u32>,
    is_wanted: Vec<bool>,
    /// The integer that replaces one with another name, by size and sign.
    integers: HashMap<(u32, bool), TypeId, RandomState>,
    /// Structs and unions that are only declared.
    forward: Vec<u32>,
    /// Whether enumerations say that their values are signed (since pahole 1.24).
    signs_told: bool,
    /// How many enumerations in a blob without signs were read as signed.
    signs_guessed: u64,
    /// How many bytes the names may take together.
    longest_names: usize,
}

impl<'t, 'a, 'p> Lowering<'t, 'a, 'p> {
    pub(crate) fn new(
        table: &'t Table<'a>,
        pointer: u8,
        profile: &'p mut Profile,
        report: &'p mut Report,
    ) -> Self {
        let count = table.len() as usize;
        let meanings = Meanings::new(table, report);
        let void = profile.types.add(Type::Void);
        let first = profile.types.reserve(count);
        let longest_names = profile.names.length().saturating_add(table.size().saturating_mul(4));
        Self {
            table,
            profile,
            report,
            pointer,
            meanings,
            first,
            void,
            wanted: Vec::new(),
            is_wanted: vec![false; count + 1],
            integers: HashMap::default(),
            forward: Vec::new(),
            signs_told: table.are_signs_told(),
            signs_guessed: 0,
            longest_names,
        }
    }

    /// Reads every type of the file, and all types that these refer to.
    pub(crate) fn definitions(&mut self) {
        for id in self.table.own() {
            let Some(view) = self.table.view(id) else { continue };
            match view.kind() {
                BtfKind::Typedef => self.typedef(id, &view),
                BtfKind::Function | BtfKind::Variable | BtfKind::Section | BtfKind::DeclarationTag => {}
                BtfKind::Unknown(kind) => {
                    self.report
                        .lose("types of a kind that is not known", || format!("type {id}, kind {kind}"));
                }
                _ => {
                    self.ty(id);
                }
            }
        }
        self.finish();
        self.count_uses();
    }

    /// Reads the needed types, until there are none left.
    pub(crate) fn finish(&mut self) {
        let mut next = 0;
        while let Some(id) = self.wanted.get(next).copied() {
            next += 1;
            if let Some(view) = self.table.view(id) {
                let ty = self.define(id, &view);
                self.profile.types.set(self.place(id), ty);
            }
        }
        self.wanted.clear();
        self.settle_declarations();
        if self.signs_guessed > 0 {
            let guessed = self.signs_guessed;
            self.signs_guessed = 0;
            self.report.warn(format!(
                "this BTF does not say which enumerations have a sign; {guessed} with small negative values were read \
                 with one"
            ));
        }
    }

    /// The model's type for this number.
    pub(crate) fn ty(&mut self, id: u32) -> TypeId {
        let meaning = self.meanings.of(id);
        if meaning == 0 {
            return self.void;
        }
        if let Some(wanted) = self.is_wanted.get_mut(meaning as usize)
            && !*wanted
        {
            *wanted = true;
            self.wanted.push(meaning);
        }
        self.place(meaning)
    }

    /// The type to which a record refers; `void` if it does not exist.
    fn reference(&mut self, id: u32, target: Option<u32>) -> TypeId {
        match target {
            Some(target) => self.ty(target),
            None => {
                self.report.lose("references that lead nowhere", || format!("type {id}"));
                self.void
            }
        }
    }

    fn place(&self, id: u32) -> TypeId {
        self.first.offset(id as usize - 1)
    }

    fn define(&mut self, id: u32, view: &TypeView<'t, 'a>) -> Type {
        match view.kind() {
            BtfKind::Int => self.integer_type(view),
            BtfKind::Float => self.float_type(view),
            BtfKind::Pointer => {
                let target = self.reference(id, view.target());
                Type::Pointer { target, size: self.pointer }
            }
            BtfKind::Array => {
                let (element, count) = view.record.array();
                let target = self.reference(id, view.id(element));
                Type::Array { target, count: count.into() }
            }
            BtfKind::Struct | BtfKind::Union => self.record(id, view),
            BtfKind::Enum | BtfKind::Enum64 => self.enumeration(id, view),
            BtfKind::Forward => {
                self.forward.push(id);
                self.named(id, view)
            }
            BtfKind::Signature => {
                let arguments: Vec<u32> = view.record.arguments().collect();
                let arguments: Vec<TypeId> =
                    arguments.into_iter().map(|argument| self.reference(id, view.id(argument))).collect();
                Type::Function(self.profile.types.add_arguments(&arguments))
            }
            // After looking through types, the remaining typedef gives a name to an unnamed type.
            BtfKind::Typedef => {
                let target = self.reference(id, view.target());
                Type::Alias { name: self.name(id, view.record.name, view), target }
            }
            _ => Type::Void,
        }
    }

    /// A typedef in the file: one that names a type is read like a type, and another name of a struct is recorded.
    fn typedef(&mut self, id: u32, view: &TypeView<'t, 'a>) {
        let meaning = self.meanings.of(id);
        let ty = self.ty(id);
        let Some(meant) = self.table.view(meaning) else { return };
        if meaning != id
            && matches!(meant.kind(), BtfKind::Struct | BtfKind::Union)
            && let Some(name) = self.name(id, view.record.name, view)
        {
            self.profile.typedefs.push((name, ty));
        }
    }

    /// A struct or union of which only the name is known.
    fn named(&mut self, id: u32, view: &TypeView<'t, 'a>) -> Type {
        self.name(id, view.record.name, view).map_or(Type::Void, Type::Named)
    }

    /// Resolves declarations of names with several definitions to one of these. They are counted as ambiguous.
    fn settle_declarations(&mut self) {
        let forward = std::mem::take(&mut self.forward);
        if forward.is_empty() {
            return;
        }
        let is_union = |view: &TypeView<'_, '_>| match view.kind() {
            BtfKind::Forward => view.record.flag,
            kind => kind == BtfKind::Union,
        };
        let mut definitions: HashMap<(bool, &[u8]), Vec<TypeId>, RandomState> = HashMap::default();
        for id in &forward {
            if let Some(view) = self.table.view(*id) {
                definitions.entry((is_union(&view), view.name())).or_default();
            }
        }
        for id in 1..=self.table.len() {
            let Some(view) = self.table.view(id) else { continue };
            if matches!(view.kind(), BtfKind::Struct | BtfKind::Union)
                && self.is_wanted.get(id as usize).is_some_and(|wanted| *wanted)
                && let Some(found) = definitions.get_mut(&(is_union(&view), view.name()))
            {
                found.push(self.place(id));
            }
        }
        for id in forward {
            let Some(view) = self.table.view(id) else { continue };
            let Some(found) = definitions.get(&(is_union(&view), view.name())) else { continue };
            if found.len() < 2 {
                continue;
            }
            let options = found.iter().map(|ty| {
                let definition = self.profile.types.get(*ty);
                ChoiceOption { definition, whole: definition }
            });
            let options = options.filter(|option| matches!(option.definition, Type::Record(_))).collect();
            let place = format!("struct {}, where it is declared only", String::from_utf8_lossy(view.name()));
            self.profile.types.add_choice(Choice { slot: self.place(id), options, ordered: false, place });
        }
    }

    /// The integer of this size that replaces another type; `void` if the blob has no such integer.
    fn integer(&mut self, size: u32, signed: bool) -> TypeId {
        if let Some(known) = self.integers.get(&(size, signed)) {
            return *known;
        }
        let ty = self.profile.c_integer(size, signed).unwrap_or(Type::Void);
        let ty = self.profile.types.add(ty);
        self.integers.insert((size, signed), ty);
        ty
    }

    /// The name at an offset in the strings; `None` if it has none.
    pub(crate) fn name(&mut self, id: u32, offset: u32, view: &TypeView<'_, '_>) -> Option<Name> {
        if offset == 0 {
            return None;
        }
        let Some(text) = view.text(offset) else {
            self.report
                .lose("names outside the strings, or too long", || format!("type {id}, offset {offset:#x}"));
            return None;
        };
        if text.is_empty() {
            return None;
        }
        // Long names may overlap, so together they could have any size; no more are kept than the blob could hold
        // without overlaps.
        if text.len() >= LONG_NAME
            && self.profile.names.length().saturating_add(text.len()) > self.longest_names
        {
            self.report.lose("names that overlap", || format!("type {id}"));
            return None;
        }
        match str::from_utf8(text) {
            Ok(text) => Some(self.profile.names.intern(text)),
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                self.report.lose("names that are not UTF-8", || text.clone().into_owned());
                Some(self.profile.names.intern(&text))
            }
        }
    }
}
