use std::ffi::OsString;
#[cfg(unix)]
use std::fs::Metadata;
#[cfg(unix)]
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use profile::{FileId, OutputFile};

use super::packing::{Content, check_ending};
use crate::sandbox::Access;

/// The files that one command reads and writes, and what else the sandbox has to allow. A command fills the list in
/// [`Run::list`](crate::commands::Run::list), before the sandbox is entered. Outputs are compared with inputs, so that none is
/// overwritten. A file that is not listed cannot be opened later.
#[derive(Debug, Default)]
pub struct Files {
    inputs: Vec<Named>,
    /// Folders whose files are inputs if their names fit.
    folders: Vec<(Named, Takes)>,
    outputs: Vec<Named>,
    access: Access,
}

/// Whether a file with this name in a folder is an input.
type Takes = fn(&str) -> bool;

/// A file, with its name for the user: an option, or an argument's name in the help.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    /// Its name in messages: `--output`.
    said: &'static str,
}

impl Named {
    /// The file that the path leads to; `None` if there is none. `-` is the file to which standard input is redirected.
    fn identity(&self) -> Option<FileId> {
        if self.path.as_os_str() == "-" { standard_input() } else { FileId::of_path(&self.path).ok() }
    }
}

/// How deep a folder of inputs is searched, and how many of its files are compared with outputs. The readers of folders have
/// the same limits.
const MAX_DEPTH: usize = 16;
const MAX_FILES: usize = 100_000;

impl Files {
    /// What the sandbox has to allow.
    pub fn into_access(self) -> Access {
        self.access
    }

    /// What the sandbox has to allow besides inputs and outputs: stores, caches, connections.
    pub fn access(&mut self) -> &mut Access {
        &mut self.access
    }

    /// Adds an input. `said` is its name in messages.
    pub fn input(&mut self, said: &'static str, path: &Path) {
        self.access.read(path);
        self.inputs.push(Named { path: path.to_owned(), said });
    }

    /// Adds an input whose companions are next to it or below its folder.
    pub fn input_beside(&mut self, said: &'static str, path: &Path) {
        self.access.read_beside(path);
        self.inputs.push(Named { path: path.to_owned(), said });
    }

    /// Adds a memory image with the files that belong to it: its parts, states and tables are next to it.
    pub fn image(&mut self, said: &'static str, path: &Path) {
        self.input_beside(said, path);
        self.inputs.extend(image::companions(path).into_iter().map(|path| Named { path, said }));
        if image::needs_unpacking(path) {
            self.access.unpack();
        }
    }

    /// Adds a folder in which files with certain names are inputs.
    pub fn input_folder(&mut self, said: &'static str, path: &Path, takes: Takes) {
        self.access.read(path);
        self.folders.push((Named { path: path.to_owned(), said }, takes));
    }

    /// Adds an output.
    ///
    /// # Errors
    /// An error for an ending that suggests another format, and for a folder that does not exist.
    pub fn output(&mut self, said: &'static str, path: &Path, content: Content) -> anyhow::Result<()> {
        self.access.write(path);
        let shown = path.display();
        check_ending(path, content).with_context(|| format!("{said} {shown}"))?;
        // Errors that are found here prevent useless work; others are found when the file is written.
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

    /// Adds a folder in which the command creates files and folders.
    pub fn folder(&mut self, path: &Path) {
        self.access.fill(path);
    }

    /// Adds an output whose folder the command creates if necessary. The place for it is added with
    /// [`Files::folder`].
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

    /// Compares all files with each other.
    ///
    /// # Errors
    /// An error for an output that is an input or another output.
    pub fn check(&self) -> anyhow::Result<()> {
        let written = self.written();
        let standard_output = standard_output();
        for input in &self.inputs {
            let Some(id) = input.identity() else { continue };
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

    /// The destinations of the outputs, in their order.
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

/// The destination of an output before it is written.
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

/// The files below a folder that are inputs by their names. Unreadable folders are skipped, as they are when the
/// inputs are read.
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

/// The file to which standard output is redirected, if it stores data.
#[allow(clippy::disallowed_methods, reason = "nothing is printed")]
fn standard_output() -> Option<FileId> {
    #[cfg(unix)]
    return kept(std::os::fd::AsFd::as_fd(&io::stdout()));
    #[cfg(not(unix))]
    None
}

/// The file to which standard input is redirected, if it could be overwritten.
fn standard_input() -> Option<FileId> {
    #[cfg(unix)]
    return kept(std::os::fd::AsFd::as_fd(&io::stdin()));
    #[cfg(not(unix))]
    None
}

/// An open file that stores what is written to it: not a terminal, a pipe or a null device.
#[cfg(unix)]
fn kept(open: std::os::fd::BorrowedFd<'_>) -> Option<FileId> {
    use std::os::unix::fs::FileTypeExt;
    let file = std::fs::File::from(open.try_clone_to_owned().ok()?);
    let keeps = |metadata: &Metadata| metadata.is_file() || metadata.file_type().is_block_device();
    file.metadata().ok().filter(keeps).map(|metadata| FileId::of(&metadata))
}
