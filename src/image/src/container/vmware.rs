//! VMware's memory: a `.vmem` file with the pages, and a `.vmss` or `.vmsn` file that describes or contains them. The
//! state file is a list of groups, each a list of tags (as crash and Volatility read them).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use profile::Arch;

use formats::FileKind;

use crate::bytes::Bytes;
use crate::container::{Container, Parts};
use crate::fields::Fields;
use crate::file::FileBytes;
use crate::hints::{Cpu, Hints};
use crate::segments::Segment;
use crate::{Error, PhysicalAddress, VirtualAddress};

const PAGE: u64 = 4096;
const HEADER: u64 = 12;
const GROUP: u64 = 80;
/// A state file has some dozens of groups. Their tags together are read up to the size of the file, so that groups
/// that refer to the same place do not add up.
const MOST_GROUPS: u32 = 4096;
/// A group has some thousands of tags.
const MOST_TAGS: usize = 1 << 20;
/// VMware splits memory around the hole below 4 GiB into at most three known regions.
const MOST_REGIONS: u64 = 4096;
/// The lengths of a tag that mean that the real length precedes the value; with the second the value is compressed.
const BLOCK: u8 = 63;
const COMPRESSED: u8 = 62;
/// Memory of up to 3 GiB is never split.
pub(super) const UNSPLIT: u64 = 3 << 30;

/// Whether `start` begins a state file.
pub(crate) fn recognise(start: &[u8]) -> bool {
    // The lowest four bits are the version; 0 has 32-bit lengths. The last spelling is Volatility's of the first.
    matches!(
        Fields::little(start).u32(0),
        Some(0xbed0_bed0 | 0xbed2_bed2 | 0xbed3_bed3 | 0xbad1_bad1 | 0xbad2_bad2 | 0xbed2_bed0)
    )
}

/// The memory file for a state file, or the state file for a memory file: `.vmem` with `.vmss` or `.vmsn`. If one
/// exists but must not be opened, `refused` gives its name and the reason.
pub(crate) fn beside(path: &Path, extensions: &[&str], refused: &mut Option<String>) -> Option<FileBytes> {
    extensions.iter().find_map(|extension| {
        let path = path.with_extension(extension);
        let opened = FileBytes::open_beside(&path);
        if let Err(error) = &opened
            && profile::is_refusal(error)
        {
            *refused = Some(format!("{} was not opened: {error}", path.display()));
        }
        opened.ok()
    })
}

/// Opens the memory that a state file describes; `memory` is the file next to it, if there is one.
pub(crate) fn open(state: Arc<dyn Bytes>, memory: Option<Arc<dyn Bytes>>) -> Result<Parts, Error> {
    let container = Container::Vmware;
    let malformed = |offset, expected, found| Error::Malformed { container, offset, expected, found };
    let tags = Tags::read(&state)?;
    let mut hints = Hints::default();
    tags.processors(&state, &mut hints);
    let (bytes, first, length) = match (memory, tags.memory()) {
        (Some(memory), _) => {
            let length = memory.len();
            (memory, 0, length)
        }
        (None, Some(inside)) if inside.compressed => {
            return Err(Error::wrong_kind(FileKind::VmwareCompressed));
        }
        (None, Some(inside)) => (state, inside.offset, inside.length),
        (None, None) => {
            return Err(malformed(
                0,
                "memory in the state file, or a .vmem file beside it",
                "neither".to_owned(),
            ));
        }
    };
    let mut parts = Parts::new(container, bytes);
    parts.hints = hints;
    let regions = tags.number("regionsCount", &[]).unwrap_or(0);
    if regions > MOST_REGIONS {
        return Err(malformed(0, "some regions of memory", regions.to_string()));
    }
    for region in 0..regions as u32 {
        let page = |name| tags.number(name, &[region]).and_then(|pages| pages.checked_mul(PAGE));
        let place = (page("regionPPN"), page("regionPageNum"), page("regionSize"));
        let (Some(start), Some(offset), Some(length)) = place else {
            parts.report.lose("incomplete region", || format!("region {region}"));
            continue;
        };
        parts.segments.push(Segment { start, length, offset: first.saturating_add(offset) });
    }
    if regions == 0 {
        parts.segments.push(Segment { start: 0, length, offset: first });
    }
    Ok(parts)
}

/// One value of a state file.
struct Tag {
    name: String,
    indices: Vec<u32>,
    /// Its place, and its size in bytes.
    offset: u64,
    length: u64,
    compressed: bool,
    /// Its first eight bytes as a number, if it has no more.
    number: Option<u64>,
}

/// The tags of the groups about memory and processors.
#[derive(Default)]
struct Tags {
    all: Vec<Tag>,
    /// The first tag of each name and indices.
    first: HashMap<(String, Vec<u32>), usize>,
}

