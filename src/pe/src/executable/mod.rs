//! PE files: headers, the RSDS records that name their PDBs, imports, exports and version.
//!
//! Start here: [`Pe::parse`]. Every part is read on its own, so damage to one part does not affect the others.

mod parts;
mod tables;

use std::collections::HashSet;
use std::path::Path;

use formats::{WrongKind, identify};
use goblin::pe::characteristic;
use goblin::pe::data_directories::DataDirectory;
use goblin::pe::header::{Header, machine_to_str};
use goblin::pe::optional_header::OptionalHeader;
use goblin::pe::options::ParseOptions;
use goblin::pe::section_table::SectionTable;
use goblin::pe::utils::find_offset;
use profile::guarded;

use crate::code_view::CodeView;
use crate::rsds::Rsds;

pub use parts::PartsError;
pub use tables::{Export, Import, Version};

/// A PE file as it lies on disk.
///
/// Memory is in proportion to the file. A file has at most 1,024 sections, and names are read up to 4 KiB. The
/// entries of a table, with their names, may take at most four times the size of the file, since valid entries do not
/// share bytes.
pub struct Pe<'a> {
    bytes: &'a [u8],
    header: Header<'a>,
    optional: OptionalHeader,
    sections: Vec<SectionTable>,
}

/// Why a file, or a part of it, cannot be read as a PE file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeError {
    /// Another kind of file.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// A part violates the format.
    #[error("{place}: {reason}")]
    Damaged {
        /// Which part.
        place: &'static str,
        /// The problem.
        reason: String,
    },
    /// The file does not name a PDB by GUID and age.
    #[error("expected a debug record that names a PDB (RSDS), found {found}")]
    NoRsds {
        /// What was found instead.
        found: String,
    },
}

impl PeError {
    /// Refines the error by the file's name ([`WrongKind::named`]).
    pub fn named(self, name: &Path) -> Self {
        match self {
            Self::WrongKind(wrong) => Self::WrongKind(wrong.named(name)),
            error => error,
        }
    }
}

/// The values in the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// The machine, as the format numbers it.
    pub machine: u16,
    /// The machine's name.
    pub machine_name: &'static str,
    /// The link time, in seconds since 1970; in reproducible builds a hash.
    pub timestamp: u32,
    /// The characteristics, as bits.
    pub characteristics: u16,
    /// The names of the characteristics that are set.
    pub characteristic_names: Vec<&'static str>,
    /// Whether it is PE32+.
    pub is_64: bool,
    /// The size of the image in memory, in bytes. The timestamp and this size identify the file in a symbol store.
    pub size_of_image: u32,
    /// The preferred load address.
    pub image_base: u64,
    /// The entry point, as an RVA.
    pub entry: u32,
    /// The version of the system it was linked for, major and minor.
    pub os_version: (u16, u16),
    /// Its own version, major and minor.
    pub image_version: (u16, u16),
    /// The subsystem's version, major and minor.
    pub subsystem_version: (u16, u16),
    /// The subsystem, as the format numbers it.
    pub subsystem: u16,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// `r`, `w`, `x` or a dash each.
    pub permissions: String,
    /// The offset of its data in the file.
    pub raw_offset: u32,
    /// The size of its data in the file, in bytes.
    pub raw_size: u32,
    /// Its address in memory, as an RVA.
    pub rva: u32,
    /// Its size in memory, in bytes.
    pub size: u32,
}

/// A data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Its name.
    pub name: &'static str,
    /// Its address, as an RVA; for the certificates, an offset in the file.
    pub rva: u32,
    /// Its size in bytes.
    pub size: u32,
}

/// The longest name that is read, in bytes.
const LONGEST_NAME: usize = 4096;

const DIRECTORY_NAMES: [&str; 16] = [
    "Export",
    "Import",
    "Resource",
    "Exception",
    "Certificate",
    "Base relocation",
    "Debug",
    "Architecture",
    "Global pointer",
    "TLS",
    "Load configuration",
    "Bound import",
    "Import address",
    "Delay import",
    "CLR runtime",
    "Reserved",
];

