//! Listings of Debian's kind: stanzas of fields, as in mails (Debian Policy, chapter 5).

use std::collections::{BTreeMap, HashMap};

use super::kernels::{self, SMALLEST};
use super::refresh::Taken;
use super::{Filter, Mode, Row};

/// What a file of an archive is, by the archive's `Release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub sha256: String,
    pub size: u64,
}

/// The files that a `Release` describes, by their paths below the suite.
pub(super) fn release(text: &str) -> BTreeMap<String, Described> {
    let mut files = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            inside = line.trim_end() == "SHA256:";
            continue;
        }
        let mut words = line.split_whitespace();
        if let (true, Some(sha256), Some(size), Some(path)) =
            (inside, words.next(), words.next().and_then(|size| size.parse().ok()), words.next())
        {
            files.insert(path.to_owned(), Described { sha256: sha256.to_ascii_lowercase(), size });
        }
    }
    files
}

/// The kernels that a `Packages` lists. Of several packages of one kernel, the one that serves best is taken.
pub(super) fn packages(text: &str, mode: Mode, filter: &Filter, taken: &mut Taken) {
    let mut best: HashMap<(String, String, String), (u8, Row)> = HashMap::new();
    for stanza in stanzas(text) {
        let field = |name: &str| field(stanza, name);
        let Some(name) = field("Package") else { continue };
        let Some(package) = kernels::debian(name, mode) else { continue };
        let version = field("Version").unwrap_or_default();
        let architecture = field("Architecture").unwrap_or_default();
        let size: Option<u64> = field("Size").and_then(|size| size.parse().ok());
        if size.is_some_and(|size| size < SMALLEST)
            || !filter.takes_architecture(architecture)
            || !filter.takes_release(&package.release)
            || !filter.takes_version(&package.release, version)
        {
            continue;
        }
        let (Some(path), Some(sha256), Some(size)) = (field("Filename"), field("SHA256"), size) else {
            taken.refuse(name, "its stanza lacks Filename, SHA256 or Size");
            continue;
        };
        let path = path.strip_prefix("./").unwrap_or(path);
        let Some(row) = taken.check(name, path, size, sha256) else { continue };
        let kernel = (architecture.to_owned(), package.release, version.to_owned());
        match best.get(&kernel) {
            Some((rank, _)) if *rank >= package.rank => {}
            _ => {
                best.insert(kernel, (package.rank, row));
            }
        }
    }
    taken.rows.extend(best.into_values().map(|(_, row)| row));
}

/// The stanzas of a text: they are parted by empty lines.
fn stanzas(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").filter(|stanza| !stanza.trim().is_empty())
}

/// The value of a field that has one line. Names of fields are compared without case.
fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, size: u64, path: &str) -> String {
        let digest = "ab".repeat(32);
        format!(
            "Package: {name}\nVersion: 6.1.192-3\nArchitecture: amd64\nDescription: x\n Package: y\n\
             Filename: {path}\nSize: {size}\nSHA256: {digest}\n\n"
        )
    }

    #[test]
    fn the_package_with_the_kernel_is_taken_of_several() {
        let mut text = stanza("linux-image-6.1.0-57-amd64", 1 << 20, "pool/signed.deb");
        text += &stanza("linux-image-6.1.0-57-amd64-unsigned", 1 << 20, "pool/unsigned.deb");
        text += &stanza("linux-image-6.1.0-57-amd64-dbg", 1 << 20, "pool/dbg.deb");
        text += &stanza("linux-image-amd64", 1 << 20, "pool/meta.deb");
        text += &stanza("linux-image-7.3.4-amd64", 1000, "pool/depends.deb");
        text += &stanza("linux-binary-7.3.4-amd64", 1 << 20, "./pool/binary.deb");
        let paths = |mode, filter: &Filter| {
            let mut taken = Taken::default();
            packages(&text, mode, filter, &mut taken);
            let mut paths: Vec<String> = taken.rows.into_iter().map(|row| row.path).collect();
            paths.sort();
            paths
        };
        assert_eq!(paths(Mode::Btf, &Filter::default()), ["pool/binary.deb", "pool/signed.deb"]);
        assert_eq!(paths(Mode::Dwarf, &Filter::default()), ["pool/dbg.deb"]);
        let only = Filter { versions: vec!["7.*".into()], ..Filter::default() };
        assert_eq!(paths(Mode::Btf, &only), ["pool/binary.deb"]);
        let only = Filter { architectures: vec!["arm64".into()], ..Filter::default() };
        assert!(paths(Mode::Btf, &only).is_empty());
    }

    #[test]
    fn a_hostile_name_is_refused_and_counted() {
        for path in ["../../etc/passwd", "/etc/passwd", "pool/../../x", "http://evil/x", "a\\b", "pool//x"] {
            let mut taken = Taken::default();
            let text = stanza("linux-image-6.1.0-57-amd64", 1 << 20, path);
            packages(&text, Mode::Btf, &Filter::default(), &mut taken);
            assert!(taken.rows.is_empty() && taken.refused.len() == 1, "{path}: {taken:?}");
        }
    }

    #[test]
    fn a_release_describes_files() {
        let text = "Origin: Debian\nMD5Sum:\n aa 1 main/x\nSHA256:\n BB 22 main/binary-amd64/Packages.xz\nX: y\n cc 3 z\n";
        let files = release(text);
        let expected = Described { sha256: "bb".to_owned(), size: 22 };
        assert_eq!(files, BTreeMap::from([("main/binary-amd64/Packages.xz".to_owned(), expected)]));
    }
}
