//! `report` and `site`: the files that they write. `scripts/check-pages` opens them in a browser.

use crate::harness::Folder;

fn kernel(release: &str, offset: u32, name: &str) -> String {
    format!(
        r#"{{"$METADATA": {{"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64", "Release": "{release}"}},
        "$STRUCTS": {{"task_struct": [64, {{"{name}": [{offset}, ["int"]]}}], "same": [8, {{"a": [0, ["int"]]}}]}},
        "$CONSTANTS": {{"init_task": 18446744071606217280}}}}"#
    )
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("old.json", kernel("6.1.0", 8, "pid"));
    folder.write("new.json", kernel("6.2.0", 16, "</script><b>"));
    folder
}

#[test]
fn a_report_is_one_file_that_holds_everything() {
    let folder = folder();
    folder.run(["report", "old.json", "-o", "one.html"]).stdout("").stderr("wrote one.html").check();
    folder.run(["report", "old.json", "new.json", "-o", "two.html"]).check();
    for name in ["one.html", "two.html"] {
        let page = String::from_utf8(folder.read(name)).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
        assert!(page.contains("default-src 'none'; script-src 'sha256-"), "{page}");
        // Nothing is read from elsewhere, and no name of the profile is in the text of the page.
        for foreign in ["http:", "https:", " src=", "<link", "</script><b>", "task_struct\":"] {
            let found = page
                .match_indices(foreign)
                .filter(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
            assert_eq!(found.count(), 0, "{name} holds {foreign}");
        }
        assert!(page.len() < 120_000, "{name}: {} bytes", page.len());
    }
    assert!(folder.read("two.html").windows(16).any(|text| text == b"\"shard-symbols-1"));
    // The same bytes every time, on standard output too.
    let printed = folder.run(["report", "old.json", "-o", "-"]).check();
    assert_eq!(printed.into_bytes(), folder.read("one.html"));
}

#[test]
fn a_site_has_a_file_for_each_part() {
    let folder = folder();
    let site = ["site", "old.json", "new.json", "-o", "site"];
    folder.run(site).stdout("").stderr("below site; open site/index.html").check();
    let page = String::from_utf8(folder.read("site/index.html")).unwrap();
    assert!(page.contains("script-src 'self'; style-src 'sha256-"), "{page}");
    for name in [
        "app.js",
        "data/index.js",
        "data/members.js",
        "data/structs-0.js",
        "data/symbols-0.js",
        "data/symbols-1.js",
    ] {
        assert!(!folder.read(&format!("site/{name}")).is_empty(), "{name}");
    }
    // Written again over itself, with the same bytes.
    let before = folder.read("site/data/structs-0.js");
    folder.run(site).check();
    assert_eq!(folder.read("site/data/structs-0.js"), before);
}

#[test]
fn a_site_of_a_bundle_is_that_of_its_profiles() {
    let folder = folder();
    let canonical = |name: &str| {
        let text = profile::Text::new(folder.read(name)).unwrap();
        let mut report = profile::Report::default();
        let mut profile = text.profile(&mut report).unwrap();
        let resolution = profile::Resolution::new(&mut profile, &mut report);
        String::from_utf8(profile::write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
    };
    // In a bundle builds lie by version, whatever the order in which they are put in.
    let texts = [("second", canonical("new.json")), ("first", canonical("old.json"))];
    let entries = texts.iter().map(|(name, text)| bundle::Entry::new(*name, || Ok(text.clone())));
    let (bytes, _) = bundle::write(entries.collect(), Vec::new(), &profile::Silent).unwrap();
    folder.write("linux.bundle", bytes);
    folder.run(["site", "linux.bundle", "-o", "site"]).check();
    folder.run(["site", "old.json", "new.json", "-o", "same"]).check();
    for name in ["data/index.js", "data/structs-0.js", "data/symbols-1.js"] {
        assert_eq!(folder.read(&format!("site/{name}")), folder.read(&format!("same/{name}")), "{name}");
    }
    folder.run(["site", "linux.bundle", "--no-symbols", "-o", "small"]).check();
    assert_eq!(folder.read("small/data/structs-0.js"), folder.read("site/data/structs-0.js"));
    let symbols = |site: &str| String::from_utf8(folder.read(&format!("{site}/data/symbols-1.js"))).unwrap();
    assert!(symbols("small").len() < symbols("site").len());
}

#[test]
fn nothing_is_written_over_other_files() {
    let folder = folder();
    folder.run(["report", "old.json", "-o", "old.json"]).status(2).stderr("old.json").check();
    folder.run(["report", "old.json", "-o", "p.html.gz"]).status(2).stderr("only plain text").check();
    folder.run(["site", "old.json", "-o", "."]).status(2).stderr("which is not part of a site").check();
    folder.run(["report", "none.json", "-o", "p.html"]).status(2).stderr("none.json").check();
    // Nothing is left of a site whose input cannot be read.
    folder.run(["site", "none.json", "-o", "site"]).status(2).stderr("none.json").check();
    folder.write("empty.json", r#"{"$METADATA": {"Type": "Symlink", "Target": "nt/GUID/0"}}"#);
    folder
        .run(["report", "empty.json", "-o", "p.html"])
        .status(2)
        .stderr("no structs, enumerations or symbols")
        .check();
    assert_eq!(folder.names(), ["empty.json", "new.json", "old.json"]);
}
