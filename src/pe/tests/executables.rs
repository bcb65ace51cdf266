//! Tests on PE files that the tests themselves build.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use formats::FileKind;
use pe::{Pe, PeError};
use profile::GuidAge;
use symbol_server::fixture::{self, Reach};

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const OTHER: &str = "3844DBB920174967BE7AA4A2C20430FA2";

fn guid_age() -> GuidAge {
    GUID_AGE.parse().unwrap()
}

#[test]
fn records_are_reached_by_offset_or_rva_and_there_may_be_several() {
    let one = fixture::rsds(guid_age(), r"d:\k.pdb");
    let two = fixture::rsds(OTHER.parse().unwrap(), "other.pdb");
    let file = fixture::pe(&[(&one, Reach::Offset), (&two, Reach::Rva), (&one, Reach::Rva)]);
    let records = Pe::parse(&file).unwrap().rsds().unwrap();
    let found: Vec<_> =
        records.iter().map(|record| (record.guid_age.to_string(), record.path.as_str())).collect();
    assert_eq!(found, [(GUID_AGE.to_owned(), r"d:\k.pdb"), (OTHER.to_owned(), "other.pdb")]);
    // The same from parts of the file, however the server cuts them off.
    let part = |part: std::ops::Range<u64>| file[part.start as usize..part.end as usize].to_vec();
    let in_parts = Pe::rsds_in_parts(file.len() as u64, |range| Ok::<_, PeError>(part(range)));
    assert_eq!(in_parts.unwrap(), records);
    let nothing = Pe::rsds_in_parts(file.len() as u64, |_| Ok::<_, PeError>(Vec::new()));
    assert!(nothing.is_err());
}

#[test]
fn a_file_without_a_record_reports_what_it_has_instead() {
    type Records<'a> = &'a [(&'a [u8], Reach)];
    let cases: [(Records<'_>, &str); 3] = [
        (&[], "entries of other kinds (type 13)"),
        (
            &[(b"NB10\0\0\0\0\x10\x84\x7d\x3b\x02\0\0\0k.pdb\0", Reach::Offset)],
            "an NB10 record, which has no GUID, of k.pdb 3B7D84102",
        ),
        (&[(b"RSDS and then", Reach::Rva)], "an unreadable CodeView record"),
    ];
    for (records, expected) in cases {
        let error = Pe::parse(&fixture::pe(records)).unwrap().rsds().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn other_files_are_named() {
    let page = Pe::parse(b"<html>").err().unwrap();
    assert!(matches!(page, PeError::WrongKind(wrong) if wrong.kind() == FileKind::Html));
    let dos = Pe::parse(b"MZ and nothing else").err().unwrap();
    assert!(matches!(dos, PeError::WrongKind(wrong) if wrong.kind() == FileKind::DosProgram));
}

#[test]
fn a_file_cut_at_any_length_gives_an_answer_or_an_error() {
    let record = fixture::rsds(guid_age(), "k.pdb");
    let whole = fixture::pe(&[(&record, Reach::Rva)]);
    for length in 0..whole.len() {
        if let Ok(pe) = Pe::parse(&whole[..length]) {
            let _ = (pe.rsds(), pe.imports(), pe.exports(), pe.version(), pe.sections(), pe.headers());
        }
    }
}

#[test]
fn the_version_and_the_exports_of_a_library_are_read() {
    let file = include_bytes!("../../../testdata/pe/version.dll");
    let pe = Pe::parse(file).unwrap();
    let version = pe.version().unwrap().unwrap();
    assert_eq!(version.file, Some([6, 1, 7601, 17514]));
    assert_eq!(version.product, Some([6, 1, 7601, 1]));
    let expected = [
        ("CompanyName", "Test Company"),
        ("FileVersion", "6.1.7601.17514 (win7sp1_rtm)"),
        ("OriginalFilename", "version.dll"),
    ];
    assert_eq!(version.strings, expected.map(|(key, value)| (key, value.to_owned())));
    let exports = pe.exports().unwrap();
    assert_eq!((exports.len(), exports[0].name.as_deref(), exports[0].ordinal), (1, Some("answer"), 1));
    assert!(matches!(pe.rsds(), Err(PeError::NoRsds { .. })));
}
