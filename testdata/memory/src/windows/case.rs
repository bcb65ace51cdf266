//! The images that can be made, and where each has things.

use crate::paging::Mode;

/// An image that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Windows 7, 64 bits: no KASLR, pages of 4 KiB.
    Win7X64,
    /// The same with a process whose page is from another moment, so that the list breaks off.
    Win7X64Torn,
    /// Windows 10, 64 bits: KASLR, kernel in a large page, tables that see themselves anywhere, encoded `KDBG`.
    Win10X64,
    /// The same with memory above 4 GiB.
    Win10X64High,
    /// Windows 7, 32 bits with PAE.
    Win7X86Pae,
    /// The same with memory above 4 GiB.
    Win7X86PaeHigh,
    /// Windows XP, 32 bits without PAE.
    XpX86,
}

impl Case {
    /// Every case.
    pub const ALL: [Self; 7] = [
        Self::Win7X64,
        Self::Win7X64Torn,
        Self::Win10X64,
        Self::Win10X64High,
        Self::Win7X86Pae,
        Self::Win7X86PaeHigh,
        Self::XpX86,
    ];

    /// Its name, on the command line and in the truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::Win7X64 => "win7-x64",
            Self::Win7X64Torn => "win7-x64-torn",
            Self::Win10X64 => "win10-x64",
            Self::Win10X64High => "win10-x64-high",
            Self::Win7X86Pae => "win7-x86-pae",
            Self::Win7X86PaeHigh => "win7-x86-pae-high",
            Self::XpX86 => "xp-x86",
        }
    }

    /// Whether half of its memory is above 4 GiB, so that a raw file of it has a hole of nearly that size.
    pub fn is_high(self) -> bool {
        matches!(self, Self::Win10X64High | Self::Win7X86PaeHigh)
    }

    /// The PDB of its kernel, with the folder and the name it has in `testdata/memory/windows`.
    pub fn pdb(self) -> (&'static str, &'static str, &'static [u8]) {
        let files = self.files();
        (files.folder, files.pdb_name, files.pdb)
    }

    pub(super) fn files(self) -> &'static Files {
        match self {
            Self::Win7X64 | Self::Win7X64Torn => &X64_7601,
            Self::Win10X64 | Self::Win10X64High => &X64_19041,
            Self::Win7X86Pae | Self::Win7X86PaeHigh => &X86_7601_PAE,
            Self::XpX86 => &X86_2600,
        }
    }

    pub(super) fn plan(self) -> Plan {
        match self {
            Self::Win7X64 | Self::Win7X64Torn => Plan {
                mode: Mode::X64,
                kernel: 0xffff_f800_02a4_b000,
                physical: 0x44_b000,
                large: false,
                top: 0x18_7000,
                own_index: 0x1ed,
                hal: 0xffff_f800_0280_0000,
                drivers: 0xffff_f880_00e0_0000,
                pool: 0xffff_fa80_00c0_0000,
                paged_pool: 0xffff_f8a0_0000_0000,
                shared: SHARED_X64,
                peb: 0x7ff_fffd_7000,
                program: 0x1_3f00_0000,
                version: (6, 1, 7601),
                time: 129_446_784_000_000_000,
                highest: 0x7ff_fffe_ffff,
            },
            Self::Win10X64 | Self::Win10X64High => Plan {
                mode: Mode::X64,
                kernel: 0xffff_f803_56ac_0000,
                physical: 0x4c_0000,
                large: true,
                top: 0x1a_a000,
                own_index: 0x19b,
                hal: 0xffff_f803_56b4_0000,
                drivers: 0xffff_f803_5920_0000,
                pool: 0xffff_9a0c_4f20_0000,
                paged_pool: 0xffff_b180_6a00_0000,
                shared: SHARED_X64,
                peb: 0x51_a7f2_4000,
                program: 0x7ff6_a1d0_0000,
                version: (10, 0, 19041),
                time: 132_537_600_000_000_000,
                highest: 0x7fff_fffe_ffff,
            },
            Self::Win7X86Pae | Self::Win7X86PaeHigh => Plan {
                mode: Mode::Pae,
                kernel: 0x8264_6000,
                physical: 0x64_6000,
                large: false,
                top: 0x18_5000,
                own_index: 0,
                hal: 0x8260_f000,
                drivers: 0x8b00_0000,
                pool: 0x8420_0000,
                paged_pool: 0x9600_0000,
                shared: SHARED_X86,
                peb: 0x7ffd_f000,
                program: 0x40_0000,
                version: (6, 1, 7601),
                time: 129_446_784_000_000_000,
                highest: 0x7ffe_ffff,
            },
            Self::XpX86 => Plan {
                mode: Mode::X86,
                kernel: 0x804d_7000,
                physical: 0x4d_7000,
                large: false,
                top: 0x3_9000,
                own_index: 0,
                hal: 0x806d_0000,
                drivers: 0xf84c_0000,
                pool: 0x81f0_0000,
                paged_pool: 0xe100_0000,
                shared: SHARED_X86,
                peb: 0x7ffd_f000,
                program: 0x40_0000,
                version: (5, 1, 2600),
                time: 128_000_736_000_000_000,
                highest: 0x7ffe_ffff,
            },
        }
    }
}

pub(super) const SHARED_X64: u64 = 0xffff_f780_0000_0000;
pub(super) const SHARED_X86: u64 = 0xffdf_0000;
pub(super) const SHARED_USER: u64 = 0x7ffe_0000;

pub(super) struct Files {
    pub(super) folder: &'static str,
    pub(super) kernel: &'static [u8],
    pub(super) hal: &'static [u8],
    pub(super) tcpip: &'static [u8],
    pub(super) layout: &'static str,
    pub(super) pdb_name: &'static str,
    pub(super) pdb: &'static [u8],
}

macro_rules! files {
    ($folder:literal, $pdb:literal) => {
        Files {
            folder: $folder,
            kernel: include_bytes!(concat!("../../windows/", $folder, "/ntoskrnl.exe")),
            hal: include_bytes!(concat!("../../windows/", $folder, "/hal.dll")),
            tcpip: include_bytes!(concat!("../../windows/", $folder, "/tcpip.sys")),
            layout: include_str!(concat!("../../windows/", $folder, "/layout.txt")),
            pdb_name: $pdb,
            pdb: include_bytes!(concat!("../../windows/", $folder, "/", $pdb)),
        }
    };
}

static X64_7601: Files = files!("x64-7601", "ntkrnlmp.pdb");
static X64_19041: Files = files!("x64-19041", "ntkrnlmp.pdb");
static X86_7601_PAE: Files = files!("x86-7601-pae", "ntkrpamp.pdb");
static X86_2600: Files = files!("x86-2600", "ntoskrnl.pdb");

/// Where a case has things. Addresses are virtual but for `physical` (of the kernel) and `top` (of its tables).
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) kernel: u64,
    pub(super) physical: u64,
    pub(super) large: bool,
    pub(super) top: u64,
    pub(super) own_index: u64,
    pub(super) hal: u64,
    pub(super) drivers: u64,
    pub(super) pool: u64,
    pub(super) paged_pool: u64,
    pub(super) shared: u64,
    pub(super) peb: u64,
    pub(super) program: u64,
    pub(super) version: (u32, u32, u32),
    pub(super) time: u64,
    pub(super) highest: u64,
}
