//! Which files a command reads and writes, by the names that the user gave. [`Files::of`] lists them from the command
//! line alone, and [`Files::check`] holds them against each other before any work begins: an output is never one of the
//! inputs, nor another output. [`write()`] writes the outputs.
//!
//! What a command opens later, by names that it finds in its inputs, is not listed here. Such files are remembered when
//! they are opened (`profile::open_input`), and `profile::OutputFile` refuses to write to them.

pub mod access;
pub mod input;

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use profile::{FileId, OutputFile};

use crate::commands;
use crate::options::{Cli, Global};
use crate::outcome::WrittenThrough;

/// The files of one command.
#[derive(Debug, Default)]
pub struct Files {
    inputs: Vec<Named>,
    /// Folders of which the files with some names are inputs.
    folders: Vec<(Named, Takes)>,
    outputs: Vec<Named>,
}

/// Whether a file with this name in a folder is an input.
type Takes = fn(&str) -> bool;

/// A file, and what the user calls it: an option, or an argument's name in the help.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    said: &'static str,
}

/// What is written to an output, which decides the endings that its name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text that is packed as the ending says: gzip, xz, or not at all.
    Packable,
    /// Text that is never packed.
    Plain,
    /// What the command names itself.
    Own,
}

/// How a text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Xz,
}

impl Packing {
    /// As the ending of a file's name says.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("xz") => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// Arguments of a command that say which files it uses.
pub trait UsesFiles {
    /// Adds the files that these arguments name.
    ///
    /// # Errors
    /// Arguments that contradict each other, or a file that cannot be looked at.
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()>;
}

/// How deep the folder of an unpacked pack is searched, and how many of its files are looked at: as deep and as many as
/// are read.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

/// The endings of packed forms that are never written. A plain text under such a name would only look packed.
const NEVER_WRITTEN: [&str; 11] =
    ["zst", "zstd", "bz2", "zip", "7z", "lz4", "lzma", "lz", "br", "tgz", "txz"];

impl Files {
    /// The files that a command line names.
    ///
    /// # Errors
    /// Arguments that contradict each other, or a file that cannot be looked at.
    pub fn of(cli: &Cli) -> anyhow::Result<Self> {
        let mut files = Self::default();
        commands::list_files(cli, &mut files)?;
        Ok(files)
    }

    /// Adds an input.
    pub fn input(&mut self, said: &'static str, path: &Path) {
        self.inputs.push(Named { path: path.to_owned(), said });
    }

    /// Adds a memory image with the files that belong to it.
    pub fn image(&mut self, said: &'static str, path: &Path) {
        self.input(said, path);
        self.inputs.extend(image::companions(path).into_iter().map(|path| Named { path, said }));
    }

    /// Adds a folder of which the files with some names are inputs.
    pub fn input_folder(&mut self, said: &'static str, path: &Path, takes: Takes) {
        self.folders.push((Named { path: path.to_owned(), said }, takes));
    }

    /// Adds an output.
    ///
    /// # Errors
    /// An ending that promises another form than is written, and a folder that does not exist.
    pub fn output(&mut self, said: &'static str, path: &Path, content: Content) -> anyhow::Result<()> {
        let shown = path.display();
        check_ending(path, content).with_context(|| format!("{said} {shown}"))?;
        // What is found out here is found out before work; what is not, when the file is written.
        if let Some(place) = OutputFile::place(path).with_context(|| format!("{said} {shown}"))? {
            let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder
                && !folder.is_dir()
            {
                bail!("{said} {shown}: the folder {} does not exist", folder.display());
            }
        }
        self.outputs.push(Named { path: path.to_owned(), said });
        Ok(())
    }

    /// Adds an output whose folder the command makes if it does not exist.
    ///
    /// # Errors
    /// As [`Files::output`].
    pub fn output_below(&mut self, said: &'static str, path: &Path, content: Content) -> anyhow::Result<()> {
        if path.parent().is_some_and(Path::is_dir) {
            return self.output(said, path, content);
        }
        self.outputs.push(Named { path: path.to_owned(), said });
        Ok(())
    }

    /// Holds all files against each other.
    ///
    /// # Errors
    /// An output that is an input or another output.
    pub fn check(&self) -> anyhow::Result<()> {
        let written = self.written();
        let standard_output = standard_output();
        for input in &self.inputs {
            let Ok(id) = FileId::of_path(&input.path) else { continue };
            self.refuse(&written, &id, input, &input.path)?;
            if standard_output.as_ref() == Some(&id) {
                bail!(
                    "standard output goes to {}, which is an input ({}); send it to another file",
                    input.path.display(),
                    input.said
                );
            }
        }
        let exists = |target: &Target| matches!(target, Target::Existing(_));
        if written.iter().any(exists) {
            for (folder, takes) in &self.folders {
                for path in files_below(&folder.path, *takes) {
                    if let Ok(id) = FileId::of_path(&path) {
                        self.refuse(&written, &id, folder, &path)?;
                    }
                }
            }
        }
        for (index, (target, output)) in written.iter().zip(&self.outputs).enumerate() {
            let earlier = written.iter().zip(&self.outputs).take(index);
            if let Some((_, other)) = earlier.into_iter().find(|(other, _)| *other == target) {
                bail!(
                    "{} {} and {} {} are the same file; choose another name for one of them",
                    other.said,
                    other.path.display(),
                    output.said,
                    output.path.display()
                );
            }
        }
        Ok(())
    }

