//! Walks a deflate stream (RFC 1951) without inflating it, to find the start and end of its last block.
//!
//! The stream comes from our own compressor, but nothing here trusts it: a malformed one is an error.

use std::fmt;

/// Two places in a stream, in bits from its start (RFC 1951, section 3.1.1: a byte's least significant bit comes
/// first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The first bit of the last block: the flag that marks it as the last.
    pub(crate) last_block: usize,
    /// The bit after the last block.
    pub(crate) end: usize,
}

/// The stream cannot be walked to its end; this is the bit at which that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(usize);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a deflate stream from bit {} on", self.0)
    }
}

/// Finds the last block of `stream`.
pub(crate) fn ends(stream: &[u8]) -> Result<Ends, Malformed> {
    let mut bits = Bits::new(stream);
    walk(&mut bits).ok_or_else(|| Malformed(bits.position()))
}

fn walk(bits: &mut Bits<'_>) -> Option<Ends> {
    let mut codes = Codes::default();
    loop {
        let start = bits.position();
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => {
                codes.set_fixed()?;
                codes.skip_symbols(bits)?;
            }
            2 => {
                codes.read(bits)?;
                codes.skip_symbols(bits)?;
            }
            _ => return None,
        }
        if last {
            return Some(Ends { last_block: start, end: bits.position() });
        }
    }
}

/// How many extra bits follow the length symbols 257 to 285 (RFC 1951, section 3.2.5).
const LENGTH_EXTRA: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

/// How many extra bits follow the distance symbols 0 to 29.
const DISTANCE_EXTRA: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

/// The order of the code lengths of the code length alphabet (RFC 1951, section 3.2.7).
const CODE_LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// A literal in the walk; a length symbol is its number of extra bits.
const LITERAL: u8 = 14;
/// Symbol 256 in the walk, the end of a block.
const END_OF_BLOCK: u8 = 15;

/// The two codes of a block. The third, which encodes their lengths, is used up while reading them.
#[derive(Default)]
struct Codes {
    literals: Code,
    distances: Code,
}

impl Codes {
    /// The codes of a block with fixed codes (RFC 1951, section 3.2.6).
    fn set_fixed(&mut self) -> Option<()> {
        let mut lengths = [8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.set(&lengths, &[5; 30])
    }

    /// The codes of a block that contains its own (RFC 1951, section 3.2.7).
    fn read(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let literals = bits.take(5)? + 257;
        let distances = bits.take(5)? + 1;
        let ordered = bits.take(4)? + 4;

        let mut lengths = [0; 19];
        for &symbol in CODE_LENGTH_ORDER.get(..ordered)? {
            *lengths.get_mut(symbol)? = bits.take(3)? as u8;
        }
        let mut code_lengths = Code::default();
        code_lengths.build(&lengths, |symbol| Some(symbol as u8))?;

        // The lengths of both codes are one sequence: a repetition may extend from the first into the second.
        let mut lengths = [0; 288 + 32];
        let lengths = lengths.get_mut(..literals + distances)?;
        let mut filled = 0;
        while filled < lengths.len() {
            bits.refill();
            let (length, count) = match code_lengths.next(bits)? {
                16 => (*lengths.get(filled.checked_sub(1)?)?, bits.take(2)? + 3),
                17 => (0, bits.take(3)? + 3),
                18 => (0, bits.take(7)? + 11),
                length => (length, 1),
            };
            lengths.get_mut(filled..filled + count)?.fill(length);
            filled += count;
        }
        let (literals, distances) = lengths.split_at_checked(literals)?;
        self.set(literals, distances)
    }

    fn set(&mut self, literals: &[u8], distances: &[u8]) -> Option<()> {
        self.literals.build(literals, |symbol| match symbol {
            0..=255 => Some(LITERAL),
            256 => Some(END_OF_BLOCK),
            _ => LENGTH_EXTRA.get(symbol - 257).copied(),
        })?;
        self.distances.build(distances, |symbol| DISTANCE_EXTRA.get(symbol).copied())
    }

    /// Skips the symbols of a block, including its end.
    fn skip_symbols(&self, bits: &mut Bits<'_>) -> Option<()> {
        // A separate copy stays in registers.
        let mut ahead = *bits;
        loop {
            // One round takes at most 15 + 5 bits for a length and 15 + 13 for its distance.
            ahead.refill();
            match self.literals.next(&mut ahead)? {
                LITERAL => {}
                END_OF_BLOCK => break,
                extra => {
                    ahead.skip(u32::from(extra))?;
                    let extra = self.distances.next(&mut ahead)?;
                    ahead.skip(u32::from(extra))?;
                }
            }
        }
        *bits = ahead;
        Some(())
    }
}

/// A Huffman code as a table that the next bits of the stream index.
#[derive(Default)]
struct Code {
    /// Each entry holds the caller's value for the symbol (see [`Code::build`]) above the code's length in the low
    /// four bits; a length of 0 if no code begins with these bits.
    table: Vec<u16>,
}

impl Code {
    /// The longest code in bits.
    const LONGEST: usize = 15;

