//! Shows the profiles that are similar to a kernel or module.

use repository::index::Likeness;

use crate::console::Lines;
use crate::console::Table;

/// A table of profiles, best first.
pub fn table<'l>(title: &str, likely: impl Iterator<Item = &'l Likeness>) -> Lines {
    let mut table = Table::new(&[title, ">Score", ">Points", ">Bits"]);
    for one in likely {
        table.row([
            one.profile.clone(),
            format!("{:.3}", one.score()),
            format!("{}/{}", one.agreed, one.seen),
            format!("{}/{}", one.bits, one.of),
        ]);
    }
    table.lines()
}
