use std::ops::RangeInclusive;

use super::{Error, Format, Source, bytes};

/// How a table stores the addresses of its symbols. Every place is an address in the table's [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Full addresses, one pointer each: before 4.6, or without `CONFIG_KALLSYMS_BASE_RELATIVE`.
    Pointers {
        /// Where the addresses are.
        at: u64,
    },
    /// Unsigned 32-bit offsets from a base: since 4.6 without `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`.
    FromBase {
        /// Where the offsets are.
        at: u64,
        /// The value of `kallsyms_relative_base`.
        base: u64,
    },
    /// Signed 32-bit offsets. A non-negative offset is an absolute value; a negative one counts back from the byte
    /// before the base. Since 4.6 with `CONFIG_KALLSYMS_ABSOLUTE_PERCPU` (x86-64 until about 6.14).
    AbsoluteOrFromBase {
        /// Where the offsets are.
        at: u64,
        /// The value of `kallsyms_relative_base`.
        base: u64,
    },
    /// Signed 32-bit offsets, each relative to its own address: since 7.0.
    FromPlace {
        /// Where the offsets are.
        at: u64,
        /// The virtual address of the first offset, KASLR included.
        virtual_address: u64,
    },
    /// Unsigned 32-bit addresses: since 7.0 on 32-bit kernels that cannot be relocated.
    Words {
        /// Where the addresses are.
        at: u64,
    },
}

impl Encoding {
    /// The same encoding for a kernel loaded `by` bytes higher, modulo 2^64.
    #[must_use]
    pub fn moved(self, by: u64) -> Self {
        match self {
            Self::FromBase { at, base } => Self::FromBase { at, base: base.wrapping_add(by) },
            Self::AbsoluteOrFromBase { at, base } => {
                Self::AbsoluteOrFromBase { at, base: base.wrapping_add(by) }
            }
            Self::FromPlace { at, virtual_address } => {
                Self::FromPlace { at, virtual_address: virtual_address.wrapping_add(by) }
            }
            Self::Pointers { .. } | Self::Words { .. } => self,
        }
    }

    /// The addresses, in the table's order.
    pub(super) fn decode(self, source: &dyn Source, format: Format, count: u32) -> Result<Vec<u64>, Error> {
        let (at, size) = match self {
            Self::Pointers { at } => (at, usize::from(format.pointer)),
            Self::FromBase { at, .. }
            | Self::AbsoluteOrFromBase { at, .. }
            | Self::FromPlace { at, .. }
            | Self::Words { at } => (at, 4),
        };
        let bytes = bytes(source, at, size.saturating_mul(count as usize))?;
        if size == 8 {
            return Ok(bytes.as_chunks::<8>().0.iter().map(|bytes| format.u64(*bytes)).collect());
        }
        let mask = if format.pointer == 8 { u64::MAX } else { u64::from(u32::MAX) };
        let words = bytes.as_chunks::<4>().0.iter().map(|bytes| format.u32(*bytes));
        let address = |(place, word): (u64, u32)| {
            let (unsigned, signed) = (u64::from(word), i64::from(word.cast_signed()));
            match self {
                Self::Pointers { .. } | Self::Words { .. } => unsigned,
                Self::FromBase { base, .. } => base.wrapping_add(unsigned) & mask,
                Self::AbsoluteOrFromBase { .. } if signed >= 0 => unsigned,
                Self::AbsoluteOrFromBase { base, .. } => {
                    base.wrapping_sub(1).wrapping_sub(signed.cast_unsigned()) & mask
                }
                Self::FromPlace { virtual_address, .. } => {
                    virtual_address.wrapping_add(place).wrapping_add(signed.cast_unsigned()) & mask
                }
            }
        };
        Ok((0..).step_by(4).zip(words).map(address).collect())
    }
}

/// Chooses the encoding by its result, since no version number tells which one a kernel uses. The right encoding
/// gives ascending addresses, most of them in the kernel's half of the address space. Returns `None` if no encoding
/// does.
pub fn choose(
    source: &dyn Source,
    format: Format,
    count: u32,
    candidates: impl IntoIterator<Item = Encoding>,
) -> Option<Encoding> {
    let judged = candidates.into_iter().filter_map(|encoding| {
        let addresses = encoding.decode(source, format, count).ok()?;
        Some((falls(&addresses, format)?, encoding))
    });
    // Keeps the first of equally good ones.
    judged.min_by_key(|(falls, _)| *falls).map(|(_, encoding)| encoding)
}

/// How often an address is lower than the one before it; `None` if these cannot be the addresses of a kernel.
fn falls(addresses: &[u64], format: Format) -> Option<usize> {
    let kernel = kernel_addresses(format);
    let falls = addresses.windows(2).filter(|pair| pair.first() > pair.last()).count();
    // Several symbols may share an address. If most do, the memory holds one repeated value.
    let rises = addresses.windows(2).filter(|pair| pair.first() < pair.last()).count();
    let inside = addresses.iter().filter(|address| kernel.contains(address)).count();
    let good = falls * 50 <= addresses.len() && rises * 4 > addresses.len() && inside * 2 > addresses.len();
    good.then_some(falls)
}

/// The addresses at which kernels run. With 64 bits that is the upper half; with 32 bits it is above 1 GiB and well
/// below the end, where the small negative offsets of other encodings would be. Kernels of big-endian machines such
/// as s390x, SPARC and PA-RISC can be almost anywhere, except in the first pages.
pub(super) fn kernel_addresses(format: Format) -> RangeInclusive<u64> {
    match (format.pointer, format.big_endian) {
        (8, false) => 1 << 63..=u64::MAX,
        (8, true) => 0x1_0000..=u64::MAX,
        (_, false) => 0x4000_0000..=0xefff_ffff,
        (_, true) => 0x1000_0000..=0xefff_ffff,
    }
}
