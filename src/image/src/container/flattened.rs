//! The flattened format of `makedumpfile -F` and of QEMU's dumps through a pipe (makedumpfile, `makedumpfile.h`): the
//! pieces of a file in the order in which they were written, each with its place, in big-endian fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use zerocopy::big_endian::I64;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::Error;
use crate::bytes::{Bytes, BytesError};
use crate::container::Container;

pub(crate) const MAGIC: &[u8] = b"makedumpfile\0\0\0\0";

/// The size of the header, whatever it says itself.
const HEADER: u64 = 4096;
/// The size of the header of a piece.
const PLACE: u64 = size_of::<PieceHeader>() as u64;
/// How many times larger than its pieces the file may be: dumps have hardly any holes.
const MOST_SPREAD: u64 = 64;
/// The most pieces that are kept; a real dump has one for each buffer that was written.
const MOST_PIECES: usize = 4 << 20;

/// The header of a piece (`struct makedump_file_data_header`). Both numbers are -1 after the last piece.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PieceHeader {
    /// Its place in the file that is put together.
    offset: I64,
    /// Its length in bytes.
    length: I64,
}

/// The reassembled file.
#[derive(Debug)]
pub(crate) struct Flattened {
    file: Arc<dyn Bytes>,
    /// By the first byte: the number of bytes, and their place.
    pieces: BTreeMap<u64, Piece>,
    length: u64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    length: u64,
    at: u64,
}

/// Puts the pieces into their places, a later one over an earlier one. Returns false if the mark at the end is
/// missing.
pub(crate) fn open(file: Arc<dyn Bytes>) -> Result<(Flattened, bool), Error> {
    let reading = Error::reading(Container::Flattened);
    let mut flattened = Flattened { file, pieces: BTreeMap::new(), length: 0 };
    let mut at = HEADER;
    loop {
        let place = flattened.file.up_to(at, PLACE as usize).map_err(&reading)?;
        let Ok(header) = PieceHeader::read_from_bytes(&place) else {
            return Ok((flattened, false));
        };
        if header.offset < 0 && header.length < 0 {
            return Ok((flattened, true));
        }
        let (offset, length) = (header.offset.get().cast_unsigned(), header.length.get().cast_unsigned());
        if offset / MOST_SPREAD > flattened.file.len() {
            return Err(Error::Malformed {
                container: Container::Flattened,
                offset: at,
                expected: "pieces that make a file without large holes",
                found: format!("one at {offset:#x}"),
            });
        }
        let there = flattened.file.len().saturating_sub(at + PLACE);
        let whole = length <= there;
        let (Some(end), true) = (offset.checked_add(length.min(there)), flattened.pieces.len() < MOST_PIECES)
        else {
            return Err(Error::Malformed {
                container: Container::Flattened,
                offset: at,
                expected: "a piece of a flattened file",
                found: format!("{length} bytes for {offset:#x} after {} pieces", flattened.pieces.len()),
            });
        };
        flattened.insert(offset, end, at + PLACE);
        if !whole {
            return Ok((flattened, false));
        }
        at += PLACE + length;
    }
}

impl Flattened {
    fn insert(&mut self, start: u64, end: u64, at: u64) {
        if start == end {
            return;
        }
        // A piece that begins earlier and overlaps is cut; its part after the new piece stays.
        if let Some((&first, &piece)) = self.pieces.range(..start).next_back()
            && first + piece.length > start
        {
            self.pieces.insert(first, Piece { length: start - first, ..piece });
            self.keep_rest(first, piece, end);
        }
        while let Some((&first, &piece)) = self.pieces.range(start..end).next() {
            self.pieces.remove(&first);
            self.keep_rest(first, piece, end);
        }
        self.pieces.insert(start, Piece { length: end - start, at });
        self.length = self.length.max(end);
    }

    /// Keeps the part of `piece`, which begins at `first`, that is after `end`.
    fn keep_rest(&mut self, first: u64, piece: Piece, end: u64) {
        if let Some(rest) = (first + piece.length).checked_sub(end).filter(|rest| *rest > 0) {
            self.pieces.insert(end, Piece { length: rest, at: piece.at + (piece.length - rest) });
        }
    }
}

impl Bytes for Flattened {
    fn len(&self) -> u64 {
        self.length
    }

    /// Bytes without a piece are zero, like the holes of a file.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BytesError> {
        let end = offset.checked_add(into.len() as u64).filter(|end| *end <= self.length);
        let end = end.ok_or_else(|| BytesError::end(offset))?;
        into.fill(0);
        let first = self.pieces.range(..=offset).next_back().map_or(offset, |(first, _)| *first);
        for (&start, piece) in self.pieces.range(first..end) {
            let (from, to) = (start.max(offset), (start + piece.length).min(end));
            if from < to
                && let Some(part) = into.get_mut((from - offset) as usize..(to - offset) as usize)
            {
                self.file.read(piece.at + (from - start), part)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_pieces_overwrite_earlier_ones() {
        let file: Arc<dyn Bytes> = Arc::new((0..100).collect::<Vec<u8>>());
        let mut flattened = Flattened { file, pieces: BTreeMap::new(), length: 0 };
        let mut expected = [0; 60];
        for (start, end, at) in
            [(10, 20, 0), (20, 30, 10), (15, 25, 40), (16, 18, 60), (5, 12, 70), (50, 60, 90), (19, 55, 20)]
        {
            flattened.insert(start, end, at);
            for place in start..end {
                expected[place as usize] = (at + place - start) as u8;
            }
        }
        assert_eq!(flattened.len(), 60);
        for start in 0..60 {
            for end in start..60 {
                let mut read = vec![9; end - start];
                flattened.read(start as u64, &mut read).unwrap();
                assert_eq!(read, expected[start..end]);
            }
        }
        assert!(flattened.read(59, &mut [0; 2]).is_err());
    }
}