impl Tags {
    fn read(state: &Arc<dyn Bytes>) -> Result<Self, Error> {
        let reading = Error::reading(Container::Vmware);
        let header = state.up_to(0, HEADER as usize).map_err(&reading)?;
        let fields = Fields::little(&header);
        let version = header.first().map_or(0, |byte| byte & 0xf);
        let count = fields.u32(8).unwrap_or(0);
        if count > MOST_GROUPS {
            return Err(Error::Malformed {
                container: Container::Vmware,
                offset: 8,
                expected: "some groups",
                found: count.to_string(),
            });
        }
        let groups = state.up_to(HEADER, (u64::from(count) * GROUP) as usize).map_err(&reading)?;
        let mut tags = Self::default();
        let mut room = state.len();
        for group in groups.chunks_exact(GROUP as usize) {
            let group = Fields::little(group);
            let (Some(name), Some(offset)) = (group.text(0, 64), group.u64(64)) else { continue };
            if matches!(name.as_str(), "memory" | "cpu") {
                tags.read_group(state, offset, version, &mut room).map_err(&reading)?;
            }
        }
        Ok(tags)
    }

    /// Reads the tags from `at` on: flags, a name after its length, indices, and the value, whose length is in the
    /// flags or, for long values, before it.
    fn read_group(
        &mut self,
        state: &Arc<dyn Bytes>,
        at: u64,
        version: u8,
        room: &mut u64,
    ) -> Result<(), crate::bytes::BytesError> {
        let mut at = at;
        while self.all.len() < MOST_TAGS {
            // The longest name with its indices, and the lengths of a long value.
            let head = state.up_to(at, 2 + 255 + 12 + 18)?;
            let Some(&[flags, name_length]) = head.first_chunk() else { break };
            if flags == 0 && name_length == 0 {
                break;
            }
            let fields = Fields::little(&head);
            let mut place = 2 + usize::from(name_length);
            let Some(name) = fields.text(2, name_length.into()) else { break };
            let mut indices = Vec::new();
            for _ in 0..flags >> 6 {
                let Some(index) = fields.u32(place) else { return Ok(()) };
                indices.push(index);
                place += 4;
            }
            let mut length = u64::from(flags & 0x3f);
            let block = flags & 0x3f;
            if matches!(block, BLOCK | COMPRESSED) {
                let wide = version > 0;
                let width = if wide { 8 } else { 4 };
                let (Some(stored), Some(padding)) = (fields.word(place, wide), fields.u16(place + 2 * width))
                else {
                    break;
                };
                length = stored;
                place += 2 * width + 2 + usize::from(padding);
            }
            let Some(offset) = at.checked_add(place as u64) else { break };
            let number = match length {
                1..=8 => {
                    let mut bytes = [0; 8];
                    let content = state.up_to(offset, length as usize)?;
                    bytes.iter_mut().zip(content).for_each(|(to, from)| *to = from);
                    Some(u64::from_le_bytes(bytes))
                }
                _ => None,
            };
            let key = (name.clone(), indices.clone());
            self.first.entry(key).or_insert(self.all.len());
            self.all.push(Tag { name, indices, offset, length, compressed: block == COMPRESSED, number });
            let Some(next) = offset.checked_add(length) else { break };
            let Some(left) = room.checked_sub(next - at) else { break };
            *room = left;
            at = next;
        }
        Ok(())
    }

    fn number(&self, name: &str, indices: &[u32]) -> Option<u64> {
        self.find(name, indices)?.number
    }

    fn find(&self, name: &str, indices: &[u32]) -> Option<&Tag> {
        self.all.get(*self.first.get(&(name.to_owned(), indices.to_vec()))?)
    }

    /// The memory in the state file itself.
    fn memory(&self) -> Option<&Tag> {
        let first = |tag: &&Tag| tag.name == "Memory" && tag.indices.iter().all(|index| *index == 0);
        self.all.iter().find(first).filter(|tag| tag.number.is_none())
    }

    /// A control register: a separate value, or one in a block of a processor.
    fn register(&self, state: &Arc<dyn Bytes>, processor: u32, index: u32) -> Option<u64> {
        let own = self.number("CR64", &[processor, index]).or_else(|| self.number("CR", &[processor, index]));
        own.or_else(|| {
            let block = self.find("CR64", &[processor])?;
            let content = state.up_to(block.offset, block.length.min(64) as usize).ok()?;
            Fields::little(&content).u64(index as usize * 8).filter(|_| !block.compressed)
        })
    }

    /// The processors: `CR64` for machines that have been in long mode, `CR` for others.
    fn processors(&self, state: &Arc<dyn Bytes>, hints: &mut Hints) {
        for processor in 0.. {
            let register = |index: u32| self.register(state, processor, index);
            let (Some(cr0), Some(cr3), Some(cr4)) = (register(0), register(3), register(4)) else { break };
            let instruction = self.number("rip", &[processor]).or_else(|| self.number("eip", &[processor]));
            if processor == 0 && cr3 != 0 {
                hints.dtb = Some(PhysicalAddress(cr3 & 0x000f_ffff_ffff_f000));
                let long = self.number("EFER", &[0]).is_some_and(|efer| efer & 0x400 != 0);
                hints.arch = Some(if long { Arch::Amd64 } else { Arch::I386 });
            }
            hints.cpus.push(Cpu { instruction: VirtualAddress(instruction.unwrap_or(0)), cr0, cr3, cr4 });
        }
    }
}
