//! Reads the bytes of a record. Every read can fail and none can panic.

use crate::codeview::*;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It ends before its last field.
    Short,
    /// A number that cannot be a size, an offset or a label.
    Numeric,
}

/// A number in the encoding of a "numeric leaf": 0 to 0x7fff in two bytes, larger or negative ones after a two-byte
/// kind (`cvinfo.h`, `LF_NUMERIC`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// The number's 128 bits, sign-extended if its kind is signed.
    bits: u128,
    signed: bool,
}

impl Number {
    /// A size or an offset.
    pub(crate) fn unsigned(self) -> Result<u64, Malformed> {
        u64::try_from(self.bits).map_err(|_| Malformed::Numeric)
    }

    /// The low 64 bits, and whether they hold the whole number.
    pub(crate) fn low_bits(self) -> (u64, bool) {
        let low = self.bits as u64;
        let whole = match self.signed {
            true => self.bits as i128 == i128::from(low as i64),
            false => self.bits == u128::from(low),
        };
        (low, whole)
    }
}

/// The part of a record that has not been read yet. Integers are little-endian.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// A numeric leaf.
    pub(crate) fn number(&mut self) -> Result<Number, Malformed> {
        let unsigned = |bits: u128| Number { bits, signed: false };
        let signed = |value: i128| Number { bits: value as u128, signed: true };
        Ok(match self.u16()? {
            small @ 0..LF_NUMERIC => unsigned(small.into()),
            LF_CHAR => signed(i8::from_le_bytes(self.array()?).into()),
            LF_SHORT => signed(i16::from_le_bytes(self.array()?).into()),
            LF_USHORT => unsigned(self.u16()?.into()),
            LF_LONG => signed(i32::from_le_bytes(self.array()?).into()),
            LF_ULONG => unsigned(self.u32()?.into()),
            LF_QUADWORD => signed(i64::from_le_bytes(self.array()?).into()),
            LF_UQUADWORD => unsigned(u64::from_le_bytes(self.array()?).into()),
            LF_OCTWORD => signed(i128::from_le_bytes(self.array()?)),
            LF_UOCTWORD => unsigned(u128::from_le_bytes(self.array()?)),
            _ => return Err(Malformed::Numeric),
        })
    }

    /// A size or offset held as a numeric leaf.
    pub(crate) fn unsigned(&mut self) -> Result<u64, Malformed> {
        self.number()?.unsigned()
    }

    /// A text that ends with a zero byte.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = memchr::memchr(0, self.rest).ok_or(Malformed::Short)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// A text preceded by its length in one byte, as compilers before 2005 wrote it.
    pub(crate) fn counted_text(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.u8()?;
        self.take(count.into())
    }

    /// Skips the padding between the members of a field list: bytes above [`LF_PAD0`], whose low half is the number
    /// of bytes to skip.
    pub(crate) fn pass_padding(&mut self) {
        while let Some(padding @ LF_PAD0..) = self.rest.first() {
            let count = usize::from(padding & 0x0f).max(1);
            self.rest = self.rest.get(count..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn low(bytes: &[u8]) -> (u64, bool) {
        Cursor::new(bytes).number().unwrap().low_bits()
    }

    #[test]
    fn numeric_leaves_of_every_width() {
        assert_eq!(low(&[0xff, 0x7f]), (0x7fff, true));
        assert_eq!(low(&[0x00, 0x80, 0xff]), (u64::MAX, true));
        assert_eq!(low(&[0x01, 0x80, 0xfe, 0xff]), (u64::MAX - 1, true));
        assert_eq!(low(&[0x02, 0x80, 0xfe, 0xff]), (0xfffe, true));
        assert_eq!(low(&[0x03, 0x80, 0xff, 0xff, 0xff, 0xff]), (u64::MAX, true));
        assert_eq!(low(&[0x04, 0x80, 0xff, 0xff, 0xff, 0xff]), (0xffff_ffff, true));
        assert_eq!(low(&[[0x09, 0x80].as_slice(), &[0xff; 8]].concat()), (u64::MAX, true));
        assert_eq!(low(&[[0x0a, 0x80].as_slice(), &[0xff; 8]].concat()), (u64::MAX, true));
        assert_eq!(low(&[[0x17, 0x80].as_slice(), &[0xff; 16]].concat()), (u64::MAX, true));
        assert_eq!(low(&[[0x18, 0x80].as_slice(), &[0xff; 16]].concat()), (u64::MAX, false));
    }

    #[test]
    fn a_negative_size_is_refused() {
        assert_eq!(Cursor::new(&[0x00, 0x80, 0xff]).unsigned(), Err(Malformed::Numeric));
    }

    #[test]
    fn a_real_is_not_a_size() {
        assert_eq!(Cursor::new(&[0x05, 0x80, 0, 0, 0, 0]).unsigned(), Err(Malformed::Numeric));
    }

    #[test]
    fn padding_is_skipped_by_its_own_count() {
        for (bytes, left) in [(&[0xf1, 1][..], 1), (&[0xf3, 0xf2, 0xf1, 7, 7], 2), (&[0xff], 0), (&[], 0)] {
            let mut cursor = Cursor::new(bytes);
            cursor.pass_padding();
            assert_eq!(cursor.rest().len(), left, "{bytes:x?}");
        }
    }

    #[test]
    fn texts_are_terminated_or_counted() {
        assert_eq!(Cursor::new(b"ab\0c").text(), Ok(&b"ab"[..]));
        assert_eq!(Cursor::new(b"ab").text(), Err(Malformed::Short));
        assert_eq!(Cursor::new(b"\x02abc").counted_text(), Ok(&b"ab"[..]));
        assert_eq!(Cursor::new(b"\x04abc").counted_text(), Err(Malformed::Short));
    }
}
