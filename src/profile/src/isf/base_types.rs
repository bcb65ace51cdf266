use std::collections::BTreeMap;

use crate::model::vocabulary;
use crate::resolution::is_little_endian;
use crate::{Arch, Native, NativeId, NativeKind, Profile, Report, System, Type};

/// The base types of a table: the name of each native type of a profile, and how its bytes are read.
pub(super) struct BaseTypes {
    all: BTreeMap<String, BaseType>,
    /// By number of the native.
    names: Vec<String>,
    system: System,
    arch: Arch,
    big_endian: bool,
    /// Whether `char` is unsigned, as on ARM and in kernels of Linux since 6.2.
    unsigned_char: bool,
}

/// `element_base_type` in ISF's schema.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct BaseType {
    pub(super) size: u32,
    pub(super) signed: bool,
    pub(super) kind: &'static str,
}

/// Rekall's names with those in GCC's DWARF, which tables made from it use: Volatility's plug-ins for Linux and macOS
/// ask for those.
const GCC: [(&str, &str); 6] = [
    ("long", "long int"),
    ("unsigned long", "long unsigned int"),
    ("short", "short int"),
    ("unsigned short", "short unsigned int"),
    ("long long", "long long int"),
    ("unsigned long long", "long long unsigned int"),
];

/// The natives that plug-ins ask for by name, even if a kernel's structs do not use them, and the widest unit that a
/// bit-field of a packed struct may need.
const ASKED_FOR: [&str; 13] = [
    "char",
    "int",
    "long",
    "long long",
    "short",
    "unsigned __int128",
    "unsigned char",
    "unsigned int",
    "unsigned long",
    "unsigned long long",
    "unsigned short",
    "pointer",
    "void",
];

/// Names that Volatility interprets as a kind of type, whatever a table says.
const RESERVED: [&str; 8] = ["array", "bitfield", "bytes", "enum", "function", "pointer", "string", "void"];

/// The base type of Windows' wide characters, as named by Volatility's own converter.
pub(super) const WIDE_CHARACTER: &str = "wchar";

/// Counted for natives whose bytes ISF cannot describe.
const NO_KIND: &str = "native types that ISF has no kind for";

impl BaseTypes {
    pub(super) fn new(profile: &Profile, report: &mut Report) -> Self {
        let (system, arch) = (profile.system, profile.arch);
        let is_unsigned_char =
            |native: &Native| native.kind == NativeKind::Unsigned && profile.names.get(native.name) == "char";
        let mut bases = Self {
            all: BTreeMap::new(),
            names: Vec::new(),
            system,
            arch,
            big_endian: !is_little_endian(arch),
            unsigned_char: profile.types.natives().iter().any(is_unsigned_char),
        };
        for name in ASKED_FOR {
            let base = match vocabulary::known(name) {
                Some(known) => bases.base_type(name, known.size(system, arch), known.kind),
                None if name == "pointer" => pointer(arch.address_size().into()),
                None => BaseType { size: 0, signed: false, kind: "void" },
            };
            let spelled = bases.spelled(name);
            bases.all.insert(spelled.to_owned(), base);
        }
        for native in profile.types.natives() {
            let name = bases.add(profile, native, report);
            bases.names.push(name);
        }
        for ty in profile.types.all() {
            match ty {
                Type::Pointer { size, .. } if size != arch.address_size() => {
                    if let Some(name) = pointer_name(size) {
                        bases.all.insert(name.to_owned(), pointer(size.into()));
                    }
                }
                Type::WideString { .. } => {
                    let wide = BaseType { size: 2, signed: true, kind: "int" };
                    bases.all.insert(WIDE_CHARACTER.to_owned(), wide);
                }
                _ => {}
            }
        }
        bases
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &BaseType)> {
        self.all.iter().map(|(name, base)| (name.as_str(), base))
    }

