use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use std::thread;

use foldhash::fast::RandomState;

use crate::{Name, Names};

/// How widely a symbol is visible; of several that share a name, the wider one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Binding {
    /// Visible only in its own object file.
    Local,
    /// Visible everywhere, but a global one takes precedence.
    Weak,
    /// Visible everywhere.
    Global,
}

/// Keeps one of the symbols that share a name: global before weak before local, then the one with the higher address
/// (docs/format.md, invariant 8). The result is sorted by name, on up to `threads` threads (at most two).
pub fn choose_symbols(names: &Names, symbols: Vec<(Name, u64, Binding)>, threads: usize) -> Vec<(Name, u64)> {
    // A map has a hundred thousand names: most comparisons are decided by their first bytes, which are stored next to
    // each other.
    let keyed = symbols.into_iter().map(|symbol| (beginning(names.get(symbol.0)), symbol));
    let mut keyed: Vec<Keyed> = keyed.collect();
    let order = |(a_text, a): &Keyed, (b_text, b): &Keyed| {
        let by_name = || if a.0 == b.0 { Ordering::Equal } else { names.get(a.0).cmp(names.get(b.0)) };
        a_text.cmp(b_text).then_with(by_name).then_with(|| (b.2, b.1).cmp(&(a.2, a.1)))
    };
    // Stable sorts, because they merge what is sorted already: some sources give symbols in this order.
    if threads > 1 && keyed.len() >= MANY {
        let middle = keyed.len() / 2;
        let (first, second) = keyed.split_at_mut(middle);
        thread::scope(|scope| {
            scope.spawn(|| first.sort_by(order));
            second.sort_by(order);
        });
    }
    keyed.sort_by(order);
    keyed.dedup_by_key(|(_, (name, ..))| *name);
    keyed.into_iter().map(|(_, (name, address, _))| (name, address)).collect()
}

/// A symbol with the first bytes of its name.
type Keyed = (u128, (Name, u64, Binding));

/// How many symbols are worth a second thread.
const MANY: usize = 20_000;

/// The first bytes of a text as a number with the same order.
fn beginning(text: &str) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

/// How a symbol got its name. Of several that share one, the strongest claim keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A part of its real name was removed that is not a decoration.
    Stripped,
    /// A C++ decoration was removed: the name without class and arguments.
    Mangled,
    /// A C decoration was removed: this is its name in the source.
    Decorated,
    /// It has exactly this name.
    Exact,
}

/// A symbol that may have to share its name with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedSymbol {
    /// The name.
    pub name: Name,
    /// Its address.
    pub address: u64,
    /// How widely it is visible.
    pub binding: Binding,
    /// How it came by the name.
    pub claim: Claim,
}

