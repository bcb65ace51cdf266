/// The bits of a storage unit that a bit-field takes: bit 0 is the unit's least significant bit, and `end` is the
/// first bit after the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRange {
    /// The lowest bit of the field.
    pub start: u16,
    /// The bit after its highest.
    pub end: u16,
}

/// The storage of a bit-field: the bytes to load, and its bits in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageUnit {
    /// Offset of the unit's first byte in the struct.
    pub offset: u64,
    /// Size of the unit in bytes.
    pub size: u64,
    /// The field's bits in the unit.
    pub bits: BitRange,
}

impl StorageUnit {
    /// The unit of a little-endian bit-field that begins `first_bit` bits into its struct and is `width`
    /// bits wide, declared with a type of `type_size` bytes.
    ///
    /// It is the declared type at the highest offset aligned to its size that holds all bits. If there is none
    /// (packed fields), it is the smallest power of two of bytes at the field's first byte that holds them
    /// (docs/format.md, invariant 4). `None` for a field without bits, or one that 16 bytes cannot hold.
    pub fn little_endian(first_bit: u64, width: u64, type_size: u64) -> Option<Self> {
        if width == 0 || width > 128 {
            return None;
        }
        let unit_bits = type_size.checked_mul(8).filter(|bits| *bits > 0)?;
        let unit = |offset: u64, size: u64| {
            let start = first_bit.checked_sub(offset.checked_mul(8)?)?;
            let end = start + width;
            (end <= size * 8).then_some(StorageUnit {
                offset,
                size,
                bits: BitRange { start: start as u16, end: end as u16 },
            })
        };
        if unit_bits <= 128
            && let Some(unit) = unit(first_bit / unit_bits * type_size, type_size)
        {
            return Some(unit);
        }
        [1, 2, 4, 8, 16].into_iter().find_map(|size| unit(first_bit / 8, size))
    }

    /// The same for a big-endian system, where `first_bit` counts from the most significant bit of the struct's first
    /// byte, like DWARF's `DW_AT_data_bit_offset`.
    pub fn big_endian(first_bit: u64, width: u64, type_size: u64) -> Option<Self> {
        let unit = Self::little_endian(first_bit, width, type_size)?;
        let bits = u16::try_from(unit.size * 8).ok()?;
        let BitRange { start, end } = unit.bits;
        Some(StorageUnit { bits: BitRange { start: bits - end, end: bits - start }, ..unit })
    }

    /// The unit of a bit-field in a record of `record_size` bytes, for either byte order. A unit that would reach
    /// beyond the record (in packed records) is replaced by the smallest one at the field's first byte.
    pub fn in_record(
        first_bit: u64,
        width: u64,
        type_size: u64,
        record_size: u64,
        big_endian: bool,
    ) -> Option<Self> {
        let unit = if big_endian { Self::big_endian } else { Self::little_endian };
        unit(first_bit, width, type_size)?.within(record_size, big_endian)
    }

    /// The same field in a unit that ends within its record of `struct_size` bytes: the smallest power of two of
    /// bytes that holds the field, at the field's first byte or as far before it as necessary. `None` if no unit
    /// fits.
    fn within(self, struct_size: u64, big_endian: bool) -> Option<Self> {
        let fits = |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= struct_size);
        if fits(self.offset, self.size) {
            return Some(self);
        }
        let flipped = |bits: BitRange, size: u64| {
            let unit = u16::try_from(size * 8).ok()?;
            match big_endian {
                true => {
                    Some(BitRange { start: unit.checked_sub(bits.end)?, end: unit.checked_sub(bits.start)? })
                }
                false => Some(bits),
            }
        };
        // From here on bits count from the start of the struct in the machine's order.
        let bits = flipped(self.bits, self.size)?;
        let first = self.offset.checked_mul(8)?.checked_add(u64::from(bits.start))?;
        let end = first.checked_add(u64::from(bits.end - bits.start))?;
        [1u64, 2, 4, 8, 16].into_iter().find_map(|size| {
            let offset = (first / 8).min(struct_size.checked_sub(size)?);
            let start = first.checked_sub(offset * 8)?;
            if !fits(offset, size) || end > (offset + size) * 8 {
                return None;
            }
            let bits = BitRange { start: start as u16, end: (end - offset * 8) as u16 };
            Some(StorageUnit { offset, size, bits: flipped(bits, size)? })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(offset: u64, size: u64, start: u16, end: u16) -> Option<StorageUnit> {
        Some(StorageUnit { offset, size, bits: BitRange { start, end } })
    }

    #[test]
    fn the_declared_type_at_the_highest_aligned_offset() {
        assert_eq!(StorageUnit::little_endian(0, 3, 4), unit(0, 4, 0, 3));
        assert_eq!(StorageUnit::little_endian(37, 3, 4), unit(4, 4, 5, 8));
        assert_eq!(StorageUnit::little_endian(40, 1, 1), unit(5, 1, 0, 1));
    }

    #[test]
    fn packed_fields_take_the_smallest_native_at_their_first_byte() {
        assert_eq!(StorageUnit::little_endian(30, 4, 4), unit(3, 2, 6, 10));
        assert_eq!(StorageUnit::little_endian(60, 30, 4), unit(7, 8, 4, 34));
    }

    #[test]
    fn a_unit_ends_within_its_struct() {
        let within = |unit: Option<StorageUnit>, size| unit.unwrap().within(size, false);
        // struct { char a; int b; long c; unsigned p: 3, q: 9; } packed, 15 bytes
        assert_eq!(within(StorageUnit::little_endian(104, 3, 4), 15), unit(13, 1, 0, 3));
        assert_eq!(within(StorageUnit::little_endian(107, 9, 4), 15), unit(13, 2, 3, 12));
        // unsigned a: 16, b: 12; unsigned long c: 36
        assert_eq!(within(unit(3, 8, 4, 40), 8), unit(0, 8, 28, 64));
        assert_eq!(within(unit(4, 4, 0, 3), 8), unit(4, 4, 0, 3));
        assert_eq!(within(unit(4, 4, 0, 20), 6), None);
        let big = StorageUnit::big_endian(104, 3, 4).unwrap().within(15, true);
        assert_eq!(big, unit(13, 1, 5, 8));
    }

    #[test]
    fn big_endian_counts_from_the_other_end() {
        assert_eq!(StorageUnit::big_endian(0, 3, 4), unit(0, 4, 29, 32));
    }

    #[test]
    fn no_unit_reaches_beyond_its_record() {
        // struct { short a, b; unsigned x:4, y:4, z:2, e:1; } __attribute__((packed)): six bytes.
        assert_eq!(StorageUnit::in_record(36, 4, 4, 6, false), unit(4, 1, 4, 8));
        assert_eq!(StorageUnit::in_record(36, 4, 4, 8, false), unit(4, 4, 4, 8));
        assert_eq!(StorageUnit::in_record(36, 4, 4, 6, true), unit(4, 1, 0, 4));
    }

    #[test]
    fn absurd_widths_are_refused() {
        assert_eq!(StorageUnit::little_endian(0, 0, 4), None);
        assert_eq!(StorageUnit::little_endian(0, 129, 16), None);
        assert_eq!(StorageUnit::little_endian(u64::MAX, 128, 16), None);
        assert_eq!(StorageUnit::little_endian(0, 1, u64::MAX), None);
    }
}
