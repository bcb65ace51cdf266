use data_encoding::HEXLOWER_PERMISSIVE;

use crate::packed::sha256;
use crate::yaml::{At, Node};
use crate::{Error, Key, ProfileName};

/// The contents of an index: the text that Rekall's `build_index` reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    /// The folder of the profiles that are indexed (`nt`).
    pub path: String,
    /// What is recorded about each profile.
    pub kind: IndexKind,
}

/// What an index records about each profile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexKind {
    /// Bytes at symbols' addresses.
    Data {
        /// The symbol to which addresses are relative, if it is not the start of the image.
        base: Option<String>,
        /// The places that are read.
        places: Vec<Place>,
    },
    /// `type: export`, our extension: the addresses of exported symbols.
    Export {
        /// Their names.
        names: Vec<String>,
    },
    /// `type: struct`: the offsets of members.
    Struct {
        /// The class with which Rekall reads it.
        implementation: String,
        /// Members, as `STRUCT.MEMBER`.
        members: Vec<String>,
    },
    /// `type: symbol_offset`: symbols that distinguish a profile from all others.
    Symbol {
        /// The class with which Rekall reads it.
        implementation: String,
        /// The symbol to which addresses are relative.
        base: String,
        /// The number of such traits for each profile, if it has that many.
        traits: usize,
    },
}

/// A symbol, and the possible bytes at its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The symbol, as profiles spell it.
    pub name: String,
    /// An offset from its address.
    pub shift: i64,
    /// The bytes that may be there: any of these.
    pub data: Vec<Vec<u8>>,
}

/// Symbols that kernels have exported since Windows XP, for 32 and 64 bits: data and code in every part of the
/// kernel, so that hardly two builds have all of them at the same addresses.
const KERNEL_EXPORTS: [&str; 48] = [
    "CcCopyRead",
    "CmRegisterCallback",
    "DbgPrint",
    "ExAcquireResourceExclusiveLite",
    "ExAllocatePoolWithTag",
    "ExFreePoolWithTag",
    "ExInitializeResourceLite",
    "ExQueueWorkItem",
    "ExRaiseStatus",
    "FsRtlIsNameInExpression",
    "InitSafeBootMode",
    "IoAllocateIrp",
    "IoAllocateMdl",
    "IoBuildDeviceIoControlRequest",
    "IoCreateDevice",
    "IoCreateSymbolicLink",
    "IoDeleteDevice",
    "IoFreeIrp",
    "IofCallDriver",
    "IofCompleteRequest",
    "KdDebuggerEnabled",
    "KeBugCheckEx",
    "KeDelayExecutionThread",
    "KeInitializeDpc",
    "KeInitializeEvent",
    "KeSetEvent",
    "KeWaitForSingleObject",
    "MmGetSystemRoutineAddress",
    "MmHighestUserAddress",
    "MmIsAddressValid",
    "MmMapLockedPagesSpecifyCache",
    "MmProbeAndLockPages",
    "NtBuildNumber",
    "NtClose",
    "NtCreateFile",
    "ObOpenObjectByPointer",
    "ObReferenceObjectByHandle",
    "PoRegisterDeviceForIdleDetection",
    "PsCreateSystemThread",
    "PsGetCurrentProcessId",
    "PsInitialSystemProcess",
    "PsLookupProcessByProcessId",
    "PsSetCreateProcessNotifyRoutine",
    "RtlCompareUnicodeString",
    "RtlInitUnicodeString",
    "SeAccessCheck",
    "ZwClose",
    "ZwCreateFile",
];

/// The keys of a specification, including those that only Rekall reads.
const KEYS: [&str; 8] =
    ["path", "type", "base_symbol", "symbols", "members", "min_traits", "implementation", "repository_root"];

/// The number of traits for each profile if the text does not give it.
const TRAITS: usize = 6;
/// The maximum number of traits.
const MOST_TRAITS: u64 = 1000;

impl Specification {
    /// Reads a specification; `place` is its name in errors.
    ///
    /// # Errors
    /// [`Error::Text`], with line, key and what was expected.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let root = Node::parse(text, place)?;
        root.entries(&At { place, key: "" })?;
        root.only_known(&KEYS, &At { place, key: "" })?;
        Reader { place, root: &root }.specification()
    }

    /// The addresses of the kernel's exported symbols, for the profiles below `path`.
    pub fn exports(path: &str) -> Self {
        let names = KERNEL_EXPORTS.iter().map(|name| (*name).to_owned()).collect();
        Self { path: path.to_owned(), kind: IndexKind::Export { names } }
    }

    /// The default name of the index: `<path>/index`, `eprocess_index` or `export_index`.
    ///
    /// # Errors
    /// [`Error::Key`] if `path` cannot be the start of a name.
    pub fn target(&self) -> Result<ProfileName, Error> {
        let last = match self.kind {
            IndexKind::Data { .. } | IndexKind::Symbol { .. } => "index",
            IndexKind::Struct { .. } => "eprocess_index",
            IndexKind::Export { .. } => "export_index",
        };
        format!("{}/{last}", self.path).parse()
    }

    /// Identifies a specification and the revision of its implementation.
    pub(super) fn digest(&self) -> String {
        let text = format!("rekall-profile index 1 {self:?}");
        sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned()
    }
}

