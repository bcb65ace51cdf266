//! The one rule for symbol maps, whichever command reads them: the addresses are converted to link addresses, or the
//! map is refused (docs/format.md, invariant 8).

use std::collections::HashMap;

use foldhash::fast::RandomState;
use profile::Arch;

use crate::contradiction::{lowest_of_image, of_any_kernel, of_architecture};
use crate::link_address::{self, Start};
use crate::{KernelConfig, SystemMap};

/// What is known about the kernel to which a symbol map should belong.
#[derive(Clone, Copy, Debug)]
pub struct MappedKernel<'a> {
    /// Its architecture.
    pub arch: Arch,
    /// The symbols or variables in the kernel's own file, with their link addresses; empty if the file is not
    /// available.
    pub known: &'a [(&'a [u8], u64)],
    /// The bounds of that file's sections, under the names in the kernel's linker script ([`section_bounds`]); empty
    /// if the symbols are known.
    pub bounds: &'a [(String, u64)],
    /// The link address of `_text`, if the file's sections give it.
    pub text: Option<u64>,
    /// Its release (`6.1.0-13-arm64`).
    pub release: Option<&'a str>,
    /// Its configuration.
    pub config: Option<&'a KernelConfig>,
    /// Whether the map's name says that it was read from a running kernel (`kallsyms`).
    pub running: bool,
}

/// The result of [`SystemMap::link`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// How far the running kernel was above its link address, in bytes. This has been subtracted from the map's
    /// addresses of the image. 0 for a map with link addresses.
    pub shift: u64,
    /// How many symbols the map shares with the kernel's own file.
    pub shared: u64,
    /// How many of these have another address in the file. There are so few that the build is the same.
    pub elsewhere: u64,
}

/// Why a symbol map cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// A text of another kind.
    #[error("this is not a symbol map: expected lines of an address, a letter and a name, found '{found}'")]
    NotAMap {
        /// The beginning of its first line.
        found: String,
    },
    /// The kernel hid its addresses (`kptr_restrict`).
    #[error(
        "the symbol map gives no addresses: every address is zero, because the running kernel hid them (kptr_restrict); \
         read /proc/kallsyms as root with kernel.kptr_restrict at 0 or 1, or take the System.map of that build"
    )]
    Hidden,
    /// Too many symbols share one address.
    #[error(
        "the symbol map gives no addresses: of {symbols} symbols, {same} are at {address:#x}; take the System.map of \
         exactly this build, or read /proc/kallsyms as root"
    )]
    SamePlace {
        /// The address that occurs most often.
        address: u64,
        /// How many symbols have it.
        same: u64,
        /// How many symbols were looked at.
        symbols: u64,
    },
    /// Addresses that no kernel has.
    #[error("the symbol map is not that of a kernel: {reason}; take the System.map of exactly this build")]
    Impossible {
        /// What contradicts the layout of every kernel.
        reason: String,
    },
    /// The map shares hardly any names with the kernel's own file.
    #[error(
        "the symbol map is that of another program: it has {symbols} symbols and the file {known}, of which only \
         {shared} are in both; take the System.map of exactly this build"
    )]
    OtherProgram {
        /// How many symbols the map has.
        symbols: u64,
        /// How many symbols or variables the file has.
        known: u64,
        /// How many names of the file are in the map.
        shared: u64,
    },
    /// The map lacks the symbols that say where the image begins, and nothing else says whether it was moved.
    #[error(
        "the symbol map has none of the symbols with which an image begins (_text, _stext, ...): nothing says whether that \
         kernel was moved, and how far; take all lines of its System.map or of /proc/kallsyms"
    )]
    NoStart,
    /// The map of another build.
    #[error(
        "the symbol map belongs to another build: of the {shared} symbols that it shares with the file, {agree} have the \
         same address (first difference: {example}); take the System.map of exactly this build"
    )]
    OtherBuild {
        /// Symbols that both have.
        shared: u64,
        /// Symbols that have the same address in both.
        agree: u64,
        /// A symbol whose addresses differ.
        example: String,
    },
    /// The map of a kernel that was moved, whose link address is unknown.
    #[error(
        "the symbol map's addresses are those of one boot (_text lies at {loaded:#x}), and nothing says where that \
         kernel was linked; take the System.map of that build, or name its release (a map called System.map-<release>)"
    )]
    Moved {
        /// The address at which the image begins in the map.
        loaded: u64,
    },
}

