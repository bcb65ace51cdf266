//! Reads numbers from untrusted bytes. Every read can fail and none can panic.

/// A place in a slice of bytes, in one byte order.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a, const BIG: bool> {
    bytes: &'a [u8],
    /// The offset of the next byte.
    pub(crate) at: usize,
}

impl<'a, const BIG: bool> Cursor<'a, BIG> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The same bytes, read from another offset.
    #[inline(always)]
    pub(crate) fn at(&self, at: usize) -> Self {
        Self { bytes: self.bytes, at }
    }

    /// The bytes from `start` to the next byte.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Skips bytes without checking; the next read fails if they do not exist.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let rest = self.bytes.get(self.at..)?;
        let value = rest.first_chunk::<N>()?;
        self.at += N;
        Some(*value)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        let value = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(value)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Option<u16> {
        let bytes = self.array()?;
        Some(if BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(crate) fn u24(&mut self) -> Option<u32> {
        let [a, b, c] = self.array()?;
        Some(if BIG { u32::from_be_bytes([0, a, b, c]) } else { u32::from_le_bytes([a, b, c, 0]) })
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Option<u32> {
        let bytes = self.array()?;
        Some(if BIG { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self) -> Option<u64> {
        let bytes = self.array()?;
        Some(if BIG { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// An unsigned LEB128 number. Bits beyond the 64th are dropped. Returns `None` if the number is unterminated.
    #[inline(always)]
    pub(crate) fn uleb(&mut self) -> Option<u64> {
        let first = self.u8()?;
        if first < 0x80 {
            return Some(u64::from(first));
        }
        self.long_uleb(u64::from(first & 0x7f))
    }

    fn long_uleb(&mut self, first: u64) -> Option<u64> {
        let mut value = first;
        let mut shift = 7u32;
        loop {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Some(value);
            }
            shift = shift.saturating_add(7);
        }
    }

    /// A signed LEB128 number.
    pub(crate) fn sleb(&mut self) -> Option<i64> {
        let mut value = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            shift = shift.saturating_add(7);
            if byte < 0x80 {
                if byte & 0x40 != 0 {
                    value |= u64::MAX.checked_shl(shift).unwrap_or(0);
                }
                return Some(value as i64);
            }
        }
    }

    /// The next `count` bytes.
    pub(crate) fn slice(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    /// The bytes up to a NUL, which is skipped.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let text = text_at(self.bytes, self.at)?;
        self.at += text.len() + 1;
        Some(text)
    }
}

/// The bytes from `at` up to a NUL.
pub(crate) fn text_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..memchr::memchr(0, rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn little(bytes: &[u8]) -> Cursor<'_, false> {
        Cursor::new(bytes, 0)
    }

    #[test]
    fn leb128_as_in_the_standard() {
        // DWARF 5, figures C.1 and C.2.
        assert_eq!(little(&[0x02]).uleb(), Some(2));
        assert_eq!(little(&[0x80, 0x01]).uleb(), Some(128));
        assert_eq!(little(&[0xb9, 0x64]).uleb(), Some(12857));
        assert_eq!(little(&[0x7e]).sleb(), Some(-2));
        assert_eq!(little(&[0xff, 0x00]).sleb(), Some(127));
        assert_eq!(little(&[0x80, 0x7f]).sleb(), Some(-128));
    }

    #[test]
    fn unterminated_numbers_are_refused() {
        assert_eq!(little(&[0x80; 40]).uleb(), None);
        assert_eq!(little(&[0xff; 40]).sleb(), None);
        let mut long = [0xff; 20];
        long[19] = 0;
        assert_eq!(little(&long).uleb(), Some(u64::MAX));
    }

    #[test]
    fn both_byte_orders() {
        assert_eq!(Cursor::<true>::new(&[1, 2, 3, 4], 0).u24(), Some(0x01_02_03));
        assert_eq!(little(&[1, 2, 3, 4]).u32(), Some(0x0403_0201));
        assert_eq!(little(&[1]).u16(), None);
        assert_eq!(little(b"ab\0").text(), Some(&b"ab"[..]));
        assert_eq!(little(b"ab").text(), None);
    }
}
