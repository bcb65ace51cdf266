//! Stores the symbols of a section (`$CONSTANTS` or `$FUNCTIONS`) as differences from the same section of another build,
//! the parent. Symbols are sorted by address.
//!
//! The list is a sequence of steps. A step gives some new symbols by name and distance from the symbol before, then
//! takes a run of symbols over from the parent, all shifted by the same distance. What the parent has beside that is
//! not taken over. The name of a new symbol may be given as that of such a symbol with other numbers, because compilers
//! number thousands of names.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::bytes::{
    Cursor, Decoded, Malformed, TextColumns, Texts, push_bytes, push_number, push_signed, unzigzag, zigzag,
};
use crate::numbered::{outline, push_differences, renumbered};

/// Symbols sorted by address, then by name. Builds share the allocations of equal names.
pub(crate) type Symbols = Vec<(u64, Arc<str>)>;

/// Encodes `symbols`, which have to be sorted, as differences from `parent`.
pub(crate) fn encode(symbols: &Symbols, parent: &Symbols, out: &mut Vec<u8>) {
    let places: HashMap<&str, usize> =
        parent.iter().enumerate().map(|(place, (_, name))| (&**name, place)).collect();
    let mut names = Names::new(symbols, parent);
    let [mut fresh, mut distances, mut jumps, mut counts, mut shifts] = <[Vec<u8>; 5]>::default();
    let (mut expected, mut last_shift, mut last_address) = (0, 0, 0);
    let mut position = 0;
    let found = |position: usize| {
        let (address, name) = symbols.get(position)?;
        let place = *places.get(&**name)?;
        Some((place, address.wrapping_sub(parent.get(place)?.0)))
    };
    while position < symbols.len() {
        let start = position;
        while let Some((address, name)) = symbols.get(position)
            && found(position).is_none()
        {
            names.push(name);
            push_number(&mut distances, address.wrapping_sub(last_address));
            last_address = *address;
            position += 1;
        }
        push_number(&mut fresh, (position - start) as u64);
        let Some((place, shift)) = found(position) else { break };
        let start = position;
        while found(position) == Some((place + (position - start), shift)) {
            last_address = symbols.get(position).map_or(last_address, |(address, _)| *address);
            position += 1;
        }
        let count = position - start;
        push_signed(&mut jumps, place as i64 - expected as i64);
        push_number(&mut counts, count as u64);
        push_signed(&mut shifts, shift.wrapping_sub(last_shift).cast_signed());
        (expected, last_shift) = (place + count, shift);
    }
    push_number(out, symbols.len() as u64);
    names.texts.write(out);
    let sources = names.sources();
    for column in [fresh, distances, sources, names.digits, jumps, counts, shifts] {
        push_bytes(out, &column);
    }
}

/// The names of new symbols.
struct Names<'a> {
    parent: &'a Symbols,
    /// By outline, the places of the parent's symbols that are not taken over, the last one first.
    left: HashMap<Cow<'a, str>, Vec<usize>>,
    texts: TextColumns,
    /// For each name 0 if it is a text, otherwise 1 more than how far the place of its source is from the one behind
    /// the source before, as a signed number.
    sources: Vec<u64>,
    expected: usize,
    digits: Vec<u8>,
}

impl<'a> Names<'a> {
    fn new(symbols: &Symbols, parent: &'a Symbols) -> Self {
        let kept: HashSet<&str> = symbols.iter().map(|(_, name)| &**name).collect();
        let mut left: HashMap<Cow<'a, str>, Vec<usize>> = HashMap::new();
        let places = parent.iter().enumerate().rev().filter(|(_, (_, name))| !kept.contains(&**name));
        for (place, (_, name)) in places {
            // A name without a number has no other with its outline.
            if let outline @ Cow::Owned(_) = outline(name) {
                left.entry(outline).or_default().push(place);
            }
        }
        let (texts, sources, digits) = (TextColumns::default(), Vec::new(), Vec::new());
        Self { parent, left, texts, sources, expected: 0, digits }
    }

