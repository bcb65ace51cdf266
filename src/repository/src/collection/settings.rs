use url::Url;

use super::Filter;
use super::filter::Day;
use super::windows::name_of;
use crate::yaml::{At, Node};
use crate::{Error, Key};

/// Many kernels or tables, by what lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Where it is.
    pub place: Place,
    /// What is read of each kernel.
    pub mode: Mode,
    /// Which of them are wanted.
    pub filter: Filter,
}

/// Where a collection is, and what lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// `DebianArchive`: an archive with `dists/SUITE/COMPONENT/binary-ARCHITECTURE/Packages.xz`, also Ubuntu's ddebs.
    Debian {
        /// The folder that holds `dists`.
        address: Url,
        /// Its suites.
        suites: Vec<String>,
        /// Its components.
        components: Vec<String>,
    },
    /// `RpmArchive`: an archive with `repodata/repomd.xml`.
    Rpm {
        /// The folder that holds `repodata`.
        address: Url,
    },
    /// `Debuginfod`: servers that give a vmlinux by its build-id.
    Debuginfod {
        /// The servers, in the order in which they are asked.
        servers: Vec<Url>,
        /// The object that lists build-ids, one per line.
        list: Key,
    },
    /// `WindowsBuilds`: executables of Windows, by what lists them, and the PDBs that they belong to.
    Windows {
        /// What lists them.
        list: ExecutableList,
        /// The symbol servers that are asked for the executables, in this order.
        servers: Vec<Url>,
    },
    /// `IsfList`: a list of symbol tables as Volatility 3 reads it (`banners.json`).
    Isf {
        /// The list.
        address: Url,
    },
}

/// What lists executables of Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutableList {
    /// A file of Winbindex (`by_filename_compressed/ntoskrnl.exe.json.gz`), which is called by the executable's name.
    Winbindex(Url),
    /// An object of the repository: a name, a time stamp and a size of the image per line, in hexadecimal digits.
    Own(Key),
}

/// What a kernel's profile is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Its debug package, which has DWARF.
    Dwarf,
    /// The package of the kernel itself, which has BTF and kallsyms, and is many times smaller.
    #[default]
    Btf,
}

/// The types of entries that are collections, and the keys of each.
pub(crate) const KEYS: [(&str, &[&str]); 5] = [
    ("DebianArchive", &["address", "suites", "components", "architectures", "flavours", "versions", "mode"]),
    ("RpmArchive", &["address", "architectures", "flavours", "versions", "since", "until", "mode"]),
    ("Debuginfod", &["servers", "list"]),
    ("IsfList", &["address", "versions"]),
    ("WindowsBuilds", &["address", "list", "servers", "architectures", "versions"]),
];

/// An entry of the configuration under reading.
pub(crate) struct Reader<'a> {
    /// The file.
    pub place: &'a str,
    /// The entry.
    pub name: &'a str,
    /// Its value.
    pub node: &'a Node,
    /// The line of its key.
    pub line: usize,
}

impl<'a> Reader<'a> {
    /// Reads a collection of the type `kind`; `None` for any other type.
    pub fn collection(&self, kind: &str) -> Result<Option<Collection>, Error> {
        let place = match kind {
            "DebianArchive" => Place::Debian {
                address: self.url(self.required("address", ADDRESS)?, "address")?,
                suites: self.parts(self.required("suites", "a list of suites")?, "suites")?,
                components: match self.node.get("components") {
                    Some(node) => self.parts(node, "components")?,
                    None => vec!["main".to_owned()],
                },
            },
            "RpmArchive" => Place::Rpm { address: self.url(self.required("address", ADDRESS)?, "address")? },
            "Debuginfod" => {
                Place::Debuginfod { servers: self.servers()?, list: self.list("a list of build-ids")? }
            }
            "WindowsBuilds" => Place::Windows { servers: self.servers()?, list: self.executables()? },
            "IsfList" => Place::Isf { address: self.url(self.required("address", ADDRESS)?, "address")? },
            _ => return Ok(None),
        };
        let mode = match self.node.get("mode") {
            Some(node) => match node.text(&self.at(&self.key("mode")))? {
                "dwarf" => Mode::Dwarf,
                "btf" => Mode::Btf,
                _ => return Err(self.wrong(node, "mode", "dwarf or btf")),
            },
            None => Mode::default(),
        };
        let filter = Filter {
            architectures: match (&place, self.node.get("architectures")) {
                (_, Some(node)) => self.parts(node, "architectures")?,
                (Place::Debian { .. }, None) => vec!["amd64".to_owned()],
                (_, None) => Vec::new(),
            },
            flavours: self.texts("flavours")?,
            versions: self.texts("versions")?,
            since: self.day("since")?,
            until: self.day("until")?,
        };
        Ok(Some(Collection { place, mode, filter }))
    }

