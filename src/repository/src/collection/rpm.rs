//! Listings of RPM archives: `repomd.xml`, and the `primary` that it names.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::kernels::{self, SMALLEST};
use super::refresh::Taken;
use super::{Filter, Mode, Row};

/// Where the list of packages is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Primary {
    /// Its path below the archive's address.
    pub path: String,
    /// The SHA-256 of its bytes, if that is the digest that the archive uses.
    pub sha256: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// Deeper nesting than any listing has is refused.
const MAX_DEPTH: usize = 32;

/// The list of packages that a `repomd.xml` names.
pub(super) fn primary(xml: &[u8]) -> Result<Primary, String> {
    let mut found = Primary::default();
    let mut inside = false;
    walk(xml, &mut |event| match event {
        Element::Start(name, element) => match name {
            "data" => inside = attribute(element, "type").as_deref() == Some("primary"),
            "location" if inside => found.path = attribute(element, "href").unwrap_or_default(),
            _ => {}
        },
        Element::Text(name, text, element) if inside => match name {
            "checksum" if attribute(element, "type").as_deref() == Some("sha256") => {
                found.sha256 = Some(text.to_ascii_lowercase());
            }
            "size" => found.size = text.parse().ok(),
            _ => {}
        },
        Element::Text(..) => {}
        Element::End(name) => inside &= name != "data",
    })?;
    if found.path.is_empty() { Err("it names no list of packages (primary)".to_owned()) } else { Ok(found) }
}

/// A package of a list.
#[derive(Default)]
struct Package {
    name: String,
    architecture: String,
    version: String,
    path: String,
    sha256: Option<String>,
    size: Option<u64>,
    built: Option<i64>,
}

/// The kernels that a list of packages has. Of several packages of one kernel, the one that serves best is taken.
pub(super) fn packages(xml: &[u8], mode: Mode, filter: &Filter, taken: &mut Taken) -> Result<(), String> {
    let mut best: HashMap<(String, String, String), (u8, Row)> = HashMap::new();
    let mut package: Option<Package> = None;
    walk(xml, &mut |event| match event {
        Element::Start("package", _) => package = Some(Package::default()),
        Element::Start(name, element) => {
            let Some(package) = &mut package else { return };
            let number = |key: &str| attribute(element, key)?.parse::<i64>().ok();
            match name {
                "version" => {
                    let part = |key: &str| attribute(element, key).unwrap_or_default();
                    package.version = format!("{}-{}", part("ver"), part("rel"));
                }
                "time" => package.built = number("build").or_else(|| number("file")),
                "size" => package.size = number("package").and_then(|size| u64::try_from(size).ok()),
                "location" => package.path = attribute(element, "href").unwrap_or_default(),
                _ => {}
            }
        }
        Element::Text(name, text, element) => {
            let Some(package) = &mut package else { return };
            match name {
                "name" if package.name.is_empty() => text.clone_into(&mut package.name),
                "arch" => text.clone_into(&mut package.architecture),
                "checksum" if attribute(element, "type").as_deref() == Some("sha256") => {
                    package.sha256 = Some(text.to_ascii_lowercase());
                }
                _ => {}
            }
        }
        Element::End("package") => {
            let Some(package) = package.take() else { return };
            let kernel = kernels::rpm(&package.name, mode);
            if let Some((kernel, row)) =
                kernel.and_then(|kernel| Some((kernel.clone(), package.row(&kernel.release, filter, taken)?)))
            {
                let key = (package.architecture, kernel.release, package.version);
                if best.get(&key).is_none_or(|(rank, _)| *rank < kernel.rank) {
                    best.insert(key, (kernel.rank, row));
                }
            }
        }
        Element::End(_) => {}
    })?;
    taken.rows.extend(best.into_values().map(|(_, row)| row));
    Ok(())
}

impl Package {
    /// Its row in the listing, if it is wanted and nothing is wrong with it.
    fn row(&self, flavour: &str, filter: &Filter, taken: &mut Taken) -> Option<Row> {
        if self.size.is_some_and(|size| size < SMALLEST)
            || matches!(self.architecture.as_str(), "src" | "nosrc")
            || !filter.takes_architecture(&self.architecture)
            || !filter.takes_flavour(flavour)
            || !filter.takes_version(&self.version, &self.version)
            || !filter.takes_time(self.built)
        {
            return None;
        }
        let (Some(sha256), Some(size)) = (&self.sha256, self.size) else {
            taken.refuse(&self.name, "the list does not state its size and SHA-256");
            return None;
        };
        taken.check(&self.name, &self.path, size, sha256)
    }
}

