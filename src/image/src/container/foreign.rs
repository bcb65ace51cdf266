use profile::Foreign;

use crate::Error;
use crate::fields::Fields;

/// Files that are often given for memory images, by their first bytes.
const MAGICS: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "a gzip file", UNPACK),
    (b"\xfd7zXZ\0", "an xz file", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (
        b"PK\x03\x04",
        "a zip archive (AFF4 images are zip archives too)",
        "unpack it, or export it as raw memory",
    ),
    (b"EVF2\x0d\x0a\x81\0", "an Ex01 image", "export it as E01 or as raw memory"),
    (b"LVF\x09\x0d\x0a\xff\0", "a logical evidence file", "it holds files, no memory"),
    (b"MDMP", "a minidump of a Windows process", "a dump of the whole system is needed"),
    (b"hibr", HIBERNATION, HIBERNATION_ADVICE),
    (b"HIBR", HIBERNATION, HIBERNATION_ADVICE),
    (b"wake", HIBERNATION, HIBERNATION_ADVICE),
    (b"WAKE", HIBERNATION, HIBERNATION_ADVICE),
    (b"QFI\xfb", "a qcow2 disk image", DISK),
    (b"KDMV", "a VMDK disk image", DISK),
    (b"# Disk DescriptorFile", "a VMDK descriptor", DISK),
    (b"vhdxfile", "a VHDX disk image", DISK),
    (b"<<< ", "a VirtualBox disk image", DISK),
    (
        b"\x7fVirtualBox SavedState",
        "a saved state of VirtualBox",
        "vboxmanage debugvm dumpvmcore writes memory",
    ),
    (b"QEVM", "a migration stream of QEMU", STREAM),
    (b"LibvirtQemudSave", "a saved guest of libvirt", STREAM),
    (b"DISKDUMP", "a dump of the diskdump of before 2006", "kdump's format is read"),
];

const UNPACK: &str = "unpack it first";
const DISK: &str = "it holds a disk; memory is in the machine's snapshot or state file";
const STREAM: &str = "QEMU's dump-guest-memory, or virsh dump --memory-only, writes memory";
const HIBERNATION: &str = "a hibernation file of Windows";
const HIBERNATION_ADVICE: &str = "it has to be turned into raw memory first";

/// The error for a file that is something else; nothing where it may be raw memory.
pub(super) fn recognise(start: &[u8]) -> Option<Error> {
    if let Some((_, found, advice)) = MAGICS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return Some(Error::Foreign { found: (*found).to_owned(), advice });
    }
    // Memory begins with anything; a text or a program has to look like one by more than a letter.
    let text = !start.iter().take(512).any(|byte| *byte == 0);
    if text && start.trim_ascii_start().starts_with(b"{") {
        return Some(Error::Foreign {
            found: "a JSON text".to_owned(),
            advice: "a profile is given with --profile",
        });
    }
    let kind = Foreign::of(start)?;
    let certain = match kind {
        Foreign::Pe => {
            let at = Fields::little(start).u32(0x3c)? as usize;
            Fields::little(start).bytes(at, 4) == Some(b"PE\0\0")
        }
        Foreign::Markup | Foreign::SymbolMap | Foreign::Vtypes => text,
        _ => true,
    };
    certain.then(|| Error::Foreign { found: kind.to_string(), advice: kind.advice() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named_and_memory_is_not() {
        let mut program = vec![0; 256];
        program[..2].copy_from_slice(b"MZ");
        assert!(recognise(&program).is_none(), "a page that begins with MZ");
        program[0x3c] = 128;
        program[128..132].copy_from_slice(b"PE\0\0");
        for (start, found) in [
            (&b"\x1f\x8b\x08\0"[..], "a gzip file"),
            (b"QFI\xfb\0\0\0\x03", "a qcow2 disk image"),
            (b"{\"$METADATA\": {}}", "a JSON text"),
            (b"<!DOCTYPE html>", "an HTML or XML page"),
            (b"Microsoft C/C++ MSF 7.00\r\n", "a PDB"),
            (&program, "a Windows executable"),
        ] {
            let error = recognise(start).map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(&format!("found {found}: ")), "{error}");
        }
        for memory in [&[0; 64][..], b"\x53\xff\x00\xf0\x53\xff\x00\xf0", b"{\0", b"<\0\0", b"\xf3\xfa"] {
            assert!(recognise(memory).is_none(), "{memory:02x?}");
        }
    }
}
