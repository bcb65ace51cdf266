//! What inflates is what an independent reader of several members gives, and never longer than allowed.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    // The magic number and no flags let more inputs in; inputs that bring their own are left alone.
    let mut stamped = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    stamped.extend_from_slice(bytes);
    for input in [bytes, &stamped] {
        let Ok(text) = profile::inflate(input, LIMIT) else { continue };
        assert!(text.len() <= LIMIT);
        let mut expected = Vec::new();
        let padding = input.iter().rev().take_while(|&&byte| byte == 0).count();
        // The other reader knows no padding, and a trailer may end in zeros of its own.
        let read = (0..=padding).any(|zeros| {
            expected.clear();
            let members = &input[..input.len() - zeros];
            flate2::bufread::MultiGzDecoder::new(members).read_to_end(&mut expected).is_ok()
        });
        assert!(read && expected == text);
    }
});