/// How many symbols of ten thousand may have another address in a map of the same build. There should be none; a few
/// are allowed because several symbols can share a name. Two kernel builds one security update apart differ in 6 of
/// 1,000 (Debian's 6.1.0-56 and -57).
const TOLERANCE: u64 = 2;

/// Symbols at or before the beginning of an image, the most reliable first.
const ANCHORS: [&str; 7] = ["_text", "_stext", "_start", "startup_64", "startup_32", "_head", "stext"];

pub(crate) const MIB: u64 = 1 << 20;

/// Where there is no `_end`, the image ends at most this many bytes after its start.
const LARGEST_IMAGE: u64 = 1 << 30;
/// Early memory that the linker script places after `_end`.
const BEHIND_END: u64 = 16 << 20;

impl SystemMap<'_> {
    /// Converts the image's addresses to link addresses: if the map was read from a kernel that KASLR moved, the
    /// shift is subtracted. Per-CPU offsets and absolute symbols stay unchanged.
    ///
    /// The shift is found by the symbols in the kernel's own file or, without that file, by the architecture's link
    /// address.
    ///
    /// # Errors
    /// [`MapError`] if the text is not a map, its addresses are hidden or those of no kernel, `kernel.known` shows another
    /// build, or the kernel was moved and its link address is unknown.
    pub fn link(&mut self, kernel: &MappedKernel<'_>) -> Result<Linked, MapError> {
        if self.symbols.is_empty() {
            let line = self.first_skipped.map_or(&b""[..], |(_, line)| line);
            let found = String::from_utf8_lossy(line.get(..80).unwrap_or(line)).into_owned();
            return Err(MapError::NotAMap { found });
        }
        if self.is_hidden() {
            return Err(MapError::Hidden);
        }
        if let Some(error) = of_any_kernel(self) {
            return Err(error);
        }
        // For a pack the kernel's own file is not available, and a table of all symbols would cost more than reading
        // them did.
        let linked = if kernel.known.is_empty() && kernel.bounds.is_empty() {
            let shift = match self.shift_by_text(kernel) {
                Some(shift) => shift,
                None => self.shift_by_architecture(kernel)?,
            };
            Linked { shift, ..Linked::default() }
        } else {
            self.compare(kernel)?
        };
        if linked.shift != 0 {
            self.take_back(linked.shift);
        }
        Ok(linked)
    }

    /// Compares the map with the symbols in the kernel's own file.
    fn compare(&self, kernel: &MappedKernel<'_>) -> Result<Linked, MapError> {
        let places = Places::new(self);
        let shift = match self.shift_by_text(kernel).or_else(|| self.shift_by_file(kernel, &places)) {
            Some(shift) => shift,
            None => self.shift_by_architecture(kernel)?,
        };
        let (linked, example) = places.compare(kernel.known, shift);
        let (symbols, known) = (self.symbols.len() as u64, kernel.known.len() as u64);
        if linked.shared.saturating_mul(10) < symbols.min(known) {
            return Err(MapError::OtherProgram { symbols, known, shared: linked.shared });
        }
        let bounds: Vec<(&[u8], u64)> =
            kernel.bounds.iter().map(|(name, address)| (name.as_bytes(), *address)).collect();
        // There are few bounds, and each is decisive: a build that differs only in its BTF moves `__stop_BTF`.
        let (bounded, moved) = places.compare(&bounds, shift);
        if bounded.elsewhere > 0 || linked.elsewhere * 10_000 > linked.shared * TOLERANCE {
            let shared = linked.shared + bounded.shared;
            let agree = shared - linked.elsewhere - bounded.elsewhere;
            return Err(MapError::OtherBuild {
                shared,
                agree,
                example: moved.or(example).unwrap_or_default(),
            });
        }
        Ok(linked)
    }

    /// The shift by the file's sections.
    fn shift_by_text(&self, kernel: &MappedKernel<'_>) -> Option<u64> {
        Some(self.address("_text")?.wrapping_sub(kernel.text?))
    }

    /// The shift by the file's symbols: that of `_text` or `_stext`, otherwise the most frequent one.
    fn shift_by_file(&self, kernel: &MappedKernel<'_>, places: &Places<'_>) -> Option<u64> {
        let difference = |name: &[u8], address: u64| match places.by_name.get(name)?.as_slice() {
            [only] => Some(only.wrapping_sub(address)),
            _ => None,
        };
        for anchor in ["_text", "_stext"] {
            let known = kernel.known.iter().find(|(name, _)| *name == anchor.as_bytes());
            if let Some(shift) = known.and_then(|(name, address)| difference(name, *address)) {
                return Some(shift);
            }
        }
        let mut counts: HashMap<u64, u64, RandomState> = HashMap::default();
        let mut compared = 0u64;
        for shift in kernel.known.iter().filter_map(|(name, address)| difference(name, *address)) {
            *counts.entry(shift).or_default() += 1;
            compared += 1;
        }
        // An image is mapped in whole pages, so a smaller difference comes from another link address.
        let most = counts.into_iter().max_by_key(|(shift, count)| (*count, std::cmp::Reverse(*shift)));
        most.filter(|(shift, count)| count * 2 > compared && shift.is_multiple_of(4096))
            .map(|(shift, _)| shift)
    }

    /// The shift by the place of the image, which depends on the architecture.
    fn shift_by_architecture(&self, kernel: &MappedKernel<'_>) -> Result<u64, MapError> {
        let running = kernel.running || self.of_modules > 0;
        let anchor = ANCHORS.iter().find_map(|anchor| Some((*anchor, self.address(anchor)?)));
        // A whole map without these symbols begins with the first function.
        let lowest = || Some(("stext", lowest_of_image(self)?));
        let Some((anchor, address)) = anchor.or_else(lowest) else {
            // An excerpt is accepted if the file can be compared with it, or if such kernels are not moved.
            let decides = kernel.known.is_empty() && link_address::is_moved(kernel.arch);
            return if decides { Err(MapError::NoStart) } else { Ok(0) };
        };
        // The others may be a little after the start of the image.
        let loaded = match (anchor, kernel.arch) {
            ("_text", _) => address,
            (_, Arch::Amd64) => address & !0x1f_ffff,
            (_, Arch::Arm64) => address & !0x7_ffff,
            ("_stext" | "stext", _) => address & !0xffff,
            _ => address,
        };
        if kernel.known.is_empty()
            && let Some(error) = of_architecture(self, loaded, kernel.arch)
        {
            return Err(error);
        }
        match link_address::start(self, loaded, running, kernel.arch, kernel.release, kernel.config) {
            Start::Linked => Ok(0),
            Start::Moved(shift) => Ok(shift),
            Start::Unknown => Err(MapError::Moved { loaded }),
        }
    }

    /// Subtracts `shift` from the addresses of the image's symbols.
    fn take_back(&mut self, shift: u64) {
        let named = ANCHORS.iter().filter_map(|anchor| self.lowest(anchor)).min();
        let Some(start) = named.or_else(|| lowest_of_image(self)).or_else(|| {
            // An excerpt without an anchor: the image is everything above the per-CPU offsets, which start at zero.
            self.symbols.iter().map(|symbol| symbol.address).filter(|address| *address >= shift).min()
        }) else {
            return;
        };
        let end = match self.address("_end").filter(|end| *end > start) {
            Some(end) => end.saturating_add(BEHIND_END),
            None => start.saturating_add(LARGEST_IMAGE),
        };
        let wraps = self.digits <= 8;
        for symbol in &mut self.symbols {
            if (start..end).contains(&symbol.address) {
                let linked = symbol.address.wrapping_sub(shift);
                symbol.address = if wraps { linked & u64::from(u32::MAX) } else { linked };
            }
        }
    }

    /// The address of the first global symbol with this name; without a global one, of any symbol with it.
    pub(crate) fn global(&self, name: &str) -> Option<u64> {
        let mut named = self.symbols.iter().filter(|symbol| symbol.name == name.as_bytes());
        let global = named.clone().find(|symbol| symbol.binding == profile::Binding::Global);
        global.or_else(|| named.next()).map(|symbol| symbol.address)
    }

    /// The address of an anchor; a function of the trampoline may have the same name.
    fn lowest(&self, anchor: &str) -> Option<u64> {
        self.global(anchor).filter(|address| *address > 0)
    }
}

