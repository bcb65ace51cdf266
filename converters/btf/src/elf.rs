//! ELF files with a `.BTF` section: kernels, modules, and programs built for BPF.

use std::borrow::Cow;

use maps::{Banner, MapSymbol};
use object::read::elf::{ElfFile, FileHeader, SectionHeader};
use object::{Architecture, Object, ObjectKind, ObjectSection, ObjectSymbol, SymbolKind};
use profile::{Arch, Binding, Profile, UnpackMeter};

use crate::Error;

/// How many times the size of the file its sections, or the names of its symbols, may have together.
const MAX_NAMED: u64 = 2;
const MAX_NAMES: u64 = 4;
/// How many bytes after the address of a banner are searched.
const BANNER_LENGTH: u64 = 1024;

/// An opened ELF file.
pub(crate) struct Elf<'a> {
    file: object::File<'a>,
    size: u64,
}

/// Whether bytes begin like an ELF file.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&object::elf::ELFMAG)
}

fn damaged(error: object::Error) -> Error {
    Error::Elf { reason: error.to_string() }
}

impl<'a> Elf<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let file = object::File::parse(bytes).map_err(damaged)?;
        let size = bytes.len() as u64;
        let named = match &file {
            object::File::Elf32(elf) => named(elf, size),
            object::File::Elf64(elf) => named(elf, size),
            _ => 0,
        };
        if named > size.saturating_mul(MAX_NAMED) {
            let reason = format!("its sections name {named} bytes in a file of {size}");
            return Err(Error::Elf { reason });
        }
        if file.kind() == ObjectKind::Core {
            return Err(Error::Core);
        }
        Ok(Self { file, size })
    }

    /// The `.BTF` section.
    pub(crate) fn btf(&self) -> Result<Cow<'a, [u8]>, Error> {
        self.section(".BTF")?.ok_or_else(|| {
            let dwarf = self.file.section_by_name(".debug_info").is_some();
            let hint = match dwarf {
                true => "; it has DWARF, from which parse_dwarf makes a profile",
                false => {
                    "; a kernel has one if it was built with CONFIG_DEBUG_INFO_BTF, and pahole -J makes one from DWARF"
                }
            };
            Error::NoBtf { hint }
        })
    }

    /// The `.BTF.base` section, which a module may have.
    pub(crate) fn base(&self) -> Result<Option<Cow<'a, [u8]>>, Error> {
        self.section(".BTF.base")
    }

    fn section(&self, name: &'static str) -> Result<Option<Cow<'a, [u8]>>, Error> {
        let Some(section) = self.file.section_by_name(name) else { return Ok(None) };
        let packed = section.compressed_data().map_err(damaged)?;
        if packed.format != object::CompressionFormat::None {
            let limit = |limit| Error::Limit { name, limit };
            UnpackMeter::new(self.size).check_declared(packed.uncompressed_size).map_err(limit)?;
        }
        let bytes = packed.decompress().map_err(damaged)?;
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// The processor that the file is for; `None` for BPF and others that profiles do not support.
    pub(crate) fn arch(&self) -> Option<Arch> {
        Some(match self.file.architecture() {
            Architecture::X86_64 | Architecture::X86_64_X32 => Arch::Amd64,
            Architecture::I386 => Arch::I386,
            Architecture::Arm => Arch::Arm,
            Architecture::Aarch64 | Architecture::Aarch64_Ilp32 => Arch::Arm64,
            Architecture::Mips => Arch::Mips,
            Architecture::Mips64 | Architecture::Mips64_N32 => Arch::Mips64,
            Architecture::PowerPc => Arch::Ppc,
            Architecture::PowerPc64 => Arch::Ppc64,
            Architecture::Riscv32 => Arch::Riscv32,
            Architecture::Riscv64 => Arch::Riscv64,
            Architecture::S390x => Arch::S390x,
            _ => return None,
        })
    }

    /// The size of a pointer in bytes.
    pub(crate) fn pointer_size(&self) -> u8 {
        if self.file.is_64() { 8 } else { 4 }
    }

    /// Whether it is not linked yet, so that nothing in it has an address.
    pub(crate) fn is_relocatable(&self) -> bool {
        self.file.kind() == ObjectKind::Relocatable
    }

    /// The symbols of its table, as the kernel's build lists them in `System.map`.
    pub(crate) fn symbols(&self) -> Result<Vec<MapSymbol<'a>>, Error> {
        let mut symbols = Vec::new();
        if self.is_relocatable() {
            return Ok(symbols);
        }
        let limit = self.size.saturating_mul(MAX_NAMES);
        let mut named = 0u64;
        for symbol in self.file.symbols() {
            let Ok(name) = symbol.name_bytes() else { continue };
            named = named.saturating_add(name.len() as u64);
            if named > limit {
                let reason =
                    format!("the names of its symbols have {named} bytes in a file of {}", self.size);
                return Err(Error::Elf { reason });
            }
            let absolute = symbol.section() == object::SymbolSection::Absolute;
            if name.is_empty()
                || symbol.is_undefined()
                || matches!(symbol.kind(), SymbolKind::Section | SymbolKind::File)
                || symbol.is_local() && absolute
                || is_left_out(name)
            {
                continue;
            }
            let binding = match (symbol.is_weak(), symbol.is_local()) {
                (true, _) => Binding::Weak,
                (_, true) => Binding::Local,
                _ => Binding::Global,
            };
            let data = symbol.kind() == SymbolKind::Data;
            symbols.push(MapSymbol { address: symbol.address(), name, binding, data });
        }
        symbols.sort_unstable_by_key(|symbol| symbol.name);
        Ok(symbols)
    }

    /// The bounds of its sections under the names that the kernel's linker script gives them.
    pub(crate) fn bounds(&self) -> Vec<(String, u64)> {
        let sections = self
            .file
            .sections()
            .filter_map(|section| Some((section.name().ok()?.to_owned(), section.address(), section.size())));
        let sections: Vec<_> = sections.collect();
        maps::section_bounds(sections.iter().map(|(name, address, size)| (name.as_str(), *address, *size)))
    }

    /// The start of the kernel's code, which is the address of `_text`.
    pub(crate) fn first_code(&self) -> Option<u64> {
        [".head.text", ".text"].iter().find_map(|name| {
            let address = self.file.section_by_name(name)?.address();
            Some(address).filter(|address| *address != 0)
        })
    }

    /// The release that a module was built for: the first word of its `vermagic`.
    pub(crate) fn module_release(&self) -> Option<&'a str> {
        let fields = self.file.section_by_name(".modinfo")?.data().ok()?.split(|byte| *byte == 0);
        let magic = fields.filter_map(|field| field.strip_prefix(b"vermagic=")).next()?;
        str::from_utf8(magic).ok()?.split(' ').next().filter(|release| !release.is_empty())
    }

    /// Adds the file's identity to the metadata. `banner` is the address of the kernel's banner according to the
    /// symbols.
    pub(crate) fn describe(&self, profile: &mut Profile, banner: Option<u64>) {
        if let Ok(Some(id)) = self.file.build_id() {
            profile.set_metadata("BuildID", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        }
        let text = banner.and_then(|address| self.text_at(address));
        let found = text
            .and_then(|text| Banner::find(text).filter(|banner| text.starts_with(banner.text.as_bytes())));
        if let Some(banner) = found {
            profile.set_metadata("Banner", banner.text);
            profile.set_metadata("Release", banner.release);
        } else if let Some(release) = self.module_release() {
            profile.set_metadata("Release", release);
        }
    }

    /// The bytes at an address, up to the end of its section.
    fn text_at(&self, address: u64) -> Option<&'a [u8]> {
        self.file.sections().find_map(|section| {
            let (start, size) = (section.address(), section.size());
            let end = start.checked_add(size)?;
            if start == 0 || address < start || address >= end {
                return None;
            }
            section.data_range(address, BANNER_LENGTH.min(end - address)).ok().flatten()
        })
    }
}

/// How many bytes of the file its section headers describe. Bytes beyond the end of a truncated file do not count.
fn named<E: FileHeader>(elf: &ElfFile<'_, E>, size: u64) -> u64 {
    let there = |offset: u64, length: u64| size.saturating_sub(offset).min(length);
    let sections = elf.elf_section_table().iter().filter_map(|section| section.file_range(elf.endian()));
    sections.fold(0, |sum, (offset, length)| sum.saturating_add(there(offset, length)))
}

/// The symbols that a kernel's build leaves out of its `System.map` (scripts/mksysmap).
fn is_left_out(name: &[u8]) -> bool {
    [&b"__crc_"[..], b"__kstrtab_", b"__kstrtabns_", b".L"].iter().any(|prefix| name.starts_with(prefix))
        || matches!(name, [b'$', b'a' | b'd' | b't' | b'x'] | [b'$', b'a' | b'd' | b't' | b'x', b'.', ..])
}