    /// Makes the table from the codes' lengths (RFC 1951, section 3.2.2); `None` if they describe more codes than
    /// fit. `name` gives the value for a symbol; a symbol without one may have a code but must not occur.
    fn build(&mut self, lengths: &[u8], name: impl Fn(usize) -> Option<u8>) -> Option<()> {
        let mut counts = [0u32; Self::LONGEST + 1];
        for &length in lengths {
            *counts.get_mut(usize::from(length))? += 1;
        }
        counts[0] = 0;
        let mut next = [0u32; Self::LONGEST + 1];
        let mut code = 0;
        let mut longest = 0;
        for length in 1..=Self::LONGEST {
            code = (code + counts[length - 1]) << 1;
            next[length] = code;
            if counts[length] > 0 {
                longest = length;
                if code + counts[length] > 1 << length {
                    return None;
                }
            }
        }

        self.table.clear();
        self.table.resize(1 << longest, 0);
        for (symbol, &length) in lengths.iter().enumerate().filter(|&(_, &length)| length > 0) {
            let code = next.get_mut(usize::from(length))?;
            // A code's most significant bit comes first in the stream.
            let first = (code.reverse_bits() >> (32 - u32::from(length))) as usize;
            *code += 1;
            let entry = name(symbol).map_or(0, |name| u16::from(name) << 4 | u16::from(length));
            for slot in self.table.get_mut(first..)?.iter_mut().step_by(1 << length) {
                *slot = entry;
            }
        }
        Some(())
    }

    /// Takes the next code and returns the value of its symbol. The stream must have been refilled.
    #[inline]
    fn next(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let mask = self.table.len().wrapping_sub(1);
        let entry = *self.table.get(bits.bits as usize & mask)?;
        let length = u32::from(entry & 15);
        if length == 0 {
            return None;
        }
        bits.skip(length)?;
        Some((entry >> 4) as u8)
    }
}

/// A stream of bits.
#[derive(Clone, Copy)]
struct Bits<'a> {
    stream: &'a [u8],
    /// How many bytes of the stream are in `bits` or were taken from it.
    read: usize,
    /// The next bits, the first one lowest.
    bits: u64,
    /// How many of `bits` are valid.
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(stream: &'a [u8]) -> Self {
        Self { stream, read: 0, bits: 0, count: 0 }
    }

    /// How many bits were taken.
    fn position(&self) -> usize {
        self.read * 8 - self.count as usize
    }

    /// Makes 56 bits available, or all that are left.
    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.stream.get(self.read..).and_then(|rest| rest.first_chunk()) {
            // Bits above `count` will be read again by a later refill.
            self.bits |= u64::from_le_bytes(*word) << self.count;
            self.read += ((63 - self.count) / 8) as usize;
            self.count |= 56;
        } else {
            *self = self.refilled_at_end();
        }
    }

    /// Refills from the last bytes of the stream.
    #[cold]
    #[inline(never)]
    fn refilled_at_end(mut self) -> Self {
        while self.count < 56
            && let Some(&byte) = self.stream.get(self.read)
        {
            self.bits |= u64::from(byte) << self.count;
            self.read += 1;
            self.count += 8;
        }
        self
    }

    /// Skips up to 56 bits that a refill has made available.
    #[inline(always)]
    fn skip(&mut self, count: u32) -> Option<()> {
        self.count = self.count.checked_sub(count)?;
        self.bits >>= count;
        Some(())
    }

    /// Takes up to 32 bits as a number.
    fn take(&mut self, count: u32) -> Option<usize> {
        self.refill();
        let value = self.bits & ((1 << count) - 1);
        self.skip(count)?;
        Some(value as usize)
    }

    /// Skips a stored block, from after its type (RFC 1951, section 3.2.4).
    fn skip_stored(&mut self) -> Option<()> {
        self.skip(self.count % 8)?;
        let length = self.take(16)?;
        let complement = self.take(16)?;
        if length ^ complement != 0xffff {
            return None;
        }
        let start = self.position() / 8;
        *self = Self { stream: self.stream, read: start.checked_add(length)?, bits: 0, count: 0 };
        (self.read <= self.stream.len()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks made by hand. The bits 000 (stored, not the last), the length 2 and its complement, "ab". Then
    /// the bits 1 (the last), 01 (fixed codes), 'a' as the code 0x91, most significant bit first, and seven
    /// zeros for the end.
    const TWO_BLOCKS: [u8; 10] = [0b000, 2, 0, 0xfd, 0xff, b'a', b'b', 0b0100_1011, 0b0000_0100, 0];

    #[test]
    fn finds_the_last_of_two_blocks() {
        assert_eq!(ends(&TWO_BLOCKS), Ok(Ends { last_block: 56, end: 56 + 3 + 8 + 7 }));
    }

    #[test]
    fn refuses_truncated_streams() {
        for length in 0..TWO_BLOCKS.len() {
            assert!(ends(&TWO_BLOCKS[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn refuses_the_reserved_block_type_and_a_wrong_complement() {
        assert_eq!(ends(&[0b110, 0, 0]), Err(Malformed(3)));
        assert!(ends(&[0b001, 2, 0, 0xfd, 0xfe, b'a', b'b']).is_err());
    }
}
