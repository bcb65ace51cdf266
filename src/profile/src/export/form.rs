use super::{Compat, Selection};

/// The form that a program reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The canonical profile, as Rekall reads it.
    #[default]
    Rekall,
    /// Volatility 3's symbol table.
    Isf,
    /// Rekall's form as LibVMI and DRAKVUF read it.
    LibVmi,
    /// The types as a blob of BTF, for bpftool, pahole, drgn and libbpf.
    Btf,
    /// A header of C, for compilers, Ghidra, IDA and Binary Ninja.
    C,
}

/// How LibVMI's form stores the addresses of a 64-bit Linux or macOS kernel, which its reader parses as signed
/// numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// The lower 48 bits: LibVMI and DRAKVUF both restore the others.
    #[default]
    Masked,
    /// As signed 64-bit numbers: only for LibVMI, which then also supports page-table isolation.
    Signed,
}

/// How a profile is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// The program that it is for.
    pub format: Format,
    /// How addresses are stored; for [`Format::LibVmi`].
    pub addresses: Addresses,
    /// Untrue additions for other programs; for [`Format::Isf`].
    pub compat: Compat,
    /// The part to print; `None` prints everything.
    pub only: Option<&'a Selection>,
    /// How many threads may print: one, or at most two. The text does not depend on it.
    pub threads: usize,
}
