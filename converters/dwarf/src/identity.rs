//! The identity of the build: build-id, UUID, banner and release.

use data_encoding::{HEXLOWER, HEXUPPER};
use maps::Banner;
use object::{Object, ObjectSection};
use profile::{Profile, System};

use crate::bytes::Cursor;
use crate::container::{self, ObjectFile};

/// How many bytes after the address of a banner are searched.
const BANNER_LENGTH: u64 = 1024;

/// Adds the file's identity to the metadata. `banner_at` is the address of the kernel's banner according to the
/// symbols.
pub(crate) fn describe(profile: &mut Profile, container: &ObjectFile<'_>, banner_at: Option<u64>) {
    if let Ok(Some(id)) = container.file.build_id() {
        profile.set_metadata("BuildID", hex(id));
    }
    if let Ok(Some(id)) = container.file.mach_uuid() {
        profile.set_metadata("UUID", uuid(&id));
    }
    match container.system {
        System::Mac => {
            if let Some(text) = banner_at.and_then(|at| text_at(container, at)).and_then(darwin_banner) {
                profile.set_metadata("Banner", text);
            }
        }
        _ => {
            // Only text in the form of a banner counts, since the file may have no data at the symbol's address.
            if let Some(banner) = banner_at
                .and_then(|at| text_at(container, at))
                .and_then(|text| Banner::find(text).filter(|banner| text.starts_with(banner.text.as_bytes())))
            {
                profile.set_metadata("Banner", banner.text);
                profile.set_metadata("Release", banner.release);
            } else if let Some(release) = module_release(container) {
                profile.set_metadata("Release", release);
            }
        }
    }
}

/// The build-id of an ELF file, or in bare notes such as those in `/sys/kernel/notes`.
pub fn build_id(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(b"\x7fELF") {
        let file = container::parse("ELF", bytes).ok()?;
        return file.build_id().ok().flatten().map(<[u8]>::to_vec);
    }
    id_in_notes::<false>(bytes).or_else(|| id_in_notes::<true>(bytes))
}

/// The note `NT_GNU_BUILD_ID` among other notes (System V ABI, "Note Section").
fn id_in_notes<const BIG: bool>(bytes: &[u8]) -> Option<Vec<u8>> {
    const GNU_BUILD_ID: u32 = 3;
    let mut cursor = Cursor::<BIG>::new(bytes, 0);
    loop {
        let (name_size, size, kind) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let name = cursor.slice(usize::try_from(name_size).ok()?)?;
        cursor.skip(cursor.at.wrapping_neg() % 4);
        let content = cursor.slice(usize::try_from(size).ok()?)?;
        cursor.skip(cursor.at.wrapping_neg() % 4);
        if kind == GNU_BUILD_ID && name == b"GNU\0" {
            return Some(content.to_vec());
        }
    }
}

/// Whether a file is the debug file of the build with this id.
///
/// # Errors
/// A description of the file if it is something else.
pub fn check_debug_file(bytes: &[u8], build_id: &[u8]) -> Result<(), String> {
    let container = ObjectFile::open(bytes, None).map_err(|error| error.to_string())?;
    match container.file.build_id() {
        Ok(Some(id)) if id == build_id => {}
        Ok(Some(id)) => return Err(format!("its build-id is {}, expected {}", hex(id), hex(build_id))),
        _ => return Err(format!("it has no build-id, expected {}", hex(build_id))),
    }
    match container.file.section_by_name(".debug_info") {
        Some(_) => Ok(()),
        None => Err("it has the build-id and no debug information".to_owned()),
    }
}

/// The bytes at an address, up to the end of its section.
fn text_at<'a>(container: &ObjectFile<'a>, address: u64) -> Option<&'a [u8]> {
    container.file.sections().find_map(|section| {
        let (start, size) = (section.address(), section.size());
        let end = start.checked_add(size)?;
        if start == 0 || address < start || address >= end {
            return None;
        }
        section.data_range(address, BANNER_LENGTH.min(end - address)).ok().flatten()
    })
}

/// `Darwin Kernel Version ...` up to its end.
fn darwin_banner(text: &[u8]) -> Option<&str> {
    let end = text.iter().position(|byte| matches!(byte, 0 | b'\n'))?;
    let text = str::from_utf8(text.get(..end)?).ok()?;
    text.starts_with("Darwin Kernel Version ").then_some(text)
}

/// The release that a module was built for: the first word of its `vermagic`.
pub(crate) fn module_release<'a>(container: &ObjectFile<'a>) -> Option<&'a str> {
    let section = container.file.section_by_name(".modinfo")?;
    let fields = section.data().ok()?.split(|byte| *byte == 0);
    let magic = fields.filter_map(|field| field.strip_prefix(b"vermagic=")).next()?;
    str::from_utf8(magic).ok()?.split(' ').next().filter(|release| !release.is_empty())
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Formats a UUID as Apple's tools print it.
fn uuid(id: &[u8; 16]) -> String {
    let digits = HEXUPPER.encode(id);
    let mut text = String::with_capacity(36);
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_printed_as_by_other_tools() {
        let id: [u8; 16] = std::array::from_fn(|index| index as u8);
        assert_eq!(uuid(&id), "00010203-0405-0607-0809-0A0B0C0D0E0F");
        assert_eq!(hex(&[0x3b, 0x43]), "3b43");
    }

    #[test]
    fn a_build_id_among_notes() {
        let mut notes = Vec::new();
        for (kind, name, content) in [(6u32, &b"Xen\0"[..], &b"abc"[..]), (3, b"GNU\0", b"01234567")] {
            notes.extend([name.len() as u32, content.len() as u32, kind].map(u32::to_le_bytes).concat());
            notes.extend(name);
            notes.extend(content);
            notes.resize(notes.len().next_multiple_of(4), 0);
        }
        assert_eq!(build_id(&notes), Some(b"01234567".to_vec()));
        assert_eq!(build_id(&notes[..30]), None);
        assert_eq!(build_id(b"no notes at all, just a text"), None);
    }

    #[test]
    fn only_a_banner_is_a_banner() {
        assert_eq!(
            darwin_banner(b"Darwin Kernel Version 17.4.0: x\0"),
            Some("Darwin Kernel Version 17.4.0: x")
        );
        assert_eq!(darwin_banner(b"\x00\x12"), None);
    }
}
