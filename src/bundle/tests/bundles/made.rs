//! Makes the canonical texts of small synthetic kernels and modules, and bundles of them.

use std::fmt::Write as _;

use bundle::{Bundle, Entry, write};
use profile::{Report, Resolution, Silent, read_text, write_text};

/// A kernel of release `6.1.0-{nth}`. `struct_7` changes in every third build, `odd` exists in every second one, and the
/// symbols of the second half move from build to build.
pub fn kernel(nth: u64) -> String {
    let mut structs = String::from(
        r#""list_head": [16, {"next": [0, ["Pointer", {"target": "list_head"}]],
        "prev": [8, ["Pointer", {"target": "list_head"}]]}]"#,
    );
    for one in 0..40 {
        let size = 16 + 8 * (nth / 3) * u64::from(one == 7);
        write!(
            structs,
            r#", "struct_{one}": [{}, {{"flags": [{size}, ["BitField", {{"start_bit": 0, "end_bit": 3, "target": "unsigned int"}}]],
            "list": [0, ["list_head"]]}}]"#,
            size + 8
        )
        .unwrap();
    }
    if nth % 2 == 1 {
        structs.push_str(r#", "odd": [4, {"a\"b": [0, ["int"]]}]"#);
    }
    let mut symbols = String::new();
    for one in 0..200 {
        let address = 0xffff_ffff_8100_0000_u64 + one * 64 + if one > 100 { nth * 16 } else { 0 };
        write!(symbols, r#"{}"function_{one}": {address}"#, if one > 0 { ", " } else { "" }).unwrap();
    }
    canonical(&format!(
        r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64", "Release": "6.1.0-{nth}-amd64",
            "BuildID": "{nth:040x}", "Banner": "Linux version 6.1.0-{nth}-amd64 (builder@host)"}},
        "$CONFIG": {{"CONFIG_SMP": "y"}},
        "$CONSTANTS": {{{symbols}}},
        "$CONSTANT_TYPES": {{"function_0": ["list_head"], "function_1": ["int"]}},
        "$ENUMS": {{"pid_type": {{"0": "PIDTYPE_PID", "1": "PIDTYPE_TGID", "-3": "PIDTYPE_NONE"}}, "same": {{"1": "B"}}}},
        "$REVENUMS": {{"pid_type": {{"PIDTYPE_PID": 0, "PIDTYPE_TGID": 1, "PIDTYPE_NONE": -3}}, "same": {{"A": 1, "B": 1}}}},
        "$STRUCTS": {{{structs}}}}}"#
    ))
}

/// A Windows driver.
pub fn windows(nth: u64) -> String {
    canonical(&format!(
        r#"{{"$METADATA": {{"Type": "Profile", "ProfileClass": "BasicPEProfile", "arch": "AMD64", "PDBFile": "driver.pdb",
            "GUID_AGE": "{nth:032X}1"}},
        "$CONSTANTS": {{"GlobalList": {}}}, "$FUNCTIONS": {{"DriverEntry": 4096, "DriverUnload": {}}},
        "$STRUCTS": {{"_LIST_ENTRY": [16, {{"Flink": [0, ["Pointer", {{"target": "_LIST_ENTRY"}}]],
            "Blink": [8, ["Pointer", {{"target": "_LIST_ENTRY"}}]]}}]}}}}"#,
        8192 + nth,
        5000 + nth
    ))
}

/// The canonical text of a profile that is given as JSON.
pub fn canonical(text: &str) -> String {
    let mut report = Report::default();
    let mut profile = read_text(text.as_bytes(), &mut report).unwrap();
    let resolution = Resolution::new(&mut profile, &mut report);
    String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
}

/// The bytes of a bundle of these profiles.
pub fn bytes(profiles: &[(String, String)]) -> Vec<u8> {
    let entries = profiles.iter().map(|(name, text)| Entry::new(name.clone(), || Ok(text.clone())));
    write(entries.collect(), Vec::new(), &Silent).unwrap().0
}

pub fn open(bytes: &[u8]) -> Bundle {
    Bundle::new(std::sync::Arc::new(bytes.to_vec())).unwrap()
}

/// The kernels with these numbers, under the names `kernel-{nth}`.
pub fn kernels(numbers: impl IntoIterator<Item = u64>) -> Vec<(String, String)> {
    numbers.into_iter().map(|nth| (format!("kernel-{nth}"), kernel(nth))).collect()
}
