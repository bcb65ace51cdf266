//! What a table shows about the processor, which a blob does not name.

use profile::Arch;

use crate::kind::BtfKind;
use crate::table::Table;

/// The integers with the size of a pointer, in Linux's data models.
const POINTER_SIZED: [&[u8]; 4] = [b"long unsigned int", b"unsigned long", b"long int", b"long"];

/// The size of a pointer in bytes: that of `unsigned long` or `long`. `None` if the table has neither.
pub(crate) fn pointer_size(table: &Table<'_>) -> Option<u8> {
    let integers =
        (1..=table.len()).filter_map(|id| table.view(id)).filter(|view| view.kind() == BtfKind::Int);
    let sizes = integers.filter(|view| POINTER_SIZED.contains(&view.name())).map(|view| view.record.size());
    sizes.filter_map(|size| u8::try_from(size).ok()).find(|size| matches!(size, 4 | 8))
}

/// The architecture according to the registers of an interrupted program (`struct pt_regs`).
pub(crate) fn arch(table: &Table<'_>, pointer: u8) -> Option<Arch> {
    let mut registers = Vec::new();
    for id in 1..=table.len() {
        let Some(view) = table.view(id) else { continue };
        if view.kind() == BtfKind::Struct && matches!(view.name(), b"pt_regs" | b"user_pt_regs") {
            add_members(table, id, 0, &mut registers);
        }
    }
    let has = |name: &[u8]| registers.contains(&name);
    let wide = pointer == 8;
    let by_width = |wide_one, narrow_one| Some(if wide { wide_one } else { narrow_one });
    if has(b"r15") && (has(b"ip") || has(b"rip")) && has(b"r14") && wide {
        Some(Arch::Amd64)
    } else if (has(b"bx") || has(b"ebx")) && !wide {
        Some(Arch::I386)
    } else if has(b"pstate") {
        Some(Arch::Arm64)
    } else if has(b"uregs") {
        Some(Arch::Arm)
    } else if has(b"cp0_status") {
        by_width(Arch::Mips64, Arch::Mips)
    } else if has(b"nip") {
        by_width(Arch::Ppc64, Arch::Ppc)
    } else if has(b"psw") {
        Some(Arch::S390x)
    } else if has(b"epc") {
        by_width(Arch::Riscv64, Arch::Riscv32)
    } else {
        None
    }
}

/// How many members are read, and how deep unnamed structs are opened.
const MAX_MEMBERS: usize = 512;
const MAX_DEPTH: usize = 4;

/// Adds the names of a struct's members, including those of its unnamed members.
fn add_members<'a>(table: &Table<'a>, id: u32, depth: usize, names: &mut Vec<&'a [u8]>) {
    let Some(view) = table.view(id).filter(|view| matches!(view.kind(), BtfKind::Struct | BtfKind::Union))
    else {
        return;
    };
    for member in view.members() {
        if names.len() >= MAX_MEMBERS {
            return;
        }
        names.push(member.name);
        if member.name.is_empty() && depth < MAX_DEPTH {
            add_members(table, member.ty, depth + 1, names);
        }
    }
}

/// The architecture of a table without evidence: the most common one with its byte order and width.
pub(crate) fn usual(big_endian: bool, pointer: u8) -> Arch {
    match (big_endian, pointer) {
        (false, 4) => Arch::I386,
        (false, _) => Arch::Amd64,
        (true, 4) => Arch::Ppc,
        (true, _) => Arch::S390x,
    }
}
