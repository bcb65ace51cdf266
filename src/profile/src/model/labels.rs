use std::collections::HashSet;

use crate::{Label, Name};

/// An enumeration's labels, the last declared first. A label that is declared twice, which no compiler writes, has
/// its last value.
pub(crate) fn last_values(labels: &[Label]) -> Vec<Label> {
    let mut last: Vec<Label> = labels.iter().rev().copied().collect();
    let mut names: Vec<Name> = labels.iter().map(|label| label.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        let mut seen = HashSet::new();
        last.retain(|label| seen.insert(label.name));
    }
    last
}
