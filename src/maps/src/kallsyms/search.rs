use super::addresses::kernel_addresses;
use super::names::{LONGEST_NAME, LONGEST_TOKENS, Tokens};
use super::{Encoding, Format, MOST_SYMBOLS, Parts, Source, bytes, choose};

/// The tokens of the ten digits, which stand for themselves in every table. Memory is searched for this pattern.
pub const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";

/// The smallest number of symbols that is accepted.
const FEWEST_SYMBOLS: u32 = 1000;
/// How far before the tokens the names may begin. Large kernels have 400,000 names of about 15 bytes.
const REACH: usize = 8 << 20;
/// How many tokens a table has.
const TOKENS: usize = 256;
/// The possible kind letters of a symbol.
const KINDS: &[u8] = b"aAbBcCdDgGiInNpPrRsStTuUvVwW?-";
/// Every 256th name has its place in the markers.
const MARKED: usize = 256;
/// A virtual address for decoding place-relative offsets while the real one is unknown.
const PROVISIONAL: u64 = 0xffff_ffff_8200_0000;

/// Finds the parts of the table whose token for the digit 0 is at `digit`, a place where [`DIGITS`] was found.
///
/// The token index confirms the tokens, the markers confirm the names and their count, and ascending addresses
/// confirm the encoding. All parts have to lie in one contiguous piece of the source, as they do in physical memory
/// and in a kernel file. If the table does not give the addresses at which its kernel runs ([`Parts::placed`]),
/// differences between its symbols are right, and the caller has to find the shift.
///
/// At most 8 MiB before the tokens are read, and each byte is examined a bounded number of times.
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
        // The names follow either a 32-bit count or one that is stored in, or padded to, 64 bits. In a big-endian
        // table the lower half of a 64-bit count comes last.
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

/// Whether a token table has its token for the digit 0 at `digit`, a place where [`DIGITS`] was found. This costs a read of
/// some kilobytes, much less than [`find_near`].
pub fn is_token_table(source: &dyn Source, digit: u64) -> bool {
    TokenTable::around(source, digit).is_some()
}

/// A token table and its index.
struct TokenTable {
    start: u64,
    index: u64,
    format: Format,
    tokens: Vec<Vec<u8>>,
}

impl TokenTable {
    /// The table that has the token for the digit 0 at `digit`. The tokens after it lead to the index, and the index
    /// says how far before the digit the table begins. A false candidate costs no more than these reads.
    fn around(source: &dyn Source, digit: u64) -> Option<Self> {
        let rests = [LONGEST_TOKENS / 32, LONGEST_TOKENS / 8, LONGEST_TOKENS + 2 * TOKENS].into_iter();
        // The first piece that reaches past the index. In physical memory there may be nothing after the table.
        rests.map_while(|length| bytes(source, digit, length).ok()).find_map(|rest| {
            let mut starts = Vec::with_capacity(TOKENS);
            let mut at = 0;
            for _ in usize::from(b'0')..TOKENS {
                let length = memchr::memchr(0, rest.get(at..)?)?;
                starts.push(at);
                at += length + 1;
            }
            [4, 8].into_iter().find_map(|alignment| {
                let index = (digit + at as u64).checked_next_multiple_of(alignment)?;
                let offsets = rest.get((index - digit) as usize..)?.as_chunks::<2>().0.get(..TOKENS)?;
                [false, true].into_iter().find_map(|big_endian| {
                    let format = Format { big_endian, pointer: 8 };
                    let offsets: Vec<u16> = offsets.iter().map(|offset| format.u16(*offset)).collect();
                    let (before, behind) = offsets.split_at(usize::from(b'0'));
                    let own = *behind.first()?;
                    let agree = starts.iter().zip(behind).all(|(start, offset)| {
                        usize::from(own).checked_add(*start) == Some(usize::from(*offset))
                    });
                    let start = digit.checked_sub(u64::from(own)).filter(|_| agree)?;
                    Some(Self {
                        start,
                        index,
                        format,
                        tokens: Self::tokens(source, start, own, before, &rest)?,
                    })
                })
            })
        })
    }

