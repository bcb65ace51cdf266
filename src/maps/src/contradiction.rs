//! What is true of the symbol map of every kernel, whatever its build: its symbols are in different places, its sections
//! follow one another, and its image is where the architecture puts it.

use profile::Arch;

use crate::linked::MIB;
use crate::{MapError, SystemMap};

/// How many symbols are looked at in a map with more.
const SAMPLE: usize = 4096;

/// A map with fewer symbols may be an excerpt: it says nothing about where the rest of the image is.
pub(crate) const WHOLE: usize = 1000;

/// An image is smaller than this (1 GiB).
const LARGEST_IMAGE: u64 = 1024 * MIB;
/// The most between `_text` and `_stext`: the headers of the image.
const LARGEST_HEAD: u64 = 64 * MIB;
/// `__START_KERNEL_map`: x86-64 kernels are in the last 2 GiB of the address space.
const AMD64_LOWEST: u64 = 0xffff_ffff_8000_0000;

/// Symbols of which the first is before the second in every kernel (`include/asm-generic/sections.h`).
const IN_ORDER: [(&str, &str); 9] = [
    ("_text", "_etext"),
    ("_stext", "_etext"),
    ("_text", "_end"),
    ("_stext", "_end"),
    ("_sinittext", "_einittext"),
    ("__init_begin", "__init_end"),
    ("_sdata", "_edata"),
    ("__bss_start", "__bss_stop"),
    ("__start_BTF", "__stop_BTF"),
];

/// Symbols that never share an address.
const APART: [(&str, &str); 3] =
    [("_text", "init_task"), ("_stext", "init_task"), ("linux_banner", "init_task")];

/// The reason why `map` is not that of any kernel, if there is one. Symbols that are missing decide nothing.
pub(crate) fn of_any_kernel(map: &SystemMap<'_>) -> Option<MapError> {
    let sample = Sample::of(map);
    if let Some((address, same)) = sample.crowded() {
        let (same, symbols) = (same as u64, sample.addresses.len() as u64);
        return Some(MapError::SamePlace { address, same, symbols });
    }
    let places = NamedPlaces::of(map);
    let at = |name: &str| places.of_name(name);
    for (first, second) in IN_ORDER {
        // A name may occur again in the code that starts other processors, so any pair that fits is enough.
        if let (Some((low, _)), Some((_, high))) = (at(first), at(second))
            && low >= high
        {
            return Some(impossible(format!("{first} ({low:#x}) is not before {second} ({high:#x})")));
        }
    }
    for (first, second) in APART {
        if let (Some(one), Some(other)) = (at(first), at(second))
            && one == other
        {
            return Some(impossible(format!("{first} and {second} are both at {:#x}", one.0)));
        }
    }
    let (text, start) = (at("_text"), at("_stext"));
    if let (Some((text, _)), Some((_, start))) = (text, start)
        && start.abs_diff(text) > LARGEST_HEAD
    {
        return Some(impossible(format!(
            "_text ({text:#x}) and _stext ({start:#x}) are in different images"
        )));
    }
    if let (Some((start, _)), Some((_, end))) = (start, at("_etext")) {
        let (data, among_code) = sample.data_between(start, end);
        if data >= 8 && among_code * 2 > data {
            return Some(impossible(format!(
                "of {data} variables {among_code} are in the code, between _stext ({start:#x}) and _etext ({end:#x})"
            )));
        }
    }
    if let (Some((start, _)), Some((_, end))) = (text.or(start), at("_end")) {
        let total = sample.addresses.len();
        let outside = total - sample.between(start, end);
        if total >= 8 && outside * 2 > total {
            return Some(impossible(format!(
                "of {total} symbols {outside} are outside of the image, which is between {start:#x} and {end:#x}"
            )));
        }
    }
    None
}

/// The reason why an image that begins at `loaded` is not one of this architecture, if there is one. Only for maps that
/// nothing else can be compared with.
pub(crate) fn of_architecture(map: &SystemMap<'_>, loaded: u64, arch: Arch) -> Option<MapError> {
    // User Mode Linux runs as an ordinary program, at addresses of its own.
    if arch != Arch::Amd64 || map.address("uml_physmem").is_some() {
        return None;
    }
    if loaded < AMD64_LOWEST {
        return Some(impossible(format!(
            "the image begins at {loaded:#x}, and an x86-64 kernel is at {AMD64_LOWEST:#x} or above"
        )));
    }
    // An image is mapped in large pages; the oldest kernels were linked 1 MiB into the mapping.
    if map.symbols.len() >= WHOLE && !loaded.is_multiple_of(MIB) {
        return Some(impossible(format!(
            "the image begins at {loaded:#x}, and an x86-64 kernel begins at a multiple of 1 MiB"
        )));
    }
    None
}

