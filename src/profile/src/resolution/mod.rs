//! Settles names, duplicates and conflicts in one place for every front-end.
//!
//! - `choosing` chooses between several definitions to which a use may refer, `standing` ranks them, and `variants`
//!   separates definitions that differ only in the types they hold.
//! - `naming` gives every record and enumeration its key (`keys`); `repeated` numbers members that share a name.
//! - `flaws` finds the members that no reader could follow; `plain` finds the types that need no check, and `bounds`
//!   limits how far types are followed.
//! - `result` is the result: a [`Resolution`].

mod bounds;
mod choosing;
mod flaws;
mod keys;
mod naming;
mod plain;
mod repeated;
mod resolver;
mod result;
mod standing;
mod variants;

use choosing::settle_choices;
use keys::Keys;
pub(crate) use keys::Place;
use plain::PlainTypes;
use repeated::number_repeated_members;
use resolver::Resolver;
pub(crate) use result::Flaw;
pub use result::{Ambiguity, Conflict, Resolution};
use standing::Standing;

use crate::model::Definition;
use crate::model::layout::Layouts;
use crate::model::vocabulary::reserved_words;
use crate::{Arch, EnumId, Name, Profile, Report};

/// Whether a bit-field's bits are counted from the byte at the lowest address.
pub(crate) fn is_little_endian(arch: Arch) -> bool {
    !matches!(arch, Arch::Mips | Arch::Mips64 | Arch::Ppc | Arch::S390x)
}

impl Resolution {
    /// Settles all names of `profile`, and adds new ones to its table. Everything that had to be changed or left out
    /// is counted in `report`.
    pub fn new(profile: &mut Profile, report: &mut Report) -> Self {
        Self::on_threads(profile, report, 1)
    }

    /// Like [`Resolution::new`], on up to `threads` threads. The result does not depend on their number.
    pub fn on_threads(profile: &mut Profile, report: &mut Report, threads: usize) -> Self {
        number_repeated_members(profile, report);
        let address = profile.arch.address_size();
        let (mut layouts, mut standing) = (Layouts::default(), Standing::default());
        let settled = settle_choices(profile, &mut layouts, &mut standing);
        let mut resolver = Resolver {
            reserved: reserved_words(&profile.names, profile.types.natives()),
            names: &mut profile.names,
            types: &profile.types,
            structs: Vec::new(),
            little_endian: is_little_endian(profile.arch),
            address,
            layouts,
            standing,
            variables: &profile.constant_types,
            result: Resolution {
                record_keys: Keys::new(profile.types.records().len(), profile.types.member_count()),
                enum_keys: Keys::new(profile.types.enumerations().len(), profile.types.label_count()),
                plain: PlainTypes::new(&profile.types),
                ..Resolution::default()
            },
        };
        resolver.name_records(&profile.constant_types);
        resolver.name_enumerations(&profile.constant_types);
        resolver.find_flaws(threads, report);
        resolver.check_variables(&profile.constant_types, report);
        resolver.list_ambiguities(settled, report);
        resolver.finish(report)
    }
}

impl Resolver<'_> {
    /// The result, after every step.
    fn finish(mut self, report: &mut Report) -> Resolution {
        for name in self.result.record_keys.moved.keys() {
            report.lose("structs named like a word of descriptors", || self.names.get(*name).to_owned());
        }
        let names = &*self.names;
        let mut enums: Vec<(Name, EnumId)> = Vec::new();
        for (key, definition) in &self.result.enum_keys.taken {
            if let Definition::Enumeration(id) = definition {
                enums.push((*key, *id));
            }
        }
        names.sort_by_text(&mut enums, |(key, _)| *key);
        self.result.conflicts.sort_by(|a, b| a.name.cmp(&b.name));
        for conflict in &self.result.conflicts {
            report.lose("name conflicts", || conflict.name.clone());
        }
        Resolution { structs: self.structs, enums, ..self.result }
    }
}
