//! A memory image in a container.

use image::{Image, Memory, PhysicalAddress, ScanPlan, find};

/// Images of more memory than this are read in places, not as a whole.
const WHOLE: u64 = 1 << 20;

/// Opens an image that begins with `magic`. The ranges are in order and do not overlap, every byte of them can be read, a
/// read in pieces gives the same bytes as a single read, and a search finds these bytes.
pub fn check(magic: &[u8], bytes: &[u8]) {
    let mut stamped = bytes.to_vec();
    for (place, byte) in stamped.iter_mut().zip(magic) {
        *place = *byte;
    }
    let Ok(image) = Image::from_content(stamped) else { return };
    let mut before = 0;
    for (index, run) in image.runs().iter().enumerate() {
        assert!(run.length > 0 && (index == 0 || run.start.0 > before));
        before = run.end();
        assert!(before > run.start.0);
        let mut missing = [0];
        assert!(before == u64::MAX || image.read(PhysicalAddress(before), &mut missing).is_err());
        if index < 64 {
            for start in [run.start.0, run.start.0 + run.length / 2, before - run.length.min(5000)] {
                read(&image, start, (before - start).min(9000) as usize);
            }
        }
    }
    if image.size() < WHOLE {
        let mut needle = [0; 4];
        if let Some(run) = image.runs().first()
            && image.read(run.start, &mut needle).is_ok()
        {
            let found = find(&image, &[&needle], 64, &ScanPlan { threads: 2, ..ScanPlan::default() });
            // Memory that is zero is not searched.
            assert!(found.found.first().is_some_and(|hit| hit.at == run.start) || found.report.total() > 0);
        }
    }
}

/// Reads the bytes at `start`, at once and in three pieces.
fn read(image: &Image, start: u64, length: usize) {
    let (mut whole, mut pieces) = (vec![0; length], vec![0; length]);
    let at_once = image.read(PhysicalAddress(start), &mut whole);
    let mut at = start;
    let mut good = true;
    for piece in pieces.chunks_mut(length.div_ceil(3).max(1)) {
        good &= image.read(PhysicalAddress(at), piece).is_ok();
        at += piece.len() as u64;
    }
    assert_eq!(at_once.is_ok(), good);
    assert!(!good || whole == pieces);
}
