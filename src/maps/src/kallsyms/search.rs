use super::names::{LONGEST_NAME, LONGEST_TOKENS, Tokens};
use super::{Encoding, Format, MOST_SYMBOLS, Parts, Source, bytes, choose};

/// The tokens of the ten digits, which stand for themselves in every table: the mark to search memory for.
pub const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";

/// The fewest symbols a table is believed to have.
const FEWEST_SYMBOLS: u32 = 1000;
/// How far before the tokens the names may begin: large kernels have 400,000 names of some 15 bytes.
const REACH: usize = 8 << 20;
/// How far before the first digit the tokens may begin: 48 tokens of at most 80 bytes.
const TOKENS_BEFORE: usize = 4096;
/// What the kind of a symbol can be.
const KINDS: &[u8] = b"aAbBcCdDgGiInNpPrRsStTuUvVwW?-";
/// Every so manyth name has its place among the markers.
const MARKED: usize = 256;
/// A virtual address to decode place-relative offsets from while the real one is unknown.
const PROVISIONAL: u64 = 0xffff_ffff_8200_0000;

/// Works out the parts of the table whose token for the digit 0 is at `digit`, a place where [`DIGITS`] was found.
///
/// The token index proves the tokens; the markers prove the names and their count; addresses that rise prove the
/// encoding. All parts have to lie in one piece of the source, as they do in physical memory and in a kernel file. A
/// place-relative table ([`Encoding::FromPlace`]) comes back with a provisional virtual address: differences between its
/// symbols are right, and the caller has to find out where the kernel really runs.
///
/// At most 8 MiB before the tokens are read, and each byte of them is looked at a bounded number of times.
pub fn find_near(source: &dyn Source, digit: u64) -> Option<Parts> {
    let table = TokenTable::around(source, digit)?;
    let before = Before::read(source, table.start)?;
    let tokens = Tokens::new(table.tokens);
    let mut budget = before.bytes.len().saturating_mul(16);
    let words = (0..before.bytes.len() / 4).rev();
    words.map(|word| word * 4).find_map(|at| {
        let count = table.format.u32(*before.bytes.get(at..)?.first_chunk()?);
        if !(FEWEST_SYMBOLS..MOST_SYMBOLS).contains(&count) {
            return None;
        }
        // The names follow a count of 32 bits at once, or one that is padded to, or is, 64 bits. In a big-endian
        // table the lower half of such a count comes last.
        let padded = before.bytes.get(at + 4..)?.first_chunk::<4>() == Some(&[0; 4]);
        let skips = if padded { [Some(4), Some(8)] } else { [Some(4), None] };
        skips.into_iter().flatten().find_map(|skip| {
            let names = at + skip;
            let markers = before.markers(names, count, &tokens, &mut budget)?;
            before.are_markers(&markers, table.format).then_some(())?;
            let parts = Pieces {
                format: table.format,
                count,
                count_at: before.start + at as u64,
                names: before.start + names as u64,
                tokens: table.start,
                index: table.index,
            };
            parts.with_addresses(source)
        })
    })
}

/// A token table and its index.
struct TokenTable {
    start: u64,
    index: u64,
    format: Format,
    tokens: Vec<Vec<u8>>,
}

impl TokenTable {
    fn around(source: &dyn Source, digit: u64) -> Option<Self> {
        let from = digit.checked_sub(TOKENS_BEFORE as u64)?;
        let before = bytes(source, from, TOKENS_BEFORE).ok()?;
        // The token of the digit is number 48, so the 48th zero byte before it ends the first token.
        let mut ends = before.iter().enumerate().rev().filter(|(_, byte)| **byte == 0).map(|(at, _)| at);
        let first_end = ends.nth(usize::from(b'0') - 1)?;
        let mut begin = (from + first_end as u64) & !3;
        for _ in 0..LONGEST_NAME / 4 {
            let lengths = [LONGEST_TOKENS, LONGEST_TOKENS / 4, LONGEST_TOKENS / 16];
            let piece = lengths.into_iter().find_map(|length| bytes(source, begin, length).ok())?;
            if let Some(table) = Self::parse(begin, &piece) {
                return Some(table);
            }
            begin = begin.checked_sub(4)?;
        }
        None
    }

    /// The table that `piece` begins with.
    fn parse(start: u64, piece: &[u8]) -> Option<Self> {
        let (mut tokens, mut starts) = (Vec::with_capacity(256), Vec::with_capacity(256));
        let mut at = 0;
        for _ in 0..256 {
            let rest = piece.get(at..)?;
            let length = memchr::memchr(0, rest)?;
            if length > LONGEST_NAME {
                return None;
            }
            starts.push(u16::try_from(at).ok()?);
            tokens.push(rest.get(..length)?.to_vec());
            at += length + 1;
        }
        let (index, big_endian) = [4, 8].into_iter().find_map(|alignment| {
            let index = (start + at as u64).next_multiple_of(alignment) - start;
            let (offsets, _) = piece.get(index as usize..)?.as_chunks::<2>();
            let offsets = offsets.get(..256)?;
            [false, true].into_iter().find_map(|big_endian| {
                let format = Format { big_endian, pointer: 8 };
                let same = starts.iter().zip(offsets).all(|(start, offset)| *start == format.u16(*offset));
                same.then_some((index, big_endian))
            })
        })?;
        let format = Format { big_endian, pointer: 8 };
        Some(Self { start, index: start + index, format, tokens })
    }
}

/// The memory in front of the tokens, as much of it as there is in one piece.
struct Before {
    start: u64,
    bytes: Vec<u8>,
}

