//! A table that is read is written, what is written reads to the same bytes, and so does LibVMI's form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profile::{
    Form, Format, Profile, Report, Resolution, Text, add_well_known_types, read_profile, read_text,
    write_form,
};

fn written(profile: &mut Profile, format: Format) -> Vec<u8> {
    let mut report = Report::default();
    let resolution = Resolution::new(profile, &mut report);
    let form = Form { format, ..Form::default() };
    write_form(profile, &resolution, form, &mut report, Vec::new()).expect("each name once")
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut profile) = read_profile(bytes, &mut Report::default()) else { return };
    add_well_known_types(&mut profile);
    let rekall = written(&mut profile, Format::Rekall);
    Text::new(rekall).expect("what is written is a profile");
    let libvmi = written(&mut profile, Format::LibVmi);
    read_text(&libvmi, &mut Report::default()).expect("what is written reads");

    let first = written(&mut profile, Format::Isf);
    let mut again = read_text(&first, &mut Report::default()).expect("what is written reads");
    let second = written(&mut again, Format::Isf);
    // Once in ISF, nothing is lost any more.
    let mut third = read_text(&second, &mut Report::default()).expect("what is written reads");
    let third = written(&mut third, Format::Isf);
    assert!(
        second == third,
        "{}\n---\n{}",
        String::from_utf8_lossy(&second),
        String::from_utf8_lossy(&third)
    );
});
