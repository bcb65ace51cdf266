use formats::{FileKind, WrongKind};

/// The required start of a download. The first bytes are checked as they arrive, so that the page of a captive portal
/// or endless junk is dropped before it fills a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A PDB, or a cabinet or MSFZ container that may hold one.
    Pdb,
    /// The text of a `file.ptr`.
    Pointer,
    /// An ELF file.
    Elf,
    /// A profile: JSON, or JSON packed with gzip, xz or zstd.
    Profile,
    /// Anything but an HTML page.
    NoPage,
}

impl Start {
    /// How many bytes must have arrived before they are checked; a shorter file is checked when it is complete.
    pub(crate) const LENGTH: usize = 64;

    /// The reason why a file with these first bytes is not the requested one; `None` if it may be.
    pub(crate) fn refuse(self, start: &[u8]) -> Option<String> {
        let found = FileKind::of_start(start);
        let right = match self {
            Self::Pdb => matches!(found, FileKind::Pdb | FileKind::Msfz | FileKind::Cabinet),
            Self::Pointer => matches!(found, FileKind::FilePointer | FileKind::Text),
            Self::Elf => matches!(found, FileKind::Elf | FileKind::ElfCore),
            Self::Profile => begins_profile(start),
            Self::NoPage => !matches!(found, FileKind::Html | FileKind::ErrorXml),
        };
        (!right)
            .then(|| WrongKind::new(self.name(), formats::identify(&formats::Start(start), None)).reason())
    }

    /// The longest that a file with these first bytes can be, if its header gives a size. A file that is much longer
    /// is padded with junk. [`Start::SLACK`] allows for appended data such as a signature.
    pub(crate) fn longest(self, start: &[u8]) -> Option<u64> {
        let number = |at: usize| {
            let bytes = start.get(at..at + 4)?;
            Some(u64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
        };
        let stated = match (self, FileKind::of_start(start)) {
            // The MSF File Format: the size of a page at 32, the number of pages at 40.
            (Self::Pdb, FileKind::Pdb) => number(32)?.checked_mul(number(40)?)?,
            // The cabinet's header: its size at 8.
            (Self::Pdb, FileKind::Cabinet) => number(8)?,
            _ => return None,
        };
        stated.checked_add(Self::SLACK)
    }

    /// How many bytes may follow the end given in a header.
    const SLACK: u64 = 1 << 20;

    fn name(self) -> &'static str {
        match self {
            Self::Pdb => "a PDB",
            Self::Pointer => "a file.ptr",
            Self::Elf => "an ELF file",
            Self::Profile => "a profile",
            Self::NoPage => "an object of the repository",
        }
    }
}

/// Whether these are the first bytes of a form in which profiles are stored.
fn begins_profile(start: &[u8]) -> bool {
    let packed: [&[u8]; 3] = [&[0x1f, 0x8b], &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd]];
    if packed.iter().any(|magic| start.starts_with(magic)) {
        return true;
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    matches!(text, [] | [b'{', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PDB_MAGIC: &[u8] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

    fn padded(start: &[u8]) -> Vec<u8> {
        let mut bytes = start.to_vec();
        bytes.resize(Start::LENGTH, b' ');
        bytes
    }

    #[test]
    fn headers_state_how_long_a_file_can_be() {
        let mut pdb = padded(PDB_MAGIC);
        pdb[32..36].copy_from_slice(&4096u32.to_le_bytes());
        pdb[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Start::Pdb.longest(&pdb), Some(4096 * u64::from(u32::MAX) + Start::SLACK));
        let mut cabinet = padded(b"MSCF\0\0\0\0");
        cabinet[8..12].copy_from_slice(&1000u32.to_le_bytes());
        assert_eq!(Start::Pdb.longest(&cabinet), Some(1000 + Start::SLACK));
        assert_eq!(Start::Pdb.longest(&cabinet[..10]), None);
        assert_eq!(Start::NoPage.longest(&cabinet), None);
    }

    #[test]
    fn each_kind_takes_its_own_forms_and_names_what_it_found() {
        let good: [(Start, &[u8]); 9] = [
            (Start::Pdb, PDB_MAGIC),
            (Start::Pdb, b"MSCF\0\0\0\0"),
            (Start::Pdb, b"Microsoft MSFZ Container\r\n\x1aALD\0\0"),
            (Start::Pointer, b"PATH:https://h/k.pdb"),
            (Start::Elf, b"\x7fELF\x02"),
            (Start::Profile, b"\x1f\x8b\x08"),
            (Start::Profile, b"\r\n {\"$METADATA\""),
            (Start::Profile, b"\xfd7zXZ\0"),
            (Start::NoPage, b"nt/GUID: {}"),
        ];
        for (kind, start) in good {
            assert_eq!(kind.refuse(&padded(start)), None, "{kind:?}");
        }
        let page = padded(b"<!DOCTYPE html><html>");
        let junk = padded(b"AAAA");
        for kind in [Start::Pdb, Start::Pointer, Start::Elf, Start::Profile, Start::NoPage] {
            assert!(kind.refuse(&page).unwrap().ends_with("found an HTML page"), "{kind:?}");
        }
        for kind in [Start::Pdb, Start::Elf, Start::Profile] {
            assert!(kind.refuse(&junk).unwrap().contains("found a text"), "{kind:?}");
        }
        assert_eq!(
            Start::Elf.refuse(&padded(b"MZ")).as_deref(),
            Some("expected an ELF file, found a Windows executable (PE)")
        );
    }
}
