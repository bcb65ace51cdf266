use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::heading::OUTPUT;
use crate::files::{Content, Files};

/// The destination and format of a profile, for every command that makes one.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = OUTPUT)]
pub struct Output {
    /// The file to write; by default standard output (-).
    ///
    /// It is compressed with gzip if its name ends in .gz, with xz if it ends in .xz, and plain text otherwise.
    #[arg(short, long, value_name = "FILE", alias = "output_filename")]
    pub output: Option<PathBuf>,
    /// Spend more time to make the smallest file.
    #[arg(long)]
    pub best: bool,
    /// The form: rekall, isf (Volatility 3), libvmi (LibVMI, DRAKVUF), btf (bpftool, pahole) or c (a C header).
    #[arg(long, value_enum, hide_possible_values = true)]
    pub format: Option<Format>,
    /// Write only these structs, enumerations and symbols, with the types that they need.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// For libvmi: addresses masked to 48 bits, or signed.
    ///
    /// LibVMI and DRAKVUF read masked addresses; only LibVMI reads signed ones.
    #[arg(long, value_enum, hide_possible_values = true, hide_short_help = true)]
    pub addresses: Option<Addresses>,
    /// For isf: put the table below this folder, where Volatility 3 finds it.
    ///
    /// Pass the folder to Volatility 3 with its own option -s.
    #[arg(long = "symbols-dir", value_name = "DIR", conflicts_with = "output")]
    pub symbols_dir: Option<PathBuf>,
}

impl Output {
    /// The selected format, by default Rekall's.
    pub fn format(&self) -> profile::Format {
        self.format.map_or_else(profile::Format::default, Into::into)
    }

    /// The file to write, if it is not standard output; a relative name is relative to `folder`.
    pub fn file(&self, folder: Option<&Path>) -> Option<PathBuf> {
        let path = self.output.as_ref().filter(|path| path.as_os_str() != "-")?;
        Some(folder.map_or_else(|| path.clone(), |folder| folder.join(path)))
    }

    /// Adds the files in these options; a relative name is relative to `folder`.
    ///
    /// # Errors
    /// An error for a name that cannot be written to.
    pub fn list(&self, folder: Option<&Path>, files: &mut Files) -> anyhow::Result<()> {
        if let Some(folder) = &self.symbols_dir {
            files.folder(folder);
        }
        match self.file(folder) {
            Some(path) => files.output("--output", &path, Content::Packable),
            None => Ok(()),
        }
    }
}

/// The format for a program.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// The canonical profile, as Rekall reads it.
    Rekall,
    /// The symbol table of Volatility 3.
    Isf,
    /// Rekall's form as LibVMI and DRAKVUF read it.
    Libvmi,
    /// A blob of BTF.
    Btf,
    /// A header of C.
    C,
}

impl From<Format> for profile::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Rekall => Self::Rekall,
            Format::Isf => Self::Isf,
            Format::Libvmi => Self::LibVmi,
            Format::Btf => Self::Btf,
            Format::C => Self::C,
        }
    }
}

/// How addresses are written for LibVMI.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Addresses {
    /// The lower 48 bits.
    Masked,
    /// All 64 bits as a signed number.
    Signed,
}

impl From<Addresses> for profile::Addresses {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::Masked => Self::Masked,
            Addresses::Signed => Self::Signed,
        }
    }
}
