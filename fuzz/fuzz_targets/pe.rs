//! Every part of a PE file is read without a panic, and holds no more than the file could.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pe::Pe;

fuzz_target!(
    init: {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !profile::is_guarded() {
                abort(info);
            }
        }));
    },
    |bytes: &[u8]| {
        let mut stamped = bytes.to_vec();
        if let Some(start) = stamped.get_mut(..2) {
            start.copy_from_slice(b"MZ");
        }
        let Ok(pe) = Pe::parse(&stamped) else { return };
        let _ = (pe.headers(), pe.sections(), pe.directories(), pe.version());
        for record in pe.rsds().unwrap_or_default() {
            assert!(!record.path.is_empty());
        }
        let imports = pe.imports().unwrap_or_default();
        let names: usize = imports.iter().flat_map(|import| &import.functions).map(String::len).sum();
        // A byte that is not UTF-8 takes three.
        assert!(names <= 12 * stamped.len());
        assert!(pe.exports().unwrap_or_default().len() <= stamped.len());
    }
);
