use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use formats::identify;

use crate::bytes::Bytes as _;
use crate::container::{Looked, Pieces};
use crate::file::FileBytes;
use crate::hints::Hints;
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

/// A part of a layout that a user states.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutPart {
    /// A stretch of the image's file.
    Stretch(Placed),
    /// A whole file of raw memory.
    File {
        /// The file.
        path: PathBuf,
        /// The physical address of its first byte.
        start: u64,
    },
}

impl FromStr for LayoutPart {
    type Err = LayoutError;

    /// Reads `START:LENGTH@FILE_OFFSET` or `FILE@START`; numbers are hexadecimal digits with or without `0x`.
    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let wrong = || LayoutError { text: text.to_owned() };
        let text = text.trim();
        if let Ok(placed) = text.parse() {
            return Ok(Self::Stretch(placed));
        }
        let (path, start) = text.rsplit_once('@').ok_or_else(wrong)?;
        // A number before a colon, and nothing of a path behind it, is a mistyped stretch rather than the name of a file.
        let stretch = path.split_once(':').is_some_and(|(start, length)| {
            hexadecimal(start).is_some() && !length.contains(['/', '\\', '.'])
        });
        let start = hexadecimal(start).filter(|_| !stretch && !path.trim().is_empty()).ok_or_else(wrong)?;
        Ok(Self::File { path: path.into(), start })
    }
}

fn hexadecimal(digits: &str) -> Option<u64> {
    let digits = digits.trim();
    let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(digits);
    // A sign is not a digit.
    let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// Why a text is not a layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}': expected START:LENGTH@FILE_OFFSET or FILE@START, numbers in hexadecimal digits, several separated by commas"
)]
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
        let number = |digits: &str| hexadecimal(digits).ok_or_else(wrong);
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
    /// [`Error::Layout`] if the image is not raw memory, whose own headers would say where its bytes belong;
    /// [`Error::Overlap`] if two parts hold the same address.
    pub fn laid_out(&self, parts: &[Placed]) -> Result<Self, Error> {
        let stretches: Vec<LayoutPart> = parts.iter().copied().map(LayoutPart::Stretch).collect();
        self.laid_out_with(&stretches)
    }

    /// As [`Image::laid_out`], for parts that were worked out from the memory itself: [`Hints::worked_out_layout`] is set.
    ///
    /// # Errors
    /// As [`Image::laid_out`].
    pub fn laid_out_by_evidence(&self, parts: &[Placed]) -> Result<Self, Error> {
        let stretches: Vec<LayoutPart> = parts.iter().copied().map(LayoutPart::Stretch).collect();
        let mut image = match self.other_layouts.is_empty() {
            true => self.laid_out_with(&stretches)?,
            false => self.put_together(&stretches, true)?,
        };
        image.hints.worked_out_layout = true;
        Ok(image)
    }

    /// The same for memory that is stored in several files.
    ///
    /// # Errors
    /// As [`Image::laid_out`]; also [`Error::Io`] and [`Error::WrongKind`] for a file that cannot be read or is not raw
    /// memory.
    pub fn laid_out_with(&self, parts: &[LayoutPart]) -> Result<Self, Error> {
        let stretches = parts.iter().any(|part| matches!(part, LayoutPart::Stretch(_)));
        if self.container != crate::Container::Raw && (stretches || parts.is_empty()) {
            return Err(Error::Layout { container: self.container });
        }
        self.put_together(parts, stretches)
    }

    /// `stretches`: some of the parts are stretches of this file.
    fn put_together(&self, parts: &[LayoutPart], stretches: bool) -> Result<Self, Error> {
        let mut bytes = Pieces::default();
        if stretches {
            bytes.push(Arc::clone(&self.bytes));
        }
        let mut segments = Vec::with_capacity(parts.len());
        for part in parts {
            segments.push(match part {
                LayoutPart::Stretch(Placed { start, length, offset }) => {
                    Segment { start: *start, length: *length, offset: *offset }
                }
                LayoutPart::File { path, start } => {
                    let file = FileBytes::open(path);
                    let file = file.map_err(|source| Error::Io { path: path.clone(), source })?;
                    let (length, offset) = (file.len(), bytes.len());
                    let file: Arc<dyn crate::bytes::Bytes> = Arc::new(file);
                    let found = identify(&Looked(&file), None);
                    if !found.kind.may_be_memory() {
                        let reason = Box::new(Error::wrong_kind(found));
                        return Err(Error::InPart { path: path.clone(), reason });
                    }
                    bytes.push(file);
                    Segment { start: *start, length, offset }
                }
            });
        }
        check_overlap(&segments)?;
        let segments = Segments::new(segments, bytes.len());
        let mut report = self.report.clone();
        if segments.missing > 0 {
            report.lose("truncated", || {
                format!("the file ends {} bytes before the memory that the layout names", segments.missing)
            });
        }
        Ok(Self {
            container: crate::Container::Raw,
            packing: self.packing,
            bytes: Arc::new(bytes),
            segments,
            other_layouts: Vec::new(),
            hints: Hints { unknown_layout: false, ..self.hints.clone() },
            report,
        })
    }
}

