//! The identity of the build that a PDB belongs to: the info stream, and the metadata derived from it.

use chrono::DateTime;
use profile::{GuidAge, Profile};

use crate::cursor::{Cursor, Malformed};

/// The number of the info stream.
pub(crate) const STREAM: u16 = 1;

/// The header of the info stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    pub(crate) version: u32,
    /// The time when the PDB was made, in seconds since 1970; for a reproducible build, a hash.
    pub(crate) signature: u32,
    pub(crate) age: u32,
    guid: [u8; 16],
}

impl Info {
    pub(crate) fn parse(stream: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(stream);
        let (version, signature, age) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let guid = cursor.take(16)?.first_chunk().copied().ok_or(Malformed::Short)?;
        Ok(Self { version, signature, age, guid })
    }

    /// The identity of the build. The age is that of the DBI stream, which the image's RSDS record has; the age in
    /// the info stream counts how often the file was rewritten. Type servers have no DBI stream.
    pub(crate) fn guid_age(&self, dbi_age: Option<u32>) -> GuidAge {
        GuidAge::from_raw(self.guid, dbi_age.filter(|age| *age != 0).unwrap_or(self.age))
    }
}

/// The last part of a path, with slashes of either kind.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Splits a Windows version like `6.1.7601` into the fields `major`, `minor` and `rev`.
pub(crate) fn set_version(profile: &mut Profile, version: &str) {
    for (field, part) in ["major", "minor", "rev"].iter().zip(version.splitn(3, '.')) {
        profile.set_metadata(field, part);
    }
}

/// Formats a time in seconds since 1970 as `YYYY-MM-DD HH:MM:SSZ`.
pub(crate) fn timestamp(seconds: u32) -> String {
    let time = DateTime::from_timestamp(seconds.into(), 0).unwrap_or_default();
    format!("{}Z", time.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0), "1970-01-01 00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(timestamp(1_290_246_092), "2010-11-20 09:41:32Z");
        assert_eq!(timestamp(u32::MAX), "2106-02-07 06:28:15Z");
    }

    #[test]
    fn paths_of_both_kinds() {
        assert_eq!(base_name(r"c:\symbols\nt.pdb"), "nt.pdb");
        assert_eq!(base_name("/srv/nt.pdb"), "nt.pdb");
        assert_eq!(base_name("nt.pdb"), "nt.pdb");
    }
}
