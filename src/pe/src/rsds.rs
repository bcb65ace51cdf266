use profile::GuidAge;

/// A CodeView record of the kind "RSDS". It names the PDB of the image that contains it.
///
/// Layout: the four letters, the GUID (16 bytes), the age (u32), the path of the PDB, a zero byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rsds {
    /// The GUID and the age.
    pub guid_age: GuidAge,
    /// The path of the PDB as the linker wrote it, often the file name alone.
    pub path: String,
}

impl Rsds {
    /// The first bytes of every record.
    pub const MAGIC: &'static [u8; 4] = b"RSDS";
    /// The longest path that is accepted, in bytes.
    pub const LONGEST_PATH: usize = 1024;

    /// The most bytes a record takes, the zero byte included.
    pub const LONGEST: usize = Self::PATH + Self::LONGEST_PATH + 1;

    const PATH: usize = 24;

    /// Reads the record at the start of `bytes`. Returns `None` if the letters are missing, or if the path does not
    /// end within [`Rsds::LONGEST_PATH`] bytes, is empty, or holds control characters.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(Self::MAGIC)?;
        let (guid, rest) = rest.split_first_chunk::<16>()?;
        let (age, rest) = rest.split_first_chunk::<4>()?;
        let guid_age = GuidAge::from_raw(*guid, u32::from_le_bytes(*age));
        Some(Self { guid_age, path: path(rest)? })
    }

    /// The last component of the path, whichever slash it is written with.
    pub fn file_name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path)
    }
}

/// The path that `rest` begins with and a zero byte ends. Returns `None` if it does not end within
/// [`Rsds::LONGEST_PATH`] bytes, is empty, or holds control characters.
pub(crate) fn path(rest: &[u8]) -> Option<String> {
    let rest = rest.get(..=Rsds::LONGEST_PATH).unwrap_or(rest);
    let path = rest.get(..memchr::memchr(0, rest)?)?;
    let is_path = !path.is_empty() && !path.iter().any(u8::is_ascii_control);
    is_path.then(|| String::from_utf8_lossy(path).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: u8, age: u32, path: &str) -> Vec<u8> {
        let mut bytes = Rsds::MAGIC.to_vec();
        bytes.extend([first; 16]);
        bytes.extend(age.to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn reads_a_record() {
        let rsds = Rsds::parse(&record(0xab, 0x1f, r"d:\x\ntkrnlmp.pdb")).unwrap();
        assert_eq!(rsds.guid_age.to_string(), "ABABABABABABABABABABABABABABABAB1F");
        assert_eq!(rsds.file_name(), "ntkrnlmp.pdb");
    }

    #[test]
    fn refuses_bytes_that_only_resemble_a_record() {
        let whole = record(1, 1, "k.pdb");
        for length in 0..whole.len() {
            assert_eq!(Rsds::parse(&whole[..length]), None, "cut to {length}");
        }
        assert_eq!(Rsds::parse(&record(1, 1, "")), None);
        assert_eq!(Rsds::parse(&record(1, 1, "k\u{1}.pdb")), None);
        assert_eq!(Rsds::parse(&record(1, 1, &"x".repeat(Rsds::LONGEST_PATH + 1))), None);
        assert!(Rsds::parse(&record(1, 1, &"x".repeat(Rsds::LONGEST_PATH))).is_some());
    }
}
