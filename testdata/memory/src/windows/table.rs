//! Images of real builds: a kernel of which only a table is at hand, of the structs and symbols of its PDB.
//!
//! The kernel's own bytes are made here: headers, the record that names the PDB, a table of exports, and the variables that
//! readers look at, each where the table says. Everything else in it is zero.

use serde_json::Value;

use super::case::{Case, Plan, SHARED_X64, SHARED_X86};
use super::setup::{LARGE, Setup};
use crate::executable::{Mapped, Section};
use crate::layout::Layout;
use crate::memory::PAGE;
use crate::paging::Mode;

/// A real kernel's structs and symbols.
pub struct Table {
    content: Value,
    /// The record that names its PDB: `RSDS`, GUID, age, name.
    record: Vec<u8>,
    pdb: String,
    machine: u16,
}

/// What the table does not say.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The image's name in its truth.
    pub name: String,
    /// The number that `NtBuildLab` begins with.
    pub lab: u32,
    /// The number in `NtBuildNumber`: another one if an enablement package is installed.
    pub build: u32,
    /// Page-table isolation: processes have two sets of tables, and the first one's register carries a PCID.
    pub isolated: bool,
    /// Page tables of five levels, with pools where four levels do not reach.
    pub five_levels: bool,
}

/// What kernels export of what documents name. Few are enough to recognise a kernel.
const EXPORTED: [&str; 60] = [
    "CcInitializeCacheMap",
    "CmRegisterCallback",
    "DbgPrint",
    "ExAcquireFastMutex",
    "ExAllocatePoolWithTag",
    "ExFreePoolWithTag",
    "ExInitializeResourceLite",
    "ExQueueWorkItem",
    "ExReleaseFastMutex",
    "FsRtlIsNameInExpression",
    "IoAllocateIrp",
    "IoAllocateMdl",
    "IoAttachDevice",
    "IoBuildDeviceIoControlRequest",
    "IoCreateDevice",
    "IoCreateSymbolicLink",
    "IoDeleteDevice",
    "IoDeleteSymbolicLink",
    "IoFreeIrp",
    "IoGetCurrentProcess",
    "IofCallDriver",
    "IofCompleteRequest",
    "KeBugCheckEx",
    "KeClearEvent",
    "KeDelayExecutionThread",
    "KeInitializeDpc",
    "KeInitializeEvent",
    "KeInitializeMutex",
    "KeInsertQueueDpc",
    "KeSetEvent",
    "KeWaitForSingleObject",
    "MmBuildMdlForNonPagedPool",
    "MmGetPhysicalAddress",
    "MmGetSystemRoutineAddress",
    "MmHighestUserAddress",
    "MmIsAddressValid",
    "MmMapIoSpace",
    "MmMapLockedPagesSpecifyCache",
    "MmProbeAndLockPages",
    "MmSystemRangeStart",
    "MmUnlockPages",
    "MmUserProbeAddress",
    "NtBuildNumber",
    "NtClose",
    "ObOpenObjectByPointer",
    "ObReferenceObjectByHandle",
    "ObfDereferenceObject",
    "PsCreateSystemThread",
    "PsGetCurrentProcessId",
    "PsInitialSystemProcess",
    "PsLookupProcessByProcessId",
    "PsSetCreateProcessNotifyRoutine",
    "RtlAnsiStringToUnicodeString",
    "RtlCompareUnicodeString",
    "RtlCopyUnicodeString",
    "RtlInitUnicodeString",
    "SeAccessCheck",
    "ZwClose",
    "ZwCreateFile",
    "ZwQuerySystemInformation",
];

/// Where the record and the directory that leads to it lie, from the base.
const DEBUG_DIRECTORY: u32 = 0x1040;
const RECORD: u32 = 0x1080;

impl Table {
    /// Reads a Volatility 3 table (ISF) of a Windows kernel, unpacked.
    pub fn of_isf(text: &[u8]) -> Self {
        let content: Value = serde_json::from_slice(text).expect("JSON");
        let pdb = &content["metadata"]["windows"]["pdb"];
        let guid = pdb["GUID"].as_str().expect("a GUID");
        let byte = |at: usize| u8::from_str_radix(&guid[2 * at..2 * at + 2], 16).expect("hexadecimal digits");
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        let age = pdb["age"].as_u64().expect("an age") as u32;
        let name = pdb["database"].as_str().expect("a name").to_owned();
        let mut record = b"RSDS".to_vec();
        record.extend(order.map(byte));
        record.extend(age.to_le_bytes());
        record.extend(name.as_bytes());
        record.push(0);
        let machine = pdb["machine_type"].as_u64().expect("a machine") as u16;
        Self { content, record, pdb: name, machine }
    }

    /// The name of its PDB.
    pub fn pdb(&self) -> &str {
        &self.pdb
    }

