use std::fmt;

use crate::{Start, identify};

/// What a kind of file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Programs, libraries, drivers, kernels, and the object files they are linked from.
    Executable,
    /// Debug information in a file of its own.
    DebugFile,
    /// Profiles, symbol tables of Volatility 3, and the other files of a repository.
    Profile,
    /// Lists of symbols and types as text.
    SymbolText,
    /// Memory images, and files from which a memory image can be extracted.
    MemoryImage,
    /// Disks.
    Disk,
    /// Archives and compressed files.
    Archive,
    /// Texts and documents without debug information.
    Text,
    /// Files whose content identifies nothing, and paths that are not files.
    Other,
}

impl Group {
    /// The title of the group.
    pub fn title(self) -> &'static str {
        match self {
            Self::Executable => "Executables and object files",
            Self::DebugFile => "Debug files",
            Self::Profile => "Profiles and tables",
            Self::SymbolText => "Symbols and types as text",
            Self::MemoryImage => "Memory images",
            Self::Disk => "Disk images",
            Self::Archive => "Archives and packed files",
            Self::Text => "Other texts and documents",
            Self::Other => "Everything else",
        }
    }
}

/// The table. Each row has a group, a name, the words for the kind, and the next step. A kind that the first bytes alone
/// identify has its signatures after the words, of four bytes or more; those of any other kind are in `recognise/`.
macro_rules! kinds {
    ($($group:ident { $($name:ident: $words:literal $(, $signature:literal)* => $advice:expr;)+ })+) => {
        /// A kind of file, under the name that every command uses. `Display` prints it in words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FileKind {
            $($(
                #[doc = concat!("It is ", $words, ".")]
                $name,
            )+)+
        }

        impl FileKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The signatures in the rows, each with its kind.
            pub const SIGNATURES: &'static [(&'static [u8], Self)] =
                &[$($($(($signature as &[u8], Self::$name),)*)+)+];

            /// The words for this kind, with their article.
            pub fn words(self) -> &'static str {
                match self { $($(Self::$name => $words,)+)+ }
            }

            /// The next step that works: sentences in which command lines are in backticks. `FILE` stands for the
            /// file itself; the reader chooses the other words in capitals.
            pub fn advice(self) -> &'static str {
                match self { $($(Self::$name => $advice,)+)+ }
            }

            /// The group that this kind is listed in.
            pub fn group(self) -> Group {
                match self { $($(Self::$name)|+ => Group::$group,)+ }
            }
        }
    };
}

const PARSE_PDB: &str = "`rekall-profile parse_pdb FILE -o PROFILE.json.gz` makes a profile from it";
const PARSE_DWARF: &str = "`rekall-profile parse_dwarf FILE -o PROFILE.json.gz` makes a profile from it";
const CONVERT: &str = "`rekall-profile convert_profile FILE PROFILE.json.gz` makes a profile from it";
const PACK_PART: &str = "it is part of a Volatility 2 pack; `rekall-profile convert_profile FOLDER PROFILE.json.gz` \
                         uses it if it lies in one folder with the types";
const FETCH_AGAIN: &str = "fetch it again: `rekall-profile fetch_pdb NAME GUIDAGE`";
const NATIVE_PDB: &str = "the PDB of native code, in the MSF 7.00 format, is needed; \
                          `rekall-profile fetch_pdb EXECUTABLE` fetches the one that an executable names";
const PARSE_BTF: &str = "`rekall-profile parse_btf FILE --system-map MAP -o PROFILE.json.gz` makes a profile from it and the kernel's symbols";
const DSYM: &str = "`rekall-profile parse_dwarf NAME.dSYM -o PROFILE.json.gz` reads its dSYM bundle";
const DEBUG_KIT: &str = "it holds no DWARF; `rekall-profile parse_dwarf kernel.dSYM -o PROFILE.json.gz` reads the kernel \
                         of Apple's Kernel Debug Kit for that build";
