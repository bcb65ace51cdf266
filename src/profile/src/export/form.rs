use super::{Compat, Selection};

/// A program's form.
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

/// How LibVMI's form holds the addresses of a 64-bit Linux or macOS kernel, which its reader takes for numbers
/// with a sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// The lower 48 bits: LibVMI and DRAKVUF both put the others back.
    #[default]
    Masked,
    /// As 64 bits with a sign: for LibVMI alone, which then also copes with page-table isolation.
    Signed,
}

/// How a profile is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// The program it is for.
    pub format: Format,
    /// How addresses are held; for [`Format::LibVmi`].
    pub addresses: Addresses,
    /// What is said beyond the truth; for [`Format::Isf`].
    pub compat: Compat,
    /// The part to print; all of it where it is `None`.
    pub only: Option<&'a Selection>,
    /// How many threads may print: one, or two at most. The text is the same.
    pub threads: usize,
}