/// The bounds of a kernel's sections, given as name, address and size, under the names in the kernel's linker script
/// (`__start_BTF` and `__stop_BTF` for `.BTF`).
pub fn section_bounds<'s>(sections: impl IntoIterator<Item = (&'s str, u64, u64)>) -> Vec<(String, u64)> {
    let mut bounds = Vec::new();
    for (name, address, size) in sections {
        let stem = name.strip_prefix('.').unwrap_or(name);
        let is_identifier = stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        // Only the first part of the read-only data has this name.
        if address == 0 || !is_identifier || stem == "rodata" {
            continue;
        }
        bounds.push((format!("__start_{stem}"), address));
        bounds.extend(address.checked_add(size).map(|end| (format!("__stop_{stem}"), end)));
    }
    bounds
}

/// The places of a map's symbols.
struct Places<'a> {
    by_name: HashMap<&'a [u8], Vec<u64>, RandomState>,
    /// Sorted.
    by_address: Vec<(u64, &'a [u8])>,
}

impl<'a> Places<'a> {
    fn new(map: &SystemMap<'a>) -> Self {
        let mut by_name: HashMap<&[u8], Vec<u64>, RandomState> = HashMap::default();
        for symbol in &map.symbols {
            by_name.entry(symbol.name).or_default().push(symbol.address);
        }
        let mut by_address: Vec<(u64, &[u8])> =
            map.symbols.iter().map(|symbol| (symbol.address, symbol.name)).collect();
        by_address.sort_unstable();
        Self { by_name, by_address }
    }

