//! All front-ends. Every caller that makes profiles (a command, the batch, detection) makes them here, so that a new
//! front-end is immediately usable in all of them.
//!
//! Start here: [`convert`] makes a profile of any source, [`FRONT_ENDS`] is the list. A new front-end is one entry in it.
//!
//! ```
//! use converters::{Options, Source};
//!
//! let source = Source::from_bytes("x", b"neither of them".to_vec().into());
//! let error = converters::convert(source, &Options::default(), &profile::Silent).unwrap_err();
//! assert!(error.to_string().starts_with("expected a PDB,"), "{error}");
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

pub use dwarf_converter::{
    DEBUG_FOLDER, Separate, build_id, check_debug_file, find_by_build_id, find_separate,
};
use formats::WrongKind;
pub use frontend::{
    Converted, Error, Files as OpenedFiles, FrontEnd, Identity, Language, LanguageError, OptionName, Options,
    Source,
};
use profile::Progress;

/// Declares the front-ends, each under its own name, and the list of them.
macro_rules! front_ends {
    ($($(#[$documentation:meta])* $name:ident = $front_end:expr;)*) => {
        $($(#[$documentation])* pub static $name: &dyn FrontEnd = &$front_end;)*

        /// Every front-end, in the order in which a source is offered to them.
        pub static FRONT_ENDS: &[&dyn FrontEnd] = &[$(&$front_end),*];
    };
}

front_ends! {
    /// PDBs, also compressed (cabinets and MSFZ).
    PDB = pdb_converter::Pdb;
    /// ELF and Mach-O files with DWARF, also in packages and dSYM bundles.
    DWARF = dwarf_converter::Dwarf;
    /// BTF: blobs, and ELF files that have no DWARF.
    BTF = btf_converter::Btf;
    /// Linux kernels as they are booted, also in packages that hold no debug file.
    KERNEL = kernel_converter::KernelFile;
    /// Packs of Volatility 2, dumps of DWARF and vtypes.
    VOLATILITY = volatility_converter::Volatility;
}

/// The front-end that reads a source, chosen by the kind of the source.
///
/// # Errors
/// [`Error::WrongKind`] if no front-end reads this kind of file.
pub fn front_end_of(source: &Source) -> Result<&'static dyn FrontEnd, Error> {
    let found = source.identify();
    // By kind, both are packages: those with a debug file, which the DWARF front-end reads, and those with only a boot file.
    if source.bytes().is_some_and(kernel_converter::is_kernel_package) {
        return Ok(KERNEL);
    }
    let reads = FRONT_ENDS.iter().copied().find(|front_end| front_end.kinds().contains(&found.kind));
    reads.ok_or_else(|| WrongKind::new(everything_read(), found).into())
}

/// What all front-ends read, as text for messages.
pub fn everything_read() -> String {
    let all: Vec<&str> = FRONT_ENDS.iter().map(|front_end| front_end.reads()).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}, or {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

/// Makes a profile of a source with the front-end for its kind.
///
/// # Errors
/// As [`front_end_of`] and [`convert_with`].
pub fn convert(source: Source, options: &Options, progress: &dyn Progress) -> Result<Converted, Error> {
    convert_with(front_end_of(&source)?, source, options, progress)
}

/// Makes a profile of a source with the given front-end, and writes its [`FrontEnd::generator`] into the profile.
///
/// # Errors
/// [`Error::UnusedOption`] for an option that the front-end does not use, [`Error::WrongKind`] for a source that it
/// does not read, and any error of [`FrontEnd::convert`].
pub fn convert_with(
    front_end: &dyn FrontEnd,
    source: Source,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Converted, Error> {
    options.check(front_end, &source)?;
    check_kind(front_end, &source)?;
    let mut converted = front_end.convert(source, options, progress)?;
    converted.profile.set_metadata("Generator", front_end.generator());
    Ok(converted)
}

/// Refuses a source of a kind that a front-end does not read. A file whose name marks it as part of a larger source
/// is passed on to the front-end.
fn check_kind(front_end: &dyn FrontEnd, source: &Source) -> Result<(), Error> {
    let found = source.identify();
    let reads = front_end.kinds().iter().chain(front_end.also_reads()).any(|kind| *kind == found.kind);
    if reads || front_end.uses_member(&source.name()) {
        return Ok(());
    }
    Err(WrongKind::new(front_end.reads(), found).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_kind_of_file_is_read_by_two_front_ends() {
        let kinds: Vec<_> = FRONT_ENDS.iter().flat_map(|front_end| front_end.kinds()).collect();
        let words: BTreeSet<&str> = kinds.iter().map(|kind| kind.words()).collect();
        assert_eq!(kinds.len(), words.len());
    }

    /// Makes an empty profile of an empty file, and sets no metadata.
    #[derive(Debug)]
    struct Careless;

    impl FrontEnd for Careless {
        fn command(&self) -> &'static str {
            "parse_careless"
        }

        fn reads(&self) -> &'static str {
            "an empty file"
        }

        fn generator(&self) -> &'static str {
            "rekall-profile careless 3"
        }

        fn options(&self) -> &'static [OptionName] {
            &[]
        }

        fn kinds(&self) -> &'static [formats::FileKind] {
            &[formats::FileKind::Empty]
        }

        fn convert(&self, _: Source, _: &Options, _: &dyn Progress) -> Result<Converted, Error> {
            let profile = profile::Profile::new(profile::System::Other, profile::Arch::Amd64);
            Ok(Converted { profile, report: profile::Report::default() })
        }
    }

    #[test]
    fn a_profile_names_its_generator_even_if_the_front_end_forgets_it() {
        let source = Source::from_bytes("empty", Vec::new().into());
        let converted = convert_with(&Careless, source, &Options::default(), &profile::Silent).unwrap();
        assert_eq!(converted.profile.metadata_text("Generator"), Some("rekall-profile careless 3"));
    }

    #[test]
    fn an_unused_option_is_refused_by_name() {
        let source = || Source::from_bytes("a.pdb", Vec::new().into());
        let options = Options { languages: vec![Language::Rust], ..Options::default() };
        let error = convert_with(PDB, source(), &options, &profile::Silent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--lang: a.pdb is read as a PDB, for which this option has no meaning; leave it out"
        );
        let options = Options { concise: true, ..Options::default() };
        for front_end in [DWARF, VOLATILITY] {
            let error = convert_with(front_end, source(), &options, &profile::Silent).unwrap_err();
            assert!(matches!(error, Error::UnusedOption { option: OptionName::Concise, .. }), "{error}");
        }
        let error = DWARF.rekall_text(source()).unwrap_err();
        assert!(matches!(error, Error::UnusedOption { option: OptionName::Compat, .. }), "{error}");
    }
}
