//! The chunks of a compact PDB, unpacked on demand.

use std::collections::VecDeque;

use profile::UnpackMeter;
use sync_file::ReadAt;

use super::container::ChunkEntry;
use super::error::MsfzError;

/// How many bytes of unpacked chunks are kept, unless one chunk has more.
const KEPT: u64 = 16 << 20;
/// No more chunks are kept, since each look-up goes through all of them.
const MOST_KEPT: usize = 64;
/// How many times the allowed size of the plain PDB may be read and inflated. Chunks that several streams share are
/// inflated again when they are no longer kept.
const MOST_INFLATED: u64 = 4;

/// Unpacks chunks, and keeps those used last: streams that follow one another share chunks.
pub(super) struct Chunks<'a, R> {
    source: &'a R,
    table: &'a [ChunkEntry],
    /// The number and the content of each chunk that is kept, the one used last at the end.
    kept: VecDeque<(u32, Vec<u8>)>,
    meter: UnpackMeter,
    inflated: u64,
}

impl<'a, R: ReadAt> Chunks<'a, R> {
    pub(super) fn new(source: &'a R, table: &'a [ChunkEntry], meter: UnpackMeter) -> Self {
        Self { source, table, kept: VecDeque::new(), meter, inflated: 0 }
    }

    /// The content of a chunk.
    pub(super) fn get(&mut self, number: u32) -> Result<&[u8], MsfzError> {
        match self.kept.iter().position(|(kept, _)| *kept == number) {
            Some(place) => {
                if let Some(chunk) = self.kept.remove(place) {
                    self.kept.push_back(chunk);
                }
            }
            None => self.load(number)?,
        }
        Ok(self.kept.back().map_or(&[], |(_, content)| content))
    }

    fn load(&mut self, number: u32) -> Result<(), MsfzError> {
        let entry = self.table.get(number as usize).ok_or_else(|| {
            MsfzError::damaged(format!("a fragment is in chunk {number} of {} chunks", self.table.len()))
        })?;
        let size = u64::from(entry.size());
        self.inflated = self.inflated.saturating_add(entry.cost());
        if self.inflated > self.meter.allowed().saturating_mul(MOST_INFLATED) {
            return Err(self.meter.exceeded().into());
        }
        let mut bytes: u64 = self.kept.iter().map(|(_, content)| content.len() as u64).sum();
        while bytes.saturating_add(size) > KEPT || self.kept.len() >= MOST_KEPT {
            let Some((_, content)) = self.kept.pop_front() else { break };
            bytes -= content.len() as u64;
        }
        self.kept.push_back((number, entry.unpack(self.source)?));
        Ok(())
    }
}
