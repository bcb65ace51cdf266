use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use profile::OutputFile;

use crate::outcome::WrittenThrough;

/// Writes a file that the user named; `body` writes its content. Commands write such files only in this way.
///
/// # Errors
/// Any error from creating, writing or renaming, with the file's name.
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
