//! The table of checks: what each one proves and what it reads. The checks report under these rows, and
//! docs/validation.md is generated from them.

use std::collections::BTreeSet;

/// What kind of proof a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The identity of the build: GUID and age, build-id, banner.
    Identity,
    /// Known values at symbols' addresses.
    Anchors,
    /// Structs that must agree with each other.
    Structure,
    /// The kernel's own tables.
    Tables,
    /// The profile alone: overlapping members.
    Profile,
    /// Data that resembles a kernel but is not one, or belongs to another one.
    Decoys,
}

impl Group {
    /// Every group, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Identity, Self::Anchors, Self::Structure, Self::Profile, Self::Tables, Self::Decoys];

    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Anchors => "anchors",
            Self::Structure => "structure",
            Self::Tables => "tables",
            Self::Profile => "profile",
            Self::Decoys => "decoys",
        }
    }

    /// What a failed check of this kind means, in a sentence; empty if none can fail.
    pub fn failure(self) -> &'static str {
        match self {
            Self::Identity => "The kernel in the image is another build than the profile's.",
            Self::Anchors => {
                "In this kernel a symbol that the check reads has another address, or a member another offset."
            }
            Self::Structure => {
                "In this kernel a member that the check reads has another offset, or the symbol at which a list \
                 begins another address."
            }
            Self::Tables => "The symbols or members that are named are elsewhere in this kernel.",
            Self::Profile => {
                "No compiler lays the struct out in this way: the profile was changed or is damaged."
            }
            Self::Decoys => "",
        }
    }
}

/// The weight of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Reported only.
    Note,
    /// A failure is a mismatch; many passed checks are needed to prove a match.
    Strong,
    /// A failure is a mismatch; one that passes is half a proof.
    Decisive,
}

impl Weight {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Strong => "strong",
            Self::Decisive => "decisive",
        }
    }
}

/// A row of the table: a check, or several that prove the same of different entries.
#[derive(Debug)]
pub struct CheckRow {
    /// The names under which it is reported.
    pub names: &'static [&'static str],
    /// The kind of proof.
    pub group: Group,
    /// Its weight.
    pub weight: Weight,
    /// What is so in every kernel that the profile belongs to, in whole sentences.
    pub proves: &'static str,
    /// When it is skipped, other than for missing memory and for entries that the profile lacks; may be empty.
    pub skipped_if: &'static str,
    /// The members (`STRUCT.MEMBER`) and symbols (`&SYMBOL`) that it reads.
    pub reads: &'static [&'static str],
    /// What it reads instead on kernels of other versions and processors than those whose images the tests have.
    pub reads_elsewhere: &'static [&'static str],
    /// Whether it depends on a record with the build, which a single changed byte can invalidate.
    pub(crate) names_the_build: bool,
    /// Whether it is made only if no kernel was found.
    pub(crate) is_without_kernel: bool,
}

/// A strong row; the rest is added by the methods.
pub(crate) const fn row(group: Group, names: &'static [&'static str]) -> CheckRow {
    CheckRow {
        names,
        group,
        weight: Weight::Strong,
        proves: "",
        skipped_if: "",
        reads: &[],
        reads_elsewhere: &[],
        names_the_build: matches!(group, Group::Identity),
        is_without_kernel: false,
    }
}

impl CheckRow {
    pub(crate) const fn decisive(self) -> Self {
        Self { weight: Weight::Decisive, ..self }
    }

    pub(crate) const fn note(self) -> Self {
        Self { weight: Weight::Note, ..self }
    }

    pub(crate) const fn proves(self, proves: &'static str) -> Self {
        Self { proves, ..self }
    }

    pub(crate) const fn skipped_if(self, skipped_if: &'static str) -> Self {
        Self { skipped_if, ..self }
    }

    pub(crate) const fn reads(self, reads: &'static [&'static str]) -> Self {
        Self { reads, ..self }
    }

    pub(crate) const fn reads_elsewhere(self, reads_elsewhere: &'static [&'static str]) -> Self {
        Self { reads_elsewhere, ..self }
    }

    pub(crate) const fn names_the_build(self) -> Self {
        Self { names_the_build: true, ..self }
    }

    pub(crate) const fn without_kernel(self) -> Self {
        Self { is_without_kernel: true, ..self }
    }
}

/// Defines rows and `ROWS`, the list of them in the same order, so that a row cannot be missing in the table.
macro_rules! rows {
    ($($name:ident = $row:expr;)*) => {
        $(pub(crate) static $name: $crate::table::CheckRow = $row;)*
        pub(crate) static ROWS: &[&$crate::table::CheckRow] = &[$(&$name),*];
    };
}
pub(crate) use rows;

/// The checks of one system.
#[derive(Debug)]
pub struct CheckTable {
    /// The rows by what they are about; one part may have no title.
    pub parts: &'static [(&'static str, &'static [&'static CheckRow])],
}

impl CheckTable {
    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &'static CheckRow> {
        self.parts.iter().flat_map(|(_, rows)| rows.iter().copied())
    }

    /// The row of a check that is reported under this name.
    pub fn row(&self, name: &str) -> Option<&'static CheckRow> {
        self.rows().find(|row| row.names.contains(&name))
    }

    /// Everything that the checks of a kernel that was found read: members (`STRUCT.MEMBER`), then symbols (`&SYMBOL`),
    /// each in order.
    pub fn reads(&self) -> Vec<&'static str> {
        in_order(self.rows().filter(|row| !row.is_without_kernel).flat_map(|row| row.reads))
    }

    /// What is read beside that on kernels of other versions and processors than those whose images the tests have: in
    /// place of newer names, or of those of x86-64.
    pub fn reads_elsewhere(&self) -> Vec<&'static str> {
        let usual = self.reads();
        let found = self.rows().filter(|row| !row.is_without_kernel).flat_map(|row| row.reads_elsewhere);
        in_order(found.filter(|item| !usual.contains(item)))
    }
}

/// The items without repetitions, symbols last.
fn in_order<'a>(items: impl Iterator<Item = &'a &'static str>) -> Vec<&'static str> {
    let items: BTreeSet<(bool, &str)> = items.map(|item| (item.starts_with('&'), *item)).collect();
    items.into_iter().map(|(_, item)| item).collect()
}
