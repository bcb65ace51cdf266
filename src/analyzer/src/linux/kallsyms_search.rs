//! The kernel's table of symbols, found by its form: where nothing says where it is.
//!
//! The table of 256 tokens that names are packed by holds every digit by itself, one behind the other; the offsets of
//! the tokens follow it, and prove it. Before it lie the names with their count, and the place of every 256th name
//! behind them; addresses lie before the count, or (since 6.5) behind the tokens' offsets. All of it is one piece of
//! physical memory. Source: `write_src` of scripts/kallsyms.c in the kernel's sources, 2.6 to 6.12, 64 bits.

use image::{Memory, PhysicalAddress, Plan};

use super::kallsyms::{Addresses, Parts, addresses};
use crate::view::View;
use crate::{Layout, Physical};

/// The tokens of the ten digits.
const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
/// How many places are looked at.
const MOST_PLACES: usize = 64;
/// How far before its tokens the names of a table begin at most: a kernel has 200,000 of a dozen bytes.
const REACH: usize = 8 << 20;
/// The longest table of tokens.
const LONGEST: usize = 1 << 15;
/// What a symbol's kind can be.
const KINDS: &[u8] = b"aAbBcCdDgGiInNpPrRsStTuUvVwW?-";
/// Fewer symbols than any kernel has, and more.
const COUNTS: std::ops::Range<u32> = 1000..1 << 20;
/// Every so manyth name has its place put down.
const MARKED: usize = 256;

/// Every table in memory, as parts in physical memory.
pub(super) fn search(memory: &dyn Memory, plan: &Plan<'_>) -> Vec<Parts> {
    let plan = Plan { step: "Looking for the kernel's table of symbols", ..*plan };
    let hits = image::find(memory, &[DIGITS], MOST_PLACES, &plan).found;
    hits.iter().take(MOST_PLACES).filter_map(|hit| parts(memory, hit.at.0)).collect()
}

/// A table of tokens.
struct Tokens {
    /// Where it begins.
    start: u64,
    /// Where the tokens' offsets are.
    index: u64,
    tokens: Vec<Vec<u8>>,
}

/// The table whose token of the digit 0 is at `digit`.
fn parts(memory: &dyn Memory, digit: u64) -> Option<Parts> {
    let tokens = tokens(memory, digit)?;
    // As much as there is in one piece before it; parts of that may be missing all the same.
    let run = memory.runs().iter().find(|run| run.contains(PhysicalAddress(tokens.start)))?;
    let mut length = usize::try_from(tokens.start - run.start.0).unwrap_or(REACH).min(REACH);
    let mut before = vec![0; length];
    while memory.read(PhysicalAddress(tokens.start - length as u64), before.get_mut(..length)?).is_err() {
        length = length.checked_sub((length / 8).max(4096))?;
    }
    before.truncate(length);
    let first = tokens.start - length as u64;
    let skip = first.next_multiple_of(8) - first;
    let (words, _) = before.get(skip as usize..)?.as_chunks::<8>();
    words.iter().enumerate().rev().find_map(|(number, word)| {
        let [count, high] = [0, 4].map(|at| word.get(at..).and_then(<[u8]>::first_chunk).copied());
        let (count, high) = (u32::from_le_bytes(count?), u32::from_le_bytes(high?));
        if high != 0 || !COUNTS.contains(&count) {
            return None;
        }
        let at = skip as usize + number * 8;
        names_at(before.get(at + 8..)?, count as usize, &tokens.tokens)?;
        let at = first + at as u64;
        let parts = Parts {
            names: at + 8,
            count: u64::from(count),
            tokens: tokens.start,
            index: tokens.index,
            addresses: Addresses::Whole(0),
        };
        with_addresses(memory, at, parts)
    })
}