    pub(super) fn endian(&self) -> &'static str {
        if self.big_endian { "big" } else { "little" }
    }

    /// The name of a native of the profile.
    pub(super) fn name(&self, native: NativeId) -> &str {
        self.names.get(native.index()).map_or("void", String::as_str)
    }

    /// The name of the native with this name in Rekall's spelling.
    pub(super) fn spelled<'a>(&self, name: &'a str) -> &'a str {
        if !matches!(self.system, System::Linux | System::Mac) {
            return name;
        }
        GCC.iter().find(|(rekall, _)| *rekall == name).map_or(name, |(_, gcc)| gcc)
    }

    /// The unsigned integer of this many bytes.
    pub(super) fn unsigned(&self, size: u64) -> &'static str {
        self.spelled(match size {
            1 => "unsigned char",
            2 => "unsigned short",
            4 => "unsigned int",
            8 => "unsigned long long",
            _ => "unsigned __int128",
        })
    }

    fn add(&mut self, profile: &Profile, native: &Native, report: &mut Report) -> String {
        let name = profile.names.get(native.name);
        let known = vocabulary::known(name);
        let size = match native.size {
            0 => known.map_or(0, |known| known.size(profile.system, profile.arch)),
            size => size,
        };
        let size = match size {
            0 => vocabulary::compilers_size(name, profile.system, profile.arch),
            size => size,
        };
        // The meaning that a name has for every reader precedes that of its first appearance in a source.
        let kind = known.map_or(native.kind, |known| known.kind);
        if kind == NativeKind::Other || size == 0 {
            report.lose(NO_KIND, || name.to_owned());
        }
        let spelled = self.spelled(name);
        let base = self.base_type(name, size, kind);
        let taken = self.all.get(spelled).is_some_and(|taken| *taken != base);
        if !taken && !RESERVED.contains(&spelled) {
            self.all.entry(spelled.to_owned()).or_insert(base);
            return spelled.to_owned();
        }
        if size == 0 {
            return "void".to_owned();
        }
        // Its bytes matter: the name distinguishes them from those of the plain name.
        let bits = u64::from(size) * 8;
        let mut own = format!("{spelled} ({bits} bits)");
        if self.all.get(&own).is_some_and(|taken| *taken != base) {
            own = format!(
                "{spelled} ({bits} bits, {}, {})",
                base.kind,
                if base.signed { "signed" } else { "unsigned" }
            );
        }
        self.all.insert(own.clone(), base);
        own
    }

    fn base_type(&self, name: &str, size: u32, kind: NativeKind) -> BaseType {
        let (signed, kind) = match kind {
            _ if size == 0 => (false, "void"),
            _ if name == "char" && size == 1 => (!self.unsigned_char, "char"),
            // `unsigned int` in the ABIs of ARM, elsewhere `int`.
            NativeKind::Char if name == "wchar_t" && self.system != System::Windows => {
                (!matches!(self.arch, Arch::Arm | Arch::Arm64), "int")
            }
            NativeKind::Char if matches!(name, "wchar_t" | "char8_t" | "char16_t" | "char32_t") => {
                (false, "char")
            }
            NativeKind::Signed | NativeKind::Unsigned | NativeKind::Char
                if size == 1 && name.ends_with("char") =>
            {
                (!name.starts_with("unsigned"), "char")
            }
            NativeKind::Char => (!name.starts_with("unsigned"), "char"),
            NativeKind::Signed => (true, "int"),
            NativeKind::Unsigned | NativeKind::Other => (false, "int"),
            NativeKind::Bool => (false, "bool"),
            NativeKind::Float => (true, "float"),
        };
        BaseType { size, signed, kind }
    }
}

fn pointer(size: u32) -> BaseType {
    BaseType { size, signed: false, kind: "int" }
}

/// The base type of pointers that are not as wide as the system's; `None` for other widths without a name.
pub(super) fn pointer_name(size: u8) -> Option<&'static str> {
    match size {
        2 => Some("pointer16"),
        4 => Some("pointer32"),
        8 => Some("pointer64"),
        _ => None,
    }
}
