//! Arrays and their bounds.

use profile::{Type, TypeId};

use super::lowering::Lowering;
use crate::entry::Entry;
use crate::language::Languages;
use crate::plan::EntryKind;
use crate::site::Site;

/// The largest index type that gives an array its bounds.
const MAX_INDEX_TYPE: u64 = 1 << 16;

impl<'a> Lowering<'_, '_, 'a> {
    pub(super) fn array(&mut self, site: Site, entry: &Entry<'a>) -> TypeId {
        let mut target = self.held(site, entry.ty);
        let mut bounds = self.children(site, entry);
        bounds.retain(|bound| bound.kind == EntryKind::Bound);
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
            Some((of, index)) if index.kind == EntryKind::Enumeration => {
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
                if index.kind == EntryKind::Bound && bound.upper_bound.is_none() && !index.dynamic =>
            {
                let lower = bound.lower_bound.or(index.lower_bound).unwrap_or(first);
                let count = elements(lower, index.upper_bound);
                // Ada's `Positive` is the index of arrays of any length.
                if count <= MAX_INDEX_TYPE { count } else { 0 }
            }
            _ => elements(bound.lower_bound.unwrap_or(first), bound.upper_bound),
        }
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
