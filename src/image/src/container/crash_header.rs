//! The headers of Windows crash dumps (`DUMP_HEADER32` and `DUMP_HEADER64` in the debugger's headers), and those that
//! follow them in dumps with a bitmap and in live dumps.

use profile::Arch;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::hints::CrashDump;
use crate::{PhysicalAddress, VirtualAddress};

pub(crate) const MAGIC_32: &[u8] = b"PAGEDUMP";
pub(crate) const MAGIC_64: &[u8] = b"PAGEDU64";
/// What the header of a dump with a bitmap begins with.
pub(super) const SUMMARY_MAGICS: [&[u8; 8]; 2] = [b"SDMPDUMP", b"FDMPDUMP"];
/// What the list of a live dump begins with, four bytes behind the header.
pub(super) const LIVE_MAGIC: &[u8; 8] = b"RDMPDUMP";

pub(super) const PAGE: u64 = 4096;
/// What fields without content are filled with.
pub(super) const FILLER: u32 = u32::from_le_bytes(*b"PAGE");

/// `DumpType`.
pub(super) const COMPLETE: u32 = 1;
pub(super) const SUMMARY: u32 = 2;
pub(super) const TRIAGE: u32 = 4;
pub(super) const BITMAP_COMPLETE: u32 = 5;
pub(super) const BITMAP_KERNEL: u32 = 6;
pub(super) const AUTOMATIC: u32 = 7;
pub(super) const LIVE_KERNEL: u32 = 8;
pub(super) const LIVE_KERNEL_AND_USER: u32 = 9;
pub(super) const LIVE_COMPLETE: u32 = 10;
/// The kinds whose pages a bitmap lists.
pub(super) const SUMMARIES: [u32; 4] = [SUMMARY, BITMAP_COMPLETE, BITMAP_KERNEL, AUTOMATIC];

/// The room for the list of runs, in bytes.
const MEMORY_BLOCK: usize = 700;
const MOST_RUNS_32: usize = (MEMORY_BLOCK - size_of::<MemoryBlock32>()) / size_of::<Run32>();
const MOST_RUNS_64: usize = (MEMORY_BLOCK - size_of::<MemoryBlock64>()) / size_of::<Run64>();

/// The start of `DUMP_HEADER64`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start64 {
    _signature: [u8; 8],
    major_version: U32,
    minor_version: U32,
    directory_table_base: U64,
    pfn_database: U64,
    ps_loaded_module_list: U64,
    ps_active_process_head: U64,
    machine_image_type: U32,
}

/// `DUMP_HEADER64`, up to the time of the dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header64 {
    start: Start64,
    number_processors: U32,
    bug_check_code: U32,
    _padding: [u8; 4],
    bug_check_parameters: [U64; 4],
    _version_user: [u8; 32],
    kd_debugger_data_block: U64,
    memory_block: MemoryBlock64,
    runs: [Run64; MOST_RUNS_64],
    _rest_of_memory_block:
        [u8; MEMORY_BLOCK - size_of::<MemoryBlock64>() - MOST_RUNS_64 * size_of::<Run64>()],
    _padding_behind: [u8; 4],
    _context: [u8; 3000],
    _exception: [u8; 152],
    dump_type: U32,
    _padding_before_space: [u8; 4],
    _required_dump_space: U64,
    system_time: U64,
}

/// The start of `DUMP_HEADER32`.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Start32 {
    _signature: [u8; 8],
    major_version: U32,
    minor_version: U32,
    directory_table_base: U32,
    pfn_database: U32,
    ps_loaded_module_list: U32,
    ps_active_process_head: U32,
    machine_image_type: U32,
}

/// `DUMP_HEADER32`, up to the time of the dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header32 {
    start: Start32,
    number_processors: U32,
    bug_check_code: U32,
    bug_check_parameters: [U32; 4],
    _version_user: [u8; 32],
    pae_enabled: u8,
    _spare: [u8; 3],
    kd_debugger_data_block: U32,
    memory_block: MemoryBlock32,
    runs: [Run32; MOST_RUNS_32],
    _rest_of_memory_block:
        [u8; MEMORY_BLOCK - size_of::<MemoryBlock32>() - MOST_RUNS_32 * size_of::<Run32>()],
    _context: [u8; 1200],
    _exception: [u8; 80],
    _comment: [u8; 128],
    _reserved: [u8; 1768],
    dump_type: U32,
    _mini_dump_fields: U32,
    _secondary_data_state: U32,
    _product_type: U32,
    _suite_mask: U32,
    _writer_status: U32,
    _required_dump_space: U64,
    _reserved_behind: [u8; 16],
    _system_up_time: U64,
    system_time: U64,
}

