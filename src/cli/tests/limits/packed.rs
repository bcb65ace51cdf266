//! Packed input.

use std::io::Read;

use profile::{Effort, GzipWriter, ReadError, Report, UnpackLimits, read_profile};

use crate::measure::proportional;

fn gzip(content: impl Read) -> Vec<u8> {
    let mut content = content;
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    std::io::copy(&mut content, &mut writer).unwrap();
    writer.finish().unwrap()
}

#[test]
fn profiles_of_spaces() {
    let input = |n: usize| gzip(std::io::repeat(b' ').take((n as u64) << 20));
    proportional(40, 2 * UnpackLimits::RATIO + 600, input, |bytes| {
        let error = read_profile(&bytes, &mut Report::default()).unwrap_err();
        assert!(matches!(error, ReadError::Limit(_)), "{error}");
    });
}
