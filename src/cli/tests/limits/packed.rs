//! Profiles that cost more than their bytes: unnamed structs that multiply, and texts that unpack to spaces.

use std::io::Read;

use profile::{
    Effort, GzipWriter, ReadError, Report, Resolution, Settled, UnpackLimits, compare, read_profile,
};

use crate::measure::proportional;

fn gzip(content: impl Read) -> Vec<u8> {
    let mut content = content;
    let mut writer = GzipWriter::new(Vec::new(), Effort::Default, 1);
    std::io::copy(&mut content, &mut writer).unwrap();
    writer.finish().unwrap()
}

#[test]
fn profiles_whose_unnamed_structs_hold_the_next_one_twice() {
    let input = |n: usize| {
        let structs: Vec<String> = (0..n)
            .map(|number| {
                let name = if number == 0 { "top".to_owned() } else { format!("__unnamed_{number}") };
                let member =
                    |key: &str, at: usize| format!("\"{key}\": [{at}, [\"__unnamed_{}\"]]", number + 1);
                format!("\"{name}\": [16, {{{}, {}}}]", member("u1", 0), member("u2", 8))
            })
            .collect();
        let metadata = "{\"ProfileClass\": \"Linux\", \"Type\": \"Profile\", \"arch\": \"AMD64\"}";
        format!("{{\"$METADATA\": {metadata}, \"$STRUCTS\": {{{}}}}}", structs.join(", ")).into_bytes()
    };
    proportional(100, 2000, input, |bytes| {
        let mut report = Report::default();
        let mut profile = read_profile(&bytes, &mut report).unwrap();
        let resolution = Resolution::new(&mut profile, &mut report);
        let side = Settled { profile: &profile, resolution: &resolution };
        compare(side, side)
    });
}

#[test]
fn profiles_of_spaces() {
    let input = |n: usize| gzip(std::io::repeat(b' ').take((n as u64) << 20));
    proportional(40, 2 * UnpackLimits::RATIO + 600, input, |bytes| {
        let error = read_profile(&bytes, &mut Report::default()).unwrap_err();
        assert!(matches!(error, ReadError::Limit(_)), "{error}");
    });
}
