//! Numbers that stand for texts and definitions, computed by mixing other numbers.

/// Mixes two numbers into one.
#[inline(always)]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    const B: u64 = 0xe703_7ed1_a0b4_28db;
    let product = u128::from(a ^ A).wrapping_mul(u128::from(b.wrapping_add(B)));
    (product as u64) ^ ((product >> 64) as u64)
}

/// A number for some bytes; never 0.
#[inline]
pub(crate) fn mix_text(text: &[u8]) -> u64 {
    if text.len() > LONGEST_MIXED
        && let (Some(head), Some(tail)) =
            (text.get(..LONGEST_MIXED / 2), text.get(text.len() - LONGEST_MIXED / 2..))
    {
        return mix(mix(mix_text(head), mix_text(tail)), text.len() as u64) | 1;
    }
    let mut state = text.len() as u64;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        state = mix(state, word);
    }
    let rest = chunks.remainder().iter().fold(0u64, |rest, byte| rest << 8 | u64::from(*byte));
    mix(state, rest) | 1
}

/// How much of a text is mixed: more than any real name has. For longer texts, the ends and the length are mixed.
const LONGEST_MIXED: usize = 16 << 10;

/// A type's fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: u64,
    /// Whether the type is a record or enumeration without a name, so that a typedef may name it.
    pub(crate) unnamed: bool,
    /// Whether the type is a named record, so that a typedef is another name for it.
    pub(crate) named_record: bool,
}
