//! Encodes and decodes the parts of a stream: unsigned numbers (LEB128), signed numbers (LEB128 of their zigzag form),
//! and columns of texts (docs/bundle.md, "Numbers").

/// Why bytes cannot be decoded, as a sentence without its end: "a text is not UTF-8".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// A decoded value, or what is wrong with the bytes.
pub(crate) type Decoded<T> = Result<T, Malformed>;

/// Appends `number` as unsigned LEB128: seven bits in each byte, the least significant first.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number in zigzag form (0, -1, 1, -2, ...), so that small differences take one byte.
pub(crate) fn push_signed(out: &mut Vec<u8>, number: i64) {
    push_number(out, zigzag(number));
}

/// A number with a sign as one without: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The reverse of [`zigzag`].
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Appends the length of `bytes`, and the bytes.
pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that are decoded from front to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// An unsigned number.
    pub(crate) fn number(&mut self) -> Decoded<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Malformed("a number ends with its column"))?;
            self.rest = rest;
            if shift == 63 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number has more than 64 bits"))
    }

    /// A signed number.
    pub(crate) fn signed(&mut self) -> Decoded<i64> {
        self.number().map(unzigzag)
    }

    /// A count of items. Each item takes at least one byte, so a count above `available` is an error; this bounds the
    /// memory that a caller reserves.
    pub(crate) fn count(&mut self, available: usize) -> Decoded<usize> {
        let count = self.size()?;
        if count > available {
            return Err(Malformed("a count exceeds the bytes that follow"));
        }
        Ok(count)
    }

    /// A number that is used as a size or an index.
    pub(crate) fn size(&mut self) -> Decoded<usize> {
        usize::try_from(self.number()?).map_err(|_| Malformed("a size exceeds the address space"))
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed("a column ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes that follow their length.
    pub(crate) fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let length = self.size()?;
        self.take(length)
    }

    /// Text that follows its length in bytes.
    pub(crate) fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// A column: bytes that follow their length and are decoded separately from the rest.
    pub(crate) fn column(&mut self) -> Decoded<Cursor<'a>> {
        Ok(Cursor::new(self.bytes()?))
    }

    /// How many bytes have not been decoded yet.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Checks that all bytes have been decoded.
    pub(crate) fn end(&self) -> Decoded<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("bytes are left over")) }
    }
}

/// Texts as two columns: the lengths, then the bytes of all texts one after the other. Similar bytes next to each other
/// compress best.
#[derive(Default)]
pub(crate) struct TextColumns {
    lengths: Vec<u8>,
    bytes: Vec<u8>,
}

impl TextColumns {
    pub(crate) fn push(&mut self, text: &str) {
        push_number(&mut self.lengths, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        push_bytes(out, &self.lengths);
        push_bytes(out, &self.bytes);
    }
}

/// Reads the texts of [`TextColumns`] one by one.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    lengths: Cursor<'a>,
    bytes: &'a str,
}

impl<'a> Texts<'a> {
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Decoded<Self> {
        let lengths = cursor.column()?;
        Ok(Self { lengths, bytes: cursor.text()? })
    }

    /// The next text.
    pub(crate) fn next(&mut self) -> Decoded<&'a str> {
        let length = self.lengths.size()?;
        let (text, rest) = self.bytes.split_at_checked(length).ok_or(Malformed("a text ends early"))?;
        self.bytes = rest;
        Ok(text)
    }

    /// All texts that have not been read yet.
    pub(crate) fn all(mut self) -> Decoded<Vec<&'a str>> {
        let mut texts = Vec::new();
        while self.lengths.len() > 0 {
            texts.push(self.next()?);
        }
        self.end()?;
        Ok(texts)
    }

    /// Checks that all texts have been read.
    pub(crate) fn end(&self) -> Decoded<()> {
        self.lengths.end()?;
        if self.bytes.is_empty() { Ok(()) } else { Err(Malformed("bytes of texts are left over")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_survive() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 1 << 32, u64::MAX - 1, u64::MAX];
        numbers.iter().for_each(|number| push_number(&mut out, *number));
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        signed.iter().for_each(|number| push_signed(&mut out, *number));
        let mut cursor = Cursor::new(&out);
        numbers.iter().for_each(|number| assert_eq!(cursor.number(), Ok(*number)));
        signed.iter().for_each(|number| assert_eq!(cursor.signed(), Ok(*number)));
        assert_eq!(cursor.end(), Ok(()));
    }

    #[test]
    fn numbers_that_end_early_or_never_are_refused() {
        assert!(Cursor::new(&[0x80]).number().is_err());
        assert!(Cursor::new(&[0xff; 11]).number().is_err());
        let overlong = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
        assert!(Cursor::new(&overlong).number().is_err());
    }
}