/// Refuses parts that hold the same addresses: which of them would count is not known.
fn check_overlap(segments: &[Segment]) -> Result<(), Error> {
    let mut sorted: Vec<&Segment> = segments.iter().filter(|segment| segment.length > 0).collect();
    sorted.sort_by_key(|segment| segment.start);
    for (one, other) in sorted.iter().zip(sorted.iter().skip(1)) {
        if other.start < one.start.saturating_add(one.length) {
            return Err(Error::Overlap { at: other.start });
        }
    }
    Ok(())
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
    fn a_part_may_be_a_file() {
        let part = |text: &str| text.parse::<LayoutPart>();
        assert_eq!(part("low.bin@0"), Ok(LayoutPart::File { path: "low.bin".into(), start: 0 }));
        assert_eq!(
            part("a:b/me@home.raw@0x100000000"),
            Ok(LayoutPart::File { path: "a:b/me@home.raw".into(), start: 1 << 32 })
        );
        assert!(matches!(part("0:1000@0"), Ok(LayoutPart::Stretch(_))));
        for wrong in ["low.bin", "low.bin@", "@0", "low.bin@xyz", "0:0@0", "1:-2@0", "low.bin@+1"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn pieces_in_several_files_are_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("low"), vec![1; 0x2000]).unwrap();
        std::fs::write(at("high"), vec![2; 0x1000]).unwrap();
        std::fs::write(at("text"), "no memory at all, only a text\n".repeat(200)).unwrap();
        let image = Image::open(&at("low")).unwrap();
        let file = |name: &str, start| LayoutPart::File { path: at(name), start };
        let laid_out = image.laid_out_with(&[file("low", 0), file("high", 1 << 32)]).unwrap();
        assert_eq!(laid_out.size(), 0x3000);
        let byte = |address| {
            let mut byte = [0];
            laid_out.read(PhysicalAddress(address), &mut byte).map(|()| byte[0]).ok()
        };
        assert_eq!([byte(0x1fff), byte(0x2000), byte(1 << 32)], [Some(1), None, Some(2)]);
        let mixed = image
            .laid_out_with(&[LayoutPart::Stretch("0:1000@1000".parse().unwrap()), file("high", 0x1000)])
            .unwrap();
        assert_eq!(mixed.size(), 0x2000);
        let error = image.laid_out_with(&[file("low", 0), file("high", 0x1fff)]).unwrap_err();
        assert_eq!(error.to_string(), "two parts of the layout hold physical address 0x1fff");
        let error = image.laid_out_with(&[file("low", 0), file("text", 0x2000)]).unwrap_err();
        assert!(error.to_string().contains("found a text"), "{error}");
        assert!(matches!(image.laid_out_with(&[file("none", 0)]), Err(Error::Io { .. })));
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
