//! ELF and Mach-O files: their slices, their sections, and the uncompressed content of each section.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use formats::{FileKind, WrongKind, identify};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{Architecture, FileKind as Format, Object, ObjectKind, ObjectSection};
use profile::{Arch, Report, System, UnpackMeter};

use crate::bytes::Cursor;
use crate::units::Sections;
use crate::{Error, relocate};

/// An opened ELF or Mach-O file.
///
/// The unpacked sizes of all compressed sections are added up and limited by [`profile::UnpackLimits`] for the size
/// of the file. In the file, sections together may have at most twice as many bytes as the file, and so may the notes
/// of an ELF file, because valid headers do not describe the same bytes many times. Work that is done for each
/// section (copying, relocating, searching for a build-id) is then proportional to the size of the file.
pub(crate) struct ObjectFile<'a> {
    pub(crate) file: object::File<'a>,
    bytes: &'a [u8],
    pub(crate) system: System,
    pub(crate) arch: Arch,
    /// Whether the file is not linked yet, so that nothing in it has an address.
    pub(crate) relocatable: bool,
    /// The size of the file, or of its slice, in bytes.
    pub(crate) size: u64,
    unpacked: Mutex<UnpackMeter>,
}

/// The debug sections of a file, unpacked.
#[derive(Default)]
pub(crate) struct Loaded<'a> {
    info: Cow<'a, [u8]>,
    types: Cow<'a, [u8]>,
    abbreviations: Cow<'a, [u8]>,
    str: Cow<'a, [u8]>,
    line_str: Cow<'a, [u8]>,
    str_offsets: Cow<'a, [u8]>,
    addr: Cow<'a, [u8]>,
    big_endian: bool,
}

impl<'a> ObjectFile<'a> {
    /// Opens a file. From a fat file it takes the slice for `wanted`, or the only slice. A file for another architecture than
    /// `wanted` is refused.
    pub(crate) fn open(bytes: &'a [u8], wanted: Option<Arch>) -> Result<Self, Error> {
        let (format, bytes) = match Format::parse(bytes) {
            Ok(Format::Elf32 | Format::Elf64) => ("ELF", bytes),
            Ok(Format::MachO32 | Format::MachO64) => ("Mach-O", bytes),
            Ok(Format::MachOFat32) => {
                let fat = MachOFatFile32::parse(bytes).map_err(damaged("Mach-O"))?;
                ("Mach-O", slice(bytes, fat.arches(), wanted)?)
            }
            Ok(Format::MachOFat64) => {
                let fat = MachOFatFile64::parse(bytes).map_err(damaged("Mach-O"))?;
                ("Mach-O", slice(bytes, fat.arches(), wanted)?)
            }
            _ => return Err(wrong_kind(bytes)),
        };
        let file = match parse(format, bytes) {
            Err(Error::Container { .. }) if FileKind::of(bytes) == FileKind::ElfCut => {
                return Err(wrong_kind(bytes));
            }
            parsed => parsed?,
        };
        if file.kind() == ObjectKind::Core {
            return Err(wrong_kind(bytes));
        }
        let architecture = file.architecture();
        let arch = arch(architecture).ok_or_else(|| Error::Architecture(format!("{architecture:?}")))?;
        if let Some(asked) = wanted.filter(|wanted| *wanted != arch) {
            return Err(Error::OtherArchitecture { asked, stated: arch });
        }
        let system = if format == "ELF" { System::Linux } else { System::Mac };
        // The debug information of a Mach-O object refers to itself without relocations.
        let relocatable = file.kind() == ObjectKind::Relocatable;
        let size = bytes.len() as u64;
        let unpacked = Mutex::new(UnpackMeter::new(size));
        Ok(Self { file, bytes, system, arch, relocatable, size, unpacked })
    }

