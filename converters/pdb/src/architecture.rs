//! The processor architecture of a PDB.

use goblin::pe::header::*;
use profile::Arch;

use crate::Error;
use crate::codeview::*;
use crate::leaf::Leaf;
use crate::symbols::Symbols;
use crate::type_stream::TypeStream;

/// Machine numbers that `goblin` has no names for (`winnt.h`, `IMAGE_FILE_MACHINE_*`).
const COFF_MACHINE_ARM64EC: u16 = 0xa641;
const COFF_MACHINE_ARM64X: u16 = 0xa64e;
const COFF_MACHINE_R3000: u16 = 0x0162;
const COFF_MACHINE_R10000: u16 = 0x0168;

/// The architecture of a COFF machine number, if Windows runs on it.
pub(crate) fn of_machine(machine: u16) -> Option<Arch> {
    Some(match machine {
        COFF_MACHINE_X86 => Arch::I386,
        COFF_MACHINE_X86_64 => Arch::Amd64,
        COFF_MACHINE_ARM | COFF_MACHINE_THUMB | COFF_MACHINE_ARMNT => Arch::Arm,
        COFF_MACHINE_ARM64 | COFF_MACHINE_ARM64EC | COFF_MACHINE_ARM64X => Arch::Arm64,
        COFF_MACHINE_R3000 | COFF_MACHINE_R4000 | COFF_MACHINE_R10000 | COFF_MACHINE_WCEMIPSV2 => Arch::Mips,
        COFF_MACHINE_MIPS16 | COFF_MACHINE_MIPSFPU | COFF_MACHINE_MIPSFPU16 => Arch::Mips,
        COFF_MACHINE_POWERPC | COFF_MACHINE_POWERPCFP => Arch::Ppc,
        COFF_MACHINE_RISCV32 => Arch::Riscv32,
        COFF_MACHINE_RISCV64 => Arch::Riscv64,
        _ => return None,
    })
}

/// The architecture of the processor in a compile record (`CV_CPU_TYPE_e`).
fn of_processor(processor: u16) -> Option<Arch> {
    Some(match processor {
        CV_CFL_8080..=CV_CFL_PENTIUMIII => Arch::I386,
        CV_CFL_MIPS..=CV_CFL_MIPS32 | CV_CFL_MIPSI..=CV_CFL_MIPSV => Arch::Mips,
        CV_CFL_MIPS64 => Arch::Mips64,
        CV_CFL_PPC601..=CV_CFL_PPCBE => Arch::Ppc,
        CV_CFL_ARM3..=CV_CFL_ARM7 | CV_CFL_THUMB | CV_CFL_ARMNT => Arch::Arm,
        CV_CFL_ARM64_FIRST | CV_CFL_ARM64 => Arch::Arm64,
        CV_CFL_X64 => Arch::Amd64,
        _ => return None,
    })
}

/// The architecture that the file states, and where: in the machine field, otherwise in the modules' compile records.
pub(crate) fn stated(machine: u16, symbols: &Symbols) -> Option<(Arch, String)> {
    of_machine(machine).map(|arch| (arch, format!("machine field {machine:#06x}"))).or_else(|| {
        let processor = symbols.processor?;
        Some((of_processor(processor)?, format!("processor {processor:#04x} in its compile records")))
    })
}

/// Decides the architecture where the file does not state it: by the width of the pointers that types use, then by the
/// symbols' decorations.
pub(crate) fn guess(machine: u16, symbols: &Symbols, types: Option<&TypeStream<'_>>) -> Result<Arch, Error> {
    match (by_pointers(types), symbols.x86_decoration) {
        (Some(Arch::I386), _) | (_, true) => Ok(Arch::I386),
        (Some(arch), false) => Ok(arch),
        (None, false) => Err(Error::Architecture { machine }),
    }
}

/// The architecture by the width of most pointers that types use. A 64-bit system uses a few narrow pointers, and a 32-bit
/// system may use wide ones (WOW64).
pub(crate) fn by_pointers(types: Option<&TypeStream<'_>>) -> Option<Arch> {
    let types = types?;
    let (mut narrow, mut wide) = (0usize, 0usize);
    for record in (0..types.len()).filter_map(|position| types.at(position)) {
        match record.parse() {
            Ok(Leaf::Pointer(pointer)) => match pointer.width() {
                Some(4) => narrow += 1,
                Some(_) => wide += 1,
                None => {}
            },
            Ok(Leaf::Modifier(index)) if index < CV_FIRST_NONPRIM => match index >> 8 {
                4 => narrow += 1,
                6 => wide += 1,
                _ => {}
            },
            _ => {}
        }
    }
    match narrow.cmp(&wide) {
        std::cmp::Ordering::Greater => Some(Arch::I386),
        std::cmp::Ordering::Less => Some(Arch::Amd64),
        std::cmp::Ordering::Equal => None,
    }
}
