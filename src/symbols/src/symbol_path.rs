use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

/// How many folders and servers a symbol path may name. For each of them, those to its left are looked at.
const MOST_PLACES: usize = 1024;

/// Where PDBs are searched for, in the syntax of `_NT_SYMBOL_PATH`: elements separated by semicolons.
///
/// Source: "Symbol path for Windows debuggers" and "Advanced SymSrv Use" of the Debugging Tools for Windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolPath {
    elements: Vec<Element>,
}

/// One element of a symbol path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    /// `srv*a*b*c`: searched from left to right, and copied into every folder to the left of the place where it was
    /// found.
    Chain(Vec<Place>),
    /// `cache*a`: a store to the left of all following elements.
    Cache(Place),
    /// A bare folder: searched both as a store and as a folder of PDBs.
    Folder(PathBuf),
}

/// A place in an element.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// An empty name, which stands for the default store.
    Default,
    Folder(PathBuf),
    Server(Url),
}

/// One step of a search: stores from left to right. A file that is found in one is copied into all stores to its
/// left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    pub stores: Vec<Store>,
}

/// A store of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Store {
    /// A folder laid out as a store.
    Folder(PathBuf),
    /// A folder that may be a store or a folder of PDBs; nothing is written into it.
    Loose(PathBuf),
    /// A server.
    Server(Url),
}

/// Why a text is not a symbol path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("symbol path, element {position} ('{element}'): {reason}")]
#[non_exhaustive]
pub struct SymbolPathError {
    /// The number of the element, counted from 1.
    pub position: usize,
    /// The element, without secrets in a server's address.
    pub element: String,
    /// What was expected and what was found.
    pub reason: String,
}

impl SymbolPath {
    /// The default server.
    pub const DEFAULT_SERVER: &'static str = "https://msdl.microsoft.com/download/symbols";

    /// The default symbol path: the default store, filled from Microsoft's public server.
    pub fn standard() -> Self {
        Self { elements: vec![Element::Chain(vec![Place::Default, default_server()])] }
    }

    /// This path after a store of its own: files that are found anywhere along the path are also put there.
    pub fn behind(mut self, store: &Path) -> Self {
        self.elements.insert(0, Element::Cache(Place::Folder(store.to_owned())));
        self
    }

    /// The folders that are stores: files found elsewhere are copied into them. The default store is not included.
    pub fn stores(&self) -> impl Iterator<Item = &Path> {
        self.places().filter_map(|place| match place {
            Place::Folder(folder) => Some(folder.as_path()),
            Place::Default | Place::Server(_) => None,
        })
    }

    /// The folders that are only searched and never written to.
    pub fn loose_folders(&self) -> impl Iterator<Item = &Path> {
        self.elements.iter().filter_map(|element| match element {
            Element::Folder(folder) => Some(folder.as_path()),
            Element::Chain(_) | Element::Cache(_) => None,
        })
    }

    /// Whether a server is used.
    pub fn names_server(&self) -> bool {
        self.places().any(|place| matches!(place, Place::Server(_)))
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.elements.iter().flat_map(|element| match element {
            Element::Chain(places) => places.as_slice(),
            Element::Cache(place) => std::slice::from_ref(place),
            Element::Folder(_) => &[],
        })
    }

    /// The steps of a search; `default_store` is the folder for an empty name.
    pub(crate) fn searches(&self, default_store: &Path) -> Vec<Search> {
        let store = |place: &Place| match place {
            Place::Default => Store::Folder(default_store.to_owned()),
            Place::Folder(folder) => Store::Folder(folder.clone()),
            Place::Server(url) => Store::Server(url.clone()),
        };
        let mut caches: Vec<Store> = Vec::new();
        let mut searches = Vec::new();
        for element in &self.elements {
            let mut stores = caches.clone();
            match element {
                Element::Chain(places) => stores.extend(places.iter().map(store)),
                Element::Cache(place) => {
                    caches.push(store(place));
                    continue;
                }
                Element::Folder(folder) => stores.push(Store::Loose(folder.clone())),
            }
            // Files from a server need a place: the default store, as in symsrv.
            if matches!(stores.first(), Some(Store::Server(_))) {
                stores.insert(0, Store::Folder(default_store.to_owned()));
            }
            searches.push(Search { stores });
        }
        // A cache is also a store on its own.
        if searches.is_empty() && !caches.is_empty() {
            searches.push(Search { stores: caches });
        }
        searches
    }
}

impl FromStr for SymbolPath {
    type Err = SymbolPathError;

    fn from_str(text: &str) -> Result<Self, SymbolPathError> {
        let mut elements = Vec::new();
        let mut places = 0;
        for (index, element) in text.split(';').enumerate() {
            let element = element.trim();
            if element.is_empty() {
                continue;
            }
            places += 1 + element.matches('*').count();
            let parsed = match places <= MOST_PLACES {
                true => parse_element(element),
                false => Err(format!("expected at most {MOST_PLACES} folders and servers in the path")),
            };
            elements.push(parsed.map_err(|reason| SymbolPathError {
                position: index + 1,
                element: without_secrets(element),
                reason,
            })?);
        }
        Ok(Self { elements })
    }
}

