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

/// Whether the file lies behind another piece of a set: the first one, or the one before it, is beside it.
pub(super) fn is_later_piece(path: &Path) -> bool {
    let Some(ending) = path.extension().and_then(|ending| ending.to_str()) else { return false };
    let number: Option<u32> = ending.parse().ok().filter(|_| ending.len() >= 3);
    let before = [Some(0), Some(1), number.and_then(|number| number.checked_sub(1))];
    let earlier = before.into_iter().flatten().filter(|before| number.is_some_and(|number| *before < number));
    let named = |number: u32| path.with_extension(format!("{number:0width$}", width = ending.len()));
    earlier.into_iter().any(|before| named(before).is_file())
}

/// The path of the first piece of the set that `path` belongs to, if that piece is missing and another one is there: then
/// `path` is not a whole image.
pub(super) fn missing_first(path: &Path) -> Option<PathBuf> {
    let ending = path.extension()?.to_str()?;
    let number: usize = ending.parse().ok().filter(|number| *number > 1)?;
    let named = |number: usize| path.with_extension(format!("{number:0width$}", width = ending.len()));
    let others = [number.checked_sub(1), number.checked_add(1)];
    let set = number <= MOST_FIRST || others.into_iter().flatten().any(|number| named(number).is_file());
    (set && !named(0).exists() && !named(1).exists()).then(|| named(1))
}

/// A name with a lower number than this is taken for a piece even if no other piece is beside it.
const MOST_FIRST: usize = 99;

/// All pieces of a set, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Where each begins, and its bytes.
    pieces: Vec<(u64, Arc<dyn Bytes>)>,
    length: u64,
}

/// Joins a set by its first piece; `None` if no later one lies beside it. The texts say what is wrong with the set. All
/// pieces but the last are of one size, so that those behind a missing one are still in their places.
pub(super) fn open(first: &Arc<dyn Bytes>, path: &Path) -> Option<(Pieces, Vec<String>)> {
    if is_later_piece(path) {
        return None;
    }
    let last = last_piece(path)?;
    let size = first.len();
    let mut pieces = Pieces::default();
    pieces.push_at(0, Arc::clone(first));
    let mut wrong = Vec::new();
    for number in 1..=last {
        let Some(next) = piece_path(path, number) else { break };
        let start = (number as u64).saturating_mul(size);
        match FileBytes::open_beside(&next) {
            Ok(piece) if piece.len() > size || number < last && piece.len() < size => {
                wrong.push(format!("{} has {} bytes, not {size}", next.display(), piece.len()));
                // Where the ones behind it belong is not known.
                if piece.len() <= size {
                    pieces.push_at(start, Arc::new(piece));
                }
                break;
            }
            Ok(piece) => pieces.push_at(start, Arc::new(piece)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                wrong.push(format!("{} is missing", next.display()));
            }
            Err(error) => wrong.push(format!("{}: {error}", next.display())),
        }
        if wrong.len() > MOST_WRONG {
            break;
        }
    }
    Some((pieces, wrong))
}

/// No more missing pieces are told of.
const MOST_WRONG: usize = 16;

/// The number of the last piece that lies beside the first one, counted from it; `None` if there is no other.
pub(crate) fn last_piece(first: &Path) -> Option<usize> {
    let ending = first.extension()?.to_str()?;
    piece_path(first, 1)?;
    let start: usize = ending.parse().ok()?;
    let stem = first.file_stem()?;
    let folder = first.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let number = |name: &Path| -> Option<usize> {
        let digits = name.extension()?.to_str()?;
        let number: usize = digits.parse().ok()?;
        // Written as the set writes it.
        let same = name.file_stem()? == stem && format!("{number:0width$}", width = ending.len()) == digits;
        number.checked_sub(start).filter(|number| same && (1..MOST_PIECES).contains(number))
    };
    let names = entries.take(MOST_ENTRIES).flatten().map(|entry| PathBuf::from(entry.file_name()));
    names.filter_map(|name| number(&name)).max()
}

/// No more files of a folder are looked at.
const MOST_ENTRIES: usize = 1 << 17;

impl Pieces {
    /// Adds a piece behind all others.
    pub(crate) fn push(&mut self, piece: Arc<dyn Bytes>) {
        self.push_at(self.length, piece);
    }

    /// Adds a piece that begins at `start`, which is not before the end of the last one.
    fn push_at(&mut self, start: u64, piece: Arc<dyn Bytes>) {
        self.length = start.saturating_add(piece.len());
        self.pieces.push((start, piece));
    }

    /// Where there are bytes.
    pub(super) fn ranges(&self) -> Vec<Range<u64>> {
        let range = |(start, piece): &(u64, Arc<dyn Bytes>)| *start..start.saturating_add(piece.len());
        self.pieces.iter().map(range).collect()
    }

    /// The piece that holds `offset`, where it begins, and where it ends.
    fn piece_at(&self, offset: u64) -> Option<(&Arc<dyn Bytes>, u64, u64)> {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        let (start, piece) = self.pieces.get(index)?;
        Some((piece, *start, start.saturating_add(piece.len()))).filter(|(.., end)| offset < *end)
    }

    /// Where the piece behind `offset` begins.
    fn next_start(&self, offset: u64) -> Option<u64> {
        self.pieces.get(self.pieces.partition_point(|(start, _)| *start <= offset)).map(|(start, _)| *start)
    }
}

impl Bytes for Pieces {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, mut offset: u64, mut into: &mut [u8]) -> Result<(), BytesError> {
        while !into.is_empty() {
            let Some((piece, start, end)) = self.piece_at(offset) else {
                return Err(match self.next_start(offset) {
                    Some(_) => BytesError::damaged(offset, "this piece of the set is missing"),
                    None => BytesError::end(offset),
                });
            };
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
            let Some((piece, start, end)) = self.piece_at(from) else {
                from = self.next_start(from)?;
                continue;
            };
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