    /// The texts of a table: the first 48 from `before` the digit, at the places given by the index, and the others
    /// from `rest`.
    fn tokens(
        source: &dyn Source,
        start: u64,
        own: u16,
        before: &[u16],
        rest: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        let first = bytes(source, start, usize::from(own)).ok()?;
        let mut tokens = Vec::with_capacity(TOKENS);
        let mut at = 0;
        for offset in before {
            let text = first.get(at..)?;
            let length = memchr::memchr(0, text)?;
            if at != usize::from(*offset) || length > LONGEST_NAME {
                return None;
            }
            tokens.push(text.get(..length)?.to_vec());
            at += length + 1;
        }
        let behind = rest.split(|byte| *byte == 0).take(TOKENS - tokens.len());
        tokens.extend(behind.map(<[u8]>::to_vec));
        let fits = at == first.len() && tokens.iter().all(|token| token.len() <= LONGEST_NAME);
        fits.then_some(tokens)
    }
}

/// The memory before the tokens, as much of it as is contiguous.
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

    /// The places of every 256th of `count` names at `names`, and where the last name ends. `budget` bounds the bytes
    /// that all calls together examine.
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

    /// Whether the markers follow the names: with 32 bits since 4.20, before that with the width of a pointer.
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

/// The expected markers of a table.
struct Markers {
    marks: Vec<u64>,
    end: usize,
}

/// A table whose addresses have not been found yet.
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
        let placed = self.based(source).map(|found| (found, true));
        let ((format, encoding), placed) = placed.or_else(|| {
            let found = self.without_base(source).or_else(|| self.alone(source))?;
            Some((found, matches!(found.1, Encoding::Words { .. })))
        })?;
        Some(Parts {
            format,
            count: self.count,
            names: self.names,
            tokens: self.tokens,
            index: self.index,
            encoding,
            placed,
        })
    }

    /// Offsets with a base, or full addresses, for both pointer sizes: before the count, or after the tokens.
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
                [Encoding::FromBase { at, base }, Encoding::AbsoluteOrFromBase { at, base }]
            });
            let pointers = [count_at.checked_sub(size * u64::from(self.count)), Some(behind)];
            let pointers = pointers.into_iter().flatten().map(|at| Encoding::Pointers { at });
            let candidates = pointers.chain(based);
            Some((format, choose(source, format, self.count, candidates)?))
        })
    }

    /// Where the count begins, if the parts are aligned to a pointer of this size, as before 7.0. In a big-endian
    /// table of 64 bits, the lower half of the count is its second word.
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

    /// Offsets whose base is zero in a kernel file because relocation fills it in (arm64 before it stored addends in
    /// place). The first symbol is the lowest and has offset 0.
    fn without_base(&self, source: &dyn Source) -> Option<(Format, Encoding)> {
        let pointer = 8;
        let format = Format { pointer, ..self.format };
        let count_at = self.aligned_count(source, pointer)?;
        let size = u64::from(pointer);
        let offsets = (4 * u64::from(self.count)).next_multiple_of(size);
        let before = count_at.checked_sub(size).and_then(|base| Some((base.checked_sub(offsets)?, base)));
        let behind = (self.index + 512).next_multiple_of(size);
        let places = [before, Some((behind, behind + offsets))].into_iter().flatten();
        let unknown = places.filter(|(at, base)| {
            let zero = |at: u64, length: usize| {
                bytes(source, at, length).is_ok_and(|found| found == vec![0; length])
            };
            zero(*base, 8) && zero(*at, 4)
        });
        let candidates = unknown.map(|(at, _)| Encoding::FromBase { at, base: PROVISIONAL });
        Some((format, choose(source, format, self.count, candidates)?))
    }

    /// Offsets without a base after the tokens, since 7.0.
    fn alone(&self, source: &dyn Source) -> Option<(Format, Encoding)> {
        let at = self.index + 512;
        let narrow = Format { pointer: 4, ..self.format };
        let words = choose(source, narrow, self.count, [Encoding::Words { at }]).map(|words| (narrow, words));
        words.or_else(|| {
            let from_place = Encoding::FromPlace { at, virtual_address: PROVISIONAL };
            Some((self.format, choose(source, self.format, self.count, [from_place])?))
        })
    }

    /// The base at `at`, if the value there can be the address of a kernel's lowest symbol.
    fn base(source: &dyn Source, format: Format, at: u64) -> Option<u64> {
        let base = bytes(source, at, usize::from(format.pointer)).ok()?;
        match format.pointer {
            8 => {
                Some(format.u64(*base.first_chunk()?)).filter(|base| kernel_addresses(format).contains(base))
            }
            _ => Some(u64::from(format.u32(*base.first_chunk()?)))
                .filter(|base| kernel_addresses(format).contains(base)),
        }
    }
}
