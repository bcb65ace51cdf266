//! Stores the symbols of a section (`$CONSTANTS` or `$FUNCTIONS`) as differences from the same section of another build,
//! the parent. Symbols are sorted by address.
//!
//! The list is a sequence of steps. A step adds some new symbols, each by its name and its distance from the symbol before.
//! Then it copies a run of symbols from the parent, all shifted by the same distance. Symbols of the parent that no run
//! copies are not in the list.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bytes::{Cursor, Decoded, Malformed, TextColumns, Texts, push_bytes, push_number, push_signed};

/// Symbols sorted by address, then by name. Builds share the allocations of equal names.
pub(crate) type Symbols = Vec<(u64, Arc<str>)>;

/// Encodes `symbols`, which have to be sorted, as differences from `parent`.
pub(crate) fn encode(symbols: &Symbols, parent: &Symbols, out: &mut Vec<u8>) {
    let places: HashMap<&str, usize> =
        parent.iter().enumerate().map(|(place, (_, name))| (&**name, place)).collect();
    let mut names = TextColumns::default();
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
    names.write(out);
    for column in [fresh, distances, jumps, counts, shifts] {
        push_bytes(out, &column);
    }
}

/// Decodes symbols from their differences from `parent`. Each symbol of the parent is copied at most once, so the list has
/// at most as many symbols as the parent has and `cursor` has bytes.
pub(crate) fn decode(cursor: &mut Cursor<'_>, parent: &Symbols) -> Decoded<Symbols> {
    let count = cursor.size()?;
    let mut names = Texts::read(cursor)?;
    let (mut fresh, mut distances) = (cursor.column()?, cursor.column()?);
    let (mut jumps, mut counts, mut shifts) = (cursor.column()?, cursor.column()?, cursor.column()?);
    if count > parent.len().saturating_add(distances.len()) {
        return Err(Malformed("a list of symbols is longer than what it is made of"));
    }
    let mut symbols = Symbols::with_capacity(count);
    let mut taken = vec![false; parent.len()];
    let (mut expected, mut shift, mut address) = (0_usize, 0_u64, 0_u64);
    while symbols.len() < count {
        let new = fresh.size()?;
        if new > count - symbols.len() {
            return Err(Malformed("a list of symbols is longer than it says"));
        }
        for _ in 0..new {
            address = address.wrapping_add(distances.number()?);
            symbols.push((address, Arc::from(names.next()?)));
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
    [fresh, distances, jumps, counts, shifts].iter().try_for_each(Cursor::end)?;
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
        for column in [&[0, 0][..], &[], &[0, 1], &[1, 1], &[0, 0]] {
            push_bytes(&mut out, column);
        }
        assert!(decode(&mut Cursor::new(&out), &parent).is_err());
    }

    proptest! {
        #[test]
        fn any_list_can_be_stored_as_differences_from_any_other(
            a in prop::collection::hash_map("[a-f]{1,2}", any::<u64>(), 0..40),
            b in prop::collection::hash_map("[a-f]{1,2}", any::<u64>(), 0..40),
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
