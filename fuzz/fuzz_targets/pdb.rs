//! Whatever a PDB holds, it is refused or it gives a profile that prints within bounds and reads again. The
//! container's magic and geometry are stamped on, and streams are taken from the input, so that what lies
//! behind them is reached; a first byte of 0 hands the input on as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pdb_converter::{Options, convert};
use profile::{Arch, MappedFile, Report, Resolution, Silent, read_text, write_text};

#[allow(dead_code)]
#[path = "../../converters/pdb/tests/support/build.rs"]
mod build;

/// The separator between two streams.
const SEPARATOR: &[u8] = b"~@~@";

/// An MSF 7.00 file of the streams in `input`; the first one is always empty.
fn container(input: &[u8]) -> Vec<u8> {
    let mut streams = vec![Vec::new()];
    let mut rest = input;
    while let Some(at) = rest.windows(4).position(|window| window == SEPARATOR).filter(|_| streams.len() < 24) {
        streams.push(rest[..at].to_vec());
        rest = &rest[at + 4..];
    }
    streams.push(rest.to_vec());
    build::container(&streams, 512, false)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, input)) = bytes.split_first() else { return };
    let file = if *how == 0 { input.to_vec() } else { container(input) };
    let length = file.len();
    let options = Options {
        arch: (how & 2 != 0).then_some(if how & 4 != 0 { Arch::I386 } else { Arch::Amd64 }),
        raw_names: how & 8 != 0,
        ..Options::default()
    };
    let Ok(mut converted) = convert(MappedFile::from(file), &options, &Silent) else { return };
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    let text = write_text(&converted.profile, &resolution, Vec::new()).expect("a profile prints");
    // A definition of a few bytes can be printed wherever it is used, so the text is larger, but bounded.
    assert!(text.len() < 64 * length * length.max(1024), "{} bytes of {length}", text.len());
    read_text(&text, &mut Report::default()).expect("what is written reads");
});