fn tokens(memory: &dyn Memory, digit: u64) -> Option<Tokens> {
    let mut before = [0; 4096];
    let start = digit.checked_sub(before.len() as u64)?;
    memory.read(PhysicalAddress(start), &mut before).ok()?;
    // The ends of the tokens before it, the nearest first; that of the first token is the 48th.
    let mut ends = before.iter().enumerate().rev().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
    let end = ends.nth(usize::from(b'0') - 1)?;
    let mut table = vec![0; LONGEST];
    let mut begin = (start + end as u64) & !7;
    for _ in 0..32 {
        let length = [LONGEST, LONGEST / 4].into_iter().find(|length| {
            table.get_mut(..*length).is_some_and(|part| memory.read(PhysicalAddress(begin), part).is_ok())
        })?;
        if let Some((index, tokens)) = table_at(table.get(..length)?) {
            return Some(Tokens { start: begin, index: begin + index, tokens });
        }
        begin = begin.checked_sub(8)?;
    }
    None
}

/// The tokens of the table that `bytes` begin with, and where in them the tokens' offsets are.
fn table_at(bytes: &[u8]) -> Option<(u64, Vec<Vec<u8>>)> {
    let mut tokens = Vec::with_capacity(256);
    let mut starts = Vec::with_capacity(256);
    let mut at = 0;
    for _ in 0..256 {
        let rest = bytes.get(at..)?;
        let length = memchr::memchr(0, rest)?;
        starts.push(u16::try_from(at).ok()?);
        tokens.push(rest.get(..length)?.to_vec());
        at += length + 1;
    }
    let index = at.next_multiple_of(8);
    let (offsets, _) = bytes.get(index..)?.as_chunks::<2>();
    let same = starts.iter().zip(offsets).filter(|(start, offset)| **start == u16::from_le_bytes(**offset));
    (same.count() == 256).then_some((index as u64, tokens))
}

/// Whether `bytes` begin with so many names, with the places of every 256th behind them.
fn names_at(bytes: &[u8], count: usize, tokens: &[Vec<u8>]) -> Option<()> {
    let (mut at, mut marks) = (0, Vec::new());
    for number in 0..count {
        if number.is_multiple_of(MARKED) {
            marks.push(at);
        }
        let mut length = usize::from(*bytes.get(at)?);
        at += 1;
        if length >= 128 {
            length = length & 127 | usize::from(*bytes.get(at)?) << 7;
            at += 1;
        }
        let packed = bytes.get(at..at + length)?;
        let kind = tokens.get(usize::from(*packed.first()?))?.first()?;
        if length > 512 || !KINDS.contains(kind) {
            return None;
        }
        at += length;
    }
    // As 32 bits since 4.20, before as 64.
    let behind = bytes.get(at.next_multiple_of(8)..)?;
    let narrow = behind.as_chunks::<4>().0.iter().map(|mark| u64::from(u32::from_le_bytes(*mark)));
    let wide = behind.as_chunks::<8>().0.iter().map(|mark| u64::from_le_bytes(*mark));
    let good = |found: &mut dyn Iterator<Item = u64>| {
        marks.iter().map(|mark| *mark as u64).zip(found).filter(|(mark, found)| mark == found).count()
    };
    let all = marks.len();
    (all > 1 && (good(&mut narrow.into_iter()) == all || good(&mut wide.into_iter()) == all)).then_some(())
}

/// The parts with the addresses of the names, wherever those rise as they should.
fn with_addresses(memory: &dyn Memory, count_at: u64, parts: Parts) -> Option<Parts> {
    let layout = Layout::bare();
    let space = Physical(memory);
    let view = View { layout: &layout, space: &space };
    let offsets = (4 * parts.count).next_multiple_of(8);
    let relative = |at: u64, base: u64| Some(Addresses::Offsets { at, base: view.number(base, 8).ok()? });
    let base = count_at.checked_sub(8)?;
    let behind = (parts.index + 512).next_multiple_of(8);
    let places = [
        base.checked_sub(offsets).and_then(|at| relative(at, base)),
        relative(behind, behind + offsets),
        count_at.checked_sub(8 * parts.count).map(Addresses::Whole),
    ];
    places.into_iter().flatten().find_map(|addresses_at| {
        let parts = Parts { addresses: addresses_at, ..parts };
        let all = addresses(&view, &parts).ok()?;
        let highest = all.iter().max()?;
        let falls = all.windows(2).filter(|pair| pair.first() > pair.last()).count();
        let upper = 0xffff_0000_0000_0000;
        let kernels = all.iter().filter(|address| **address >= upper).count();
        (*highest > upper && falls * 50 <= all.len() && kernels * 2 > all.len()).then_some(parts)
    })
}