    fn written(&self) -> Vec<Target> {
        self.outputs.iter().map(|output| Target::of(&output.path)).collect()
    }

    /// Refuses an output that is the input with this identity.
    fn refuse(&self, written: &[Target], id: &FileId, input: &Named, path: &Path) -> anyhow::Result<()> {
        let same = |target: &Target| matches!(target, Target::Existing(existing) if existing == id);
        let Some((_, output)) = written.iter().zip(&self.outputs).find(|(target, _)| same(target)) else {
            return Ok(());
        };
        let (out, path) = (output.path.display().to_string(), path.display().to_string());
        let shown = if out == path { "an input" } else { path.as_str() };
        let of = if out == path { String::new() } else { ", an input".to_owned() };
        bail!(
            "{} {out}: it is the same file as {shown}{of} ({}), which would be lost; choose another name",
            output.said,
            input.said
        )
    }
}

/// What an output's name means before the output is written.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Existing(FileId),
    /// A file that will be in this folder, under this name.
    New(FileId, OsString),
    /// A file in a folder that does not exist yet.
    Later(PathBuf),
}

impl Target {
    fn of(name: &Path) -> Self {
        if let Ok(id) = FileId::of_path(name) {
            return Self::Existing(id);
        }
        let Ok(Some(place)) = OutputFile::place(name) else { return Self::Later(name.to_owned()) };
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        match (FileId::of_path(folder.unwrap_or(Path::new("."))), place.file_name()) {
            (Ok(folder), Some(name)) => Self::New(folder, name.to_owned()),
            _ => Self::Later(place),
        }
    }
}

/// Whether a name ends as the names of packed files do, also of those that are never written.
pub fn has_packed_ending(path: &Path) -> bool {
    let never = |extension: &str| NEVER_WRITTEN.contains(&extension.to_ascii_lowercase().as_str());
    Packing::of(path) != Packing::Plain
        || path.extension().and_then(|extension| extension.to_str()).is_some_and(never)
}

/// Refuses endings that promise another form than is written.
fn check_ending(path: &Path, content: Content) -> anyhow::Result<()> {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return Ok(()) };
    let extension = extension.to_ascii_lowercase();
    let packed = NEVER_WRITTEN.contains(&extension.as_str());
    match content {
        Content::Packable if packed => bail!(
            "nothing is written as .{extension}; expected a name in .gz (written as gzip), in .xz (written as xz), or any \
             other (written as plain text)"
        ),
        Content::Plain if packed || matches!(Packing::of(path), Packing::Gzip | Packing::Xz) => bail!(
            "nothing is written as .{extension} here, only plain text; expected a name such as {}",
            path.with_extension("").display()
        ),
        _ => Ok(()),
    }
}

/// The files below a folder that are inputs by their names. Folders that cannot be read hold none that is read.
fn files_below(root: &Path, takes: Takes) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => pending.push((entry.path(), depth + 1)),
                Ok(kind) if kind.is_dir() => {}
                _ if takes(&entry.file_name().to_string_lossy()) => found.push(entry.path()),
                _ => {}
            }
            if found.len() > MAX_FILES {
                return found;
            }
        }
    }
    found
}

/// The file that standard output goes to, if it is one that keeps what is written: not a terminal, a pipe, a null device.
#[allow(clippy::disallowed_methods, reason = "nothing is printed")]
fn standard_output() -> Option<FileId> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        use std::os::unix::fs::FileTypeExt;
        let file = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
        let keeps = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_block_device();
        file.metadata().ok().filter(keeps).map(|metadata| FileId::of(&metadata))
    }
    #[cfg(not(unix))]
    None
}

/// Writes a file that the user named, with what `body` writes: the one way in which commands write such a file.
///
/// # Errors
/// Whatever creating, writing or renaming gives, with the file's name.
pub fn write(path: &Path, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let file = OutputFile::create(path).with_context(failed)?;
    let through = file.is_written_through();
    let mut sink = BufWriter::new(file);
    let written = body(&mut sink)
        .and_then(|()| sink.into_inner().map_err(io::IntoInnerError::into_error))
        .and_then(OutputFile::commit);
    match written {
        Err(error) if through => Err(anyhow::Error::new(WrittenThrough(error)).context(failed())),
        written => written.with_context(failed),
    }
}