const SPLIT: &str =
    "`rekall-profile parse_dwarf PROGRAM -o PROFILE.json.gz` reads it with the program that it belongs to";
const BOOTED: &str = "it is booted and holds no debug information; \
                      `rekall-profile parse_dwarf PACKAGE -o PROFILE.json.gz` reads the distribution's debug package, and \
                      `rekall-profile fetch_debug /sys/kernel/notes` fetches the debug file of the running kernel";
const CARRIED: &str = "`rekall-profile parse_btf FILE -o PROFILE.json.gz` makes a profile of the types and symbols that it \
                       carries; `rekall-profile parse_dwarf PACKAGE -o PROFILE.json.gz` reads the distribution's debug \
                       package, which says more";
const DETECT: &str = "`rekall-profile -f FILE autodetect` finds the profile that it needs";
const REPOSITORY: &str =
    "it serves detection: `rekall-profile -f IMAGE --profile_path REPOSITORY autodetect`";
const HIBERNATION: &str = "`Hibr2Bin /PLATFORM X64 /MAJOR 10 /MINOR 0 /INPUT FILE /OUTPUT MEMORY.raw` (Comae Toolkit) \
                           writes raw memory, which `rekall-profile -f MEMORY.raw autodetect` opens";
const QEMU_DUMP: &str = "`virsh dump --memory-only DOMAIN MEMORY.elf` writes the memory of the restored guest, and \
                         `rekall-profile -f MEMORY.elf autodetect` opens it";
const QEMU_DISK: &str =
    "it holds a disk; `virsh dump --memory-only DOMAIN MEMORY.elf` writes the memory of a running guest";
const VMWARE_DISK: &str = "it holds a disk; memory is in the machine's snapshot or suspended state: \
                           `rekall-profile -f MACHINE.vmem autodetect`";
const HYPER_V_DISK: &str = "it holds a disk; the memory of a saved machine is in its .vmrs file";
const VIRTUALBOX: &str = "`VBoxManage debugvm MACHINE dumpvmcore --filename=MEMORY.elf` writes the memory of the running \
                          machine, and `rekall-profile -f MEMORY.elf autodetect` opens it";
const DISK: &str = "it holds a disk or a file system, not memory";
const DEVICE: &str = "copy what it holds into a file: `dd if=FILE of=COPY bs=1M`";