#[cfg(test)]
mod tests {
    use image::Pages;

    use super::*;
    use crate::linux::kallsyms::read_parts;

    /// Where a kernel puts the addresses.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Age {
        Whole,
        Before,
        Behind,
    }

    fn pad(bytes: &mut Vec<u8>) {
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }

    /// A table of 3,000 symbols, as the build of a kernel writes it.
    fn table(age: Age) -> Vec<u8> {
        let base = 0xffff_ffff_9100_0000_u64;
        let symbols: Vec<(u64, String)> =
            (0..3000_u64).map(|at| (base + at * 48, format!("function_{at}"))).collect();
        // Two tokens that stand for several letters, all others for themselves.
        let tokens: Vec<Vec<u8>> = (0..=255_u8)
            .map(|code| match code {
                1 => b"function_".to_vec(),
                2 => b"Tfunction_".to_vec(),
                b'!'..=b'~' => vec![code],
                _ => Vec::new(),
            })
            .collect();
        let (mut names, mut marks) = (Vec::new(), Vec::new());
        for (number, (_, name)) in symbols.iter().enumerate() {
            if number % 256 == 0 {
                marks.push(names.len());
            }
            let mut packed = if number % 2 == 0 { vec![2] } else { vec![b't', 1] };
            packed.extend_from_slice(name.strip_prefix("function_").unwrap().as_bytes());
            names.push(packed.len() as u8);
            names.extend(packed);
        }
        let offsets: Vec<u8> =
            symbols.iter().flat_map(|(address, _)| ((address - base) as u32).to_le_bytes()).collect();
        let mut bytes = vec![0x5a; 64];
        match age {
            Age::Whole => bytes.extend(symbols.iter().flat_map(|(address, _)| address.to_le_bytes())),
            Age::Before => {
                bytes.extend(&offsets);
                pad(&mut bytes);
                bytes.extend(base.to_le_bytes());
            }
            Age::Behind => {}
        }
        bytes.extend((symbols.len() as u64).to_le_bytes());
        bytes.extend(names);
        pad(&mut bytes);
        for mark in marks {
            match age {
                Age::Whole => bytes.extend((mark as u64).to_le_bytes()),
                _ => bytes.extend((mark as u32).to_le_bytes()),
            }
        }
        pad(&mut bytes);
        let (start, mut index) = (bytes.len(), Vec::new());
        for token in tokens {
            index.extend(((bytes.len() - start) as u16).to_le_bytes());
            bytes.extend(token);
            bytes.push(0);
        }
        pad(&mut bytes);
        bytes.extend(index);
        pad(&mut bytes);
        if age == Age::Behind {
            bytes.extend(&offsets);
            pad(&mut bytes);
            bytes.extend(base.to_le_bytes());
        }
        bytes.resize(bytes.len() + LONGEST, 0xa5);
        bytes
    }

    #[test]
    fn a_table_is_found_by_its_form_wherever_its_addresses_are() {
        for age in [Age::Whole, Age::Before, Age::Behind] {
            let bytes = table(age);
            let mut pages = Pages::default();
            pages.write(PhysicalAddress(0x10_0000), &bytes);
            let found = search(&pages, &Plan::default());
            let [parts] = found.as_slice() else { panic!("{found:?}") };
            let layout = Layout::bare();
            let symbols = read_parts(View { layout: &layout, space: &Physical(&pages) }, parts).unwrap();
            assert_eq!(symbols.len(), 3000);
            assert_eq!(symbols["function_0"], [0xffff_ffff_9100_0000]);
            assert_eq!(symbols["function_2999"], [0xffff_ffff_9100_0000 + 2999 * 48]);
            // A byte of the names, the tokens or their offsets changed: no table, or the rest of it; no other one.
            for at in (0..bytes.len() - LONGEST).step_by(997) {
                let mut pages = Pages::default();
                let mut changed = bytes.clone();
                changed[at] ^= 0x10;
                pages.write(PhysicalAddress(0x10_0000), &changed);
                assert!(search(&pages, &Plan::default()).len() <= 1);
            }
        }
    }
}
