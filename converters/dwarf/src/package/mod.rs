//! Packages that hold a debug file: `.deb`, `.ddeb` and `.rpm`, and single compressed files.
//!
//! The debug file is streamed. Memory is bounded by the decoder's window of 128 MiB. The output of a decoder,
//! including skipped members, is limited by [`profile::UnpackLimits`].

mod archive;
mod error;
mod rpm;

use std::io::{self, Read, Write};

use archive::{Archive, Layout};
pub use error::PackageError;
use profile::Metered;

/// A package, recognised by its first bytes.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    bytes: &'a [u8],
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Deb,
    Rpm,
    /// A compressed file that is not an archive, as modules are installed.
    Single,
}

/// A file that was unpacked from a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its path in the package.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The largest window a decoder may ask for.
const WINDOW: u32 = 128 << 20;
/// How many names are kept for the message.
const LISTED: usize = 5;

impl<'a> Package<'a> {
    /// Recognises a package; `None` for any other file.
    pub fn recognise(bytes: &'a [u8]) -> Option<Self> {
        let form = if bytes.starts_with(b"!<arch>\ndebian-binary") {
            Form::Deb
        } else if bytes.starts_with(rpm::MAGIC) {
            Form::Rpm
        } else if [&b"\x1f\x8b"[..], b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"]
            .iter()
            .any(|magic| bytes.starts_with(magic))
        {
            Form::Single
        } else {
            return None;
        };
        Some(Self { bytes, form })
    }

    /// Writes a kernel's debug file (`vmlinux...`), or the file whose path ends in `member`, to `sink`.
    ///
    /// # Errors
    /// [`PackageError`] if the package is damaged, does not hold the file, or writing fails.
    pub fn unpack(&self, member: Option<&str>, sink: &mut dyn Write) -> Result<Unpacked, PackageError> {
        let wanted = member.map_or_else(|| "vmlinux".to_owned(), str::to_owned);
        self.unpack_first(&wanted, &|path| is_wanted(path, member), sink)
    }

    /// Looks at the paths of its files in their order, up to the first for which `look` gives something. A package whose
    /// files do not decide within its first 64 MiB, unpacked, gives nothing, and so does a damaged one.
    pub fn first<T>(&self, look: &dyn Fn(&str) -> Option<T>) -> Option<T> {
        const MOST: u64 = 64 << 20;
        let (packed, layout) = match self.form {
            Form::Deb => (deb_data(self.bytes).ok()?, Layout::Tar),
            Form::Rpm => (rpm::payload(self.bytes).ok()?, Layout::Cpio),
            Form::Single => return None,
        };
        let reader: Box<dyn Read + '_> = Box::new(decompress(packed).ok()?.take(MOST));
        let mut archive = Archive::new(Metered::new(reader, packed.len() as u64), layout);
        while let Ok(Some(entry)) = archive.next() {
            if let Some(found) = entry.regular.then(|| look(&entry.path)).flatten() {
                return Some(found);
            }
        }
        None
    }

    /// Whether it is an archive of several files and not a single compressed file.
    pub fn is_archive(&self) -> bool {
        self.form != Form::Single
    }

    /// Writes the first file whose path `is_wanted` to `sink`. `wanted` describes it in messages.
    ///
    /// # Errors
    /// The same as for [`Package::unpack`].
    pub fn unpack_first(
        &self,
        wanted: &str,
        is_wanted: &dyn Fn(&str) -> bool,
        sink: &mut dyn Write,
    ) -> Result<Unpacked, PackageError> {
        let (packed, layout) = match self.form {
            Form::Deb => (deb_data(self.bytes)?, Layout::Tar),
            Form::Rpm => (rpm::payload(self.bytes)?, Layout::Cpio),
            Form::Single => {
                let size = io::copy(&mut decompress(self.bytes)?, sink)?;
                return Ok(Unpacked { path: String::new(), size });
            }
        };
        let mut archive = Archive::new(decompress(packed)?, layout);
        let mut found = Vec::new();
        while let Some(entry) = archive.next()? {
            if entry.regular && is_wanted(&entry.path) {
                let size = io::copy(&mut archive.content(), sink)?;
                if size != entry.size {
                    return Err(PackageError::Damaged("its content is truncated"));
                }
                return Ok(Unpacked { path: entry.path, size });
            }
            if entry.regular && found.len() < LISTED && is_debug_file(&entry.path) {
                found.push(entry.path);
            }
        }
        Err(PackageError::NotFound { wanted: wanted.to_owned(), found })
    }
}

fn is_wanted(path: &str, member: Option<&str>) -> bool {
    match member {
        Some(member) => {
            path.strip_suffix(member).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        }
        None => {
            let name = path.rsplit('/').next().unwrap_or(path);
            name.strip_prefix("vmlinux").is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
                && !name.ends_with(".h")
        }
    }
}

fn is_debug_file(path: &str) -> bool {
    path.ends_with(".ko") || path.contains(".ko.") || path.ends_with(".debug")
}

/// Finds `data.tar` in a Debian package, which is an `ar` archive.
fn deb_data(bytes: &[u8]) -> Result<&[u8], PackageError> {
    const HEADER: usize = 60;
    let broken = PackageError::Damaged("its archive is truncated");
    let mut at = 8usize;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let (name, size) = (header.get(..16).unwrap_or_default(), header.get(48..58).unwrap_or_default());
        let size = str::from_utf8(size).ok().and_then(|size| size.trim().parse::<usize>().ok());
        let Some(size) = size else { return Err(broken) };
        let start = at + HEADER;
        let Some(content) = start.checked_add(size).and_then(|end| bytes.get(start..end)) else {
            return Err(broken);
        };
        if name.starts_with(b"data.tar") {
            return Ok(content);
        }
        // Members begin at even offsets.
        at = start + size + size % 2;
    }
    Err(PackageError::Damaged("it has no data.tar"))
}