impl Before {
    fn read(source: &dyn Source, end: u64) -> Option<Self> {
        let mut length = usize::try_from(end & !3).unwrap_or(REACH).min(REACH) & !3;
        loop {
            let start = end - length as u64;
            if let Ok(bytes) = bytes(source, start, length) {
                return Some(Self { start, bytes });
            }
            length = length.checked_sub((length / 8).max(4096) & !3).filter(|length| *length > 0)?;
        }
    }

    /// The places of every 256th of so many names at `names`, and where the last one ends. `budget` bounds the bytes
    /// that all calls together look at.
    fn markers(&self, names: usize, count: u32, tokens: &Tokens, budget: &mut usize) -> Option<Markers> {
        let packed = self.bytes.get(names..)?;
        let (mut at, mut marks) = (0, Vec::new());
        for number in 0..count as usize {
            if number.is_multiple_of(MARKED) {
                marks.push(at as u64);
            }
            let mut length = usize::from(*packed.get(at)?);
            at += 1;
            if length >= 128 {
                length = length & 127 | usize::from(*packed.get(at)?) << 7;
                at += 1;
            }
            *budget = budget.checked_sub(1)?;
            let first = *packed.get(at..at + length)?.first()?;
            if length > LONGEST_NAME || !KINDS.contains(tokens.get(first).first()?) {
                return None;
            }
            at += length;
        }
        Some(Markers { marks, end: names + at })
    }

    /// Whether the markers follow the names: as 32 bits since 4.20, before as a pointer.
    fn are_markers(&self, markers: &Markers, format: Format) -> bool {
        [4, 8].into_iter().any(|alignment| {
            let at = (self.start + markers.end as u64).next_multiple_of(alignment) - self.start;
            let behind = self.bytes.get(at as usize..).unwrap_or_default();
            let narrow = behind.as_chunks::<4>().0.iter().map(|mark| u64::from(format.u32(*mark)));
            let wide = behind.as_chunks::<8>().0.iter().map(|mark| format.u64(*mark));
            let all = markers.marks.len();
            all > 1
                && (narrow.take(all).eq(markers.marks.iter().copied())
                    || wide.take(all).eq(markers.marks.iter().copied()))
        })
    }
}

/// What the markers of a table should be.
struct Markers {
    marks: Vec<u64>,
    end: usize,
}

/// A table whose addresses are still to be found.
struct Pieces {
    format: Format,
    count: u32,
    count_at: u64,
    names: u64,
    tokens: u64,
    index: u64,
}

impl Pieces {
    fn with_addresses(&self, source: &dyn Source) -> Option<Parts> {
        let (format, encoding) = self.based(source).or_else(|| self.alone(source))?;
        Some(Parts {
            format,
            count: self.count,
            names: self.names,
            tokens: self.tokens,
            index: self.index,
            encoding,
        })
    }

    /// Offsets with a base, or full addresses, for both sizes of a pointer: before the count, or behind the tokens.
    fn based(&self, source: &dyn Source) -> Option<(Format, Encoding)> {
        [8, 4].into_iter().find_map(|pointer| {
            let format = Format { pointer, ..self.format };
            let count_at = self.aligned_count(source, pointer)?;
            let size = u64::from(pointer);
            let offsets = (4 * u64::from(self.count)).next_multiple_of(size);
            let based = |base: u64| Some((base.checked_sub(offsets)?, base));
            let before = count_at.checked_sub(size).and_then(based);
            let behind = (self.index + 512).next_multiple_of(size);
            let places = [before, Some((behind, behind + offsets))].into_iter().flatten();
            let based = places.filter_map(|(at, base)| Some((at, Self::base(source, format, base)?)));
            let based = based.flat_map(|(at, base)| {
                [Encoding::AbsoluteOrFromBase { at, base }, Encoding::FromBase { at, base }]
            });
            let pointers = [count_at.checked_sub(size * u64::from(self.count)), Some(behind)];
            let pointers = pointers.into_iter().flatten().map(|at| Encoding::Pointers { at });
            let candidates = pointers.chain(based);
            Some((format, choose(source, format, self.count, candidates)?))
        })
    }

    /// Where the count begins, if the parts are aligned as before 7.0: to a pointer of this size. In a big-endian table
    /// of 64 bits, the lower half of the count is its second word.
    fn aligned_count(&self, source: &dyn Source, pointer: u8) -> Option<u64> {
        let skipped = self.names - self.count_at;
        match pointer {
            4 => Some(self.count_at).filter(|_| skipped == 4),
            _ if !self.names.is_multiple_of(8) => None,
            _ if skipped == 8 => Some(self.count_at),
            _ => {
                let upper = self.count_at.checked_sub(4).filter(|_| self.format.big_endian)?;
                bytes(source, upper, 4).is_ok_and(|half| half == [0; 4]).then_some(upper)
            }
        }
    }

    /// Offsets without a base behind the tokens, since 7.0.
    fn alone(&self, source: &dyn Source) -> Option<(Format, Encoding)> {
        let at = self.index + 512;
        let narrow = Format { pointer: 4, ..self.format };
        let words = choose(source, narrow, self.count, [Encoding::Words { at }]).map(|words| (narrow, words));
        words.or_else(|| {
            let from_place = Encoding::FromPlace { at, virtual_address: PROVISIONAL };
            Some((self.format, choose(source, self.format, self.count, [from_place])?))
        })
    }

    /// The base at a place, if it is one: the address of the lowest symbol of a kernel.
    fn base(source: &dyn Source, format: Format, at: u64) -> Option<u64> {
        let base = bytes(source, at, usize::from(format.pointer)).ok()?;
        match format.pointer {
            8 => Some(format.u64(*base.first_chunk()?)).filter(|base| *base > i64::MAX as u64),
            _ => Some(u64::from(format.u32(*base.first_chunk()?))).filter(|base| *base >= 0x4000_0000),
        }
    }
}
