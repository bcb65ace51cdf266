//! Pieces of an image, as written by FTK Imager, dd and split: `memory.raw.001`, `memory.raw.002` and so on, one
//! after the other.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bytes::{Bytes, BytesError};
use crate::file::FileBytes;

/// The maximum number of pieces in a set.
const MOST_PIECES: usize = 10_000;

/// The path of the piece with a number, relative to the name of the first piece; `None` if `first` is not the name of
/// a first piece. Such a name ends in three digits or more, with the number 0 or 1.
pub(crate) fn piece_path(first: &Path, number: usize) -> Option<PathBuf> {
    let ending = first.extension()?.to_str()?;
    let digits = ending.len() >= 3 && ending.bytes().all(|byte| byte.is_ascii_digit());
    let start: usize = ending.parse().ok().filter(|start| digits && *start <= 1)?;
    Some(first.with_extension(format!("{:0width$}", start.checked_add(number)?, width = ending.len())))
}

/// Whether the file follows another piece of a set: the file with the previous number is next to it.
pub(super) fn is_later_piece(path: &Path) -> bool {
    let Some(ending) = path.extension().and_then(|ending| ending.to_str()) else { return false };
    let number: Option<u32> = ending.parse().ok().filter(|_| ending.len() >= 3);
    let before = number.and_then(|number| number.checked_sub(1));
    before.is_some_and(|before| {
        path.with_extension(format!("{before:0width$}", width = ending.len())).is_file()
    })
}

/// All pieces of a set, one after the other.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The start of each, and its bytes.
    pieces: Vec<(u64, Arc<dyn Bytes>)>,
    length: u64,
}

/// Joins a set by its first piece; `None` if there is no second one next to it. The error says what is wrong with the
/// set.
pub(super) fn open(first: &Arc<dyn Bytes>, path: &Path) -> Option<(Pieces, Option<String>)> {
    if is_later_piece(path) || !piece_path(path, 1)?.is_file() {
        return None;
    }
    let size = first.len();
    let mut pieces = Pieces { pieces: vec![(0, Arc::clone(first))], length: size };
    let mut wrong = None;
    let mut last = size;
    for number in 1..MOST_PIECES {
        let Some(next) = piece_path(path, number).filter(|next| next.exists()) else { break };
        if last != size {
            // Only the last piece may be shorter.
            wrong.get_or_insert_with(|| {
                format!("the piece before {} has {last} bytes, not {size}", next.display())
            });
        }
        match FileBytes::open_beside(&next) {
            Ok(piece) => {
                last = piece.len();
                pieces.pieces.push((pieces.length, Arc::new(piece)));
                pieces.length = pieces.length.saturating_add(last);
            }
            Err(error) => {
                wrong.get_or_insert_with(|| format!("{}: {error}", next.display()));
                break;
            }
        }
    }
    Some((pieces, wrong))
}

impl Pieces {
    /// The piece that contains `offset`, its start, and its end.
    fn piece_at(&self, offset: u64) -> Option<(&Arc<dyn Bytes>, u64, u64)> {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (start, piece) = self.pieces.get(index)?;
        Some((piece, *start, start.saturating_add(piece.len()))).filter(|(.., end)| offset < *end)
    }
}

impl Bytes for Pieces {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, mut offset: u64, mut into: &mut [u8]) -> Result<(), BytesError> {
        while !into.is_empty() {
            let (piece, start, end) = self.piece_at(offset).ok_or_else(|| BytesError::end(offset))?;
            let count = usize::try_from(end - offset).unwrap_or(usize::MAX).min(into.len());
            let (part, rest) = into.split_at_mut(count);
            piece.read(offset - start, part)?;
            offset += count as u64;
            into = rest;
        }
        Ok(())
    }

    fn next_data(&self, range: Range<u64>) -> Option<Range<u64>> {
        let mut from = range.start;
        while from < range.end {
            let (piece, start, end) = self.piece_at(from)?;
            let inside = from - start..range.end.min(end) - start;
            if let Some(found) = piece.next_data(inside) {
                return Some(found.start + start..found.end + start);
            }
            from = end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pieces_are_numbered() {
        let name = |first: &str, number| {
            piece_path(Path::new(first), number).map(|path| path.to_str().unwrap().to_owned())
        };
        assert_eq!(name("m.raw.001", 1).as_deref(), Some("m.raw.002"));
        assert_eq!(name("m.000", 12).as_deref(), Some("m.012"));
        assert_eq!(name("m.001", 1000).as_deref(), Some("m.1001"));
        assert_eq!(name("m.0001", 1).as_deref(), Some("m.0002"));
        for other in ["m.002", "m.01", "m.1", "m.raw", "m.0x1", "m"] {
            assert_eq!(name(other, 1), None, "{other}");
        }
    }
}
