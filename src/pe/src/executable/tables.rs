use goblin::pe::options::ParseOptions;
use goblin::pe::resource::{ImageResourceDirectory, StringFileInfo, VersionInfo};
use profile::guarded;

use super::{LONGEST_NAME, Pe, PeError, damaged, number};

/// The imports from one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The library's name.
    pub library: String,
    /// The functions, by name or as `#` and the ordinal.
    pub functions: Vec<String>,
}

/// One exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its ordinal.
    pub ordinal: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its address, as an RVA.
    pub rva: u32,
    /// `LIBRARY.function`, if the export is forwarded.
    pub forwarded: Option<String>,
}

/// The version resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version of the file: major, minor, build, revision.
    pub file: Option<[u16; 4]>,
    /// The version of the product.
    pub product: Option<[u16; 4]>,
    /// The strings that are present, by their keys.
    pub strings: Vec<(&'static str, String)>,
}

const IMPORT_ENTRY: usize = 20;

/// The most bytes that tables and their names may take together. The bytes of valid entries do not overlap; without
/// this limit, a table whose entries all point to one long name would fill the memory.
struct Budget(usize);

impl Budget {
    fn of(file: &[u8]) -> Self {
        Self(file.len().saturating_mul(4))
    }

    fn spend(&mut self, bytes: usize, place: &'static str) -> Result<(), PeError> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or_else(|| damaged(place, "it holds more than fits into the file"))?;
        Ok(())
    }
}

/// A key of the version resource, and the function that reads its string.
type VersionString = (&'static str, fn(&StringFileInfo<'_>) -> Option<String>);

const STRINGS: [VersionString; 12] = [
    ("Comments", |info| info.comments()),
    ("CompanyName", |info| info.company_name()),
    ("FileDescription", |info| info.file_description()),
    ("FileVersion", |info| info.file_version()),
    ("InternalName", |info| info.internal_name()),
    ("LegalCopyright", |info| info.legal_copyright()),
    ("LegalTrademarks", |info| info.legal_trademarks()),
    ("OriginalFilename", |info| info.original_filename()),
    ("PrivateBuild", |info| info.private_build()),
    ("ProductName", |info| info.product_name()),
    ("ProductVersion", |info| info.product_version()),
    ("SpecialBuild", |info| info.special_build()),
];