    fn servers(&self) -> Result<Vec<Url>, Error> {
        let items = self.items(self.required("servers", "a list of addresses")?, "servers")?;
        items.iter().map(|item| self.url(item, "servers")).collect()
    }

    /// The object that lists something.
    fn list(&self, expected: &str) -> Result<Key, Error> {
        let list = self.required("list", &format!("the path of {expected}"))?;
        let text = list.text(&self.at(&self.key("list")))?;
        text.parse().map_err(|_| self.wrong(list, "list", "a path below the repository"))
    }

    fn executables(&self) -> Result<ExecutableList, Error> {
        let Some(node) = self.node.get("address") else {
            return self.list("a list of executables, or an address of Winbindex").map(ExecutableList::Own);
        };
        if let Some(list) = self.node.get("list") {
            return Err(self.wrong(list, "list", "either an address or a list"));
        }
        let url = self.url(node, "address")?;
        if name_of(&url).is_none() {
            return Err(self.wrong(
                node,
                "address",
                "an address that ends in NAME.json.gz, as ntoskrnl.exe.json.gz",
            ));
        }
        Ok(ExecutableList::Winbindex(url))
    }

    fn required(&self, key: &str, expected: &str) -> Result<&'a Node, Error> {
        self.node.get(key).filter(|node| !node.is_null()).ok_or_else(|| Error::Text {
            place: self.place.to_owned(),
            line: self.line,
            key: self.key(key),
            expected: expected.to_owned(),
            found: "no such key".to_owned(),
        })
    }

    fn url(&self, node: &Node, key: &str) -> Result<Url, Error> {
        let text = node.text(&self.at(&self.key(key)))?;
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.filter(Url::has_host).ok_or_else(|| self.wrong(node, key, ADDRESS))
    }

    /// Names that become parts of an address.
    fn parts(&self, node: &Node, key: &str) -> Result<Vec<String>, Error> {
        let items = self.items(node, key)?;
        let texts = items.iter().map(|item| {
            let text = item.text(&self.at(&self.key(key)))?;
            let good = text.parse::<Key>().is_ok_and(|_| !text.contains(['?', '#', '%', ' ']));
            if good { Ok(text.to_owned()) } else { Err(self.wrong(item, key, "a name as archives have it")) }
        });
        let texts = texts.collect::<Result<Vec<_>, Error>>()?;
        if texts.is_empty() { Err(self.wrong(node, key, "at least one name")) } else { Ok(texts) }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Error> {
        let Some(node) = self.node.get(key) else { return Ok(Vec::new()) };
        let items = self.items(node, key)?;
        items.iter().map(|item| Ok(item.text(&self.at(&self.key(key)))?.to_owned())).collect()
    }

    /// The items of a list; a single value is a list of one.
    fn items<'n>(&self, node: &'n Node, key: &str) -> Result<Vec<&'n Node>, Error> {
        let at = self.key(key);
        match node.items(&self.at(&at)) {
            Ok(items) => Ok(items.iter().collect()),
            Err(error) => node.text(&self.at(&at)).map(|_| vec![node]).map_err(|_| error),
        }
    }

    fn day(&self, key: &str) -> Result<Option<Day>, Error> {
        let Some(node) = self.node.get(key) else { return Ok(None) };
        let text = node.text(&self.at(&self.key(key)))?;
        text.parse().map(Some).map_err(|()| self.wrong(node, key, "a day as 2026-11-30"))
    }

    fn wrong(&self, node: &Node, key: &str, expected: &str) -> Error {
        self.at(&self.key(key)).wrong(node, expected)
    }

    fn at<'k>(&'k self, key: &'k str) -> At<'k> {
        At { place: self.place, key }
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}

const ADDRESS: &str = "an address that begins with http:// or https://";
