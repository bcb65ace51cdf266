use formats::FileKind;

use crate::Sample;
use crate::builders::filled;

pub fn samples() -> Vec<Sample> {
    let zeros: String = (0..50).map(|index| format!("0000000000000000 T symbol_{index}\n")).collect();
    vec![
        Sample::new(
            "profile.json",
            FileKind::Profile,
            r#"{"$CONSTANTS": {"a": 1}, "$METADATA": {"arch": "AMD64"}, "$STRUCTS": {}}"#,
        ),
        Sample::new(
            "old-profile.json",
            FileKind::Profile,
            "\u{feff}\r\n{\"$METADATA\": {\"Type\": \"Profile\"}}",
        ),
        Sample::new(
            "link.json",
            FileKind::SymlinkProfile,
            r#"{"$METADATA": {"Target": "nt/GUID/0", "Type": "Symlink"}}"#,
        ),
        Sample::new("index.json", FileKind::Index, r#"{"$INDEX": {"a": [[1, ["4d"]]]}, "$METADATA": {}}"#),
        Sample::new(
            "inventory.json",
            FileKind::Inventory,
            r#"{"$INVENTORY": {"nt/GUID/0": {}}, "$METADATA": {}}"#,
        ),
        Sample::new(
            "table.json",
            FileKind::Isf,
            r#"{"base_types": {}, "enums": {}, "metadata": {"format": "6.2.0"}, "symbols": {}, "user_types": {}}"#,
        ),
        Sample::new(
            "banners.json",
            FileKind::Banners,
            r#"{"version": 1, "linux": {"TGludXggdmVyc2lvbg==": ["file:///a"]}}"#,
        ),
        Sample::new("kernels.bundle", FileKind::Bundle, filled(b"\x89RPBUNDL\r\n\x1a\n\x01\0\0\0", 256)),
        Sample::new("wanted.json", FileKind::PdbList, r#"{"schema": 1, "wanted": []}"#),
        Sample::new("other.json", FileKind::Json, r#"{"a": {"$METADATA": {}}}"#),
        Sample::new("list.json", FileKind::Json, "[1, 2, 3]"),
        Sample::new(
            "System.map",
            FileKind::SymbolMap,
            "0000000000000000 D __per_cpu_start\nffffffff81000000 T _text\nffffffff81000000 T startup_64\n",
        ),
        Sample::new("kallsyms-32", FileKind::SymbolMap, "c0100000 T _text\nc0100010 t local\t[module]\n"),
        Sample::new("kallsyms", FileKind::HiddenSymbolMap, zeros),
        Sample::new(
            "module.dwarf",
            FileKind::LibdwarfText,
            "\n.debug_info\n\n<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<\"GNU C\">\n",
        ),
        Sample::new(
            "readelf.txt",
            FileKind::ReadelfText,
            "Contents of the .debug_info section:\n\n <0><b>: Abbrev Number: 1 (DW_TAG_compile_unit)\n",
        ),
        Sample::new(
            "llvm.txt",
            FileKind::LlvmText,
            "a.o:\tfile format elf64-x86-64\n\n0x0000000b: DW_TAG_compile_unit\n",
        ),
        Sample::new(
            "module.vtypes",
            FileKind::Vtypes,
            "# made by dwarfparse\nlinux_types = {\n  'list_head': [0x10, {}],\n}\n",
        ),
        Sample::new(
            "kernel.dsymutil",
            FileKind::DsymutilText,
            "----------------------------------------------------------------------\nSymbol table for: 'kernel' (x86_64)\n",
        ),
        Sample::new(
            "config-6.1",
            FileKind::KernelConfig,
            "#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_X86=y\nCONFIG_SMP=y\n# CONFIG_KASAN is not set\n",
        ),
        Sample::new(
            "proc_version",
            FileKind::KernelBanner,
            "Linux version 6.1.0-13-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\n",
        ),
        Sample::new("page.html", FileKind::Html, "\r\n <!DOCTYPE html><html><body>Sign in</body></html>"),
        Sample::new(
            "page.xhtml",
            FileKind::Html,
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\">\n<html xmlns=\"http://www.w3.org/1999/xhtml\">",
        ),
        Sample::new(
            "error.xml",
            FileKind::ErrorXml,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>",
        ),
        Sample::new("other.xml", FileKind::Xml, "<?xml version=\"1.0\"?><a/>"),
        Sample::new("paper.pdf", FileKind::Pdf, "%PDF-1.7\n1 0 obj\n"),
        Sample::new(
            "pointer",
            FileKind::LfsPointer,
            "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        ),
        Sample::new("file.ptr", FileKind::FilePointer, "PATH:\\\\server\\share\\k.pdb"),
        Sample::new("message.ptr", FileKind::FilePointer, "MSG: the file is gone"),
        Sample::new(
            "program.sym",
            FileKind::Breakpad,
            "MODULE Linux x86_64 6EDC6ACDB282125843FD59DA9C81BD830 program\n",
        ),
        Sample::new("vmlinux.btf", FileKind::Btf, filled(b"\x9f\xeb\x01\0\x18\0\0\0", 64)),
        Sample::new("big-endian.btf", FileKind::Btf, filled(b"\xeb\x9f\x01\0\0\0\0\x18", 64)),
        Sample::new("readme.txt", FileKind::Text, "Please log in.\n"),
        Sample::new("wide.txt", FileKind::Text, *b"\xff\xfeh\0e\0l\0l\0o\0"),
        Sample::new("empty", FileKind::Empty, ""),
        Sample::new("zeros", FileKind::Zeros, vec![0; 5000]),
        Sample::new("random", FileKind::Unknown, *b"\x01\xfe\x93\x17\x88\xc2\x05\xee"),
    ]
}