impl Pe<'_> {
    /// The imports of the file, in the order of its table.
    ///
    /// # Errors
    /// [`PeError::Damaged`] if the table is outside the file or longer than the file could hold.
    pub fn imports(&self) -> Result<Vec<Import>, PeError> {
        let Some(directory) = self.directory(|header| header.data_directories.get_import_table()) else {
            return Ok(Vec::new());
        };
        let outside = |what: &str| damaged("import table", format!("{what} lies outside the file"));
        let table = self.at_rva(directory.virtual_address).ok_or_else(|| outside("it"))?;
        let width = if self.is_64() { 8 } else { 4 };
        let mut budget = Budget::of(self.bytes);
        let mut imports = Vec::new();
        for entry in table.chunks_exact(IMPORT_ENTRY) {
            let field = |at| number::<4>(entry, at).map(u32::from_le_bytes).unwrap_or_default();
            let (lookup, name, address) = (field(0), field(12), field(16));
            if name == 0 {
                break;
            }
            let library = self.name_at(name).ok_or_else(|| outside("the name of a library"))?;
            let thunks = self.at_rva(if lookup == 0 { address } else { lookup });
            let mut functions = Vec::new();
            for thunk in thunks.unwrap_or_default().chunks_exact(width) {
                let (value, by_ordinal) = match thunk {
                    [a, b, c, d] => {
                        let value = u32::from_le_bytes([*a, *b, *c, *d]);
                        (value & 0x7fff_ffff, value >> 31 == 1)
                    }
                    [a, b, c, d, .., high] => (u32::from_le_bytes([*a, *b, *c, *d]), high >> 7 == 1),
                    _ => break,
                };
                if value == 0 && !by_ordinal {
                    break;
                }
                let function = if by_ordinal {
                    format!("#{}", value & 0xffff)
                } else {
                    // A hint of two bytes precedes the name.
                    self.name_at(value.saturating_add(2)).unwrap_or_else(|| "?".to_owned())
                };
                budget.spend(width + function.len(), "import table")?;
                functions.push(function);
            }
            budget.spend(IMPORT_ENTRY + library.len(), "import table")?;
            imports.push(Import { library, functions });
        }
        Ok(imports)
    }

    /// The exports of the file, by ordinal.
    ///
    /// # Errors
    /// [`PeError::Damaged`] if the tables are outside the file.
    pub fn exports(&self) -> Result<Vec<Export>, PeError> {
        let Some(directory) = self.directory(|header| header.data_directories.get_export_table()) else {
            return Ok(Vec::new());
        };
        let outside = |what: &str| damaged("export table", format!("{what} outside the file"));
        let table = self.at_rva(directory.virtual_address).ok_or_else(|| outside("it lies"))?;
        let field = |at| number::<4>(table, at).map(u32::from_le_bytes);
        let fields = [16, 20, 24, 28, 32, 36].map(field);
        let [Some(base), Some(count), Some(names), Some(addresses), Some(name_table), Some(ordinals)] =
            fields
        else {
            return Err(outside("it ends"));
        };
        let addresses = self.table(addresses, count, 4).ok_or_else(|| outside("the addresses lie"))?;
        let name_table = self.table(name_table, names, 4).ok_or_else(|| outside("the names lie"))?;
        let ordinals = self.table(ordinals, names, 2).ok_or_else(|| outside("the ordinals lie"))?;
        let end = directory.virtual_address.saturating_add(directory.size);
        let mut budget = Budget::of(self.bytes);
        let mut exports: Vec<Export> = Vec::new();
        for (index, address) in addresses.chunks_exact(4).enumerate() {
            let rva = number::<4>(address, 0).map(u32::from_le_bytes).unwrap_or_default();
            let forwarded =
                (directory.virtual_address..end).contains(&rva).then(|| self.name_at(rva)).flatten();
            budget.spend(4 + forwarded.as_ref().map_or(0, String::len), "export table")?;
            exports.push(Export { ordinal: base.wrapping_add(index as u32), name: None, rva, forwarded });
        }
        for (name, ordinal) in name_table.chunks_exact(4).zip(ordinals.chunks_exact(2)) {
            let name = number::<4>(name, 0).map(u32::from_le_bytes).unwrap_or_default();
            let index = number::<2>(ordinal, 0).map(u16::from_le_bytes).unwrap_or_default();
            if let Some(export) = exports.get_mut(usize::from(index)) {
                export.name = self.name_at(name);
                budget.spend(6 + export.name.as_ref().map_or(0, String::len), "export table")?;
            }
        }
        exports.retain(|export| export.rva != 0);
        Ok(exports)
    }

    /// The version resource, if there is one.
    ///
    /// # Errors
    /// [`PeError::Damaged`] if it cannot be read.
    pub fn version(&self) -> Result<Option<Version>, PeError> {
        let Some(directory) = self.directory(|header| header.data_directories.get_resource_table()) else {
            return Ok(None);
        };
        let place = "resources";
        let read = || -> Result<Option<Version>, PeError> {
            let whole = self.at_rva(directory.virtual_address);
            let whole = whole.ok_or_else(|| damaged(place, "they lie outside the file"))?;
            let resources = whole.get(..directory.size as usize).unwrap_or(whole);
            let (sections, alignment) = (&self.sections, self.file_alignment());
            let root = ImageResourceDirectory::parse(self.bytes, directory, sections, alignment)
                .map_err(|error| damaged(place, error))?;
            let entries = root
                .next_iter(size_of::<ImageResourceDirectory>(), resources)
                .map_err(|error| damaged(place, error))?;
            let options = ParseOptions::default();
            let info = VersionInfo::parse(self.bytes, resources, entries, sections, alignment, &options)
                .map_err(|error| damaged("version resource", error))?;
            Ok(info.map(|info| {
                let words = |ms: u32, ls: u32| [(ms >> 16) as u16, ms as u16, (ls >> 16) as u16, ls as u16];
                let strings = STRINGS.iter().filter_map(|(key, get)| Some((*key, get(&info.string_info)?)));
                Version {
                    file: info.fixed_info.map(|fixed| words(fixed.file_version_ms, fixed.file_version_ls)),
                    product: info
                        .fixed_info
                        .map(|fixed| words(fixed.product_version_ms, fixed.product_version_ls)),
                    strings: strings.collect(),
                }
            }))
        };
        guarded(read).unwrap_or_else(|| Err(damaged(place, "the reader failed")))
    }

    /// A table of `count` entries of `width` bytes; `None` if it is not entirely in the file.
    fn table(&self, rva: u32, count: u32, width: usize) -> Option<&[u8]> {
        if count == 0 {
            return Some(&[]);
        }
        self.at_rva(rva)?.get(..(count as usize).checked_mul(width)?)
    }

    /// The name at an RVA, up to its zero byte.
    fn name_at(&self, rva: u32) -> Option<String> {
        let bytes = self.at_rva(rva)?;
        let bytes = bytes.get(..LONGEST_NAME).unwrap_or(bytes);
        let name = bytes.get(..memchr::memchr(0, bytes)?)?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
}
