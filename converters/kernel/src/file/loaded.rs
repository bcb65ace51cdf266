use memchr::memmem;
use object::{Architecture, Object, ObjectSection, ObjectSegment};
use profile::Arch;

use super::Error;

/// An unpacked kernel, read by the addresses at which it is linked.
pub(super) struct Loaded {
    bytes: Vec<u8>,
    /// The link addresses of its parts, and their places in the file.
    parts: Vec<Extent>,
    sections: Vec<(String, Extent)>,
    /// The processor it is for.
    pub(super) arch: Arch,
    /// For a kernel without headers, the likely link address of its beginning.
    flat: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    address: u64,
    offset: usize,
    length: usize,
}

impl Loaded {
    pub(super) fn of_elf(bytes: Vec<u8>) -> Result<Self, Error> {
        let damaged = |error: object::Error| Error::Damaged { reason: error.to_string() };
        let file = object::File::parse(bytes.as_slice()).map_err(damaged)?;
        let arch = arch(&file).ok_or(Error::NotAKernel { found: "an ELF file for another processor" })?;
        let part = |address: u64, (offset, length): (u64, u64)| {
            let (offset, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
            bytes.get(offset..offset.checked_add(length)?)?;
            Some(Extent { address, offset, length })
        };
        let parts =
            file.segments().filter_map(|segment| part(segment.address(), segment.file_range())).collect();
        let sections = file.sections().filter_map(|section| {
            Some((section.name().ok()?.to_owned(), part(section.address(), section.file_range()?)?))
        });
        let sections = sections.collect();
        drop(file);
        Ok(Self { bytes, parts, sections, arch, flat: None })
    }

    pub(super) fn of_arm64_image(bytes: Vec<u8>) -> Self {
        let whole = Extent { address: 0, offset: 0, length: bytes.len() };
        let flat = Some(link_address(&bytes));
        Self { parts: vec![whole], sections: Vec::new(), arch: Arch::Arm64, flat, bytes }
    }

    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// For a kernel without headers, whose addresses are initially relative to its beginning, the link address of
    /// that.
    pub(super) fn flat_link_address(&self) -> Option<u64> {
        self.flat
    }

    /// Sets the address at which a kernel without headers begins.
    pub(super) fn rebase(&mut self, address: u64) {
        self.parts.iter_mut().for_each(|part| part.address = address);
    }

    /// The lowest address of its parts that can be a kernel's.
    pub(super) fn lowest(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.address).filter(|address| *address > 0xffff).min()
    }

    /// Fills `into` with the bytes at an address. Returns false if it is not in the file.
    pub(super) fn read(&self, at: u64, into: &mut [u8]) -> bool {
        let found = self.parts.iter().find_map(|part| {
            let within = usize::try_from(at.checked_sub(part.address)?).ok()?;
            let end = within.checked_add(into.len()).filter(|end| *end <= part.length)?;
            self.bytes.get(part.offset.checked_add(within)?..part.offset.checked_add(end)?)
        });
        found.is_some_and(|found| {
            into.copy_from_slice(found);
            true
        })
    }

    pub(super) fn bytes(&self, at: u64, length: usize) -> Option<Vec<u8>> {
        if length > self.bytes.len() {
            return None;
        }
        let mut bytes = vec![0; length];
        self.read(at, &mut bytes).then_some(bytes)
    }

    /// A zero-terminated text of at most this many bytes.
    pub(super) fn text(&self, at: u64, limit: usize) -> Vec<u8> {
        let mut text = Vec::new();
        let mut byte = [0];
        while text.len() < limit && self.read(at.wrapping_add(text.len() as u64), &mut byte) && byte != [0] {
            text.extend(byte);
        }
        text
    }

    /// The content of the section of this name.
    pub(super) fn section(&self, name: &str) -> Option<Vec<u8>> {
        let (_, part) = self.sections.iter().find(|(known, _)| known == name)?;
        self.bytes.get(part.offset..part.offset.checked_add(part.length)?).map(<[u8]>::to_vec)
    }

    /// The addresses at which `needle` begins, at most this many.
    pub(super) fn find(&self, needle: &[u8], most: usize) -> Vec<u64> {
        let content = |part: &Extent| self.bytes.get(part.offset..part.offset.checked_add(part.length)?);
        let parts = self.parts.iter().filter_map(|part| Some((part.address, content(part)?)));
        let places = parts.flat_map(|(address, content)| {
            memmem::find_iter(content, needle)
                .map(move |at| address.wrapping_add(at as u64))
                .collect::<Vec<_>>()
        });
        places.take(most).collect()
    }
}

fn arch(file: &object::File<'_>) -> Option<Arch> {
    Some(match (file.architecture(), file.is_64()) {
        (Architecture::X86_64, _) => Arch::Amd64,
        (Architecture::I386, _) => Arch::I386,
        (Architecture::Aarch64, _) => Arch::Arm64,
        (Architecture::Arm, _) => Arch::Arm,
        (Architecture::PowerPc, _) => Arch::Ppc,
        (Architecture::PowerPc64, _) => Arch::Ppc64,
        (Architecture::Mips, _) => Arch::Mips,
        (Architecture::Mips64, _) => Arch::Mips64,
        (Architecture::S390x, _) => Arch::S390x,
        (Architecture::Riscv64, _) => Arch::Riscv64,
        (Architecture::Riscv32, _) => Arch::Riscv32,
        _ => return None,
    })
}

/// The link address of an ARM64 kernel without headers: of all link addresses in use, the one that most of its
/// pointers lie above. In a kernel that relocates itself they are the addends of its relocations.
fn link_address(bytes: &[u8]) -> u64 {
    let candidates = maps::link_addresses_of_arm64();
    let size = bytes.len() as u64;
    let mut votes = vec![0_u64; candidates.len()];
    for word in bytes.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*word);
        if word < 0xffff << 48 {
            continue;
        }
        for (candidate, votes) in candidates.iter().zip(&mut votes) {
            *votes += u64::from(word.wrapping_sub(*candidate) < size);
        }
    }
    // The first of equally good ones, which belongs to current kernels.
    let best = votes.iter().max().copied().unwrap_or_default();
    let first = votes.iter().position(|votes| *votes == best);
    first.and_then(|first| candidates.get(first).copied()).unwrap_or_default()
}