/// The lowest address in the image of a whole map that does not name the image's beginning, if a function is there.
/// Per-CPU offsets and absolute symbols, of which there are few, are far from the image or inside it.
pub(crate) fn lowest_of_image(map: &SystemMap<'_>) -> Option<u64> {
    if map.symbols.len() < WHOLE {
        return None;
    }
    let sample = Sample::of(map);
    let middle = *sample.addresses.get(sample.addresses.len() / 2)?;
    let least = middle.saturating_sub(LARGEST_IMAGE);
    let lowest =
        map.symbols.iter().filter(|symbol| symbol.address >= least).min_by_key(|symbol| symbol.address)?;
    (!lowest.data).then_some(lowest.address)
}

fn impossible(reason: String) -> MapError {
    MapError::Impossible { reason }
}

/// Some of a map's symbols, taken at equal distances.
struct Sample {
    /// Sorted.
    addresses: Vec<u64>,
    /// Those of variables, in the order of the map.
    data: Vec<u64>,
}

impl Sample {
    fn of(map: &SystemMap<'_>) -> Self {
        let step = map.symbols.len().div_ceil(SAMPLE).max(1);
        let taken = || map.symbols.iter().step_by(step);
        let mut addresses: Vec<u64> = taken().map(|symbol| symbol.address).collect();
        addresses.sort_unstable();
        let data = taken().filter(|symbol| symbol.data).map(|symbol| symbol.address).collect();
        Self { addresses, data }
    }

    /// The address that too many symbols share, and how many do. In kernels of 2.6 to 7.3 at most a tenth share one
    /// (the marks of `noinstr` code in 5.10), and at least nine tenths of all addresses are different. An excerpt may
    /// consist of the names of one place.
    fn crowded(&self) -> Option<(u64, usize)> {
        let total = self.addresses.len();
        let runs = self.addresses.chunk_by(|one, other| one == other);
        let different = runs.clone().count();
        let (address, same) =
            runs.map(|run| (run.first().copied().unwrap_or(0), run.len())).max_by_key(|run| run.1)?;
        let most = match total {
            0..=2 => total,
            3..=7 => total - 1,
            8..=63 => total / 2,
            _ => total / 3,
        };
        (same > most || total >= 64 && different * 4 < total).then_some((address, same))
    }

    /// How many addresses are from `start` to `end`, both included.
    fn between(&self, start: u64, end: u64) -> usize {
        let before = self.addresses.partition_point(|address| *address < start);
        self.addresses.partition_point(|address| *address <= end).saturating_sub(before)
    }

    /// How many variables there are, and how many of them are from `start` to before `end`.
    fn data_between(&self, start: u64, end: u64) -> (usize, usize) {
        (self.data.len(), self.data.iter().filter(|address| (start..end).contains(*address)).count())
    }
}

/// The lowest and the highest address of each name that the rules use.
struct NamedPlaces([Option<(u64, u64)>; NAMED.len()]);

const NAMED: [&str; 16] = [
    "_text",
    "_stext",
    "_etext",
    "_end",
    "_sinittext",
    "_einittext",
    "__init_begin",
    "__init_end",
    "_sdata",
    "_edata",
    "__bss_start",
    "__bss_stop",
    "__start_BTF",
    "__stop_BTF",
    "init_task",
    "linux_banner",
];

impl NamedPlaces {
    fn of(map: &SystemMap<'_>) -> Self {
        let mut places = [None; NAMED.len()];
        for symbol in &map.symbols {
            // Most names are passed over by their length or their first letter.
            if !(4..=12).contains(&symbol.name.len())
                || !matches!(symbol.name.first(), Some(b'_' | b'i' | b'l'))
            {
                continue;
            }
            let number = NAMED.iter().position(|name| name.as_bytes() == symbol.name);
            if let Some(place) = number.and_then(|number| places.get_mut(number)) {
                let (low, high) = place.unwrap_or((symbol.address, symbol.address));
                *place = Some((low.min(symbol.address), high.max(symbol.address)));
            }
        }
        Self(places)
    }

