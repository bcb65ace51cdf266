use std::fmt;
use std::path::PathBuf;

use profile::{Arch, MappedFile};

use crate::{Error, FrontEnd, Language, Source};

/// How a source is converted. Every option has a default. A front-end reads only the options that it lists in
/// [`FrontEnd::options`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The class with which Rekall loads the profile, in place of the one derived from the source.
    pub profile_class: Option<String>,
    /// The Windows version of the build ("6.1"), for `major`, `minor` and `rev`.
    pub windows_version: Option<String>,
    /// Keep the linker's names of symbols.
    pub raw_names: bool,
    /// Types only, without symbols.
    pub concise: bool,
    /// Languages whose definitions are included, besides C, C++ and assembly.
    pub languages: Vec<Language>,
    /// A `System.map` or `/proc/kallsyms` to take the symbols from.
    pub symbol_map: Option<MappedFile>,
    /// The release of the kernel whose map it is, if the map's name says it (`System.map-6.1.0-13-arm64`).
    pub symbol_map_release: Option<String>,
    /// The debug information that the source refers to: that of the kernel, for a module.
    pub base: Option<MappedFile>,
    /// Which file of a package to read, by the end of its path.
    pub member: Option<String>,
    /// The architecture, or the slice of a fat file.
    pub arch: Option<Arch>,
    /// Where separate debug files are looked for, in place of `/usr/lib/debug`.
    pub debug_folders: Vec<PathBuf>,
    /// How many threads may be used; 0 means 1. The profile does not depend on it.
    pub threads: usize,
}

/// The name of an option that not every front-end uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionName {
    /// [`Options::profile_class`].
    ProfileClass,
    /// [`Options::windows_version`].
    WindowsVersion,
    /// [`Options::raw_names`].
    RawNames,
    /// [`Options::concise`].
    Concise,
    /// [`Options::languages`].
    Languages,
    /// [`Options::symbol_map`].
    SymbolMap,
    /// [`Options::base`].
    Base,
    /// [`Options::member`].
    Member,
    /// [`Options::arch`].
    Arch,
    /// [`Options::debug_folders`].
    DebugFolders,
    /// A banner that is added to the profile after the conversion.
    Banner,
    /// [`FrontEnd::rekall_text`] in place of a profile.
    Compat,
}

impl fmt::Display for OptionName {
    /// Prints the option as it is written on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProfileClass => "--profile_class",
            Self::WindowsVersion => "--win",
            Self::RawNames => "--raw-names",
            Self::Concise => "--concise",
            Self::Languages => "--lang",
            Self::SymbolMap => "--system-map",
            Self::Base => "--base",
            Self::Member => "--member",
            Self::Arch => "--arch",
            Self::DebugFolders => "--debug-file-directory",
            Self::Banner => "--banner",
            Self::Compat => "--compat",
        })
    }
}

impl Options {
    /// The options that differ from their defaults.
    pub fn given(&self) -> impl Iterator<Item = OptionName> + use<> {
        [
            (self.profile_class.is_some(), OptionName::ProfileClass),
            (self.windows_version.is_some(), OptionName::WindowsVersion),
            (self.raw_names, OptionName::RawNames),
            (self.concise, OptionName::Concise),
            (!self.languages.is_empty(), OptionName::Languages),
            (self.symbol_map.is_some(), OptionName::SymbolMap),
            (self.base.is_some(), OptionName::Base),
            (self.member.is_some(), OptionName::Member),
            (self.arch.is_some(), OptionName::Arch),
            (!self.debug_folders.is_empty(), OptionName::DebugFolders),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
    }

    /// Refuses the options that a front-end does not use.
    ///
    /// # Errors
    /// [`Error::UnusedOption`] for the first of them.
    pub fn check(&self, front_end: &dyn FrontEnd, source: &Source) -> Result<(), Error> {
        match self.given().find(|option| !front_end.options().contains(option)) {
            Some(option) => Err(Error::unused(option, source, front_end.reads())),
            None => Ok(()),
        }
    }
}
