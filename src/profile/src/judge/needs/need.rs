use Consumer::{Drakvuf, LibVmi, Rekall, Volatility3};

use crate::Arch;

/// A program that reads profiles (or exports of them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Consumer {
    /// Rekall 1.6 and 1.7.
    Rekall,
    /// LibVMI 0.14 and later.
    LibVmi,
    /// DRAKVUF as of 2026; version 1.0 uses most of the same names.
    Drakvuf,
    /// Volatility 3 (2.x), through the ISF export.
    Volatility3,
}

impl Consumer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Rekall => "Rekall",
            LibVmi => "LibVMI",
            Drakvuf => "DRAKVUF",
            Volatility3 => "Volatility 3",
        }
    }

    /// The versions whose sources were read.
    pub fn versions(self) -> &'static str {
        match self {
            Rekall => "1.6 and 1.7",
            LibVmi => "0.14 and 0.15",
            Drakvuf => "commit cb621398",
            Volatility3 => "2.28.2",
        }
    }
}

/// A name that is looked up: a member (`_EPROCESS.Pcb`), a symbol (`&init_task`) or a struct (`_MMPTE`). Alternatives
/// for different versions, of which one is enough, are separated by `|`.
pub(crate) struct Need {
    pub(crate) any_of: &'static str,
    pub(crate) consumers: &'static [Consumer],
    /// Whether the consumer cannot work without it.
    pub(crate) required: bool,
    /// The processors on which it exists.
    pub(super) cpu: Cpu,
}

/// A set of processors.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cpu {
    Any,
    /// 64-bit ones.
    Wide,
    /// x86, of 64 bits.
    X64,
    /// x86, of either width.
    X86,
}

impl Need {
    /// Whether any of the alternatives is a symbol.
    pub(crate) fn is_symbol(&self) -> bool {
        self.any_of.contains('&')
    }

    /// The alternatives.
    pub(crate) fn names(&self) -> impl Iterator<Item = Lookup> {
        self.any_of.split('|').map(|name| match (name.strip_prefix('&'), name.split_once('.')) {
            (Some(symbol), _) => Lookup::Symbol(symbol),
            (None, Some((owner, member))) => Lookup::Member(owner, member),
            (None, None) => Lookup::Struct(name),
        })
    }

    /// The alternatives in words.
    pub(crate) fn words(&self) -> String {
        self.any_of.replace('&', "").replace('|', " or ")
    }

    pub(super) const fn on(self, cpu: Cpu) -> Self {
        Self { cpu, ..self }
    }

    pub(super) fn exists_on(&self, arch: Arch) -> bool {
        match self.cpu {
            Cpu::Any => true,
            Cpu::Wide => arch.address_size() == 8,
            Cpu::X64 => arch == Arch::Amd64,
            Cpu::X86 => matches!(arch, Arch::Amd64 | Arch::I386),
        }
    }
}

/// A name as a reader looks it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// A member of a struct, or of one of its unnamed members.
    Member(&'static str, &'static str),
    /// A struct, for its size or to lay it over memory.
    Struct(&'static str),
    Symbol(&'static str),
}

pub(super) const fn must(consumers: &'static [Consumer], any_of: &'static str) -> Need {
    Need { any_of, consumers, required: true, cpu: Cpu::Any }
}

pub(super) const fn may(consumers: &'static [Consumer], any_of: &'static str) -> Need {
    Need { any_of, consumers, required: false, cpu: Cpu::Any }
}

/// Every consumer.
pub(crate) const ALL: &[Consumer] = &[Rekall, LibVmi, Drakvuf, Volatility3];
/// The two that introspect running machines.
pub(super) const VMI: &[Consumer] = &[LibVmi, Drakvuf];
/// The two that analyse images.
pub(super) const LISTS: &[Consumer] = &[Rekall, Volatility3];
pub(super) const REKALL: &[Consumer] = &[Rekall];
pub(super) const LIBVMI: &[Consumer] = &[LibVmi];
pub(super) const DRAKVUF: &[Consumer] = &[Drakvuf];
pub(super) const VOLATILITY: &[Consumer] = &[Volatility3];