kinds! {
    Executable {
        Pe: "a Windows executable (PE)" => "`rekall-profile fetch_pdb FILE` fetches the PDB that it names";
        PeWithoutPdb: "a Windows executable (PE) without the name of a PDB" =>
            "no symbol server can have its PDB; `rekall-profile peinfo FILE` shows what it says of itself";
        DosProgram: "a DOS program (MZ), or the start of a Windows executable" =>
            "`rekall-profile version_scan FILE` searches it for the names of PDBs";
        CoffObject: "an object file of Windows (COFF)" =>
            "the linker writes the PDB: `rekall-profile parse_pdb PROGRAM.pdb -o PROFILE.json.gz`";
        ElfDebug: "an ELF file with debug information (DWARF)" => PARSE_DWARF;
        ElfStripped: "an ELF file without debug information" =>
            "`rekall-profile parse_dwarf PACKAGE -o PROFILE.json.gz` reads the distribution's debug package";
        ElfBtf: "an ELF file with BTF and without DWARF" => PARSE_BTF;
        ElfCut: "an ELF file that is cut short" => "`readelf --file-header FILE` shows what it should have; copy it again";
        Elf: "an ELF file" => PARSE_DWARF;
        MachODebug: "a Mach-O file with debug information (DWARF)" => PARSE_DWARF;
        MachOStripped: "a Mach-O file without debug information" => DSYM;
        MachOFat: "a Mach-O file for several architectures" =>
            "`rekall-profile parse_dwarf FILE --arch ARM64 -o PROFILE.json.gz` reads one of them";
        MachO: "a Mach-O file" => PARSE_DWARF;
        KernelCache: "a macOS kernelcache" => DEBUG_KIT;
        PackedKernelCache: "a packed macOS kernelcache (IM4P, IMG4 or lzss)" => DEBUG_KIT;
        BzImage: "a packed Linux kernel (bzImage)" =>
            CARRIED;
        Zboot: "a packed Linux kernel (EFI zboot)" => CARRIED;
        ArmImage: "a packed Linux kernel of ARM (zImage)" => BOOTED;
        Arm64Image: "a Linux kernel image of ARM64" => CARRIED;
        RiscvImage: "a Linux kernel image of RISC-V" => BOOTED;
        UImage: "a kernel wrapped for U-Boot" => BOOTED;
        DeviceTree: "a device tree or FIT image" => BOOTED;
        AndroidBoot: "an Android boot image" => BOOTED;
        Bitcode: "LLVM bitcode", b"BC\xc0\xde", b"\xde\xc0\x17\x0b" =>
            "`llc -filetype=obj FILE -o OBJECT.o` compiles it, and \
             `rekall-profile parse_dwarf OBJECT.o -o PROFILE.json.gz` reads the result";
    }
    DebugFile {
        Pdb: "a PDB" => PARSE_PDB;
        PdbFastLink: "a PDB of /DEBUG:FASTLINK, whose types are in the object files" =>
            "`link /DEBUG:FULL` writes a PDB that holds them";
        PdbCut: "a PDB that is cut short" => FETCH_AGAIN;
        PdbDamaged: "a PDB whose first bytes are damaged" => FETCH_AGAIN;
        OldPdb: "a PDB of Visual C++ 2 to 6 (JG)" => NATIVE_PDB;
        PortablePdb: "a portable PDB (.NET)", b"BSJB\x01\0\x01\0" => NATIVE_PDB;
        Msfz: "a compact PDB (MSFZ)" => PARSE_PDB;
        Dbg: "a debug file of Windows NT (.dbg)" => NATIVE_PDB;
        FilePointer: "a pointer of a symbol store (file.ptr)" =>
            "`rekall-profile --symbol-path STORE fetch_pdb NAME GUIDAGE` follows it";
        Dwo: "a split DWARF file (.dwo)" => SPLIT;
        Dwp: "a package of split DWARF files (.dwp)" => SPLIT;
        DsymBundle: "a dSYM bundle" => PARSE_DWARF;
        Btf: "a BTF blob" => PARSE_BTF;
        Breakpad: "a Breakpad symbol file" =>
            "it holds no types; the PDB or the DWARF it was made from is needed: \
             `rekall-profile fetch_pdb NAME GUIDAGE`, or `rekall-profile fetch_debug BUILD_ID`";
    }
    Profile {
        Profile: "a profile" =>
            "`rekall-profile inspect FILE` shows it; `rekall-profile -f IMAGE --profile FILE validate` proves it on an image";
        SymlinkProfile: "a profile that links to another one" =>
            "`rekall-profile -f IMAGE --profile_path REPOSITORY --profile NAME validate` follows it";
        Index: "an index of a repository" => REPOSITORY;
        Inventory: "the inventory of a repository" => REPOSITORY;
        Bundle: "a bundle of profiles", b"\x89RPBUNDL\x0d\x0a\x1a\x0a" =>
            "`rekall-profile bundle list FILE` names its builds, and FILE:BUILD selects the profile of one, as in \
             `rekall-profile inspect FILE:BUILD`; `rekall-profile bundle verify FILE` checks all of them";
        Isf: "a symbol table of Volatility 3 (ISF)" =>
            "`rekall-profile check FILE` judges it; \
             `rekall-profile export FILE --format rekall -o PROFILE.json.gz` turns it into a profile";
        Banners: "a list of symbol tables of Volatility 3 (banners.json)" =>
            "it only says where tables are; `rekall-profile check TABLE.json.xz` reads one of them";
        PdbList: "a list of PDBs that are wanted" => "`rekall-profile fetch_pdb --manifest FILE` fetches them";
        Json: "a JSON text" => "it is neither a profile nor a table; `python3 -m json.tool FILE` shows it";
    }
    SymbolText {
        SymbolMap: "a symbol map (System.map or kallsyms)" =>
            "`rekall-profile parse_dwarf VMLINUX --system-map FILE -o PROFILE.json.gz` uses it with the debug file";
        HiddenSymbolMap: "a symbol map whose addresses are all zero" =>
            "`sudo cat /proc/kallsyms > KALLSYMS` reads it with its addresses";
        LibdwarfText: "a text of dwarfdump" => CONVERT;
        ReadelfText: "a text of readelf --debug-dump" => CONVERT;
        LlvmText: "a text of llvm-dwarfdump" => CONVERT;
        Vtypes: "a type file of Volatility 2 (vtypes)" => CONVERT;
        DsymutilText: "a text of dsymutil -s" => PACK_PART;
        KernelConfig: "a kernel configuration" => PACK_PART;
        KernelBanner: "a kernel's banner (the text of /proc/version)" =>
            "`rekall-profile export PROFILE --format isf --banner TEXT -o TABLE.json.xz` puts it into a table of Volatility 3";
    }
    MemoryImage {
        ElfCore: "an ELF core" => DETECT;
        XenCore: "a Xen core (xl dump-core)" => DETECT;
        MachCore: "a Mach-O core" => DETECT;
        VirtualCore: "a core of virtual memory, as a kernel debugger writes it" =>
            "physical memory is needed: a raw image, or what a memory reader writes";
        Lime: "a LiME image", b"EMiL" => DETECT;
        Avml: "an AVML image", b"AVML" => DETECT;
        Kdump: "a kdump-compressed dump", b"KDUMP   " => DETECT;
        FlattenedDump: "a flattened dump of makedumpfile", b"makedumpfile\0\0\0\0" => DETECT;
        Diskdump: "a dump of diskdump, from before 2006", b"DISKDUMP" => "`crash VMLINUX FILE` reads it";
        CrashDump32: "a 32-bit Windows crash dump" => DETECT;
        CrashDump64: "a 64-bit Windows crash dump" => DETECT;
        TriageDump: "a Windows triage dump, which holds no physical memory" =>
            "`rekall-profile -f FILE modules` lists the modules that it names";
        Minidump: "a minidump of a Windows process (MDMP)", b"MDMP\x93\xa7" =>
            "it holds one process; a dump of the whole system is needed. `minidump-stackwalk FILE` reads it";
        VmwareState: "a VMware state file (.vmss, .vmsn)" => DETECT;
        VmwareCompressed: "a VMware state file with compressed memory" =>
            "the state with memory beside it is needed: `rekall-profile -f MACHINE.vmem autodetect`";
        Ewf: "an E01 image" => DETECT;
        EwfPart: "a later file of an E01 image" =>
            "`rekall-profile -f IMAGE.E01 autodetect` opens the image by its first file";
        Ex01: "an Ex01 image", b"EVF2\x0d\x0a\x81\0" =>
            "`ewfexport -f raw -t MEMORY -u FILE` writes raw memory, and `rekall-profile -f MEMORY.raw autodetect` opens it";
        LogicalEvidence: "a logical evidence file (L01, Lx01)", b"LVF\x09\x0d\x0a\xff\0", b"LEF2\x0d\x0a\x81\0" =>
            "it holds files; `ewfexport -f files -t FOLDER -u FILE` takes them out";
        Aff4: "an AFF4 image" =>
            "`aff4imager -l FILE` lists its streams, and `aff4imager -e STREAM -D FOLDER FILE` takes one out";
        Aff: "an AFF image", b"AFF10\x0d\x0a\0", b"AFF1\x0d\x0a\0" =>
            "`affcat FILE > MEMORY.raw` writes raw memory, and `rekall-profile -f MEMORY.raw autodetect` opens it";
        Ad1: "an AD1 image of FTK Imager", b"ADSEGMENTEDFILE\0", b"ADLOGICALIMAGE\0" =>
            "it holds files; FTK Imager (Add Evidence Item, Export Files) takes the memory image out";
        Hpak: "an HPAK image of HBGary FastDump", b"HPAK" =>
            "`vol.py -f FILE hpakextract --output-file=MEMORY.raw` (Volatility 2) writes raw memory, which \
             `rekall-profile -f MEMORY.raw autodetect` opens";
        Hibernation: "a hibernation file of Windows" => HIBERNATION;
        HibernationResumed: "a hibernation file of Windows after it was resumed" => HIBERNATION;
        HibernationZeroed: "a hibernation file of Windows whose header is zeroed" => HIBERNATION;
        HyperVState: "a saved state of Hyper-V (.vmrs)" =>
            "`memprocfs.exe -device hvsavedstate://FILE` (MemProcFS, on a Windows with Hyper-V) shows raw memory as a file, \
             and `rekall-profile -f MEMORY.raw autodetect` opens a copy of it";
        QemuStream: "a migration stream of QEMU", b"QEVM\0\0\0" => QEMU_DUMP;
        LibvirtSave: "a saved guest of libvirt", b"LibvirtQemudSave", b"LibvirtQemudPart" => QEMU_DUMP;
        VirtualBoxState: "a saved state of VirtualBox", b"\x7fVirtualBox SavedState" => VIRTUALBOX;
        Vma: "a backup of Proxmox (VMA)", b"VMA\0\0\0\0\x01" =>
            "`vma extract FILE FOLDER` (Proxmox VE) takes out the disks that it holds";
        RawPiece: "a piece of a raw image" =>
            "`rekall-profile -f IMAGE.001 autodetect` opens the whole set, by its first piece";
    }
    Disk {
        Qcow: "a QCOW2 disk image", b"QFI\xfb\0\0\0" => QEMU_DISK;
        Qed: "a QED disk image", b"QED\0" => QEMU_DISK;
        Parallels: "a Parallels disk image", b"WithoutFreeSpace", b"WithouFreSpacExt" => "it holds a disk; the memory of a suspended machine is in its .mem file";
        Vmdk: "a VMDK disk image", b"KDMV", b"COWD" => VMWARE_DISK;
        VmdkDescriptor: "a VMDK descriptor", b"# Disk DescriptorFile" => VMWARE_DISK;
        Vhd: "a VHD disk image", b"conectix" => HYPER_V_DISK;
        Vhdx: "a VHDX disk image", b"vhdxfile" => HYPER_V_DISK;
        Vdi: "a VirtualBox disk image (VDI)" => VIRTUALBOX;
        Partitions: "a disk image with a partition table" => DISK;
        FileSystem: "a file system image" => DISK;
        Iso: "an optical disc image (ISO 9660)" => "`bsdtar -xf FILE` unpacks it";
        Dmg: "an Apple disk image (dmg)", b"encrcdsa" =>
            "`7z x FILE` unpacks it; a Kernel Debug Kit holds a package with kernel.dSYM";
        SquashFs: "a SquashFS image", b"hsqs" => "`unsquashfs FILE` unpacks it";
    }
    Archive {
        Gzip: "a gzip file" => "`gzip -dc FILE > UNPACKED` unpacks it";
        Xz: "an xz file", b"\xfd7zXZ\0" => "`xz -dc FILE > UNPACKED` unpacks it";
        Bzip2: "a bzip2 file" => "`bzip2 -dc FILE > UNPACKED` unpacks it";
        Zstd: "a zstd file", b"\x28\xb5\x2f\xfd" => "`zstd -dc FILE > UNPACKED` unpacks it";
        Lz4: "an lz4 file", b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18" => "`lz4 -dc FILE > UNPACKED` unpacks it";
        Lzma: "an lzma file" => "`xz --format=lzma -dc FILE > UNPACKED` unpacks it";
        Lzip: "an lzip file", b"LZIP\x01" => "`lzip -dc FILE > UNPACKED` unpacks it";
        Lzop: "an lzop file", b"\x89LZO\0\x0d\x0a\x1a\x0a" => "`lzop -dc FILE > UNPACKED` unpacks it";
        Compress: "a file of compress (.Z)" => "`gzip -dc FILE > UNPACKED` unpacks it";
        SevenZip: "a 7z archive", b"7z\xbc\xaf\x27\x1c" => "`7z x FILE` unpacks it";
        Rar: "a RAR archive", b"Rar!\x1a\x07" => "`unar FILE` unpacks it";
        Pack: "a Volatility 2 pack" => CONVERT;
        Document: "an Office document (zip)" => "it holds no debug information; `unzip FILE` unpacks it";
        Jar: "a Java archive (jar, apk)" => "it holds no debug information; `unzip FILE` unpacks it";
        Zip: "a zip archive" => "`unzip FILE` unpacks it";
        Tar: "a tar archive" => "`tar -xf FILE` unpacks it";
        Cpio: "a cpio archive", b"070701", b"070702", b"070707" => "`bsdtar -xf FILE` unpacks it";
        Deb: "a Debian package" => PARSE_DWARF;
        Rpm: "an RPM package", b"\xed\xab\xee\xdb" => PARSE_DWARF;
        Ar: "an archive of object files" =>
            "`ar x FILE` unpacks it, and `rekall-profile parse_dwarf OBJECT.o -o PROFILE.json.gz` reads one of them";
        ThinAr: "a thin archive, which names object files", b"!<thin>\n" =>
            "`ar t FILE` lists them, and `rekall-profile parse_dwarf OBJECT.o -o PROFILE.json.gz` reads one of them";
        Cabinet: "a cabinet" => "`rekall-profile parse_pdb FILE -o PROFILE.json.gz` makes a profile from the PDB in it";
        Wim: "a Windows image (WIM)", b"MSWIM\0\0\0" => "`7z x FILE` unpacks it";
        Ole: "a compound file (MSI, or an old Office document)", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" => "`7z x FILE` unpacks it";
    }
    Text {
        Html: "an HTML page" =>
            "a proxy, a portal or a server answered with a page in the file's place; fetch the file again";
        ErrorXml: "an error message of a storage server (XML)" =>
            "the server does not have the file, or refuses it; fetch it from another one";
        Xml: "an XML text" => "fetch the file again, if another one was expected";
        Pdf: "a PDF document", b"%PDF-" => "fetch the file again, if another one was expected";
        LfsPointer: "a git LFS pointer" => "`git lfs pull` fetches the file itself";
        Text: "a text" => "`less FILE` shows it";
    }
    Other {
        Empty: "an empty file" => "copy or fetch it again";
        Zeros: "a file of zeros" => "nothing was written to it; copy or fetch it again";
        Unknown: "a file of unknown kind" => "`rekall-profile version_scan FILE` searches it for the names of PDBs; \
             if it is raw memory, `rekall-profile -f FILE autodetect` opens it";
        Folder: "a folder" =>
            "name a file in it, or make a profile of an unpacked pack: \
             `rekall-profile convert_profile FILE PROFILE.json.gz`";
        BlockDevice: "a block device" => DEVICE;
        CharacterDevice: "a device" => DEVICE;
        Pipe: "a pipe or socket" => "copy what it gives into a file: `cat FILE > COPY`";
    }
}

impl FileKind {
    /// Identifies bytes in memory, from first to last.
    pub fn of(bytes: &[u8]) -> Self {
        identify(&bytes, None).kind
    }

    /// Identifies a file by its first bytes alone. A kind that needs more of the file is reported as its general
    /// kind.
    pub fn of_start(bytes: &[u8]) -> Self {
        identify(&Start(bytes), None).kind
    }

    /// Whether raw memory may be identified as this kind by chance: memory can begin with any bytes, and a few kinds
    /// are recognised by very few.
    pub fn may_be_memory(self) -> bool {
        matches!(self, Self::Unknown | Self::DosProgram | Self::Zeros)
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