const CHARACTERISTICS: [(u16, &str); 10] = [
    (characteristic::IMAGE_FILE_RELOCS_STRIPPED, "RELOCS_STRIPPED"),
    (characteristic::IMAGE_FILE_EXECUTABLE_IMAGE, "EXECUTABLE_IMAGE"),
    (characteristic::IMAGE_FILE_LINE_NUMS_STRIPPED, "LINE_NUMS_STRIPPED"),
    (characteristic::IMAGE_FILE_LOCAL_SYMS_STRIPPED, "LOCAL_SYMS_STRIPPED"),
    (characteristic::IMAGE_FILE_LARGE_ADDRESS_AWARE, "LARGE_ADDRESS_AWARE"),
    (characteristic::IMAGE_FILE_32BIT_MACHINE, "32BIT_MACHINE"),
    (characteristic::IMAGE_FILE_DEBUG_STRIPPED, "DEBUG_STRIPPED"),
    (characteristic::IMAGE_FILE_SYSTEM, "SYSTEM"),
    (characteristic::IMAGE_FILE_DLL, "DLL"),
    (characteristic::IMAGE_FILE_UP_SYSTEM_ONLY, "UP_SYSTEM_ONLY"),
];

/// Windows loads files of at most 96 sections. Every address lookup goes through all sections.
const MOST_SECTIONS: usize = 1024;

const SECTION_ENTRY: usize = goblin::pe::section_table::SIZEOF_SECTION_TABLE;
/// The size of a symbol; the string table follows the symbols.
const SYMBOL_ENTRY: usize = goblin::pe::symbol::COFF_SYMBOL_SIZE;

const DEBUG_CODEVIEW: u32 = 2;
const DEBUG_ENTRY: usize = 28;

