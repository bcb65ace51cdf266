use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use bundle::{Bundle, Entry, Written};
use profile::MappedFile;

use crate::console::Console;
use crate::files::{self, Content, Files};
use crate::outcome::Outcome;
use crate::profiles::verdict::counted;
use crate::report::bundle as report;

/// Opens a bundle.
///
/// # Errors
/// A file that is not one, or is damaged.
pub fn open(path: &Path) -> anyhow::Result<Bundle> {
    Bundle::open(path).with_context(|| path.display().to_string())
}

/// Opens a bundle that is to be replaced. It is not an input, which no command writes to: its map stays whole, because the
/// new file gets the name once it is complete.
///
/// # Errors
/// As for [`open`].
pub fn open_to_replace(path: &Path) -> anyhow::Result<Bundle> {
    let file = File::open(path).and_then(|file| MappedFile::named(file, path));
    let bundle = file.map_err(bundle::Error::from).and_then(|file| Bundle::new(Arc::new(file)));
    bundle.with_context(|| path.display().to_string())
}

/// Adds a bundle that is read and replaced.
///
/// # Errors
/// A name that cannot be written to.
pub fn list_replaced(path: &Path, files: &mut Files) -> anyhow::Result<()> {
    files.access().read(path).unpack();
    files.output("BUNDLE", path, Content::Plain)
}

/// Writes a bundle in place of the file at `path`, and reports it. Until it is complete, the file stays as it was.
///
/// # Errors
/// Profiles that cannot be bundled, or a file that cannot be written.
pub fn write(path: &Path, entries: Vec<Entry<'_>>, console: &Console) -> anyhow::Result<Outcome> {
    if entries.is_empty() {
        bail!("no build would be in {}; a bundle has at least one", path.display());
    }
    let mut written = Written { builds: 0, length: 0 };
    let mut failed = None;
    let result = files::write(path, |sink| match bundle::write(entries, sink, console.progress()) {
        Ok((_, done)) => {
            written = done;
            Ok(())
        }
        Err(bundle::Error::Io(error)) => Err(error),
        Err(error) => {
            failed = Some(error);
            Err(io::ErrorKind::InvalidData.into())
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    result?;
    let name = path.display().to_string();
    if console.json() {
        let Written { builds, length } = written;
        console.print_report(&report::WrittenBundle { bundle: name, builds, bytes: length })?;
    } else {
        console.info(format_args!(
            "wrote {name}: {}, {} bytes",
            counted(written.builds, "build"),
            written.length
        ));
    }
    Ok(Outcome::Success)
}
