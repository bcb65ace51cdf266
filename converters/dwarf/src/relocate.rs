//! Relocations of files that are not linked yet, such as modules.
//!
//! A linked kernel may contain its relocations; they have been applied already and must not be applied again.
//!
//! The work is one step for each relocation. The container bounds their number: sections together describe at most
//! twice the bytes of the file.

use object::elf;
use object::{
    Object, ObjectSection, ObjectSymbol, Relocation, RelocationFlags, RelocationKind, RelocationTarget,
};
use profile::Report;

/// Applies the relocations of `section` to a copy of its bytes. Relocations of unknown kinds are counted.
pub(crate) fn apply<'a>(
    file: &object::File<'a>,
    section: &object::Section<'a, '_>,
    bytes: &mut [u8],
    report: &mut Report,
) {
    let name = || section.name().unwrap_or_default().to_owned();
    for (offset, relocation) in section.relocations() {
        let Some(value) = target(file, &relocation) else { continue };
        let applied = usize::try_from(offset).ok().and_then(|at| {
            let rest = bytes.get_mut(at..)?;
            patch(file, rest, &relocation, value)
        });
        if applied.is_none() {
            report.lose("relocations that could not be applied", || format!("{} offset {offset:#x}", name()));
        }
    }
}

/// The address a relocation refers to, its explicit addend included.
fn target(file: &object::File<'_>, relocation: &Relocation) -> Option<u64> {
    let base = match relocation.target() {
        RelocationTarget::Symbol(index) => file.symbol_by_index(index).ok()?.address(),
        RelocationTarget::Section(index) => file.section_by_index(index).ok()?.address(),
        RelocationTarget::Absolute => 0,
        _ => return None,
    };
    Some(base.wrapping_add(relocation.addend() as u64))
}

fn patch(file: &object::File<'_>, rest: &mut [u8], relocation: &Relocation, value: u64) -> Option<()> {
    let little = file.is_little_endian();
    match relocation.kind() {
        RelocationKind::Absolute => {
            let size = usize::from(relocation.size() / 8);
            let place = rest.get_mut(..size)?;
            let there = if relocation.has_implicit_addend() { load(place, little) } else { 0 };
            store(place, value.wrapping_add(there), little);
            Some(())
        }
        _ => match relocation.flags() {
            RelocationFlags::Elf { r_type } if is_riscv(file) => riscv(rest, r_type, value),
            // The offset of a thread-local variable, which is not an address.
            RelocationFlags::Elf { r_type } => is_harmless(file, r_type).then_some(()),
            _ => None,
        },
    }
}

fn is_riscv(file: &object::File<'_>) -> bool {
    matches!(file.architecture(), object::Architecture::Riscv32 | object::Architecture::Riscv64)
}

/// Whether a relocation affects only bytes that types and addresses do not use.
fn is_harmless(file: &object::File<'_>, r_type: elf::RelocationType) -> bool {
    match file.architecture() {
        object::Architecture::X86_64 => {
            matches!(r_type, elf::R_X86_64_NONE | elf::R_X86_64_DTPOFF64 | elf::R_X86_64_DTPOFF32)
        }
        _ => r_type == elf::RelocationType(0),
    }
}

/// RISC-V writes lengths as two relocations that are added up, so that the linker can shorten code.
fn riscv(rest: &mut [u8], r_type: elf::RelocationType, value: u64) -> Option<()> {
    let (size, negative, keep) = match r_type {
        elf::R_RISCV_NONE => return Some(()),
        elf::R_RISCV_ADD8 => (1, false, true),
        elf::R_RISCV_ADD16 => (2, false, true),
        elf::R_RISCV_ADD32 => (4, false, true),
        elf::R_RISCV_ADD64 => (8, false, true),
        elf::R_RISCV_SUB8 => (1, true, true),
        elf::R_RISCV_SUB16 => (2, true, true),
        elf::R_RISCV_SUB32 => (4, true, true),
        elf::R_RISCV_SUB64 => (8, true, true),
        elf::R_RISCV_SET8 => (1, false, false),
        elf::R_RISCV_SET16 => (2, false, false),
        elf::R_RISCV_SET32 => (4, false, false),
        _ => return None,
    };
    let place = rest.get_mut(..size)?;
    let there = if keep { load(place, true) } else { 0 };
    let sum = if negative { there.wrapping_sub(value) } else { there.wrapping_add(value) };
    store(place, sum, true);
    Some(())
}

fn load(place: &[u8], little: bool) -> u64 {
    let byte = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if little { place.iter().rev().fold(0, byte) } else { place.iter().fold(0, byte) }
}

fn store(place: &mut [u8], value: u64, little: bool) {
    let bytes = value.to_le_bytes();
    let count = place.len();
    for (index, byte) in place.iter_mut().enumerate() {
        let from = if little { index } else { count - 1 - index };
        *byte = bytes.get(from).copied().unwrap_or(0);
    }
}
