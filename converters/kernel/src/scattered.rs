//! Kernels that put every function in a random place when they start (FG-KASLR: `fgkaslr` of the patches for x86, which
//! vendors of hardened kernels apply). Their symbols are right in one boot.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use maps::kallsyms::Symbol;

/// Functions that one source file of the kernel has had since 4.18. The compiler and the linker keep them together: in every
/// kernel that was tried they are less than 64 KiB apart, those built with ThinLTO among them.
const NEIGHBOURS: [(&str, &str); 16] = [
    ("vfs_read", "vfs_write"),
    ("kernel_read", "kernel_write"),
    ("filp_open", "filp_close"),
    ("vfs_mkdir", "vfs_rmdir"),
    ("vfs_link", "vfs_unlink"),
    ("tcp_sendmsg", "tcp_recvmsg"),
    ("udp_sendmsg", "udp_recvmsg"),
    ("kthread_stop", "kthread_park"),
    ("iget_locked", "iput"),
    ("sysfs_create_group", "sysfs_remove_group"),
    ("device_add", "device_del"),
    ("driver_register", "driver_unregister"),
    ("seq_read", "seq_lseek"),
    ("hrtimer_cancel", "hrtimer_start_range_ns"),
    ("add_timer", "mod_timer"),
    ("kobject_add", "kobject_del"),
];
/// How far apart neighbours are at most, in bytes.
const NEAR: u64 = 64 << 10;
/// How many pairs a kernel has to have before anything is said of it.
const FEWEST: usize = 8;

/// Whether functions of one source file are far from each other. Two that are scattered over the 12 MiB of a kernel's code come
/// this near to each other once in a hundred times.
pub(crate) fn is_scattered(symbols: &[Symbol]) -> bool {
    let mut places: HashMap<&str, Option<u64>, RandomState> = HashMap::default();
    for (first, second) in NEIGHBOURS {
        places.extend([(first, None), (second, None)]);
    }
    for symbol in symbols {
        if let Some(place) = places.get_mut(symbol.name.as_str()) {
            // Of several functions of one name the first may be another pair's.
            place.get_or_insert(symbol.address);
        }
    }
    let place = |name| places.get(name).copied().flatten();
    let pairs = NEIGHBOURS.into_iter();
    let distances: Vec<u64> =
        pairs.filter_map(|(first, second)| Some(place(first)?.abs_diff(place(second)?))).collect();
    let near = distances.iter().filter(|distance| **distance < NEAR).count();
    distances.len() >= FEWEST && near * 4 < distances.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs one behind the other, or each function at a place of its own.
    fn symbols(pairs: usize, step: u64) -> Vec<Symbol> {
        let names = NEIGHBOURS.into_iter().take(pairs).flat_map(|(first, second)| [first, second]);
        let symbol = |(number, name): (u64, &str)| Symbol {
            kind: b'T',
            name: name.to_owned(),
            address: 0xffff_ffff_8100_0000 + number * step,
        };
        (0..).zip(names).map(symbol).collect()
    }

    #[test]
    fn functions_of_one_file_are_near_each_other_unless_they_were_scattered() {
        assert!(!is_scattered(&symbols(16, 0x400)));
        assert!(is_scattered(&symbols(16, 0x4_0000)));
        // Too few pairs say nothing.
        assert!(!is_scattered(&symbols(7, 0x4_0000)));
        assert!(!is_scattered(&[]));
        // A few files that were split by a profile of the kernel's use do not make a scattered kernel.
        let mut split = symbols(16, 0x400);
        for symbol in split.iter_mut().take(16).step_by(2) {
            symbol.address += 0x80_0000;
        }
        assert!(!is_scattered(&split));
    }
}
