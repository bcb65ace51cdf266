//! Lists of symbol tables as Volatility 3 reads them (`banners.json`, version 1).

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::refresh::Taken;
use super::{Filter, Row};

/// A list: for each system the addresses of tables by what identifies a build, in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct BannerList {
    /// Always 1.
    pub version: u64,
    /// Tables of Linux, by the banner.
    #[serde(default)]
    pub linux: BTreeMap<String, Vec<String>>,
    /// Tables of macOS, by the banner.
    #[serde(default)]
    pub mac: BTreeMap<String, Vec<String>>,
    /// Tables of Windows, by `NAME|GUID|AGE`.
    #[serde(default)]
    pub windows: BTreeMap<String, Vec<String>>,
    /// The addresses of further lists.
    #[serde(default)]
    pub additional: Vec<String>,
}

/// How many further lists are read.
pub const ADDITIONAL: usize = 64;

/// What the names of tables end in.
const ENDINGS: [&str; 3] = [".json.xz", ".json.gz", ".json"];

impl BannerList {
    /// Reads a list, packed or not.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        const LIMIT: usize = 256 << 20;
        let text = profile::unpack(bytes, LIMIT).map_err(|error| error.to_string())?;
        let list: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("expected a list of symbol tables (banners.json): {error}"))?;
        if list.version != 1 {
            return Err(format!("expected a list of version 1, found {}", list.version));
        }
        Ok(list)
    }

    /// Every identifier with the addresses of its tables.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[String])> {
        let all = self.linux.iter().chain(&self.mac).chain(&self.windows);
        all.map(|(identifier, urls)| (identifier.as_str(), urls.as_slice()))
    }

    /// The tables that are wanted, as rows of a listing.
    pub(super) fn rows(&self, filter: &Filter, taken: &mut Taken) {
        for (identifier, urls) in self.entries() {
            let banner = profile::from_base64(identifier).unwrap_or_default();
            let banner = String::from_utf8_lossy(&banner);
            if !filter.versions.is_empty() && !filter.takes_version(release(&banner), release(&banner)) {
                continue;
            }
            for url in urls {
                let path = Url::parse(url).ok().and_then(|url| path(&url));
                match path.filter(|path| ENDINGS.iter().any(|ending| path.ends_with(ending))) {
                    Some(path) if path.parse::<crate::Key>().is_ok() => {
                        taken.rows.push(Row { path, size: None, sha256: None, url: Some(url.clone()) });
                    }
                    _ => taken
                        .refuse(url, "expected an address (http, https) of a .json, .json.gz or .json.xz"),
                }
            }
        }
    }
}

/// The release that a banner names: `6.1.0-9-amd64` of `Linux version 6.1.0-9-amd64 (...)`.
fn release(banner: &str) -> &str {
    let mut words = banner.split_whitespace();
    match (words.next(), words.next()) {
        (Some("Linux"), Some("version")) => words.next().unwrap_or_default(),
        _ => "",
    }
}

/// What a table is called in a repository: by the server and the path.
fn path(url: &Url) -> Option<String> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let port = url.port().map(|port| format!("_{port}")).unwrap_or_default();
    Some(format!("{}{port}{}", url.host_str()?.replace(':', "_"), url.path()))
}

/// The name of the profile of a table at this path.
pub(crate) fn stem(path: &str) -> &str {
    ENDINGS.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_named_by_server_and_path() {
        // "Linux version 6.1.0-9-amd64 (x)" and "Linux version 5.15.0 (x)".
        let text = r#"{"version": 1, "linux": {
            "TGludXggdmVyc2lvbiA2LjEuMC05LWFtZDY0ICh4KQ==": ["http://host:81/a/b.json.xz"],
            "TGludXggdmVyc2lvbiA1LjE1LjAgKHgp": ["https://host/c.json", "file:///etc/passwd", "x.json", "http://h/a.txt"]},
            "unknown": 5}"#;
        let list = BannerList::parse(text.as_bytes()).unwrap();
        let mut taken = Taken::default();
        list.rows(&Filter::default(), &mut taken);
        let mut paths: Vec<&str> = taken.rows.iter().map(|row| row.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!((paths, taken.refused.len()), (vec!["host/c.json", "host_81/a/b.json.xz"], 3));
        let mut taken = Taken::default();
        list.rows(&Filter { versions: vec!["6.1.*".into()], ..Filter::default() }, &mut taken);
        assert_eq!(taken.rows.len(), 1);
        assert_eq!(stem("host_81/a/b.json.xz"), "host_81/a/b");
    }

    #[test]
    fn other_texts_are_not_lists() {
        for text in ["", "[]", "{}", r#"{"version": 2}"#, r#"{"version": 1, "linux": []}"#] {
            assert!(BannerList::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
