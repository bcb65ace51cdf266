use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use profile::{MappedFile, Metered, UnpackLimitError, UnpackMeter};

use super::Member;

/// A zip archive in memory.
///
/// The sizes it states are checked before they are used: a member is read up to the size stated, and refused
/// if more comes. All members that are read count together, against [`profile::UnpackLimits`] for the size of
/// the archive, so that members which name the same packed bytes do not add up. One member may have 1 GiB.
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

/// The largest member that is read. The largest of any pack known has 11 MB.
const LARGEST: u64 = 1 << 30;

/// Whether a file begins as zip archives do: with a member, or, being empty, with the directory's end.
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

    /// Every entry, folders too, so that the indexes are the archive's.
    pub(super) fn members(&self) -> Vec<Member> {
        let mut archive = self.archive.clone();
        let entries = 0..archive.len();
        entries
            .map(|index| match archive.by_index_raw(index) {
                Ok(file) => {
                    let name = file.name().map_or_else(|_| String::new(), |name| name.into_owned());
                    Member { name, size: file.size() }
                }
                // What cannot be read when it is chosen is reported then.
                Err(_) => Member { name: String::new(), size: 0 },
            })
            .collect()
    }

    pub(super) fn read(&self, index: usize) -> Result<Vec<u8>, String> {
        let mut archive = self.archive.clone();
        let raw = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        if raw.encrypted() {
            return Err("it is encrypted; unpack it with its password and convert the folder".to_owned());
        }
        let size = raw.size();
        drop(raw);
        let member_meter = {
            let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
            if size > LARGEST && !meter.is_chosen() {
                return Err(format!("it states a size of {size} bytes, expected at most {LARGEST}"));
            }
            let before = meter.clone();
            before.check_declared(size).map_err(|error| error.to_string())?;
            // Counted now, so that members that are read at the same time see each other.
            meter.add(size).map_err(|error| error.to_string())?;
            before
        };
        let member = archive.by_index(index).map_err(|error| error.to_string())?;
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // One byte more than stated shows that the statement is wrong.
        Metered::with_meter(member.take(size + 1), member_meter).read_to_end(&mut content).map_err(
            |error| match UnpackLimitError::of(&error) {
                Some(limit) => limit.to_string(),
                None => format!("it is damaged ({error})"),
            },
        )?;
        if content.len() as u64 != size {
            let (found, more) = (content.len(), if content.len() as u64 > size { " or more" } else { "" });
            return Err(format!("it is damaged: expected {size} bytes, found {found}{more}"));
        }
        Ok(content)
    }
}