fn parse_element(element: &str) -> Result<Element, String> {
    let mut parts = element.split('*').map(str::trim);
    let first = parts.next().unwrap_or_default();
    if !element.contains('*') {
        return Ok(match parse_place(first)? {
            Place::Folder(folder) => Element::Folder(folder),
            server => Element::Chain(vec![server]),
        });
    }
    match first.to_ascii_lowercase().as_str() {
        "srv" => {}
        "symsrv" => match parts.next() {
            Some(library) if library.eq_ignore_ascii_case("symsrv.dll") => {}
            Some(library) => return Err(format!("expected symsrv*symsrv.dll*..., found '{library}'")),
            None => return Err("expected symsrv*symsrv.dll*...".to_owned()),
        },
        "cache" => {
            let place = parse_place(parts.next().unwrap_or_default())?;
            if let Place::Server(_) = place {
                return Err("expected a folder after cache*, found a server".to_owned());
            }
            return match parts.next() {
                None => Ok(Element::Cache(place)),
                Some(more) => Err(format!("expected one folder after cache*, found also '{more}'")),
            };
        }
        _ => return Err(format!("expected srv*, symsrv* or cache*, found '{first}*'")),
    }
    let places = parts.map(parse_place).collect::<Result<Vec<_>, _>>()?;
    match places.as_slice() {
        // Debuggers read 'srv*' as Microsoft's server after the default store.
        [] | [Place::Default] => Ok(Element::Chain(vec![Place::Default, default_server()])),
        _ => Ok(Element::Chain(places)),
    }
}

fn parse_place(text: &str) -> Result<Place, String> {
    if text.is_empty() {
        return Ok(Place::Default);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let url = Url::parse(text).map_err(|error| format!("expected an address: {error}"))?;
        return match url.scheme() {
            "http" | "https" if url.host_str().is_some() => {
                // Some host names change their meaning when they are converted to ASCII.
                let again = Url::parse(url.as_str());
                match again == Ok(url.clone()) && !url.as_str().contains(['*', ';']) {
                    true => Ok(Place::Server(url)),
                    false => {
                        Err("expected an address whose text does not change when it is parsed".to_owned())
                    }
                }
            }
            // Empty components are dropped: when printed, two slashes after a colon would start another kind of
            // address.
            "file" => {
                url.to_file_path().map(|path| Place::Folder(path.components().collect())).map_err(|()| {
                    "expected a file address with a whole path on this machine (file:///...)".to_owned()
                })
            }
            _ => Err(format!("expected http, https or file, found '{scheme}'")),
        };
    }
    if cfg!(not(windows)) && is_windows_path(text) {
        return Err("this is a path of Windows, expected one of this system".to_owned());
    }
    Ok(Place::Folder(PathBuf::from(text)))
}

/// Whether a text is a Windows drive or share, which on other systems would become a folder with an odd name.
fn is_windows_path(text: &str) -> bool {
    matches!(text.as_bytes(), [b'\\', b'\\', ..])
        || matches!(text.as_bytes(), [drive, b':', rest @ ..]
            if drive.is_ascii_alphabetic() && matches!(rest, [] | [b'\\' | b'/', ..]))
}

fn default_server() -> Place {
    match Url::parse(SymbolPath::DEFAULT_SERVER) {
        Ok(url) => Place::Server(url),
        Err(_) => Place::Default,
    }
}

/// An address in a form that may be shown: without user name, password and query, which can be secrets.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have these parts.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn without_secrets(element: &str) -> String {
    let shown_part = |part: &str| match Url::parse(part.trim()) {
        Ok(url) if url.has_host() => shown(&url),
        _ if part.contains('@') => "...".to_owned(),
        _ => part.to_owned(),
    };
    let shown = element.split('*').map(shown_part).collect::<Vec<_>>().join("*");
    match shown.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}...", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// How many characters of an element are shown.
const LONGEST_SHOWN: usize = 100;

/// A folder in the syntax of symbol paths. A name that contains separators can only have come from a file address,
/// and is printed as one.
fn folder_text(folder: &Path) -> String {
    let text = folder.display().to_string();
    let plain = parse_element(&text) == Ok(Element::Folder(folder.to_owned())) && !text.contains(';');
    match Url::from_file_path(folder) {
        Ok(url) if !plain || text.trim() != text => url.as_str().replace(';', "%3B").replace('*', "%2A"),
        _ => text,
    }
}