    pub(super) fn setup(&self, variant: &Variant) -> Setup {
        let layout = Layout::of_isf(&self.content, variant.lab);
        let length = (layout.last_symbol() + 0x1000).next_multiple_of(PAGE) + 4 * PAGE;
        let plan = plan(&layout, variant, length);
        let kernel = self.kernel(&layout, &plan, variant, length as usize);
        // As many drivers as the architecture has of ours, in name only as well.
        let files = if layout.pointer == 8 { Case::Win10X64 } else { Case::Win7X86Pae }.files();
        let end = (plan.physical + length).next_multiple_of(LARGE) + 0x80_0000;
        let masked = mask(&layout, variant).is_some();
        let session = match plan.mode {
            // An entry of the topmost table that processes without a session do not have.
            Mode::X64 if variant.lab < 9200 => Some(0xffff_f960_0000_0000),
            Mode::X64 => Some(0xffff_bf00_0000_0000),
            Mode::X64Level5 => Some(0xff20_0000_0000_0000),
            _ => None,
        };
        Setup {
            name: variant.name.clone(),
            plan,
            layout,
            kernel,
            hal: files.hal,
            tcpip: files.tcpip,
            ranges: vec![0x1000..0x9_f000, 0x10_0000..end],
            torn: false,
            isolated: variant.isolated,
            hidden: if masked { HIDDEN } else { 0 },
            session,
        }
    }

    /// The kernel's image as its loader left it.
    fn kernel(&self, layout: &Layout, plan: &Plan, variant: &Variant, length: usize) -> Mapped {
        let wide = layout.pointer == 8;
        let mut bytes = vec![0; length];
        let exports = length as u32 - 4 * PAGE as u32;
        let mut put = |at: u64, content: &[u8]| {
            bytes[at as usize..at as usize + content.len()].copy_from_slice(content);
        };
        // DOS header, PE header, optional header, sections (PE format).
        put(0, b"MZ\x90");
        put(0x3c, &0xf8_u32.to_le_bytes());
        put(0xf8, b"PE\0\0");
        put(0xfc, &self.machine.to_le_bytes());
        let sections = [".text", "PAGE", "INITKDBG", "MISYSPTE", ".data", ".edata"];
        put(0xfe, &(sections.len() as u16).to_le_bytes());
        put(0x100, &0x5f00_0000_u32.to_le_bytes());
        let optional = 0x110_u64;
        let directories = optional + if wide { 112 } else { 96 };
        put(0x10c, &((directories + 128 - optional) as u16).to_le_bytes());
        put(0x10e, &0x22_u16.to_le_bytes());
        put(optional, &(if wide { 0x20b_u16 } else { 0x10b }).to_le_bytes());
        put(optional + 16, &0x1000_u32.to_le_bytes());
        let width = layout.pointer;
        put(optional + if wide { 24 } else { 28 }, &plan.kernel.to_le_bytes()[..width]);
        put(optional + 32, &0x1000_u32.to_le_bytes());
        put(optional + 36, &0x200_u32.to_le_bytes());
        put(optional + 56, &(length as u32).to_le_bytes());
        put(optional + 60, &0x400_u32.to_le_bytes());
        put(optional + 68, &1_u16.to_le_bytes());
        put(directories - 4, &16_u32.to_le_bytes());
        put(directories, &exports.to_le_bytes());
        put(directories + 4, &(2 * PAGE as u32).to_le_bytes());
        put(directories + 6 * 8, &DEBUG_DIRECTORY.to_le_bytes());
        put(directories + 6 * 8 + 4, &28_u32.to_le_bytes());
        for (index, name) in sections.iter().enumerate() {
            let header = directories + 128 + index as u64 * 40;
            let start = 0x1000 * (index as u32 + 1);
            let size = if index + 1 == sections.len() { length as u32 - start } else { 0x1000 };
            put(header, name.as_bytes());
            for (at, value) in [(8, size), (12, start), (16, size), (20, start), (36, 0x6000_0020)] {
                put(header + at, &value.to_le_bytes());
            }
        }
        // The debug directory: CodeView, its length, its RVA, its offset.
        let record = self.record.len() as u32;
        for (at, value) in [(12, 2), (16, record), (20, RECORD), (24, RECORD)] {
            put(u64::from(DEBUG_DIRECTORY) + at, &value.to_le_bytes());
        }
        put(u64::from(RECORD), &self.record);
        put_exports(layout, exports, &mut put);

        // What the kernel's own code has written.
        let lab = format!("{}.1.{}fre.synthetic\0", variant.lab, if wide { "amd64" } else { "x86" });
        put(layout.symbol("NtBuildLab"), lab.as_bytes());
        put(layout.symbol("NtBuildNumber"), &(0xf000_0000 | variant.build).to_le_bytes());
        if let Some(lists) = layout.symbol_if_any("ExpFreeListCount") {
            put(lists, &2_u32.to_le_bytes());
        }
        if let Some(mask) = mask(layout, variant) {
            put(mask, &HIDDEN.to_le_bytes());
        }
        let sections: Vec<Section> = Vec::new();
        Mapped { bytes, sections, entry: 0x1000, debug: (RECORD, self.record.clone()) }
    }
}

