//! Resolves types by looking through qualifiers, notes and second names.

use profile::Report;

use crate::kind::BtfKind;
use crate::table::{Table, TypeView};

/// The resolved type of each type.
pub(super) struct Meanings(Vec<u32>);

/// Not resolved yet, and being resolved.
const UNKNOWN: u32 = u32::MAX;
const OPEN: u32 = u32::MAX - 1;

impl Meanings {
    /// Resolves every type of a table. A type that leads to itself, or to something that is not a type, becomes
    /// `void` and is counted.
    pub(super) fn new(table: &Table<'_>, report: &mut Report) -> Self {
        let mut meanings = vec![UNKNOWN; table.len() as usize + 1];
        if let Some(void) = meanings.first_mut() {
            *void = 0;
        }
        let mut path = Vec::new();
        for start in 1..=table.len() {
            let mut id = start;
            let meaning = loop {
                match meanings.get_mut(id as usize) {
                    Some(known @ &mut UNKNOWN) => *known = OPEN,
                    Some(&mut OPEN) => {
                        report
                            .lose("typedefs and qualifiers that lead to themselves", || format!("type {id}"));
                        break 0;
                    }
                    Some(known) => break *known,
                    None => break 0,
                }
                path.push(id);
                let Some(view) = table.view(id) else { break 0 };
                match step(&view) {
                    Step::Itself => break id,
                    Step::Nothing => break 0,
                    Step::Further(Some(target)) => id = target,
                    Step::Further(None) => {
                        report.lose("references that lead nowhere", || format!("type {id}"));
                        break 0;
                    }
                }
            };
            let mut meaning = meaning;
            // The innermost typedef gives an unnamed type its name.
            while let Some(id) = path.pop() {
                let names = table.view(id).is_some_and(|view| {
                    view.kind() == BtfKind::Typedef
                        && !view.name().is_empty()
                        && table.view(meaning).is_some_and(|meant| is_unnamed(&meant))
                });
                if names {
                    meaning = id;
                }
                if let Some(slot) = meanings.get_mut(id as usize) {
                    *slot = meaning;
                }
            }
        }
        Self(meanings)
    }

    /// The resolved type; 0 for `void`.
    pub(super) fn of(&self, id: u32) -> u32 {
        self.0.get(id as usize).copied().unwrap_or_default()
    }
}

enum Step {
    Itself,
    /// It is not a type.
    Nothing,
    Further(Option<u32>),
}

fn step(view: &TypeView<'_, '_>) -> Step {
    match view.kind() {
        BtfKind::Typedef | BtfKind::Volatile | BtfKind::Const | BtfKind::Restrict | BtfKind::TypeTag => {
            Step::Further(view.target())
        }
        BtfKind::Function
        | BtfKind::Variable
        | BtfKind::Section
        | BtfKind::DeclarationTag
        | BtfKind::Unknown(_) => Step::Nothing,
        _ => Step::Itself,
    }
}

fn is_unnamed(view: &TypeView<'_, '_>) -> bool {
    matches!(view.kind(), BtfKind::Struct | BtfKind::Union | BtfKind::Enum | BtfKind::Enum64)
        && view.name().is_empty()
}