    fn push(&mut self, name: &str) {
        let places = self.left.get_mut(&*outline(name));
        let source = places.and_then(Vec::pop).filter(|place| {
            let of = self.parent.get(*place);
            of.is_some_and(|(_, of)| push_differences(of, name, &mut self.digits))
        });
        self.sources.push(match source {
            Some(place) => {
                let distance = place as i64 - self.expected as i64;
                self.expected = place + 1;
                1 + zigzag(distance)
            }
            None => {
                self.texts.push(name);
                0
            }
        });
    }

    /// The column of sources, which is empty if all names are texts.
    fn sources(&self) -> Vec<u8> {
        let mut column = Vec::new();
        if self.sources.iter().any(|source| *source > 0) {
            self.sources.iter().for_each(|source| push_number(&mut column, *source));
        }
        column
    }
}

/// Decodes symbols from changes of `parent`. Each symbol of the parent is taken over at most once, with its name or with
/// other numbers in it, so the list is never longer than the parent's and what `cursor` holds.
pub(crate) fn decode(cursor: &mut Cursor<'_>, parent: &Symbols) -> Decoded<Symbols> {
    let count = cursor.size()?;
    let mut names = Texts::read(cursor)?;
    let (mut fresh, mut distances) = (cursor.column()?, cursor.column()?);
    let (mut sources, mut digits) = (cursor.column()?, cursor.column()?);
    let only_texts = sources.len() == 0;
    let (mut jumps, mut counts, mut shifts) = (cursor.column()?, cursor.column()?, cursor.column()?);
    if count > parent.len().saturating_add(distances.len()) {
        return Err(Malformed("a list of symbols is longer than what it is made of"));
    }
    let mut symbols = Symbols::with_capacity(count);
    let mut taken = vec![false; parent.len()];
    let (mut expected, mut shift, mut address) = (0_usize, 0_u64, 0_u64);
    let mut next_source = 0_usize;
    while symbols.len() < count {
        let new = fresh.size()?;
        if new > count - symbols.len() {
            return Err(Malformed("a list of symbols is longer than it says"));
        }
        for _ in 0..new {
            address = address.wrapping_add(distances.number()?);
            let distance = if only_texts { None } else { sources.number()?.checked_sub(1).map(unzigzag) };
            let Some(distance) = distance else {
                symbols.push((address, Arc::from(names.next()?)));
                continue;
            };
            let distance = isize::try_from(distance).ok();
            let place = distance.and_then(|distance| next_source.checked_add_signed(distance));
            let source = place.and_then(|place| Some((parent.get(place)?, taken.get_mut(place)?)));
            let Some((((_, of), taken), place)) = source.zip(place) else {
                return Err(Malformed("the source of a name is not one of the parent's"));
            };
            if std::mem::replace(taken, true) {
                return Err(Malformed("a symbol of the parent is copied twice"));
            }
            next_source = place.saturating_add(1);
            symbols.push((address, Arc::from(renumbered(of, &mut digits)?)));
        }
        if symbols.len() == count {
            break;
        }
        let jump = isize::try_from(jumps.signed()?).ok();
        let place = jump.and_then(|jump| expected.checked_add_signed(jump));
        let run = counts.size()?;
        shift = shift.wrapping_add(shifts.signed()?.cast_unsigned());
        let range = place.and_then(|place| Some(place..place.checked_add(run)?));
        let (Some(range), true) = (range, run > 0 && run <= count - symbols.len()) else {
            return Err(Malformed("a run of symbols is not one of the parent's"));
        };
        expected = range.end;
        let (Some(run), Some(taken)) = (parent.get(range.clone()), taken.get_mut(range)) else {
            return Err(Malformed("a run of symbols is not one of the parent's"));
        };
        for ((of_parent, name), taken) in run.iter().zip(taken) {
            if std::mem::replace(taken, true) {
                return Err(Malformed("a symbol of the parent is copied twice"));
            }
            address = of_parent.wrapping_add(shift);
            symbols.push((address, Arc::clone(name)));
        }
    }
    names.end()?;
    [fresh, distances, sources, digits, jumps, counts, shifts].iter().try_for_each(Cursor::end)?;
    Ok(symbols)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Encodes and decodes `symbols`; returns the encoded length.
    fn round(symbols: &Symbols, parent: &Symbols) -> usize {
        let mut out = Vec::new();
        encode(symbols, parent, &mut out);
        let mut cursor = Cursor::new(&out);
        assert_eq!(&decode(&mut cursor, parent).unwrap(), symbols);
        assert_eq!(cursor.end(), Ok(()));
        out.len()
    }

    fn list(symbols: impl IntoIterator<Item = (u64, String)>) -> Symbols {
        let mut symbols: Symbols =
            symbols.into_iter().map(|(address, name)| (address, name.into())).collect();
        symbols.sort();
        symbols
    }

    #[test]
    fn a_run_of_symbols_that_moves_together_takes_a_few_bytes() {
        let parent = list((0..1000).map(|nth| (0xffff_ffff_8100_0000 + nth * 64, format!("function_{nth}"))));
        let moved = list((0..1000).map(|nth| {
            (0xffff_ffff_8100_0000 + nth * 64 + if nth < 500 { 0 } else { 0x40 }, format!("function_{nth}"))
        }));
        assert!(round(&moved, &parent) < 40);
    }

    #[test]
    fn a_symbol_of_the_parent_is_not_copied_twice() {
        let parent = list([(1, "a".to_owned())]);
        let mut out = Vec::new();
        push_number(&mut out, 2);
        TextColumns::default().write(&mut out);
        for column in [&[0, 0][..], &[], &[], &[], &[0, 1], &[1, 1], &[0, 0]] {
            push_bytes(&mut out, column);
        }
        assert!(decode(&mut Cursor::new(&out), &parent).is_err());
        // A name is made of it, and then it is taken over.
        let mut out = Vec::new();
        push_number(&mut out, 2);
        TextColumns::default().write(&mut out);
        for column in [&[1][..], &[0], &[1], &[], &[0], &[1], &[0]] {
            push_bytes(&mut out, column);
        }
        assert_eq!(
            decode(&mut Cursor::new(&out), &parent),
            Err(Malformed("a symbol of the parent is copied twice"))
        );
    }

    #[test]
    fn names_that_are_counted_up_cost_few_bytes() {
        let numbered = |counter: u64| {
            list((0..1000).map(|nth| (nth * 64, format!("__UNIQUE_ID_ddebug{}.{}", nth + counter, nth % 7))))
        };
        // The numbers are not those of other symbols.
        let cost = round(&numbered(5000), &numbered(1000));
        assert!(cost < 6 * 1000, "{cost}");
        let texts: usize = numbered(5000).iter().map(|(_, name)| name.len()).sum();
        assert!(cost * 3 < texts, "{cost} of {texts}");
    }

    proptest! {
        #[test]
        fn any_list_survives_as_changes_of_any_other(
            a in prop::collection::hash_map("[a-c]{0,1}[0-3]{1,3}[a-c]{0,1}", any::<u64>(), 0..40),
            b in prop::collection::hash_map("[a-c]{0,1}[0-3]{1,3}[a-c]{0,1}", any::<u64>(), 0..40),
        ) {
            let (a, b) = (list(a.into_iter().map(|(name, address)| (address, name))),
                list(b.into_iter().map(|(name, address)| (address, name))));
            round(&a, &b);
        }

        #[test]
        fn damaged_lists_give_an_error_or_a_list_of_bounded_length(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let parent = list((0..10).map(|nth| (nth, format!("s{nth}"))));
            let decoded = decode(&mut Cursor::new(&bytes), &parent);
            prop_assert!(decoded.map_or(0, |symbols| symbols.len()) <= 210);
        }
    }
}