impl fmt::Display for SymbolPath {
    /// The path in its own syntax. Parsing it again gives the same path, except for secrets in addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, element) in self.elements.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            match element {
                Element::Chain(places) => {
                    f.write_str("srv")?;
                    places.iter().try_for_each(|place| write!(f, "*{place}"))?;
                }
                Element::Cache(place) => write!(f, "cache*{place}")?,
                Element::Folder(folder) => f.write_str(&folder_text(folder))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Folder(folder) => f.write_str(&folder_text(folder)),
            Self::Server(url) => f.write_str(&shown(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searches(text: &str) -> Vec<Vec<String>> {
        let path: SymbolPath = text.parse().unwrap();
        let name = |store: &Store| match store {
            Store::Folder(folder) => folder.display().to_string(),
            Store::Loose(folder) => format!("loose {}", folder.display()),
            Store::Server(url) => shown(url),
        };
        let searches = path.searches(Path::new("DEFAULT"));
        searches.iter().map(|search| search.stores.iter().map(name).collect()).collect()
    }

    #[test]
    fn a_chain_from_left_to_right() {
        assert_eq!(searches("srv*/a*/b*https://h/s"), [["/a", "/b", "https://h/s"]]);
        assert_eq!(searches("SymSrv*SymSrv.dll*/a*http://h/"), [["/a", "http://h/"]]);
    }

    #[test]
    fn an_empty_name_is_the_default_store() {
        assert_eq!(searches("srv**https://h/s"), [["DEFAULT", "https://h/s"]]);
        assert_eq!(searches("cache*;srv*/b"), [["DEFAULT", "/b"]]);
    }

    #[test]
    fn srv_alone_is_microsofts_server() {
        assert_eq!(searches("srv*"), [["DEFAULT", SymbolPath::DEFAULT_SERVER]]);
        assert_eq!(searches(&SymbolPath::standard().to_string()), searches("srv*"));
    }

    #[test]
    fn a_server_without_a_store_gets_the_default_one() {
        assert_eq!(searches("srv*https://h/s"), [["DEFAULT", "https://h/s"]]);
        assert_eq!(searches("https://h/s"), [["DEFAULT", "https://h/s"]]);
    }

    #[test]
    fn a_cache_applies_to_all_that_follows_and_to_nothing_before() {
        assert_eq!(
            searches("/x;cache*/c;/y;srv*/a*https://h/"),
            [vec!["loose /x"], vec!["/c", "loose /y"], vec!["/c", "/a", "https://h/"]]
        );
        assert_eq!(searches("cache*/c"), [["/c"]]);
    }

    #[test]
    fn a_path_can_be_put_behind_a_store() {
        let path = "srv*/a*https://h/".parse::<SymbolPath>().unwrap().behind(Path::new("/mine"));
        assert_eq!(path.to_string(), "cache*/mine;srv*/a*https://h/");
    }

    #[test]
    fn the_current_folder_and_empty_elements() {
        assert_eq!(searches(".;; ;/x"), [["loose ."], ["loose /x"]]);
        assert_eq!(searches(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn file_addresses_are_folders() {
        assert_eq!(searches("srv*file:///a/b*https://h/"), [["/a/b", "https://h/"]]);
    }

    #[test]
    fn folders_of_odd_names_print_as_they_parse() {
        for text in ["file:://h/x", "file:///a;b", "srv*file:///a%3Bb%2Ac*file:///%20x", "file:///C:/x"] {
            let Ok(path) = text.parse::<SymbolPath>() else { continue };
            let again: SymbolPath = path.to_string().parse().unwrap();
            assert_eq!(again, path, "{text} printed as {path}");
        }
    }

    #[test]
    fn names_the_element_and_the_problem() {
        let error = "/x;server*/a".parse::<SymbolPath>().unwrap_err();
        assert_eq!((error.position, error.element.as_str()), (2, "server*/a"));
        for text in ["symsrv*other.dll*/a", "cache*https://h/", "cache*/a*/b", "srv*ftp://h/", "srv*https://"]
        {
            assert!(text.parse::<SymbolPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_of_too_many_places_is_refused() {
        let chain = |places: usize| format!("srv*{}", vec!["a"; places].join("*"));
        assert!(chain(1000).parse::<SymbolPath>().is_ok());
        for text in [chain(30_000), vec!["cache*a"; 30_000].join(";"), vec!["a"; 30_000].join(";")] {
            let message = text.parse::<SymbolPath>().unwrap_err().to_string();
            assert!(message.contains("at most 1024 folders and servers"), "{message}");
            assert!(message.len() < 200, "{message}");
        }
    }

    #[test]
    fn secrets_stay_out_of_messages() {
        let error = "srv*https://u:secret@h/?sig=secret*ftp://u:secret@h/".parse::<SymbolPath>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        let path: SymbolPath = "srv*https://u:secret@h/s?sig=secret".parse().unwrap();
        assert_eq!(path.to_string(), "srv*https://h/s");
    }

    #[cfg(not(windows))]
    #[test]
    fn paths_of_windows_are_not_folders_here() {
        for text in [r"srv*C:\sym*https://h/", r"\\server\share", "c:"] {
            assert!(text.parse::<SymbolPath>().is_err(), "{text}");
        }
    }
}