/// Numbers symbols that share a name (docs/format.md, invariant 8). The one with the strongest claim keeps it; then
/// the most widely visible one, then the one with the lowest address. The others become `<name>_1`, `<name>_2`, ...,
/// the most widely visible first, then by address, as in Rekall (numbers that other symbols already have are
/// skipped). Several at one address count as one symbol. The result is sorted by name.
pub fn number_by_address(names: &mut Names, symbols: Vec<NamedSymbol>) -> Vec<(Name, u64)> {
    let mut symbols = symbols;
    symbols.sort_unstable_by_key(|it| (it.name, it.address));
    symbols.dedup_by(|next, kept| {
        let same = (next.name, next.address) == (kept.name, kept.address);
        if same {
            kept.binding = kept.binding.max(next.binding);
            kept.claim = kept.claim.max(next.claim);
        }
        same
    });
    symbols.sort_unstable_by_key(|it| (it.name, Reverse(it.binding), it.address));
    for group in symbols.chunk_by_mut(|a, b| a.name == b.name).filter(|group| group.len() > 1) {
        let strongest = group.iter().map(|it| it.claim).max();
        let first = group.iter().position(|it| Some(it.claim) == strongest).unwrap_or(0);
        if let Some(front) = group.get_mut(..=first) {
            front.rotate_right(1);
        }
    }
    let mut symbols: Vec<(Name, u64)> = symbols.into_iter().map(|it| (it.name, it.address)).collect();
    let mut held: HashSet<Name, RandomState> = symbols.iter().map(|(name, _)| *name).collect();
    let mut previous = None;
    let mut number = 0u32;
    for (name, _) in &mut symbols {
        if previous != Some(*name) {
            previous = Some(*name);
            number = 0;
            continue;
        }
        *name = loop {
            number += 1;
            let text = format!("{}_{number}", names.get(*name));
            let numbered = names.intern(&text);
            if held.insert(numbered) {
                break numbered;
            }
        };
    }
    names.sort_by_text(&mut symbols, |(name, _)| *name);
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(names: &'a Names, symbols: &[(Name, u64)]) -> Vec<(&'a str, u64)> {
        symbols.iter().map(|(name, value)| (names.get(*name), *value)).collect()
    }

    #[test]
    fn global_before_weak_before_local_then_the_higher_address() {
        let mut names = Names::default();
        let (a, b) = (names.intern("a"), names.intern("b"));
        let symbols = vec![
            (b, 9, Binding::Local),
            (b, 1, Binding::Weak),
            (a, 3, Binding::Local),
            (a, 7, Binding::Local),
            (b, 2, Binding::Global),
        ];
        let chosen = choose_symbols(&names, symbols, 1);
        assert_eq!(texts(&names, &chosen), [("a", 7), ("b", 2)]);
    }

    #[test]
    fn two_threads_choose_the_same_symbols_as_one() {
        let mut names = Names::default();
        let numbers = (0..3 * MANY as u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        let symbols: Vec<(Name, u64, Binding)> = numbers
            .map(|number| {
                let binding = if number % 3 == 0 { Binding::Global } else { Binding::Local };
                (names.intern(&format!("a_name_that_is_longer_{}", number % 9_000)), number, binding)
            })
            .collect();
        let one = choose_symbols(&names, symbols.clone(), 1);
        assert!(one.len() > 8_000 && one.is_sorted_by_key(|(name, _)| names.get(*name)));
        assert_eq!(choose_symbols(&names, symbols, 2), one);
    }

    fn symbol(name: Name, address: u64, binding: Binding) -> NamedSymbol {
        NamedSymbol { name, address, binding, claim: Claim::Exact }
    }

    #[test]
    fn the_strongest_claim_keeps_the_name_and_the_others_keep_their_order() {
        let mut names = Names::default();
        let a = names.intern("a");
        let stripped =
            |address| NamedSymbol { claim: Claim::Stripped, ..symbol(a, address, Binding::Global) };
        let symbols = vec![
            stripped(10),
            NamedSymbol { claim: Claim::Mangled, ..symbol(a, 40, Binding::Global) },
            stripped(20),
            symbol(a, 40, Binding::Local),
            stripped(50),
        ];
        let numbered = number_by_address(&mut names, symbols);
        assert_eq!(texts(&names, &numbered), [("a", 40), ("a_1", 10), ("a_2", 20), ("a_3", 50)]);
    }

    #[test]
    fn duplicates_are_numbered_by_address() {
        let mut names = Names::default();
        let (a, a1) = (names.intern("a"), names.intern("a_1"));
        let symbols = [(a, 30), (a, 10), (a1, 5), (a, 20), (a, 10)];
        let symbols = symbols.map(|(name, address)| symbol(name, address, Binding::Global)).to_vec();
        let numbered = number_by_address(&mut names, symbols);
        assert_eq!(texts(&names, &numbered), [("a", 10), ("a_1", 5), ("a_2", 20), ("a_3", 30)]);
    }

    #[test]
    fn a_local_symbol_takes_no_name_from_a_global_one() {
        let mut names = Names::default();
        let a = names.intern("a");
        let symbols = vec![
            symbol(a, 10, Binding::Local),
            symbol(a, 20, Binding::Global),
            symbol(a, 20, Binding::Local),
        ];
        let numbered = number_by_address(&mut names, symbols);
        assert_eq!(texts(&names, &numbered), [("a", 20), ("a_1", 10)]);
    }
}
