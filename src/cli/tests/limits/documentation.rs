//! `docs/limits.md` states the limits in the code.

use std::path::Path;

use crate::measure::alone;

#[test]
fn every_limit_in_the_table_is_the_one_in_the_code() {
    let _alone = alone();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, value, file, meaning] = cells[..] else { panic!("a row without four cells: {line}") };
        let (name, value, file) = (name.trim_matches('`'), value.trim_matches('`'), file.trim_matches('`'));
        assert!(!meaning.is_empty(), "{line}");
        let source =
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let found = source.lines().find_map(|line| {
            let (start, rest) = line.trim().split_once("const ")?;
            let (found, rest) = rest.split_once(':')?;
            let (_, rest) = rest.split_once(" = ")?;
            let known = matches!(start, "" | "pub " | "pub(crate) " | "pub(super) ");
            (known && found == name).then_some(rest.trim_end_matches(';'))
        });
        assert_eq!(found, Some(value), "{name} in {file}");
        rows += 1;
    }
    assert!(rows > 30, "{rows} rows");
}
