use std::str::FromStr;

use crate::segments::{Segment, Segments};
use crate::{Error, Image};

/// A range of physical memory and the place of its bytes in the file, for files of raw memory whose offsets are not
/// physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The first physical address.
    pub start: u64,
    /// The number of bytes.
    pub length: u64,
    /// The place of the bytes in the file.
    pub offset: u64,
}

/// Why a text is not a layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}': expected START:LENGTH@FILE_OFFSET in hexadecimal digits, several separated by commas")]
pub struct LayoutError {
    /// The part that could not be parsed.
    pub text: String,
}

impl FromStr for Placed {
    type Err = LayoutError;

    /// Reads `START:LENGTH@FILE_OFFSET`, hexadecimal digits with or without `0x`.
    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let wrong = || LayoutError { text: text.to_owned() };
        let (start, rest) = text.trim().split_once(':').ok_or_else(wrong)?;
        let (length, offset) = rest.split_once('@').ok_or_else(wrong)?;
        let number = |digits: &str| {
            let digits = digits.trim();
            let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(digits);
            u64::from_str_radix(digits, 16).map_err(|_| wrong())
        };
        let placed = Self { start: number(start)?, length: number(length)?, offset: number(offset)? };
        let fits = placed.length > 0
            && placed.start.checked_add(placed.length).is_some()
            && placed.offset.checked_add(placed.length).is_some();
        fits.then_some(placed).ok_or_else(wrong)
    }
}

impl Image {
    /// The same file with its bytes at other physical addresses. Bytes outside of all parts are left out; parts
    /// beyond the end of the file are cut and counted in the report.
    ///
    /// # Errors
    /// [`Error::Layout`] if the image is not raw memory, because then its own headers give the places of its bytes.
    pub fn laid_out(&self, parts: &[Placed]) -> Result<Self, Error> {
        if self.container != crate::Container::Raw {
            return Err(Error::Layout { container: self.container });
        }
        let segment = |part: &Placed| Segment { start: part.start, length: part.length, offset: part.offset };
        let segments = Segments::new(parts.iter().map(segment).collect(), self.bytes.len());
        let mut report = self.report.clone();
        if segments.missing > 0 {
            report.lose("truncated", || {
                format!("the file ends {} bytes before the memory that the layout names", segments.missing)
            });
        }
        let (bytes, hints) = (self.bytes.clone(), self.hints.clone());
        Ok(Self { container: self.container, packing: self.packing, bytes, segments, hints, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, PhysicalAddress};

    #[test]
    fn a_layout_is_read_in_hexadecimal_digits() {
        let placed: Placed = "100000:ff00@0x9ec00".parse().unwrap();
        assert_eq!(placed, Placed { start: 0x10_0000, length: 0xff00, offset: 0x9_ec00 });
        for wrong in
            ["", "1:2", "1@2", "1:0@0", "g:1@0", "ffffffffffffffff:2@0", "1:-2@0", "0:1@ffffffffffffffff"]
        {
            assert!(wrong.parse::<Placed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_where_the_layout_puts_them() {
        let content: Vec<u8> = (0..=255).cycle().take(0x3000).collect();
        let image = Image::from_content(content).unwrap();
        let parts = [
            Placed { start: 0x10_0000, length: 0x1000, offset: 0x234 },
            Placed { start: 0x1000, length: 0x9000, offset: 0x2000 },
        ];
        let laid_out = image.laid_out(&parts).unwrap();
        let mut byte = [0];
        laid_out.read(PhysicalAddress(0x10_0001), &mut byte).unwrap();
        assert_eq!(byte, [0x35]);
        // The file ends there.
        laid_out.read(PhysicalAddress(0x1fff), &mut byte).unwrap();
        assert!(laid_out.read(PhysicalAddress(0x2000), &mut byte).is_err());
        assert!(laid_out.read(PhysicalAddress(0), &mut byte).is_err());
        assert!(laid_out.report().losses().next().is_some());
    }
}
