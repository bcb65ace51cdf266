use std::io::{Read, Seek};
use std::path::Path;

use anyhow::Context;
use image::Image;
use pe::{Container, PdbCabinet, unpack_msfz};
use profile::{MappedFile, Progress, open_input};

use crate::console::Console;

/// How large an unpacked PDB may be, in bytes: 4 GiB is what its format can address with common page sizes.
const LARGEST_PDB: u64 = 4 << 30;

/// The memory image at `path`, its story told.
///
/// # Errors
/// Where the file cannot be read, or is no memory image.
pub fn open_image(path: &Path, console: &Console) -> anyhow::Result<Image> {
    let image = match Image::open(path).and_then(|image| console.lay_out(image)) {
        Ok(image) => image,
        // It names the file itself.
        Err(error @ image::Error::Io { .. }) => return Err(error).context("cannot open the image"),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let packing = image.packing().map(|packing| format!(" ({packing})")).unwrap_or_default();
    console.tell(format_args!(
        "{}: {}{packing}, {} bytes of memory",
        path.display(),
        image.container(),
        image.size()
    ));
    Ok(image)
}

/// The PDB in a file: the file itself, or what a cabinet (`.pd_`) or the compact form (MSFZ) holds, unpacked into
/// a file that has no name and is gone with the program; and the PDB's own name, where a cabinet tells it.
///
/// # Errors
/// Where the file cannot be read, or a cabinet or compact form holds no readable PDB.
pub fn open_pdb(path: &Path, console: &Console) -> anyhow::Result<(MappedFile, Option<String>)> {
    let mut file = open_input(path)?;
    if !file.metadata()?.is_file() {
        // What comes through a pipe cannot be looked at twice.
        return Ok((MappedFile::from_file(file)?, None));
    }
    let mut start = Vec::new();
    (&mut file).take(Container::LOOK as u64).read_to_end(&mut start)?;
    file.rewind()?;
    let progress = console.progress();
    match Container::of(&start) {
        Container::Cabinet => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let wanted = name.strip_suffix('_').map(|stem| format!("{stem}b"));
            let mut cabinet = PdbCabinet::open(file, wanted.as_deref(), LARGEST_PDB)?;
            let member = cabinet.member().clone();
            console.tell(format_args!("Extracting cabinet: {name}"));
            console.tell(format_args!("  extracting {}", member.name));
            let mut plain = tempfile::tempfile().context("cannot create a temporary file")?;
            progress.begin(&member.name, Some(member.size));
            let extracted = cabinet.extract(&mut plain, &|done| progress.advance(&member.name, done));
            progress.end(&member.name);
            extracted?;
            Ok((MappedFile::from_file(plain)?, Some(member.name)))
        }
        Container::Msfz => {
            console.tell("Unpacking the compact form");
            let plain = tempfile::tempfile().context("cannot create a temporary file")?;
            unpack_msfz(&file, &plain, LARGEST_PDB, &|_| ())?;
            Ok((MappedFile::from_file(plain)?, None))
        }
        _ => Ok((MappedFile::from_file(file)?, None)),
    }
}