    /// The debug sections, unpacked and, if the file is not linked, relocated.
    pub(crate) fn load(&self, report: &mut Report) -> Result<Loaded<'a>, Error> {
        let mut section = |name: &str| self.section(name, report);
        let loaded = Loaded {
            info: section(".debug_info")?,
            types: section(".debug_types")?,
            abbreviations: section(".debug_abbrev")?,
            str: section(".debug_str")?,
            line_str: section(".debug_line_str")?,
            str_offsets: section(".debug_str_offsets")?,
            addr: section(".debug_addr")?,
            big_endian: !self.file.is_little_endian(),
        };
        if loaded.info.is_empty() && loaded.types.is_empty() {
            return Err(match FileKind::of(self.bytes) {
                FileKind::ElfDebug | FileKind::MachODebug => Error::NoDebugInfo,
                _ => wrong_kind(self.bytes),
            });
        }
        Ok(loaded)
    }

    /// The debug sections of a split file (`.dwo`); the sections that it shares with the main file are not in it.
    pub(crate) fn load_split(&self, report: &mut Report) -> Result<Loaded<'a>, Error> {
        let mut section = |name: &str| self.section(name, report);
        Ok(Loaded {
            info: section(".debug_info.dwo")?,
            types: section(".debug_types.dwo")?,
            abbreviations: section(".debug_abbrev.dwo")?,
            str: section(".debug_str.dwo")?,
            line_str: Cow::default(),
            str_offsets: section(".debug_str_offsets.dwo")?,
            addr: Cow::default(),
            big_endian: !self.file.is_little_endian(),
        })
    }

    /// The path and build-id of the supplementary file that `dwz` made.
    pub(crate) fn supplement(&self, report: &mut Report) -> Option<(String, Vec<u8>)> {
        if let Ok(Some((path, id))) = self.file.gnu_debugaltlink() {
            return Some((str::from_utf8(path).ok()?.to_owned(), id.to_vec()));
        }
        // DWARF 5, section 7.3.6: the version, whether this file is the supplement, the path and the checksum.
        let section = self.section(".debug_sup", report).ok()?;
        let mut cursor = Cursor::<false>::new(&section, 2);
        if cursor.u8()? != 0 {
            return None;
        }
        let path = str::from_utf8(cursor.text()?).ok()?.to_owned();
        let len = usize::try_from(cursor.uleb()?).ok()?;
        Some((path, cursor.slice(len)?.to_vec()))
    }

    /// A section's bytes, unpacked; empty if there is no such section.
    pub(crate) fn section(&self, name: &str, report: &mut Report) -> Result<Cow<'a, [u8]>, Error> {
        let Some(section) = self.file.section_by_name(name) else { return Ok(Cow::default()) };
        let mut bytes = self.content(name, &section, report)?;
        if self.relocatable && self.system == System::Linux {
            // Before linking, each type unit has a section of its own.
            let others = self.file.sections().filter(|other| other.index() != section.index());
            for other in others.filter(|other| other.name() == Ok(name)) {
                let more = self.content(name, &other, report)?;
                bytes.to_mut().extend_from_slice(&more);
            }
        }
        Ok(bytes)
    }

    fn content(
        &self,
        name: &str,
        section: &object::Section<'a, '_>,
        report: &mut Report,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let failed =
            |error: object::Error| Error::Section { name: name.to_owned(), reason: error.to_string() };
        let packed = section.compressed_data().map_err(failed)?;
        if packed.format != object::CompressionFormat::None {
            let mut meter = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
            let limit = |limit| Error::Limit { name: name.to_owned(), limit };
            // The stated size is exactly what the decoder allocates and fills.
            meter.check_declared(packed.uncompressed_size).map_err(limit)?;
            meter.add(packed.uncompressed_size).map_err(limit)?;
        }
        let mut bytes = packed.decompress().map_err(failed)?;
        if self.relocatable && self.system == System::Linux && section.relocations().next().is_some() {
            relocate::apply(&self.file, section, bytes.to_mut(), report);
        }
        Ok(bytes)
    }

    /// Whether the file has a symbol table of its own.
    pub(crate) fn has_symbols(&self) -> bool {
        self.file.symbols().next().is_some()
    }
}