/// Unpacks compressed bytes, whose format the first ones show, within the limits.
fn decompress<'a>(bytes: &'a [u8]) -> Result<Metered<Box<dyn Read + 'a>>, PackageError> {
    let reader: Box<dyn Read + 'a> = match bytes {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, WINDOW >> 10))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(Frames { rest: bytes, decoder: None }),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(bytes)),
        [0x5d, 0, 0, ..] => {
            let reader = lzma_rust2::LzmaReader::new_mem_limit(bytes, WINDOW >> 10, None);
            Box::new(reader.map_err(PackageError::Io)?)
        }
        _ => Box::new(bytes),
    };
    Ok(Metered::new(reader, bytes.len() as u64))
}

/// The frames of a zstd file, one after the other.
struct Frames<'a> {
    rest: &'a [u8],
    decoder: Option<ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::StreamingDecoder;
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(decoder) = &mut self.decoder {
                let count = decoder.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
                self.rest = self.decoder.take().map_or(&[], |decoder| decoder.into_inner());
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            let decoder = StreamingDecoder::new_with_max_window_size(self.rest, WINDOW.into());
            self.decoder = Some(decoder.map_err(io::Error::other)?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_told_by_its_name() {
        for path in
            ["./usr/lib/debug/boot/vmlinux-6.1.0-13-amd64", "usr/lib/debug/lib/modules/5.14.0/vmlinux"]
        {
            assert!(is_wanted(path, None), "{path}");
        }
        for path in ["boot/vmlinuz-6.1.0", "usr/include/vmlinux.h", "lib/vmlinuxes"] {
            assert!(!is_wanted(path, None), "{path}");
        }
        assert!(is_wanted("./lib/fuse.ko", Some("fuse.ko")));
        assert!(!is_wanted("./lib/xfuse.ko", Some("fuse.ko")));
    }
}