impl<'a> Pe<'a> {
    /// Reads the headers of a PE file.
    ///
    /// # Errors
    /// [`PeError`] if the file is not a PE file or its headers are damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PeError> {
        let start = number::<4>(bytes, 0x3c).map(u32::from_le_bytes).unwrap_or_default() as usize;
        let headers =
            bytes.get(start..).filter(|rest| bytes.starts_with(b"MZ") && rest.starts_with(b"PE\0\0"));
        let Some(headers) = headers else {
            return Err(WrongKind::new("a Windows executable (PE)", identify(&bytes, None)).into());
        };
        guarded(|| Self::parse_headers(bytes, start, headers))
            .unwrap_or_else(|| Err(damaged("headers", "the reader failed")))
    }

    /// `headers` is the file from `start` on.
    fn parse_headers(bytes: &'a [u8], start: usize, headers: &'a [u8]) -> Result<Self, PeError> {
        // The bytes between the DOS header and this one are not needed.
        let header = Header::parse_without_dos(headers).map_err(|error| damaged("PE header", error))?;
        let Some(optional) = header.optional_header else {
            return Err(damaged("optional header", "expected one, found an object file"));
        };
        let coff = &header.coff_header;
        let found = usize::from(coff.number_of_sections);
        if found > MOST_SECTIONS {
            return Err(damaged(
                "section table",
                format!("expected at most {MOST_SECTIONS} sections, found {found}"),
            ));
        }
        let table = bytes.get(start + 24 + usize::from(coff.size_of_optional_header)..).unwrap_or_default();
        let (entries, _) = table.as_chunks::<SECTION_ENTRY>();
        let Some(entries) = entries.get(..found) else {
            let there = entries.len();
            return Err(damaged(
                "section table",
                format!("expected {found} sections, found {there} before the end"),
            ));
        };
        let strings = string_table(bytes, coff.pointer_to_symbol_table, coff.number_of_symbol_table);
        let sections = entries.iter().map(|entry| section(entry, strings)).collect::<Result<_, _>>()?;
        Ok(Self { bytes, header, optional, sections })
    }

    /// The values in the headers.
    pub fn headers(&self) -> Headers {
        let coff = &self.header.coff_header;
        let windows = &self.optional.windows_fields;
        let set = |(bit, _): &&(u16, &'static str)| coff.characteristics & bit != 0;
        Headers {
            machine: coff.machine,
            machine_name: machine_to_str(coff.machine),
            timestamp: coff.time_date_stamp,
            characteristics: coff.characteristics,
            characteristic_names: CHARACTERISTICS.iter().filter(set).map(|(_, name)| *name).collect(),
            is_64: self.is_64(),
            size_of_image: windows.size_of_image,
            image_base: windows.image_base,
            entry: self.optional.standard_fields.address_of_entry_point,
            os_version: (windows.major_operating_system_version, windows.minor_operating_system_version),
            image_version: (windows.major_image_version, windows.minor_image_version),
            subsystem_version: (windows.major_subsystem_version, windows.minor_subsystem_version),
            subsystem: windows.subsystem,
        }
    }

    /// The sections, in the order of their table.
    pub fn sections(&self) -> Vec<Section> {
        let section = |section: &SectionTable| {
            use goblin::pe::section_table as flags;
            let letter = |bit, letter| if section.characteristics & bit != 0 { letter } else { '-' };
            let name = section.name.split(|byte| *byte == 0).next().unwrap_or_default();
            Section {
                name: section.real_name.clone().unwrap_or_else(|| String::from_utf8_lossy(name).into_owned()),
                permissions: [
                    letter(flags::IMAGE_SCN_MEM_READ, 'r'),
                    letter(flags::IMAGE_SCN_MEM_WRITE, 'w'),
                    letter(flags::IMAGE_SCN_MEM_EXECUTE, 'x'),
                ]
                .iter()
                .collect(),
                raw_offset: section.pointer_to_raw_data,
                raw_size: section.size_of_raw_data,
                rva: section.virtual_address,
                size: section.virtual_size,
            }
        };
        self.sections.iter().map(section).collect()
    }

    /// The data directories that are present.
    pub fn directories(&self) -> Vec<Directory> {
        let directories = self.optional.data_directories.data_directories.iter().zip(DIRECTORY_NAMES);
        directories
            .filter_map(|(entry, name)| {
                let (_, directory) = (*entry)?;
                Some(Directory { name, rva: directory.virtual_address, size: directory.size })
            })
            .collect()
    }

    /// The records that name PDBs by GUID and age, each once, in the order of the debug directory.
    ///
    /// # Errors
    /// [`PeError::NoRsds`] if there is none, with what is there instead.
    pub fn rsds(&self) -> Result<Vec<Rsds>, PeError> {
        let mut records = Vec::new();
        let mut others = Vec::new();
        for record in self.code_view()? {
            match record {
                CodeView::Pdb(rsds) => records.push(rsds),
                CodeView::Unnamed(guid_age) => others.push(format!("{guid_age}, which names no PDB")),
                CodeView::Nb10(nb10) => {
                    others.push(format!("an NB10 record, which has no GUID, of {} {nb10}", nb10.path))
                }
            }
        }
        if records.is_empty() {
            return Err(PeError::NoRsds { found: format!("entries of other kinds ({})", others.join(", ")) });
        }
        Ok(records)
    }

    /// The CodeView records of every kind, each once, in the order of the debug directory. A record is reached by the
    /// offset that its entry gives or, if there is none at that place, by the RVA.
    ///
    /// # Errors
    /// [`PeError::NoRsds`] if there is none, with what is there instead.
    pub fn code_view(&self) -> Result<Vec<CodeView>, PeError> {
        let none = |found: &str| Err(PeError::NoRsds { found: found.to_owned() });
        let Some(directory) = self.optional.data_directories.get_debug_table() else {
            return none("no debug directory");
        };
        let Some(entries) = self.at_rva(directory.virtual_address) else {
            return none("a debug directory outside the file");
        };
        let entries = entries.get(..directory.size as usize).unwrap_or(entries);
        let mut records: Vec<CodeView> = Vec::new();
        let mut seen = HashSet::new();
        let mut kinds = Vec::new();
        for entry in entries.chunks_exact(DEBUG_ENTRY) {
            let field = |at| number::<4>(entry, at).map(u32::from_le_bytes).unwrap_or_default();
            let kind = field(12);
            if kind != DEBUG_CODEVIEW {
                kinds.push(format!("type {kind}"));
                continue;
            }
            let by_offset = self.bytes.get(field(24) as usize..);
            let by_rva = self.at_rva(field(20));
            match [by_offset, by_rva].into_iter().flatten().find_map(CodeView::parse) {
                Some(record) => {
                    if seen.insert((record.key(), record.path().to_owned())) {
                        records.push(record);
                    }
                }
                None => kinds.push("an unreadable CodeView record".to_owned()),
            }
        }
        match (records.is_empty(), kinds.is_empty()) {
            (false, _) => Ok(records),
            (true, true) => none("an empty debug directory"),
            (true, false) => {
                kinds.dedup();
                none(&format!("entries of other kinds ({})", kinds.join(", ")))
            }
        }
    }

    fn is_64(&self) -> bool {
        self.optional.standard_fields.magic == goblin::pe::optional_header::MAGIC_64
    }

    fn file_alignment(&self) -> u32 {
        self.optional.windows_fields.file_alignment
    }

    /// The bytes of the file from an RVA on, as far as they are mapped in one piece.
    fn at_rva(&self, rva: u32) -> Option<&'a [u8]> {
        let headers = self.optional.windows_fields.size_of_headers;
        let offset = guarded(|| {
            find_offset(rva as usize, &self.sections, self.file_alignment(), &ParseOptions::default())
        });
        // The headers are mapped at the same offsets as in the file.
        let offset = offset.flatten().or_else(|| (rva < headers).then_some(rva as usize))?;
        self.bytes.get(offset..)
    }

    fn directory(
        &self,
        get: impl Fn(&'_ OptionalHeader) -> Option<&'_ DataDirectory>,
    ) -> Option<DataDirectory> {
        get(&self.optional).copied()
    }
}

