use std::io::{self, Read, Seek, SeekFrom, Write};

use cab::{Cabinet, CompressionType};

use profile::{Metered, UnpackLimitError, UnpackMeter, guarded};

/// A cabinet that holds a PDB, as stores keep it under a name that ends in an underscore.
///
/// MSZIP, LZX and stored cabinets are read, block by block, so that memory does not grow with the file. The folder
/// that holds the PDB, including the data before the PDB, may unpack to as much as [`profile::UnpackLimits`] allow
/// for the cabinet's size.
pub struct PdbCabinet<R> {
    cabinet: Cabinet<R>,
    member: Member,
    meter: UnpackMeter,
}

/// One file of a cabinet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name in the cabinet, which may differ from the name that was asked for.
    pub name: String,
    /// Its size by the cabinet's directory, in bytes.
    pub size: u64,
}

/// Why a cabinet gives no PDB.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CabinetError {
    /// The cabinet violates the format.
    #[error("the cabinet is damaged: {reason}")]
    Damaged {
        /// The problem.
        reason: String,
    },
    /// A compression that symbol servers do not use and this program does not read.
    #[error("the cabinet is compressed with {found}, expected MSZIP, LZX or none")]
    Compression {
        /// Its name.
        found: &'static str,
    },
    /// No file, or more than one, can be the PDB.
    #[error("expected one PDB in the cabinet, found {found}")]
    Members {
        /// What is in the cabinet, or "nothing".
        found: String,
    },
    /// The size in the directory is too large to be plausible.
    #[error("the cabinet declares {declared} bytes in one folder, expected at most {limit}")]
    TooLarge {
        /// The size in the directory, in bytes.
        declared: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The cabinet unpacks to more than the process allows.
    #[error(transparent)]
    Limit(#[from] UnpackLimitError),
    /// The data ends before the end of the file in the cabinet.
    #[error("the cabinet is truncated: {member} has {expected} bytes, found {found}")]
    Cut {
        /// The file in the cabinet.
        member: String,
        /// Its size by the directory, in bytes.
        expected: u64,
        /// How many bytes came out.
        found: u64,
    },
    /// The extracted bytes could not be written.
    #[error("cannot write what was extracted")]
    Write(#[source] io::Error),
}

/// The largest unpacked size of a folder's data block (the cabinet format, "CFDATA").
const LARGEST_BLOCK: u64 = 32 * 1024;
/// How many bytes are copied from the cabinet to the file at a time.
const STEP: usize = 64 * 1024;

impl<R: Read + Seek> PdbCabinet<R> {
    /// Opens the cabinet and finds its PDB: the only file that ends in `.pdb` or, among several, the one named
    /// `wanted`. No folder may hold more than `limit` bytes.
    ///
    /// # Errors
    /// [`CabinetError`] if the cabinet is damaged or does not hold such a file.
    pub fn open(mut reader: R, wanted: Option<&str>, limit: u64) -> Result<Self, CabinetError> {
        let packed = reader.seek(SeekFrom::End(0)).map_err(damaged)?;
        reader.rewind().map_err(damaged)?;
        let meter = UnpackMeter::new(packed);
        let cabinet =
            guarded(|| Cabinet::new(reader)).ok_or_else(gave_up)?.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("it ends within its directory"),
                _ => damaged(error),
            })?;
        let mut members = Vec::new();
        let mut names = Vec::new();
        for folder in cabinet.folder_entries() {
            let declared: u64 = folder.file_entries().map(|file| u64::from(file.uncompressed_size())).sum();
            // Files may overlap, so the number of blocks bounds how much has to be unpacked to reach the last file.
            let declared = declared.max(u64::from(folder.num_data_blocks()) * LARGEST_BLOCK);
            for file in folder.file_entries() {
                names.push(file.name().to_owned());
                if file.name().to_ascii_lowercase().ends_with(".pdb") {
                    let member =
                        Member { name: file.name().to_owned(), size: file.uncompressed_size().into() };
                    members.push((member, declared, folder.compression_type()));
                }
            }
        }
        if let (true, Some(wanted)) = (members.len() > 1, wanted) {
            members.retain(|(member, ..)| base_name(&member.name).eq_ignore_ascii_case(wanted));
        }
        let (member, declared, compression) = match (members.pop(), members.is_empty()) {
            (Some(only), true) => only,
            _ => return Err(CabinetError::Members { found: listed(&names) }),
        };
        if let CompressionType::Quantum(..) = compression {
            return Err(CabinetError::Compression { found: "Quantum" });
        }
        if declared > limit && !meter.is_chosen() {
            return Err(CabinetError::TooLarge { declared, limit });
        }
        meter.check_declared(declared)?;
        Ok(Self { cabinet, member, meter })
    }

    /// The file that will be extracted.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Writes the PDB's bytes to `sink` and calls `came` with the number of bytes written so far.
    ///
    /// # Errors
    /// [`CabinetError`] if the data is damaged or truncated, or if `sink` fails. `sink` then holds a part of the
    /// file.
    pub fn extract(&mut self, sink: &mut impl Write, came: &dyn Fn(u64)) -> Result<(), CabinetError> {
        let member = &self.member;
        let cabinet = &mut self.cabinet;
        guarded(|| {
            let reader = cabinet.read_file(&member.name).map_err(damaged)?;
            let mut reader = Metered::with_meter(reader, self.meter.clone());
            let mut buffer = vec![0; STEP];
            let mut found = 0;
            loop {
                let count = match reader.read(&mut buffer) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                    Err(error) => {
                        let limit = UnpackLimitError::of(&error).cloned();
                        return Err(limit.map_or_else(|| damaged(error), CabinetError::Limit));
                    }
                };
                if count == 0 {
                    break;
                }
                sink.write_all(buffer.get(..count).unwrap_or_default()).map_err(CabinetError::Write)?;
                found += count as u64;
                came(found);
            }
            if found != member.size {
                let member_name = member.name.clone();
                return Err(CabinetError::Cut { member: member_name, expected: member.size, found });
            }
            Ok(())
        })
        .ok_or_else(gave_up)?
    }
}

fn gave_up() -> CabinetError {
    damaged("the reader failed")
}

fn damaged(reason: impl ToString) -> CabinetError {
    CabinetError::Damaged { reason: reason.to_string() }
}

fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut list = names.iter().take(SHOWN).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        list.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    list
}