/// A specification that is being read.
struct Reader<'a> {
    place: &'a str,
    root: &'a Node,
}

impl<'a> Reader<'a> {
    fn specification(&self) -> Result<Specification, Error> {
        let path = self.required("path", "the folder of the profiles")?;
        let text = self.text("path", path)?.trim_matches('/');
        text.parse::<Key>().map_err(|_| self.wrong("path", path, "a path below the repository"))?;
        let kind = match self.root.get("type").filter(|node| !node.is_null()) {
            None => self.data()?,
            Some(node) => match self.text("type", node)? {
                "data" => self.data()?,
                "export" => self.exports()?,
                "struct" => self.members()?,
                "symbol_offset" => self.symbols()?,
                _ => return Err(self.wrong("type", node, "data, export, struct or symbol_offset")),
            },
        };
        Ok(Specification { path: text.to_owned(), kind })
    }

    fn data(&self) -> Result<IndexKind, Error> {
        let base = match self.root.get("base_symbol").filter(|node| !node.is_null()) {
            Some(node) => Some(self.text("base_symbol", node)?.to_owned()),
            None => None,
        };
        let expected = "a list of {name, data, shift}";
        let list = self.required("symbols", expected)?;
        let mut places = Vec::new();
        for (at, node) in list.items(&self.at("symbols"))?.iter().enumerate() {
            let key = format!("symbols[{at}]");
            node.only_known(&["name", "data", "shift"], &self.at(&key))?;
            let entry =
                |name: &str| node.get(name).ok_or_else(|| self.wrong(&key, node, "{name, data, shift}"));
            let name = self.text(&format!("{key}.name"), entry("name")?)?.to_owned();
            let shift = match node.get("shift") {
                Some(shift) => {
                    let text = self.text(&format!("{key}.shift"), shift)?;
                    text.parse().map_err(|_| self.wrong(&format!("{key}.shift"), shift, "a number"))?
                }
                None => 0,
            };
            let key = format!("{key}.data");
            let items = entry("data")?;
            // Older specifications have one text instead of a list.
            let items = match items.text(&self.at(&key)) {
                Ok(_) if !items.is_null() => std::slice::from_ref(items),
                _ => items.items(&self.at(&key))?,
            };
            let data = items.iter().map(|item| self.bytes(&key, item));
            let data: Vec<Vec<u8>> = data.collect::<Result<_, _>>()?;
            if data.is_empty() {
                return Err(self.wrong(&key, entry("data")?, "the bytes that may be there"));
            }
            places.push(Place { name, shift, data });
        }
        if places.is_empty() {
            return Err(self.wrong("symbols", list, expected));
        }
        Ok(IndexKind::Data { base, places })
    }

    /// `str:TEXT` in UTF-8, `lstr:TEXT` in UTF-16 (little endian), or hexadecimal digits.
    fn bytes(&self, key: &str, node: &Node) -> Result<Vec<u8>, Error> {
        let text = self.text(key, node)?;
        let bytes = if let Some(text) = text.strip_prefix("str:") {
            Some(text.as_bytes().to_vec())
        } else if let Some(text) = text.strip_prefix("lstr:") {
            Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect())
        } else {
            from_hexadecimal(text)
        };
        let bytes = bytes.filter(|bytes| !bytes.is_empty());
        bytes.ok_or_else(|| self.wrong(key, node, "str:TEXT, lstr:TEXT or hexadecimal digits"))
    }

    fn exports(&self) -> Result<IndexKind, Error> {
        match self.root.get("symbols").filter(|node| !node.is_null()) {
            None => Ok(Specification::exports("").kind),
            Some(list) => {
                let names = list.items(&self.at("symbols"))?.iter();
                let names: Vec<String> = names
                    .map(|node| Ok(self.text("symbols", node)?.to_owned()))
                    .collect::<Result<_, Error>>()?;
                if names.is_empty() {
                    return Err(self.wrong("symbols", list, "names of exported symbols"));
                }
                Ok(IndexKind::Export { names })
            }
        }
    }

    fn members(&self) -> Result<IndexKind, Error> {
        let node = self.required("members", "structs, each with a list of members")?;
        let mut members = Vec::new();
        for (name, list) in node.entries(&self.at("members"))? {
            let name = self.text("members", name)?;
            let key = format!("members.{name}");
            for member in list.items(&self.at(&key))? {
                members.push(format!("{name}.{}", self.text(&key, member)?));
            }
        }
        if members.is_empty() {
            return Err(self.wrong("members", node, "structs, each with a list of members"));
        }
        Ok(IndexKind::Struct { implementation: self.implementation("EProcessIndex")?, members })
    }

    fn symbols(&self) -> Result<IndexKind, Error> {
        let base = self.required("base_symbol", "the symbol that addresses count from")?;
        let base = self.text("base_symbol", base)?.to_owned();
        let traits = match self.root.get("min_traits") {
            Some(node) => {
                let number: Option<u64> = self.text("min_traits", node)?.parse().ok();
                let number = number.filter(|number| (1..=MOST_TRAITS).contains(number));
                number.ok_or_else(|| self.wrong("min_traits", node, "a number from 1 to 1000"))? as usize
            }
            None => TRAITS,
        };
        Ok(IndexKind::Symbol { implementation: self.implementation("LinuxSymbolOffsetIndex")?, base, traits })
    }

    fn implementation(&self, default: &str) -> Result<String, Error> {
        match self.root.get("implementation").filter(|node| !node.is_null()) {
            Some(node) => Ok(self.text("implementation", node)?.to_owned()),
            None => Ok(default.to_owned()),
        }
    }

    fn required(&self, key: &str, expected: &str) -> Result<&'a Node, Error> {
        self.root.get(key).ok_or_else(|| Error::Text {
            place: self.place.to_owned(),
            line: self.root.line,
            key: key.to_owned(),
            expected: expected.to_owned(),
            found: "no such key".to_owned(),
        })
    }

    fn text<'n>(&self, key: &str, node: &'n Node) -> Result<&'n str, Error> {
        node.text(&self.at(key))
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str) -> Error {
        self.at(key).wrong(node, expected)
    }

    fn at<'k>(&self, key: &'k str) -> At<'k>
    where
        'a: 'k,
    {
        At { place: self.place, key }
    }
}