    fn of_name(&self, name: &str) -> Option<(u64, u64)> {
        let number = NAMED.iter().position(|known| *known == name)?;
        *self.0.get(number)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MappedKernel;

    /// A map of 2,000 symbols, three quarters of them functions: name, letter and address.
    fn kernel() -> Vec<(String, char, u64)> {
        const TEXT: u64 = 0xffff_ffff_8100_0000;
        let mut lines = vec![("_text".to_owned(), 'T', TEXT), ("_stext".to_owned(), 'T', TEXT)];
        lines.extend((0..1500).map(|number| (format!("function_{number}"), 't', TEXT + 0x20 * number)));
        lines.push(("_etext".to_owned(), 'T', TEXT + 0x1_0000));
        lines.push(("_sdata".to_owned(), 'D', TEXT + 0x20_0000));
        lines.extend((0..500).map(|number| (format!("data_{number}"), 'd', TEXT + 0x20_0000 + 8 * number)));
        lines.push(("init_task".to_owned(), 'D', TEXT + 0x20_8000));
        lines.push(("_edata".to_owned(), 'D', TEXT + 0x21_0000));
        lines.push(("_end".to_owned(), 'B', TEXT + 0x30_0000));
        lines.push(("vsyscall".to_owned(), 't', 0xffff_ffff_ff60_0000));
        lines.push(("fixed_percpu_data".to_owned(), 'A', 0));
        lines
    }

    fn link(lines: &[(String, char, u64)], running: bool, arch: Arch) -> Result<Vec<u64>, MapError> {
        let text: String =
            lines.iter().map(|(name, letter, at)| format!("{at:016x} {letter} {name}\n")).collect();
        let mut map = SystemMap::parse(text.as_bytes());
        let nothing =
            MappedKernel { arch, known: &[], bounds: &[], text: None, release: None, config: None, running };
        map.link(&nothing)?;
        Ok(map.symbols.iter().map(|symbol| symbol.address).collect())
    }

    fn changed(change: impl Fn(&str, char, u64) -> u64) -> Vec<(String, char, u64)> {
        let changed = |(name, letter, at): (String, char, u64)| {
            let at = change(&name, letter, at);
            (name, letter, at)
        };
        kernel().into_iter().map(changed).collect()
    }

    fn slid(name: &str, at: u64) -> u64 {
        if matches!(name, "vsyscall" | "fixed_percpu_data") { at } else { at + 0x1200_0000 }
    }

    #[test]
    fn a_real_map_is_not_contradicted_wherever_it_was_loaded() {
        let as_linked: Vec<u64> = kernel().into_iter().map(|(_, _, at)| at).collect();
        for running in [false, true] {
            assert_eq!(link(&kernel(), running, Arch::Amd64), Ok(as_linked.clone()));
            assert_eq!(
                link(&changed(|name, _, at| slid(name, at)), running, Arch::Amd64),
                Ok(as_linked.clone())
            );
        }
    }

    #[test]
    fn addresses_that_are_shared_are_not_addresses() {
        for address in [1, 0xffff_ffff_8100_0000, u64::MAX] {
            let error = link(&changed(|_, _, _| address), false, Arch::Amd64);
            assert_eq!(error, Err(MapError::SamePlace { address, same: 2009, symbols: 2009 }));
        }
        // A part is hidden, or a few values are dealt out.
        let hidden = changed(|name, _, at| if name.starts_with("function") { 0 } else { at });
        assert!(matches!(link(&hidden, false, Arch::Amd64), Err(MapError::SamePlace { address: 0, .. })));
        let few = changed(|name, _, at| at & !0xf_ffff | name.len() as u64 & 1);
        assert!(matches!(link(&few, false, Arch::Amd64), Err(MapError::SamePlace { .. })));
        let excerpt = [("a".to_owned(), 'D', 5), ("b".to_owned(), 'D', 5), ("c".to_owned(), 'T', 5)];
        assert!(matches!(
            link(&excerpt, false, Arch::Arm),
            Err(MapError::SamePlace { address: 5, same: 3, .. })
        ));
        // These three are always at one address.
        let heads =
            ["_text", "_stext", "startup_64"].map(|name| (name.to_owned(), 'T', 0xffff_ffff_8100_0000));
        let excerpt = [&heads[..], &[("init_task".to_owned(), 'D', 0xffff_ffff_8200_0000)]].concat();
        assert!(link(&excerpt, false, Arch::Amd64).is_ok());
    }

    fn reason(lines: &[(String, char, u64)], arch: Arch) -> String {
        match link(lines, false, arch) {
            Err(MapError::Impossible { reason }) => reason,
            other => panic!("{:?}", other.map(|addresses| addresses.len())),
        }
    }

    #[test]
    fn sections_in_another_order_are_not_those_of_a_kernel() {
        const LAST: u64 = 0xffff_ffff_8200_0000;
        let reversed = changed(|_, _, at| if at < LAST { LAST - (at & 0xff_ffff) } else { at });
        assert!(
            reason(&reversed, Arch::Amd64).starts_with("_text (0xffffffff82000000) is not before _etext")
        );
        let among_code = changed(|name, _, at| if name.starts_with("data") { at - 0x20_0000 } else { at });
        assert!(reason(&among_code, Arch::Amd64).contains("are in the code"));
        let two_boots = changed(|name, _, at| if name == "_text" { at } else { slid(name, at) });
        assert!(reason(&two_boots, Arch::Amd64).contains("are in different images"));
        let one = changed(|name, _, at| if name == "init_task" { 0xffff_ffff_8100_0000 } else { at });
        assert!(reason(&one, Arch::Amd64).contains("_text and init_task are both at"));
        let elsewhere = changed(|name, _, at| if name.contains("function") { at - 0x1000_0000 } else { at });
        assert!(reason(&elsewhere, Arch::Arm64).contains("are outside of the image"));
    }

    #[test]
    fn an_image_of_x86_64_is_at_the_end_of_the_address_space_and_aligned() {
        let low = changed(|_, _, at| at & 0xffff_ffff);
        assert!(reason(&low, Arch::Amd64).starts_with("the image begins at 0x81000000"));
        let odd = changed(|name, _, at| if name == "vsyscall" { at } else { at + 0x12_3000 });
        assert!(reason(&odd, Arch::Amd64).ends_with("at a multiple of 1 MiB"));
        let mut user_mode = low;
        user_mode.push(("uml_physmem".to_owned(), 'B', 0x8120_0010));
        assert!(link(&user_mode, false, Arch::Amd64).is_ok());
    }

    #[test]
    fn a_map_without_its_beginning_is_moved_by_its_first_function() {
        let nameless = |lines: Vec<(String, char, u64)>| -> Vec<(String, char, u64)> {
            lines.into_iter().filter(|(name, ..)| !matches!(name.as_str(), "_text" | "_stext")).collect()
        };
        let as_linked: Vec<u64> = nameless(kernel()).into_iter().map(|(_, _, at)| at).collect();
        for running in [false, true] {
            let slid = nameless(changed(|name, _, at| slid(name, at)));
            assert_eq!(link(&slid, running, Arch::Amd64), Ok(as_linked.clone()));
            let wide = nameless(changed(|name, _, at| {
                if name == "vsyscall" { at } else { at & 0xff_ffff | 0xffff_d2f5_c300_0000 }
            }));
            // Without the symbols that a build adds, this is a running kernel, whatever the name says.
            let error = link(&wide, running, Arch::Arm64);
            assert_eq!(error, Err(MapError::Moved { loaded: 0xffff_d2f5_c300_0000 }));
        }
        let excerpt = [("modules".to_owned(), 'D', 0xffff_ffff_9400_0000)];
        for arch in [Arch::Amd64, Arch::Arm64, Arch::I386] {
            assert_eq!(link(&excerpt, false, arch), Err(MapError::NoStart));
        }
        assert!(link(&excerpt, false, Arch::Arm).is_ok());
        let variables =
            changed(|name, _, at| slid(name, at)).into_iter().filter(|(_, letter, _)| *letter == 'd');
        let many: Vec<_> = variables
            .cycle()
            .zip(0..)
            .map(|((name, letter, at), n)| (name, letter, at + 4096 * n))
            .take(1200)
            .collect();
        assert_eq!(link(&many, false, Arch::Amd64), Err(MapError::NoStart));
    }
}
