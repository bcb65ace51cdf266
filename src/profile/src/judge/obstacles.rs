use crate::judge::needs::Consumer;
use crate::read::is_isf;
use crate::{Profile, System, Type, banner_symbol};

/// Why a consumer cannot use a file in its current form, whatever profile it contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The consumer.
    pub consumer: Consumer,
    /// The reason, and what to do about it.
    pub what: &'static str,
}

/// The format of a profile's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileForm {
    packing: Packing,
    isf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Other,
}

impl FileForm {
    /// The format of a file, by its bytes and by its unpacked text.
    pub fn of(bytes: &[u8], text: &[u8]) -> Self {
        let packing = match bytes {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Other,
            _ => Packing::Plain,
        };
        Self { packing, isf: is_isf(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)) }
    }
}

/// The reasons why consumers cannot use a file in this format with this `profile`, according to their sources: Rekall
/// 1.7 (`rekall/obj.py`, `rekall/io_manager.py`), LibVMI 0.15 (`json_profiles`), DRAKVUF 1.0 (`json-profile.c`),
/// Volatility 3 2.x (`intermed.py`, `symbol_cache.py`).
pub fn obstacles(profile: &Profile, form: FileForm) -> Vec<Obstacle> {
    use Consumer::{Drakvuf, LibVmi, Rekall, Volatility3};
    let mut found = Vec::new();
    let mut note = |consumer, applies: bool, what| {
        if applies {
            found.push(Obstacle { consumer, what });
        }
    };
    if profile.system == System::Other {
        return found;
    }
    let kernel = matches!(profile.system, System::Linux | System::Mac);
    note(Rekall, form.isf, "reads no ISF table: export --format rekall");
    note(
        Rekall,
        !form.isf && form.packing == Packing::Other,
        "opens text and gzip alone: write it as .json.gz",
    );
    for consumer in [LibVmi, Drakvuf] {
        note(consumer, form.packing != Packing::Plain, "opens plain JSON alone: export --format libvmi");
        let unsigned = profile.constants.iter().any(|(_, value)| i64::try_from(*value).is_err());
        let clamped = kernel && !form.isf && unsigned;
        note(
            consumer,
            clamped,
            "reads addresses as numbers with a sign, cutting these: export --format libvmi",
        );
    }
    note(LibVmi, profile.system == System::Mac, "takes every profile that is not Linux's for one of Windows");
    let hidden = !form.isf && !profile.functions.is_empty() && !profile.constants.is_empty();
    note(Drakvuf, hidden, "lists code alone where code and data stand apart: export --format libvmi");
    note(
        Volatility3,
        !form.isf,
        match profile.system {
            System::Linux => {
                "reads ISF tables: export --format isf; typedef names of structs (kernel_siginfo_t), which some plug-ins \
                 use, are in tables made from the debug file alone: parse_dwarf --format isf"
            }
            _ => "reads ISF tables: export --format isf",
        },
    );
    let banner = banner_symbol(profile.system).and_then(|symbol| profile.names.find(symbol));
    let has_banner = profile.metadata_text("Banner").is_some()
        || banner.is_some_and(|symbol| profile.contents.contains_key(&symbol));
    note(Volatility3, kernel && !has_banner, "picks tables by the kernel's banner, which is not known here");
    let typed = |symbol: &str| {
        let name = profile.names.find(symbol);
        profile
            .constant_types
            .iter()
            .any(|(known, ty)| Some(*known) == name && profile.types.peel(*ty) != Type::Void)
    };
    let untyped = form.isf && profile.system == System::Linux && !typed("init_task");
    note(Volatility3, untyped, "finds no processes: init_task has no type here; exported again it has");
    let nameless = profile.system == System::Windows && profile.metadata_text("GUID_AGE").is_none();
    note(Volatility3, nameless, "picks tables by GUID and age, which are not known here");
    found.sort_by_key(|obstacle| obstacle.consumer);
    found
}
