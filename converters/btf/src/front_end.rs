//! The BTF front-end.

use formats::{FileKind, WrongKind};
use frontend::{Converted, Error, FrontEnd, OptionName, Source};
use profile::Progress;

use crate::{GENERATOR, Options, convert, elf, is_blob};

/// Reads BTF: blobs as `/sys/kernel/btf` holds them, and ELF files with a `.BTF` section.
#[derive(Clone, Copy, Debug)]
pub struct Btf;

const READS: &str = "a BTF blob or an ELF file with BTF";

impl FrontEnd for Btf {
    fn command(&self) -> &'static str {
        "parse_btf"
    }

    fn reads(&self) -> &'static str {
        READS
    }

    fn generator(&self) -> &'static str {
        GENERATOR
    }

    fn options(&self) -> &'static [OptionName] {
        &[OptionName::SymbolMap, OptionName::Arch, OptionName::Base]
    }

    /// An ELF file with DWARF goes to the DWARF front-end, since DWARF contains more.
    fn kinds(&self) -> &'static [FileKind] {
        &[FileKind::Btf, FileKind::ElfBtf]
    }

    /// An ELF file with DWARF may also have a `.BTF` section.
    fn also_reads(&self) -> &'static [FileKind] {
        &[FileKind::ElfDebug]
    }

    fn convert(
        &self,
        source: Source,
        options: &frontend::Options,
        progress: &dyn Progress,
    ) -> Result<Converted, Error> {
        let is_read = source.bytes().is_some_and(|bytes| is_blob(bytes) || elf::is_elf(bytes));
        if !is_read {
            return Err(WrongKind::new(READS, source.identify()).into());
        }
        let file = source.into_file(READS)?;
        let options = Options {
            symbol_map: options.symbol_map.as_deref(),
            symbol_map_release: options.symbol_map_release.as_deref(),
            base: options.base.as_deref(),
            arch: options.arch,
            ..Options::default()
        };
        convert(&file, &options, progress).map_err(Error::failed)
    }
}
