//! Kernels as they are booted, in every form and compression: whatever comes of one prints, and what was printed is JSON.
#![no_main]

use kernel_converter::convert_file;
use libfuzzer_sys::fuzz_target;
use profile::{Resolution, Silent, write_text};

fuzz_target!(|bytes: &[u8]| {
    let Ok(converted) = convert_file(bytes, &Silent) else { return };
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = write_text(&profile, &resolution, Vec::new()).expect("keys are sorted and unique");
    serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON");
});