/// What frames of invalid entries are hidden with: one bit above all physical memory.
const HIDDEN: u64 = 0x2000_0000_0000;

/// Where the kernel keeps that mask, which it has since 1803.
fn mask(layout: &Layout, variant: &Variant) -> Option<u64> {
    let hardware = layout.offset_if_any("_MI_SYSTEM_INFORMATION.Hardware")?;
    let mask = layout.offset_if_any("_MI_HARDWARE_STATE.InvalidPteMask")?;
    let state = layout.symbol_if_any("MiState")?;
    (variant.lab >= 17134).then_some(state + hardware + mask)
}

/// The directory of exports at an RVA, with what the kernel has of [`EXPORTED`], in the order of their names.
fn put_exports(layout: &Layout, at: u32, put: &mut impl FnMut(u64, &[u8])) {
    let found: Vec<(&str, u64)> =
        EXPORTED.iter().filter_map(|name| Some((*name, layout.symbol_if_any(name)?))).collect();
    let count = found.len() as u32;
    let (functions, names) = (at + 40, at + 40 + 4 * count);
    let ordinals = names + 4 * count;
    let mut text = ordinals + 2 * count;
    let module = text;
    put(module.into(), b"ntoskrnl.exe\0");
    text += 13;
    for (index, (name, rva)) in found.iter().enumerate() {
        let index = index as u32;
        put((functions + 4 * index).into(), &(*rva as u32).to_le_bytes());
        put((names + 4 * index).into(), &text.to_le_bytes());
        put((ordinals + 2 * index).into(), &(index as u16).to_le_bytes());
        put(text.into(), name.as_bytes());
        text += name.len() as u32 + 1;
    }
    let fields =
        [(12, module), (16, 1), (20, count), (24, count), (28, functions), (32, names), (36, ordinals)];
    for (field, value) in fields {
        put((at + field).into(), &value.to_le_bytes());
    }
    assert!(text < at + 2 * PAGE as u32, "the exports take two pages at most");
}

/// Where this build has things.
fn plan(layout: &Layout, variant: &Variant, length: u64) -> Plan {
    let new = variant.lab >= 9200;
    let version = match variant.lab {
        ..=2600 => (5, 1),
        2601..=3790 => (5, 2),
        3791..=6003 => (6, 0),
        6004..=7602 => (6, 1),
        7603..=9200 => (6, 2),
        9201..=9600 => (6, 3),
        _ => (10, 0),
    };
    let time = 132_537_600_000_000_000;
    if layout.pointer == 4 {
        let kernel = if new { 0x8180_0000 } else { 0x8264_6000 };
        return Plan {
            mode: Mode::Pae,
            kernel,
            physical: 0x40_0000 + kernel % LARGE,
            large: new,
            top: 0x18_5000,
            own_index: 0,
            hal: 0x8340_0000,
            drivers: 0x8b00_0000,
            pool: 0x8620_0000,
            paged_pool: 0x9600_0000,
            shared: SHARED_X86,
            peb: 0x7ffd_f000,
            program: 0x40_0000,
            version: (version.0, version.1, variant.build),
            time,
            highest: 0x7ffe_ffff,
        };
    }
    // Until 1709, kernels began in the middle of a large page.
    let kernel = match variant.lab {
        ..=9199 => 0xffff_f800_02a4_b000,
        9200..=16299 => 0xffff_f803_5608_d000,
        _ => 0xffff_f803_5600_0000,
    };
    let hal = (kernel + length + 0x40_0000).next_multiple_of(LARGE);
    Plan {
        mode: if variant.five_levels { Mode::X64Level5 } else { Mode::X64 },
        kernel,
        physical: 0x40_0000 + kernel % LARGE,
        large: new,
        top: 0x1a_d000,
        own_index: if new { 0x19b } else { 0x1ed },
        hal,
        drivers: if new { 0xffff_f803_5920_0000 } else { 0xffff_f880_00e0_0000 },
        pool: match variant.five_levels {
            true => 0xff1a_0c4f_2020_0000,
            false if new => 0xffff_9a0c_4f20_0000,
            false => 0xffff_fa80_00c0_0000,
        },
        paged_pool: if new { 0xffff_b180_6a00_0000 } else { 0xffff_f8a0_0000_0000 },
        shared: SHARED_X64,
        peb: if new { 0x51_a7f2_4000 } else { 0x7ff_fffd_7000 },
        program: 0x7ff6_a1d0_0000,
        version: (version.0, version.1, variant.build),
        time,
        highest: if new { 0x7fff_fffe_ffff } else { 0x7ff_fffe_ffff },
    }
}
