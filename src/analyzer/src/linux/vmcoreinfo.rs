//! VMCOREINFO, the kernel's description of itself for crash dumps.

use std::collections::BTreeMap;

/// The text VMCOREINFO: lines `KEY=VALUE`, written by the kernel for the tools that read its dumps
/// (Documentation/admin-guide/kdump/vmcoreinfo.rst in the kernel's sources).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmCoreInfo {
    entries: BTreeMap<String, String>,
}

impl VmCoreInfo {
    /// What the text begins with.
    pub const MAGIC: &'static [u8] = b"OSRELEASE=";
    /// The longest text that is read: the kernel stores it in one page, on some architectures in more.
    pub const LONGEST: usize = 64 << 10;

    /// Reads the text at the start of `bytes`; `None` if it has another beginning, or no line with an address.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(Self::MAGIC) {
            return None;
        }
        let bytes = bytes.get(..Self::LONGEST).unwrap_or(bytes);
        let end = bytes.iter().position(|byte| !matches!(byte, b'\n' | b' '..=b'~')).unwrap_or(bytes.len());
        let text = str::from_utf8(bytes.get(..end)?).ok()?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let entries: BTreeMap<String, String> =
            lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let found = Self { entries };
        (found.text("PAGESIZE").is_some() && entries_of(&found, "SYMBOL(") > 1).then_some(found)
    }

    /// The value of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// The address of a symbol, KASLR included.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        hexadecimal(self.text(&format!("SYMBOL({name})"))?)
    }

    /// A number in the text; negative ones as 64 bits.
    pub fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(&format!("NUMBER({name})"))?;
        match text.strip_prefix("0x") {
            Some(digits) => hexadecimal(digits),
            None => text.parse::<i128>().ok().map(|number| number as u64),
        }
    }

    /// The shift of the kernel from its link address, in virtual memory.
    pub fn kernel_offset(&self) -> Option<u64> {
        hexadecimal(self.text("KERNELOFFSET")?)
    }

    /// The build-id, in hexadecimal digits.
    pub fn build_id(&self) -> Option<&str> {
        self.text("BUILD-ID").filter(|text| !text.is_empty())
    }

    /// The kernel's release.
    pub fn release(&self) -> Option<&str> {
        self.text("OSRELEASE")
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn entries_of(info: &VmCoreInfo, prefix: &str) -> usize {
    info.entries.keys().filter(|key| key.starts_with(prefix)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"OSRELEASE=6.1.0\nBUILD-ID=3b43\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff91e00000\n\
        SYMBOL(swapper_pg_dir)=ffffffff93810000\nNUMBER(phys_base)=-12582912\nKERNELOFFSET=10e00000\n\
        NUMBER(kimage_voffset)=0xffff7fbfd0000000\n\0garbage=1\n";

    #[test]
    fn reads_symbols_numbers_and_identity() {
        let info = VmCoreInfo::parse(TEXT).unwrap();
        assert_eq!(info.release(), Some("6.1.0"));
        assert_eq!(info.build_id(), Some("3b43"));
        assert_eq!(info.symbol("_stext"), Some(0xffff_ffff_91e0_0000));
        assert_eq!(info.number("phys_base"), Some((-12_582_912_i64) as u64));
        assert_eq!(info.number("kimage_voffset"), Some(0xffff_7fbf_d000_0000));
        assert_eq!(info.kernel_offset(), Some(0x10e0_0000));
        assert_eq!(info.text("garbage"), None);
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(VmCoreInfo::parse(b"OSRELEASE=%s\n"), None);
        assert_eq!(VmCoreInfo::parse(b"OSRELEASE=6.1\nPAGESIZE=4096\n"), None);
        assert_eq!(VmCoreInfo::parse(&TEXT[1..]), None);
        assert_eq!(VmCoreInfo::parse(b""), None);
    }
}