/// The bytes for hexadecimal digits; `None` if the text is something else.
pub(super) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Specification, Error> {
        Specification::parse(text, "index.yaml")
    }

    #[test]
    fn data_is_text_wide_text_or_digits() {
        let text = "repository_root: ./\npath: OSX/\nbase_symbol: _lowGlo\nsymbols:\n  -\n    name: _osbuilder\n    \
            data: [\"str:root\\x00\"]\n  - {name: wcschr, data: [90, \"cc\"], shift: -1}\n  - {name: V, data: 'lstr:Ve'}\n";
        let specification = parsed(text).unwrap();
        assert_eq!(specification.path, "OSX");
        let IndexKind::Data { base, places } = &specification.kind else { panic!("{specification:?}") };
        assert_eq!(base.as_deref(), Some("_lowGlo"));
        let data: Vec<_> = places.iter().map(|place| (place.shift, place.data.clone())).collect();
        assert_eq!(
            data,
            [
                (0, vec![b"root\0".to_vec()]),
                (-1, vec![vec![0x90], vec![0xcc]]),
                (0, vec![b"V\0e\0".to_vec()])
            ]
        );
        assert_eq!(specification.target().unwrap().as_str(), "OSX/index");
    }

    #[test]
    fn the_other_kinds() {
        let text = "path: nt\ntype: struct\nmembers:\n  _EPROCESS: [ImageFileName, Pcb]\n  _KPROCESS: [DirectoryTableBase]\n";
        let members = ["_EPROCESS.ImageFileName", "_EPROCESS.Pcb", "_KPROCESS.DirectoryTableBase"];
        assert_eq!(
            parsed(text).unwrap().kind,
            IndexKind::Struct {
                implementation: "EProcessIndex".to_owned(),
                members: members.map(str::to_owned).to_vec()
            }
        );
        let text = "path: Linux\ntype: symbol_offset\nbase_symbol: linux_proc_banner\nmin_traits: 7\n";
        assert!(matches!(parsed(text).unwrap().kind, IndexKind::Symbol { traits: 7, .. }));
        let exports = parsed("path: nt\ntype: export\n").unwrap();
        assert_eq!(exports, Specification::exports("nt"));
        assert_eq!(exports.target().unwrap().as_str(), "nt/export_index");
    }

    #[test]
    fn errors_are_reported_with_their_place() {
        for (text, message) in [
            ("symbols: []\n", "index.yaml:1: path: expected the folder of the profiles, found no such key"),
            ("path: ../x\n", "index.yaml:1: path: expected a path below the repository, found '../x'"),
            (
                "path: a\ntype: b\n",
                "index.yaml:2: type: expected data, export, struct or symbol_offset, found 'b'",
            ),
            (
                "path: a\nsymbols:\n- name: x\n  data: [9]\n",
                "index.yaml:4: symbols[0].data: expected str:TEXT, lstr:TEXT or hexadecimal digits, found '9'",
            ),
            (
                "path: a\nsymbols:\n- name: x\n  data: []\n",
                "index.yaml:4: symbols[0].data: expected the bytes that may be there, found a list",
            ),
            (
                "path: a\ntype: symbol_offset\nbase_symbol: b\nmin_traits: 0\n",
                "index.yaml:4: min_traits: expected a number from 1 to 1000, found '0'",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err().to_string(), message);
        }
    }
}
