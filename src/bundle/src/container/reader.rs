use std::sync::Arc;

use profile::UnpackLimits;
use sha2::{Digest, Sha256};

use super::directory::{Block, Blocks, Directory, SectionEntry};
use super::pack::{LARGEST_BLOCK, unpack};
use super::{HEADER, Source, TRAILER, VERSION, header, is_bundle};
use crate::Error;
use crate::bytes::{Decoded, Malformed};

/// An open bundle: its directory, and the bytes of its blocks.
#[derive(Clone)]
pub(crate) struct OpenBundle {
    source: Arc<dyn Source>,
    directory: Arc<Directory>,
    digest: [u8; 32],
}

impl OpenBundle {
    /// Reads and checks the header, the trailer and the directory.
    pub(crate) fn open(source: Arc<dyn Source>) -> Result<Self, Error> {
        let length = source.length();
        let start = source.read(0, usize::try_from(length.min(HEADER as u64)).unwrap_or(HEADER))?;
        if !is_bundle(&start) {
            return Err(Error::NotABundle { found: beginning(&start) });
        }
        let damaged =
            |offset: u64, problem: String| Error::Damaged { part: "directory".to_owned(), offset, problem };
        let too_short =
            || damaged(0, format!("expected at least {} bytes, found {length}", HEADER + TRAILER));
        let place = length.checked_sub(TRAILER as u64).filter(|place| *place >= HEADER as u64);
        let place = place.ok_or_else(too_short)?;
        let trailer = source.read(place, TRAILER)?;
        check_version(&start)?;
        let (numbers, rest) = trailer.split_at_checked(32).ok_or_else(too_short)?;
        let (hash, end) = rest.split_at_checked(32).ok_or_else(too_short)?;
        if end != header() {
            let problem =
                "expected the header to be repeated in the last 16 bytes; the file was cut or changed";
            return Err(damaged(place, problem.to_owned()));
        }
        let mut numbers = numbers.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0, u64::from_le_bytes));
        let mut number = || numbers.next().unwrap_or_default();
        let (stated, offset, packed, raw) = (number(), number(), number(), number());
        if stated != length || offset < HEADER as u64 || offset.checked_add(packed) != Some(place) {
            let problem =
                format!("expected {stated} bytes with the directory at {offset}, found {length} bytes");
            return Err(damaged(place, problem));
        }
        let allowed = UnpackLimits::current().allowed(length);
        if raw > allowed {
            return Err(Error::TooLarge {
                what: "the directory of the bundle".to_owned(),
                size: raw,
                allowed,
            });
        }
        let size = |number: u64| usize::try_from(number).map_err(|_| too_short());
        let bytes = source.read(offset, size(packed)?)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        if digest.as_slice() != hash {
            return Err(damaged(offset, "its SHA-256 is not the one in the trailer".to_owned()));
        }
        let bytes = unpack(&bytes, size(raw)?)
            .ok_or_else(|| damaged(offset, format!("it does not unpack to {raw} bytes")))?;
        let directory = Directory::decode(&bytes, HEADER as u64, offset)
            .map_err(|Malformed(problem)| damaged(offset, problem.to_owned()))?;
        drop((start, trailer));
        Ok(Self { source, directory: Arc::new(directory), digest })
    }

    /// The length of the file in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.source.length()
    }

    /// The SHA-256 of the packed directory.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) fn builds(&self) -> Blocks {
        self.directory.builds
    }

    pub(crate) fn sections(&self) -> &[SectionEntry] {
        &self.directory.sections
    }

    pub(crate) fn section(&self, name: &str) -> Option<&SectionEntry> {
        let sections = &self.directory.sections;
        sections.binary_search_by(|section| (*section.name).cmp(name)).ok().and_then(|at| sections.get(at))
    }

    /// Checks that no block belongs to two streams, so that reading everything takes no longer than the file is. `streams`
    /// are those that the directory does not name.
    pub(crate) fn check_use(&self, streams: impl Iterator<Item = Blocks>) -> Decoded<()> {
        let mut used = vec![false; self.directory.blocks.len()];
        let keyed = self.directory.sections.iter().flat_map(|section| &section.streams);
        let named = keyed.map(|(_, blocks)| *blocks).chain([self.directory.builds]);
        for blocks in named.chain(streams) {
            let end = blocks.first.saturating_add(blocks.count);
            let run = used.get_mut(blocks.first..end);
            for used in run.ok_or(Malformed("a part refers to blocks that do not exist"))? {
                if std::mem::replace(used, true) {
                    return Err(Malformed("a block belongs to two parts"));
                }
            }
        }
        Ok(())
    }

    /// Every block unpacked, and what follows the list of blocks in the directory.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn parts(&self) -> Result<(Vec<Vec<u8>>, Vec<u8>), Error> {
        let blocks = 0..self.directory.blocks.len();
        let blocks = blocks.map(|first| self.stream(Blocks { first, count: 1 }, "block"));
        let Directory { builds, sections, .. } = &*self.directory;
        let tail = Directory { blocks: Vec::new(), builds: *builds, sections: sections.clone() }.encode();
        Ok((blocks.collect::<Result<_, _>>()?, tail.get(1..).unwrap_or_default().to_vec()))
    }

    /// Where a stream begins in the file.
    pub(crate) fn offset(&self, blocks: Blocks) -> u64 {
        self.directory.blocks.get(blocks.first).map_or(0, |block| block.offset)
    }

    /// How many bytes a stream takes in the file.
    pub(crate) fn packed(&self, blocks: Blocks) -> u64 {
        self.run(blocks).iter().map(|block| block.packed).sum()
    }

    /// The blocks of a stream; none if they do not exist.
    fn run(&self, blocks: Blocks) -> &[Block] {
        let end = blocks.first.saturating_add(blocks.count);
        self.directory.blocks.get(blocks.first..end).unwrap_or_default()
    }

    /// Reads a stream, checks the SHA-256 of its blocks, and unpacks them. `part` is the name of the stream in errors.
    pub(crate) fn stream(&self, blocks: Blocks, part: &str) -> Result<Vec<u8>, Error> {
        let damaged = |offset, problem| Error::Damaged { part: part.to_owned(), offset, problem };
        let run = self.run(blocks);
        if run.len() != blocks.count {
            return Err(damaged(0, "it refers to blocks that do not exist".to_owned()));
        }
        let packed: u64 = run.iter().map(|block| block.packed).sum();
        let raw = run.iter().map(|block| block.raw as u64).fold(0, u64::saturating_add);
        let allowed = UnpackLimits::current().allowed(packed);
        if raw > allowed {
            return Err(Error::TooLarge { what: format!("the {part} of the bundle"), size: raw, allowed });
        }
        let mut bytes = Vec::new();
        for block in run {
            let length = usize::try_from(block.packed)
                .map_err(|_| damaged(block.offset, "it exceeds the address space".to_owned()))?;
            let packed = self.source.read(block.offset, length)?;
            if Sha256::digest(&packed).as_slice() != block.hash {
                let problem =
                    format!("the SHA-256 of its {} bytes is not the one in the directory", block.packed);
                return Err(damaged(block.offset, problem));
            }
            let raw = (block.raw <= LARGEST_BLOCK).then(|| unpack(&packed, block.raw)).flatten();
            let raw = raw
                .ok_or_else(|| damaged(block.offset, format!("it does not unpack to {} bytes", block.raw)))?;
            match bytes.is_empty() {
                true => bytes = raw,
                false => bytes.extend_from_slice(&raw),
            }
        }
        Ok(bytes)
    }
}

fn check_version(start: &[u8]) -> Result<(), Error> {
    let found =
        start.get(super::MAGIC.len()..).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    if found == VERSION { Ok(()) } else { Err(Error::Version { expected: VERSION, found }) }
}

/// The first bytes of a file, in words for an error.
fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    let hex: Vec<String> = bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}
