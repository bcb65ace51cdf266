use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use profile::{MappedFile, Metered, UnpackLimitError, UnpackMeter, unpack};
use zip::CompressionMethod;

use super::Member;

/// A zip archive in memory.
///
/// The sizes that it states are checked before they are used: a member is read up to its stated size, and refused if
/// there is more. All members that are read are added up and limited by [`profile::UnpackLimits`] for the size of the
/// archive, so that members that share their compressed bytes cannot exceed it. One member may have 1 GiB.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    archive: zip::ZipArchive<Cursor<Bytes>>,
    bytes: Bytes,
    meter: Arc<Mutex<UnpackMeter>>,
}

#[derive(Clone, Debug)]
struct Bytes(Arc<MappedFile>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The largest member that is read. The largest known one has 11 MB.
const LARGEST: u64 = 1 << 30;

/// Whether a file begins like a zip archive: with a member or, if it is empty, with the end of the directory.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") || bytes.starts_with(b"PK\x07\x08")
}

impl Archive {
    pub(super) fn open(file: MappedFile) -> Result<Self, String> {
        let bytes = Bytes(Arc::new(file));
        let archive = zip::ZipArchive::new(Cursor::new(bytes.clone())).map_err(|error| error.to_string())?;
        let meter = Arc::new(Mutex::new(UnpackMeter::new(bytes.as_ref().len() as u64)));
        Ok(Self { archive, bytes, meter })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// All entries, including folders, so that the indexes are those of the archive.
    pub(super) fn members(&self) -> Vec<Member> {
        let mut archive = self.archive.clone();
        let entries = 0..archive.len();
        entries
            .map(|index| match archive.by_index_raw(index) {
                Ok(file) => {
                    let name = file.name().map_or_else(|_| String::new(), |name| name.into_owned());
                    Member { name, size: file.size() }
                }
                // A member that cannot be read is reported when it is used.
                Err(_) => Member { name: String::new(), size: 0 },
            })
            .collect()
    }

    pub(super) fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        let mut archive = self.archive.clone();
        let mut raw = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        if raw.encrypted() {
            return Err("it is encrypted; unpack it with its password and convert the folder".to_owned());
        }
        let (size, method, checksum) = (raw.size(), raw.compression(), raw.crc32());
        let member_meter = {
            let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
            if size > LARGEST && !meter.is_chosen() {
                return Err(format!("it states a size of {size} bytes, expected at most {LARGEST}"));
            }
            let before = meter.clone();
            before.check_declared(size).map_err(|error| error.to_string())?;
            // Counted before reading, so that members that are read at the same time are all included.
            meter.add(size).map_err(|error| error.to_string())?;
            before
        };
        // One byte more than stated shows that the stated size is wrong.
        let limit = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
        let content = match method {
            CompressionMethod::STORE | CompressionMethod::DEFLATE | CompressionMethod::BZIP2 => {
                drop(raw);
                let member = archive.by_index(index).map_err(|error| error.to_string())?;
                drain(Metered::with_meter(member, member_meter), limit)?
            }
            CompressionMethod::LZMA | CompressionMethod::XZ | CompressionMethod::ZSTD => {
                let packed = drain(&mut raw, self.bytes().len())?;
                let content = match method {
                    CompressionMethod::LZMA => lzma(&packed, size, limit)?,
                    _ => unpack(&packed, limit)
                        .map_err(|error| format!("it is damaged ({error})"))?
                        .into_owned(),
                };
                if content.len() as u64 == size && crc32fast::hash(&content) != checksum {
                    return Err("it is damaged: its checksum does not match its content".to_owned());
                }
                content
            }
            other => return Err(unread(other)),
        };
        if content.len() as u64 != size {
            let (found, more) = (content.len(), if content.len() as u64 > size { " or more" } else { "" });
            return Err(format!("it is damaged: expected {size} bytes, found {found}{more}"));
        }
        Ok(content)
    }
}

/// Reads everything from `reader`, up to `limit` bytes.
fn drain(reader: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    match reader.take(limit as u64).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(error) => Err(match UnpackLimitError::of(&error) {
            Some(limit) => limit.to_string(),
            None => format!("it is damaged ({error})"),
        }),
    }
}

/// A member compressed with LZMA: a version, the size of the properties, the properties (a byte and the size of the
/// dictionary), then the stream (APPNOTE.TXT, section 5.8).
fn lzma(bytes: &[u8], size: u64, limit: usize) -> Result<Vec<u8>, String> {
    let damaged = || "it is damaged: its LZMA header is invalid".to_owned();
    let (header, stream) = bytes.split_first_chunk::<9>().ok_or_else(damaged)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = *header else { return Err(damaged()) };
    // A dictionary larger than the member is never used.
    let dictionary = u64::from(u32::from_le_bytes(dictionary)).min(size.max(4096));
    let dictionary = u32::try_from(dictionary).map_err(|_| damaged())?;
    let reader = lzma_rust2::LzmaReader::new_with_props(stream, size, properties, dictionary, None);
    drain(reader.map_err(|error| format!("it is damaged ({error})"))?, limit)
}

/// Names an unsupported compression method (APPNOTE.TXT, section 4.4.5).
fn unread(method: CompressionMethod) -> String {
    const NAMES: [(CompressionMethod, &str); 10] = [
        (CompressionMethod::SHRINK, "Shrink"),
        (CompressionMethod::REDUCE_1, "Reduce"),
        (CompressionMethod::REDUCE_2, "Reduce"),
        (CompressionMethod::REDUCE_3, "Reduce"),
        (CompressionMethod::REDUCE_4, "Reduce"),
        (CompressionMethod::IMPLODE, "Implode"),
        (CompressionMethod::PKWARE_IMPLODE, "PKWARE Implode"),
        (CompressionMethod::DEFLATE64, "Deflate64"),
        (CompressionMethod::PPMD, "PPMd"),
        (CompressionMethod::AES, "AES encryption"),
    ];
    let known = NAMES.iter().find(|(known, _)| *known == method).map(|(_, name)| (*name).to_owned());
    let name = known.unwrap_or_else(|| format!("a method without a common name ({method})"));
    format!(
        "it is compressed with {name}, which is not supported (Deflate, bzip2, LZMA, xz and zstd are); unpack the archive \
         with another program and convert the folder"
    )
}