    /// Compares a map, whose addresses are `shift` too high, with the symbols in the kernel's own file.
    fn compare<'k>(
        &self,
        known: impl IntoIterator<Item = &'k (&'k [u8], u64)>,
        shift: u64,
    ) -> (Linked, Option<String>) {
        let (mut shared, mut elsewhere, mut example) = (0u64, 0u64, None);
        for (name, address) in known {
            let Some(places) = self.by_name.get(name) else { continue };
            shared += 1;
            let loaded = address.wrapping_add(shift);
            // Offsets into a per-CPU area are never moved.
            if places.contains(&loaded) || places.contains(address) || self.numbered(name, loaded) {
                continue;
            }
            elsewhere += 1;
            if example.is_none() {
                let name = String::from_utf8_lossy(name);
                let theirs = places.first().copied().unwrap_or(0).wrapping_sub(shift);
                example = Some(format!("{name}: expected {address:#x}, found {theirs:#x}"));
            }
        }
        (Linked { shift, shared, elsewhere }, example)
    }

    /// Whether a symbol at `address` has this name with a number added, as a function's static variable has
    /// (`name.3`).
    fn numbered(&self, name: &[u8], address: u64) -> bool {
        let first = self.by_address.partition_point(|(at, _)| *at < address);
        let here = self.by_address.get(first..).unwrap_or_default().iter();
        here.take_while(|(at, _)| *at == address).any(|(_, symbol)| {
            symbol.strip_prefix(name).is_some_and(|rest| matches!(rest, [b'.' | b'$', ..]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: &[(&[u8], u64)] = &[
        (b"_text", 0xffff_ffff_8100_0000),
        (b"init_task", 0xffff_ffff_8200_0000),
        (b"modules", 0xffff_ffff_8200_1000),
        (b"current_task", 0x1_4000),
    ];

    fn kernel<'a>(known: &'a [(&'a [u8], u64)]) -> MappedKernel<'a> {
        MappedKernel {
            arch: Arch::Amd64,
            known,
            bounds: &[],
            text: None,
            release: None,
            config: None,
            running: false,
        }
    }

    fn text(shift: u64) -> String {
        let line = |(name, address): &(&[u8], u64)| {
            let moved = if *address > 0x10_0000 { shift } else { 0 };
            format!("{:016x} D {}\n", address + moved, String::from_utf8_lossy(name))
        };
        BUILD.iter().map(line).collect::<String>() + "ffffffffff600000 T vgettimeofday\n"
    }

    fn linked(text: &str, known: &[(&[u8], u64)]) -> Result<(Linked, Vec<u64>), MapError> {
        let mut map = SystemMap::parse(text.as_bytes());
        let linked = map.link(&kernel(known))?;
        Ok((linked, map.symbols.iter().map(|symbol| symbol.address).collect()))
    }

    #[test]
    fn the_shift_is_found_by_the_file_or_by_the_architecture() {
        let expected: Vec<u64> =
            BUILD.iter().map(|(_, address)| *address).chain([0xffff_ffff_ff60_0000]).collect();
        for known in [BUILD, &BUILD[1..], &[]] {
            for shift in [0, 0x1_2e00_0000 & 0x3fff_ffff] {
                let (done, addresses) = linked(&text(shift), known).unwrap();
                assert_eq!((done.shift, done.elsewhere), (shift, 0));
                assert_eq!(addresses, expected);
            }
        }
    }

    #[test]
    fn a_neighbouring_build_is_refused_whether_it_was_moved_or_not() {
        for shift in [0, 0x200_0000] {
            let other = text(shift).replace("82001000", "82001040").replace("84001000", "84001040");
            match linked(&other, BUILD) {
                Err(MapError::OtherBuild { shared: 4, agree: 3, example }) => {
                    assert!(example.starts_with("modules: expected 0xffffffff82001000, found"), "{example}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn hidden_addresses_and_other_texts_are_refused() {
        assert_eq!(
            linked("0000000000000000 T _text\n0000000000000000 D modules\n", BUILD),
            Err(MapError::Hidden)
        );
        let found = "<html>".to_owned();
        assert_eq!(linked("<html>\n", BUILD), Err(MapError::NotAMap { found }));
    }

    #[test]
    fn a_moved_kernel_with_an_unknown_link_address_is_refused() {
        let mut map = SystemMap::parse(b"ffffd2f5c3a00000 T _text\nffffd2f5bf000000 t foo [foo]\n");
        let unknown = MappedKernel { arch: Arch::Arm64, ..kernel(&[]) };
        assert_eq!(map.link(&unknown), Err(MapError::Moved { loaded: 0xffff_d2f5_c3a0_0000 }));
        let told = MappedKernel { release: Some("6.1.0"), ..unknown };
        assert_eq!(map.link(&told).map(|done| done.shift), Ok(0x52f5_bba0_0000));
        assert_eq!(map.address("_text"), Some(0xffff_8000_0800_0000));
    }

    #[test]
    fn a_different_section_size_means_another_build() {
        let bounds =
            section_bounds([(".BTF", 0xffff_ffff_8210_0000, 0x123), (".text", 0, 0), (".a-b", 1, 1)]);
        assert_eq!(bounds[1], ("__stop_BTF".to_owned(), 0xffff_ffff_8210_0123));
        let kernel = MappedKernel { bounds: &bounds, ..kernel(BUILD) };
        let with = |end: &str| format!("{}{end} R __stop_BTF\n", text(0));
        let same = with("ffffffff82100123");
        assert_eq!(SystemMap::parse(same.as_bytes()).link(&kernel).map(|done| done.elsewhere), Ok(0));
        let other = with("ffffffff82100120");
        let refused = SystemMap::parse(other.as_bytes()).link(&kernel);
        assert!(matches!(refused, Err(MapError::OtherBuild { shared: 5, agree: 4, .. })), "{refused:?}");
    }

    #[test]
    fn static_variables_of_functions_are_found_under_their_numbers() {
        let known: &[(&[u8], u64)] = &[(b"_text", 0x1000), (b"once", 0x2000)];
        let map = "0000000000001000 T _text\n0000000000002000 d once.3\n0000000000003000 d once\n";
        assert_eq!(linked(map, known).map(|(done, _)| done.elsewhere), Ok(0));
    }

    #[test]
    fn a_map_that_shares_hardly_any_names_is_that_of_another_program() {
        let names: Vec<String> = (0..100).map(|number| format!("name_{number}")).collect();
        let known: Vec<(&[u8], u64)> =
            names.iter().zip(0x1000..).map(|(name, at)| (name.as_bytes(), at)).collect();
        let map = |shared: usize| -> String {
            let line = |number: usize| match number < shared {
                true => format!("{:016x} T name_{number}\n", 0x1000 + number),
                false => format!("{:016x} T other_{number}\n", 0x2000 + number),
            };
            (0..50).map(line).collect()
        };
        let other = MapError::OtherProgram { symbols: 50, known: 100, shared: 4 };
        assert_eq!(linked(&map(4), &known), Err(other));
        assert_eq!(linked(&map(5), &known).map(|(done, _)| done.shared), Ok(5));
    }
}