/// The error for a file, or a slice of one, without DWARF.
fn wrong_kind(bytes: &[u8]) -> Error {
    WrongKind::new("an ELF or Mach-O file with debug information (DWARF)", identify(&bytes, None)).into()
}

impl Loaded<'_> {
    /// The sections in the form that units read.
    pub(crate) fn sections(&self) -> Sections<'_> {
        Sections {
            info: &self.info,
            types: &self.types,
            abbreviations: &self.abbreviations,
            str: &self.str,
            line_str: &self.line_str,
            str_offsets: &self.str_offsets,
            addr: &self.addr,
            supplement_str: &[],
            big_endian: self.big_endian,
        }
    }
}

/// How many times the size of the file its sections, or its notes, may have together. Sections written by linkers do
/// not overlap; a few tools describe some bytes twice.
const MAX_NAMED: u64 = 2;

/// Parses a file and checks that its headers do not describe the same bytes many times.
pub(crate) fn parse<'a>(format: &'static str, bytes: &'a [u8]) -> Result<object::File<'a>, Error> {
    let file = object::File::parse(bytes).map_err(damaged(format))?;
    let size = bytes.len() as u64;
    let named = match &file {
        object::File::Elf32(elf) => named(elf, size),
        object::File::Elf64(elf) => named(elf, size),
        file => named_by_sections(file, size),
    };
    if named > size.saturating_mul(MAX_NAMED) {
        return Err(Error::Repeated { named, file: size });
    }
    Ok(file)
}

/// How many bytes of the file its section headers describe, or its notes if these are more. Bytes beyond the end of a
/// truncated file do not count.
fn named<E: object::read::elf::FileHeader>(elf: &object::read::elf::ElfFile<'_, E>, size: u64) -> u64 {
    use object::read::elf::{ProgramHeader, SectionHeader};

    let endian = elf.endian();
    let there = |offset: u64, length: u64| size.saturating_sub(offset).min(length);
    let sections = elf.elf_section_table().iter().filter_map(|section| section.file_range(endian));
    let sections: u64 = sections.fold(0, |sum, (offset, length)| sum.saturating_add(there(offset, length)));
    let notes =
        elf.elf_program_headers().iter().filter(|header| header.p_type(endian) == object::elf::PT_NOTE);
    let notes: u64 = notes.fold(0, |sum, note| {
        sum.saturating_add(there(note.p_offset(endian).into(), note.p_filesz(endian).into()))
    });
    sections.max(notes)
}

/// How many bytes of a Mach-O file its section headers describe. A dSYM bundle holds only debug information; its code
/// sections keep their sizes but have no place in the file.
fn named_by_sections(file: &object::File<'_>, size: u64) -> u64 {
    let placed =
        file.sections().filter_map(|section| section.file_range()).filter(|(offset, _)| *offset != 0);
    placed.fold(0, |sum, (offset, length)| sum.saturating_add(size.saturating_sub(offset).min(length)))
}

fn damaged(format: &'static str) -> impl Fn(object::Error) -> Error {
    move |error| Error::Container { format, reason: error.to_string() }
}

fn slice<'a, F: FatArch>(bytes: &'a [u8], slices: &[F], wanted: Option<Arch>) -> Result<&'a [u8], Error> {
    let names = || {
        let names: Vec<String> = slices
            .iter()
            .map(|slice| {
                let architecture = slice.architecture();
                arch(architecture).map_or_else(|| format!("{architecture:?}"), |arch| arch.to_string())
            })
            .collect();
        names.join(", ")
    };
    let mut matching =
        slices.iter().filter(|slice| wanted.is_none_or(|wanted| arch(slice.architecture()) == Some(wanted)));
    let Some(chosen) = matching.next() else {
        let wanted = wanted.map_or_else(String::new, |wanted| wanted.to_string());
        return Err(Error::NoSlice { wanted, found: names() });
    };
    if wanted.is_none() && matching.next().is_some() {
        return Err(Error::Slices(names()));
    }
    chosen.data(bytes).map_err(damaged("Mach-O"))
}

fn arch(architecture: Architecture) -> Option<Arch> {
    Some(match architecture {
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
