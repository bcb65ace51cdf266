/// The fields of a header, by their offsets. Nothing is read beyond the header.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn little(bytes: &'a [u8]) -> Self {
        Self { bytes, big_endian: false }
    }

    pub(crate) fn of_endian(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, big_endian }
    }

    pub(crate) fn bytes(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(at..at.checked_add(length)?)
    }

    pub(crate) fn u16(self, at: usize) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(crate) fn u32(self, at: usize) -> Option<u32> {
        let bytes = self.array(at)?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(self, at: usize) -> Option<u64> {
        let bytes = self.array(at)?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// An address or a size with the width of this machine.
    pub(crate) fn word(self, at: usize, wide: bool) -> Option<u64> {
        if wide { self.u64(at) } else { self.u32(at).map(u64::from) }
    }

    /// The text that begins at `at` and ends with a zero byte or after `length` bytes.
    pub(crate) fn text(self, at: usize, length: usize) -> Option<String> {
        let bytes = self.bytes(at, length)?;
        let end = memchr::memchr(0, bytes).unwrap_or(length);
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }
}
