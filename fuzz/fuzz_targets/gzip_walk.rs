//! Where an inflater reaches a deflate stream's end, the walk ends at the same byte.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The module is private to its crate and does not depend on it.
#[path = "../../src/profile/src/compress/gzip/walk.rs"]
mod walk;

fuzz_target!(|stream: &[u8]| {
    let walked = walk::ends(stream);
    if let Ok(ends) = walked {
        assert!(ends.last_block < ends.end && ends.end <= stream.len() * 8);
        assert_eq!(stream[ends.last_block / 8] >> (ends.last_block % 8) & 1, 1);
    }
    let mut inflater = flate2::Decompress::new(false);
    let mut text = vec![0; 1 << 16];
    loop {
        let read = inflater.total_in() as usize;
        match inflater.decompress(&stream[read..], &mut text, flate2::FlushDecompress::None) {
            Ok(flate2::Status::StreamEnd) => break,
            Ok(_) if (inflater.total_in() as usize) < stream.len() => {}
            _ => return,
        }
    }
    let ends = walked.expect("what inflates can be walked");
    assert_eq!(ends.end.div_ceil(8), inflater.total_in() as usize);
});