/// The start of `PHYSICAL_MEMORY_DESCRIPTOR` in a 64-bit dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct MemoryBlock64 {
    number_of_runs: U32,
    _padding: [u8; 4],
    number_of_pages: U64,
}

/// `PHYSICAL_MEMORY_RUN` in a 64-bit dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Run64 {
    base_page: U64,
    page_count: U64,
}

/// The start of `PHYSICAL_MEMORY_DESCRIPTOR` in a 32-bit dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct MemoryBlock32 {
    number_of_runs: U32,
    number_of_pages: U32,
}

/// `PHYSICAL_MEMORY_RUN` in a 32-bit dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Run32 {
    base_page: U32,
    page_count: U32,
}

// The places that the debugger's headers give these fields.
const _: () = {
    use std::mem::offset_of;

    assert!(offset_of!(Header64, bug_check_parameters) == 0x40);
    assert!(offset_of!(Header64, kd_debugger_data_block) == 0x80);
    assert!(offset_of!(Header64, memory_block) == 0x88);
    assert!(offset_of!(Header64, dump_type) == 0xf98);
    assert!(offset_of!(Header64, system_time) == 0xfa8);
    assert!(offset_of!(Header32, bug_check_parameters) == 0x2c);
    assert!(offset_of!(Header32, pae_enabled) == 0x5c);
    assert!(offset_of!(Header32, memory_block) == 0x64);
    assert!(offset_of!(Header32, dump_type) == 0xf88);
    assert!(offset_of!(Header32, system_time) == 0xfc0);
    assert!(size_of::<SummaryHeader>() == 56);
    assert!(size_of::<LiveHeader>() == 48);
};

/// A header, whatever its width.
pub(super) struct DumpHeader {
    /// The size of the whole header, in bytes.
    pub(super) size: u64,
    /// The place of `DumpType`.
    pub(super) dump_type_at: u64,
    pub(super) dump_type: u32,
    pub(super) machine: u16,
    pub(super) directory_table_base: PhysicalAddress,
    pub(super) facts: CrashDump,
    pub(super) memory: MemoryBlock,
}

/// The list of runs of memory (`PHYSICAL_MEMORY_DESCRIPTOR`).
pub(super) struct MemoryBlock {
    /// The place of the list.
    pub(super) at: u64,
    /// The place of the first run, and the size of one.
    pub(super) runs_at: u64,
    pub(super) run_size: u64,
    pub(super) number_of_runs: u32,
    pub(super) number_of_pages: u64,
    /// All runs that the header has room for: the first page and the number of pages.
    pub(super) runs: Vec<(u64, u64)>,
}

impl DumpHeader {
    /// The header at the start of a file; `None` if the file ends before the header does.
    pub(super) fn read(start: &[u8], wide: bool) -> Option<Self> {
        let size = if wide { 2 * PAGE } else { PAGE };
        if (start.len() as u64) < size {
            return None;
        }
        if wide {
            Header64::read_from_prefix(start).ok().map(|(header, _)| header.into())
        } else {
            Header32::read_from_prefix(start).ok().map(|(header, _)| header.into())
        }
    }

    /// The architecture of its machine, if it is one that Windows runs on.
    pub(super) fn arch(&self) -> Option<Arch> {
        match self.machine {
            I386 => Some(Arch::I386),
            AMD64 => Some(Arch::Amd64),
            ARM64 => Some(Arch::Arm64),
            _ => None,
        }
    }
}

/// `IMAGE_FILE_MACHINE_*`.
const I386: u16 = 0x14c;
const AMD64: u16 = 0x8664;
const ARM64: u16 = 0xaa64;

/// `MajorVersion`.
const FREE_BUILD: u32 = 0xf;
const CHECKED_BUILD: u32 = 0xc;

/// A field that may have no content.
fn known(value: u64) -> u64 {
    if value as u32 == FILLER { 0 } else { value }
}

impl From<Header64> for DumpHeader {
    fn from(header: Header64) -> Self {
        let address = |field: U64| VirtualAddress(field.get());
        let memory_at = std::mem::offset_of!(Header64, memory_block) as u64;
        Self {
            size: 2 * PAGE,
            dump_type_at: std::mem::offset_of!(Header64, dump_type) as u64,
            dump_type: header.dump_type.get(),
            machine: header.start.machine_image_type.get() as u16,
            directory_table_base: PhysicalAddress(header.start.directory_table_base.get()),
            memory: MemoryBlock {
                at: memory_at,
                runs_at: memory_at + size_of::<MemoryBlock64>() as u64,
                run_size: size_of::<Run64>() as u64,
                number_of_runs: header.memory_block.number_of_runs.get(),
                number_of_pages: header.memory_block.number_of_pages.get(),
                runs: header.runs.iter().map(|run| (run.base_page.get(), run.page_count.get())).collect(),
            },
            facts: CrashDump {
                major_version: header.start.major_version.get(),
                minor_version: header.start.minor_version.get(),
                pfn_database: address(header.start.pfn_database),
                ps_loaded_module_list: address(header.start.ps_loaded_module_list),
                ps_active_process_head: address(header.start.ps_active_process_head),
                machine: header.start.machine_image_type.get() as u16,
                processors: header.number_processors.get(),
                bug_check: header.bug_check_code.get(),
                bug_check_parameters: header.bug_check_parameters.map(U64::get),
                kd_debugger_data_block: VirtualAddress(known(header.kd_debugger_data_block.get())),
                system_time: known(header.system_time.get()),
                pae: false,
            },
        }
    }
}

