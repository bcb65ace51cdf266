//! The processor architecture of a PDB.

use profile::Arch;

use crate::Error;
use crate::leaf::Leaf;
use crate::primitive::FIRST_RECORD;
use crate::symbols::Symbols;
use crate::type_stream::TypeStream;

/// The architecture of a COFF machine number, if Windows runs on it.
pub(crate) fn of_machine(machine: u16) -> Option<Arch> {
    Some(match machine {
        0x014c => Arch::I386,
        0x8664 => Arch::Amd64,
        // ARM, Thumb, ARMNT
        0x01c0 | 0x01c2 | 0x01c4 => Arch::Arm,
        // ARM64, ARM64EC, ARM64X
        0xaa64 | 0xa641 | 0xa64e => Arch::Arm64,
        0x0162 | 0x0166 | 0x0168 | 0x0169 | 0x0266 | 0x0366 | 0x0466 => Arch::Mips,
        0x01f0 | 0x01f1 => Arch::Ppc,
        0x5032 => Arch::Riscv32,
        0x5064 => Arch::Riscv64,
        _ => return None,
    })
}

/// The architecture of the processor in a compile record (`CV_CPU_TYPE_e`).
fn of_processor(processor: u16) -> Option<Arch> {
    Some(match processor {
        0x00..=0x07 => Arch::I386,
        0x10..=0x12 | 0x14..=0x18 => Arch::Mips,
        0x13 => Arch::Mips64,
        0x40..=0x45 => Arch::Ppc,
        0x60..=0x68 | 0xf0 | 0xf4 => Arch::Arm,
        0x69 | 0xf6 => Arch::Arm64,
        0xd0 => Arch::Amd64,
        _ => return None,
    })
}

/// Decides the architecture where the machine field does not: by the modules' compile records, then by the width of
/// the pointers that types use, then by the symbols' decorations.
pub(crate) fn guess(machine: u16, symbols: &Symbols, types: Option<&TypeStream<'_>>) -> Result<Arch, Error> {
    if let Some(arch) = symbols.processor.and_then(of_processor) {
        return Ok(arch);
    }
    let (mut narrow, mut wide) = (0usize, 0usize);
    if let Some(types) = types {
        for record in (0..types.len()).filter_map(|position| types.at(position)) {
            match record.parse() {
                Ok(Leaf::Pointer(pointer)) => match pointer.width() {
                    Some(4) => narrow += 1,
                    Some(_) => wide += 1,
                    None => {}
                },
                Ok(Leaf::Modifier(index)) if index < FIRST_RECORD => match index >> 8 {
                    4 => narrow += 1,
                    6 => wide += 1,
                    _ => {}
                },
                _ => {}
            }
        }
    }
    match (narrow.cmp(&wide), symbols.x86_decoration) {
        // A 64-bit system uses a few narrow pointers, and a 32-bit system may use wide ones (WOW64).
        (std::cmp::Ordering::Greater, _) | (_, true) => Ok(Arch::I386),
        (std::cmp::Ordering::Less, false) => Ok(Arch::Amd64),
        (std::cmp::Ordering::Equal, false) => Err(Error::Architecture { machine }),
    }
}
