//! The notes of ELF cores (System V ABI, "Note section") about a machine.

use object::Endianness;
use object::read::elf::{FileHeader, NoteIterator};

use crate::fields::Fields;
use crate::hints::{Cpu, Hints};
use crate::{PhysicalAddress, VirtualAddress};

/// Reads all notes of one segment up to the first damaged one. Sizes are rounded up to four bytes, even in 64-bit
/// files, as in every writer of cores.
pub(crate) fn read<Elf: FileHeader<Endian = Endianness>>(
    content: &[u8],
    endian: Endianness,
    hints: &mut Hints,
) {
    let Ok(notes) = NoteIterator::<Elf>::new(endian, Elf::Word::default(), content) else { return };
    for note in notes.map_while(Result::ok) {
        match (note.name(), note.n_type(endian).0) {
            (b"QEMU", _) => cpu(hints, qemu(note.desc())),
            (b"VBCPU", VIRTUALBOX_CPU) => cpu(hints, virtualbox(note.desc())),
            (b"VMCOREINFO", _) => vmcoreinfo(hints, note.desc()),
            _ => {}
        }
    }
}

/// Keeps the text a Linux kernel left, to its first zero byte.
pub(crate) fn vmcoreinfo(hints: &mut Hints, body: &[u8]) {
    let end = memchr::memchr(0, body).unwrap_or(body.len());
    let text = String::from_utf8_lossy(body.get(..end).unwrap_or_default());
    if text.starts_with("OSRELEASE=") && hints.vmcoreinfo.is_none() {
        hints.vmcoreinfo = Some(text.into_owned());
    }
}

fn cpu(hints: &mut Hints, cpu: Option<Cpu>) {
    let Some(cpu) = cpu else { return };
    if hints.dtb.is_none() && cpu.cr3 != 0 {
        hints.dtb = Some(PhysicalAddress(cpu.cr3 & 0x000f_ffff_ffff_f000));
    }
    hints.cpus.push(cpu);
}

/// `QEMUCPUState` (QEMU, `target/i386/arch_dump.c`), version 1: 18 registers of eight bytes, ten segments of 24, the
/// control registers.
fn qemu(body: &[u8]) -> Option<Cpu> {
    let fields = Fields::little(body);
    let control = 8 + 18 * 8 + 10 * 24;
    if fields.u32(0)? != 1 {
        return None;
    }
    Some(Cpu {
        instruction: VirtualAddress(fields.u64(8 + 16 * 8)?),
        cr0: fields.u64(control)?,
        cr3: fields.u64(control + 3 * 8)?,
        cr4: fields.u64(control + 4 * 8)?,
    })
}

/// `NT_VBOXCPU`. Its name differs from that of the preceding note, `VBCORE` (VirtualBox, `DBGFCoreWrite.cpp`).
const VIRTUALBOX_CPU: u32 = 0xb01;

/// `DBGFCORECPU` (VirtualBox, `include/VBox/vmm/dbgfcorefmt.h`): 18 registers, six segments of 24 bytes, CR0, CR2,
/// CR3, CR4.
fn virtualbox(body: &[u8]) -> Option<Cpu> {
    let fields = Fields::little(body);
    let control = 18 * 8 + 6 * 24;
    Some(Cpu {
        instruction: VirtualAddress(fields.u64(14 * 8)?),
        cr0: fields.u64(control)?,
        cr3: fields.u64(control + 2 * 8)?,
        cr4: fields.u64(control + 3 * 8)?,
    })
}