impl From<Header32> for DumpHeader {
    fn from(header: Header32) -> Self {
        // Kernel addresses of 32-bit systems are kept in the form in which they are printed.
        let address = |field: U32| VirtualAddress(field.into());
        let memory_at = std::mem::offset_of!(Header32, memory_block) as u64;
        Self {
            size: PAGE,
            dump_type_at: std::mem::offset_of!(Header32, dump_type) as u64,
            dump_type: header.dump_type.get(),
            machine: header.start.machine_image_type.get() as u16,
            directory_table_base: PhysicalAddress(header.start.directory_table_base.into()),
            memory: MemoryBlock {
                at: memory_at,
                runs_at: memory_at + size_of::<MemoryBlock32>() as u64,
                run_size: size_of::<Run32>() as u64,
                number_of_runs: header.memory_block.number_of_runs.get(),
                number_of_pages: header.memory_block.number_of_pages.into(),
                runs: header.runs.iter().map(|run| (run.base_page.into(), run.page_count.into())).collect(),
            },
            facts: CrashDump {
                major_version: header.start.major_version.get(),
                minor_version: header.start.minor_version.get(),
                pfn_database: address(header.start.pfn_database),
                ps_loaded_module_list: address(header.start.ps_loaded_module_list),
                ps_active_process_head: address(header.start.ps_active_process_head),
                machine: header.start.machine_image_type.get() as u16,
                processors: header.number_processors.get(),
                bug_check: header.bug_check_code.get(),
                bug_check_parameters: header.bug_check_parameters.map(u64::from),
                pae: header.pae_enabled == 1,
                kd_debugger_data_block: VirtualAddress(known(header.kd_debugger_data_block.into())),
                system_time: known(header.system_time.get()),
            },
        }
    }
}

/// Whether the kind of the kernel and the machine are those of a crash dump's header. They tell it from other data if a
/// letter of its mark was changed.
pub(super) fn is_plausible(start: &[u8], wide: bool) -> bool {
    let (build, machine) = if wide {
        let Ok((start, _)) = Start64::read_from_prefix(start) else { return false };
        (start.major_version.get(), start.machine_image_type.get() as u16)
    } else {
        let Ok((start, _)) = Start32::read_from_prefix(start) else { return false };
        (start.major_version.get(), start.machine_image_type.get() as u16)
    };
    let machines: &[u16] = if wide { &[AMD64, ARM64] } else { &[I386] };
    [FREE_BUILD, CHECKED_BUILD].contains(&build) && machines.contains(&machine)
}

/// The header of a dump with a bitmap (`SDMP` or `FDMP`), which follows the header of the dump. Since Windows 8 it says where
/// the first page is and how many pages and bits there are.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SummaryHeader {
    pub(super) signature: [u8; 8],
    _dump_options: U32,
    /// Before Windows 8: the size of everything before the pages.
    pub(super) header_size: U32,
    /// Before Windows 8: the number of bits.
    pub(super) bitmap_size: U32,
    /// Before Windows 8: the number of pages.
    pub(super) page_count: U32,
    _reserved: [u8; 8],
    /// Where the first page is.
    pub(super) first_page: U64,
    /// The number of pages.
    pub(super) total_present_pages: U64,
    /// The number of bits.
    pub(super) pages: U64,
}

/// The header of a live dump (`RDMP`), which follows the header of the dump.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LiveHeader {
    _header_size: U32,
    pub(super) signature: [u8; 8],
    _reserved: [u8; 4],
    /// How many bytes there are from `range_count` to the first page.
    pub(super) metadata_size: U64,
    /// Where the first page is.
    pub(super) first_page: U64,
    /// In a complete dump: the number of ranges.
    pub(super) range_count: U32,
    _reserved_behind: [u8; 4],
    /// In a complete dump: the number of pages.
    pub(super) page_count: U64,
}

/// A range of pages in a live dump.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LiveRange {
    pub(super) first_page: U64,
    pub(super) page_count: U64,
}