/// What a listing in XML holds, one element after the other.
enum Element<'a> {
    /// An element begins; its name without the prefix of its namespace.
    Start(&'a str, &'a BytesStart<'a>),
    /// The text of an element.
    Text(&'a str, &'a str, &'a BytesStart<'a>),
    /// An element ends.
    End(&'a str),
}

/// Calls `each` with everything in an XML text. Entities beyond XML's own five are not expanded, and nothing outside of
/// the text is read.
fn walk(xml: &[u8], each: &mut dyn FnMut(Element<'_>)) -> Result<(), String> {
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<BytesStart<'static>> = Vec::new();
    let wrong = |at: u64, error: String| format!("expected XML: {error} at byte {at}");
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|error| wrong(at, error.to_string()))? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(wrong(at, format!("elements nested deeper than {MAX_DEPTH}")));
                }
                each(Element::Start(&local(start.local_name().as_ref()), &start));
                open.push(start.into_owned());
            }
            Event::Empty(start) => {
                let name = local(start.local_name().as_ref());
                each(Element::Start(&name, &start));
                each(Element::End(&name));
            }
            Event::Text(text) => {
                let Some(start) = open.last() else { continue };
                let text = text.decode().map_err(|error| wrong(at, error.to_string()))?;
                if !text.trim().is_empty() {
                    each(Element::Text(&local(start.local_name().as_ref()), text.trim(), start));
                }
            }
            Event::End(end) => {
                open.pop();
                each(Element::End(&local(end.local_name().as_ref())));
            }
            Event::Eof if open.is_empty() => return Ok(()),
            Event::Eof => return Err(wrong(at, "the text breaks off".to_owned())),
            _ => {}
        }
    }
}

fn local(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok().flatten()?;
    let text = String::from_utf8_lossy(&attribute.value).into_owned();
    Some(quick_xml::escape::unescape(&text).map_or_else(|_| text.clone(), |text| text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(packages: &str) -> String {
        format!("<?xml version=\"1.0\"?><metadata xmlns:rpm=\"x\" packages=\"9\">{packages}</metadata>")
    }

    fn package(name: &str, size: u64, built: u64, path: &str) -> String {
        format!(
            "<package type=\"rpm\"><name>{name}</name><arch>x86_64</arch>\
             <version epoch=\"0\" ver=\"5.14.0\" rel=\"503.el9\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum><summary>a &amp; b</summary>\
             <time file=\"1\" build=\"{built}\"/><size package=\"{size}\" installed=\"2\"/>\
             <location href=\"{path}\"/><format><rpm:entry name=\"kernel-core\"/></format></package>",
            "ab".repeat(32)
        )
    }

    #[test]
    fn the_package_with_the_kernel_is_taken_of_several() {
        let text = listed(
            &[
                package("kernel", 1000, 5, "k/kernel.rpm"),
                package("kernel-core", 1 << 20, 86_400 * 3, "k/kernel-core.rpm"),
                package("kernel-modules-core", 1 << 20, 5, "k/modules.rpm"),
                package("kernel-debuginfo", 1 << 20, 5, "k/debuginfo.rpm"),
                package("kernel-debuginfo-common-x86_64", 1 << 20, 5, "k/common.rpm"),
                package("kernel-rt-core", 1 << 20, 5, "k/rt-core.rpm"),
            ]
            .concat(),
        );
        let paths = |mode, filter: &Filter| {
            let mut taken = Taken::default();
            packages(text.as_bytes(), mode, filter, &mut taken).unwrap();
            let mut paths: Vec<String> = taken.rows.into_iter().map(|row| row.path).collect();
            paths.sort();
            paths
        };
        assert_eq!(paths(Mode::Btf, &Filter::default()), ["k/kernel-core.rpm", "k/rt-core.rpm"]);
        assert_eq!(paths(Mode::Dwarf, &Filter::default()), ["k/debuginfo.rpm"]);
        let only = Filter { since: "1970-01-04".parse().ok(), ..Filter::default() };
        assert_eq!(paths(Mode::Btf, &only), ["k/kernel-core.rpm"]);
        let only = Filter { flavours: vec!["rt".into()], ..Filter::default() };
        assert_eq!(paths(Mode::Btf, &only), ["k/rt-core.rpm"]);
    }

    #[test]
    fn an_index_names_the_list_of_packages() {
        let text = "<repomd><data type=\"filelists\"><location href=\"f\"/></data><data type=\"primary\">\
                    <checksum type=\"sha256\">AB</checksum><open-checksum type=\"sha256\">cd</open-checksum>\
                    <location href=\"repodata/p.xml.zst\"/><size>7</size></data></repomd>";
        let expected =
            Primary { path: "repodata/p.xml.zst".to_owned(), sha256: Some("ab".to_owned()), size: Some(7) };
        assert_eq!(primary(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn damaged_and_hostile_lists_are_refused() {
        for text in ["<repomd>", "<repomd></x></repomd>", "<repomd/>", "", "nonsense", "<a><b></a>"] {
            assert!(primary(text.as_bytes()).is_err(), "{text}");
        }
        assert!(primary("<a>".repeat(100_000).as_bytes()).is_err());
        let billion = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><repomd><data type=\"primary\">\
                       <location href=\"&b;\"/></data></repomd>";
        assert_eq!(primary(billion.as_bytes()).map(|found| found.path), Ok("&b;".to_owned()));
        for path in ["../x", "/x", "http://evil/x"] {
            let mut taken = Taken::default();
            let text = listed(&package("kernel-core", 1 << 20, 5, path));
            packages(text.as_bytes(), Mode::Btf, &Filter::default(), &mut taken).unwrap();
            assert!(taken.rows.is_empty() && taken.refused.len() == 1, "{path}");
        }
    }
}
