//! BTF in parts that `~@~@` separates: a blob, the BTF of the kernel that it continues, a small base, a symbol map. Whatever
//! comes of it prints, and what was printed is JSON; written as BTF, it is read again.
#![no_main]

use btf_converter::{Options, Table, convert};
use libfuzzer_sys::fuzz_target;
use profile::{Form, Format, Report, Resolution, Silent, write_form, write_text};

const BOUNDARY: &[u8] = b"~@~@";

/// The part with this number; `None` if it is empty or there are not so many.
fn part(bytes: &[u8], number: usize) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..number {
        let at = rest.windows(BOUNDARY.len()).position(|window| window == BOUNDARY)?;
        rest = &rest[at + BOUNDARY.len()..];
    }
    let end = rest.windows(BOUNDARY.len()).position(|window| window == BOUNDARY).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|part| !part.is_empty())
}

fuzz_target!(|bytes: &[u8]| {
    let blob = part(bytes, 0).unwrap_or_default();
    let (base, distilled, map) = (part(bytes, 1), part(bytes, 2), part(bytes, 3));
    if let Ok(table) = Table::with_base(blob, distilled, base) {
        for view in table.own().filter_map(|id| table.view(id)) {
            for member in view.members() {
                assert!(member.ty <= table.len());
            }
        }
    }
    let options = Options { symbol_map: map, base, ..Options::default() };
    let Ok(converted) = convert(blob, &options, &Silent) else { return };
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = Resolution::new(&mut profile, &mut report);
    let text = write_text(&profile, &resolution, Vec::new()).expect("keys are sorted and unique");
    serde_json::from_slice::<serde_json::Value>(&text).expect("it is JSON");
    let form = Form { format: Format::Btf, ..Form::default() };
    let again = write_form(&profile, &resolution, form, &mut Report::default(), Vec::new());
    let again = again.expect("a vector takes everything");
    let options = Options { arch: Some(profile.arch), ..Options::default() };
    convert(&again, &options, &Silent).expect("what is written as BTF is BTF");
});
