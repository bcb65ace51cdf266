//! How ranges of memory may lie in a file of their size.

use std::ops::Range;

use image::Placed;

/// Where memory goes on behind that hole.
const FOUR_GIB: u64 = 1 << 32;

/// How `size` bytes of memory may lie in a file, if the machine has memory in these ranges, which rise and do not overlap:
/// the ranges one behind the other; the same with everything below 1 MiB; or everything but the hole below 4 GiB. The layout
/// whose size is nearest to that of the file comes first.
pub(crate) fn layouts_of(ranges: &[Range<u64>], size: u64) -> Vec<Vec<Placed>> {
    let mut layouts = Vec::new();
    let mut add = |ranges: &[Range<u64>]| {
        let sum = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        let (missing, more) = (sum.saturating_sub(size), size.saturating_sub(sum));
        if missing > MOST_MISSING || more > MOST_MORE || ranges.is_empty() {
            return;
        }
        let mut parts: Vec<Placed> = Vec::new();
        let mut offset = 0;
        for range in ranges {
            let length = (range.end - range.start).min(size - offset);
            if length == 0 {
                break;
            }
            parts.push(Placed { start: range.start, length, offset });
            offset += length;
        }
        if let Some(last) = parts.last_mut() {
            last.length += size - offset;
        }
        layouts.push((missing + more, parts));
    };
    add(ranges);
    let high = ranges.iter().filter(|range| range.start >= LOW_MEMORY).cloned();
    let with_low: Vec<Range<u64>> = std::iter::once(0..LOW_MEMORY).chain(high).collect();
    add(&with_low);
    // Which size of the lower part makes the whole as large as it is.
    let top = ranges.last().map_or(0, |range| range.end);
    if let Some(above) = top.checked_sub(FOUR_GIB).filter(|above| *above > 0)
        && let Some(low) = size.checked_sub(above)
        && ranges.iter().all(|range| range.start >= FOUR_GIB || range.end <= low)
    {
        layouts.extend(behind_hole(low, size).map(|parts| (0, parts)));
    }
    layouts.sort_by_key(|(difference, _)| *difference);
    layouts.into_iter().map(|(_, parts)| parts).collect()
}

/// How much of the memory may not be in the file: a tool may leave out pages that it cannot read.
const MOST_MISSING: u64 = 64 << 10;
/// How much more the file may hold: firmware keeps the end of the memory for itself, and a tool may store it as well.
const MOST_MORE: u64 = 64 << 20;
/// Where the memory begins that no PC leaves to its firmware.
const LOW_MEMORY: u64 = 1 << 20;

/// Memory up to `low`, and the rest from 4 GiB on.
pub(crate) fn behind_hole(low: u64, size: u64) -> Option<Vec<Placed>> {
    let rest = size.checked_sub(low).filter(|rest| *rest > 0 && (1..FOUR_GIB).contains(&low))?;
    Some(vec![
        Placed { start: 0, length: low, offset: 0 },
        Placed { start: FOUR_GIB, length: rest, offset: low },
    ])
}

/// Whether every part is at the place in the file that is its address.
pub(crate) fn is_flat(parts: &[Placed]) -> bool {
    parts.iter().all(|part| part.start == part.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn placed(parts: &[Placed]) -> Vec<(u64, u64, u64)> {
        parts.iter().map(|part| (part.start, part.length, part.offset)).collect()
    }

    #[test]
    fn ranges_lie_one_behind_the_other() {
        let ranges = [0x1000..0x9_fc00, MIB..64 * MIB, 4096 * MIB..4100 * MIB];
        let size = 0x9_ec00 + 63 * MIB + 4 * MIB;
        let layouts = layouts_of(&ranges, size);
        assert_eq!(
            placed(&layouts[0]),
            [(0x1000, 0x9_ec00, 0), (MIB, 63 * MIB, 0x9_ec00), (4096 * MIB, 4 * MIB, 0x9_ec00 + 63 * MIB)]
        );
        // With all of the first megabyte.
        let layouts = layouts_of(&ranges, 68 * MIB);
        assert_eq!(placed(&layouts[0])[0], (0, MIB, 0));
    }

    #[test]
    fn the_size_tells_where_the_hole_for_devices_begins() {
        // VMware with 4 GiB; tables of the firmware lie at the end of the lower part.
        let ranges = [0x1000..0x9_fc00, MIB..0xbfed_0000, FOUR_GIB..5 * 1024 * MIB];
        let layouts = layouts_of(&ranges, 4096 * MIB);
        let whole = [(0, 0xc000_0000, 0), (FOUR_GIB, 1024 * MIB, 0xc000_0000)];
        assert_eq!(placed(&layouts[0]), whole);
        // A file that is as long as the memory reaches has no hole that was left out.
        assert!(layouts_of(&ranges, 5 * 1024 * MIB).iter().all(|parts| is_flat(parts)));
    }
}