/// The string table after the symbols, which holds long section names, if there is one.
fn string_table(bytes: &[u8], symbols: u32, count: u32) -> Option<&[u8]> {
    let start = (count as usize).checked_mul(SYMBOL_ENTRY)?.checked_add(symbols as usize)?;
    bytes.get(start..).filter(|_| symbols != 0)
}

/// Reads a section header. A long name is read up to [`LONGEST_NAME`] bytes, because goblin would copy everything up
/// to the next zero byte of the file, again for each section.
fn section(entry: &[u8; SECTION_ENTRY], strings: Option<&[u8]>) -> Result<SectionTable, PeError> {
    let mut short = *entry;
    if let [mark @ b'/', ..] = &mut short {
        *mark = 0;
    }
    let mut section =
        SectionTable::parse(&short, &mut 0, 0).map_err(|error| damaged("section table", error))?;
    section.name = entry.first_chunk().copied().unwrap_or_default();
    if let (Some(strings), Ok(Some(offset))) = (strings, section.name_offset()) {
        let name = strings.get(offset..).unwrap_or_default();
        let name = name.get(..LONGEST_NAME).unwrap_or(name);
        let name = memchr::memchr(0, name).and_then(|end| name.get(..end));
        section.real_name = name.map(|name| String::from_utf8_lossy(name).into_owned());
    }
    Ok(section)
}

/// The bytes of a number.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn damaged(place: &'static str, reason: impl ToString) -> PeError {
    PeError::Damaged { place, reason: reason.to_string() }
}
