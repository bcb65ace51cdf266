use std::collections::BTreeMap;
use std::fmt;

use profile::{Compat, GuidAge, MAX_TEXT, Report, Verdict, read_text, to_base64};
use serde_json::{Map, Value, json};

use super::distribution;
use super::table::{REVISION, table};
use super::{BANNERS, FOLDER};
use crate::packed::sha256;
use crate::{Content, Error, Inventory, ProfileName, Storage};

/// What Volatility 3 can find a table by, of every profile of a repository.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The profile of each table.
    tables: BTreeMap<TableName, ProfileName>,
    /// The tables of each identifier; of several profiles of one build, the last one by name is taken.
    identifiers: BTreeMap<Identifier, TableName>,
    /// What is added to the tables.
    compat: Compat,
}

/// What Volatility 3 looks a table up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    /// A banner of Linux.
    Linux(String),
    /// A banner of macOS.
    Mac(String),
    /// PDB name, GUID and age of a module of Windows.
    Windows(String),
}

/// The name of a table's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName(String);

/// A list, with the paths below the root under which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The path that stays (`banners.json`, `isf/linux/debian.json`).
    pub path: String,
    /// The path that changes with the list (`isf/0123456789ab.json`).
    pub versioned: String,
    /// The text.
    pub bytes: Vec<u8>,
    /// How many tables it names.
    pub tables: usize,
}

/// The largest profile that is read for its banner, in bytes.
const LARGEST: u64 = 1 << 30;

impl Catalog {
    /// Reads the inventory of a repository, for tables with what `compat` adds. Profiles whose records were written before records had banners are looked
    /// into.
    ///
    /// # Errors
    /// [`Error::Absent`] without an inventory; what reading it gives.
    pub fn read(storage: &dyn Storage, compat: Compat) -> Result<Self, Error> {
        let Some((inventory, _)) = Inventory::read(storage)? else {
            let place = storage.place_of(&Inventory::key()?);
            let expected = "the repository's inventory (manage_repo seal makes it)".to_owned();
            return Err(Error::Absent { place, expected });
        };
        let mut catalog = Self { compat, ..Self::default() };
        for (name, record) in inventory.iter() {
            let (Some(content), Ok(name)) = (&record.content, name.parse::<ProfileName>()) else { continue };
            // A bundle does not know verdicts.
            if !["", Verdict::Complete.name(), Verdict::SymbolsOnly.name()].contains(&content.health.as_str())
            {
                continue;
            }
            let Some(identifier) = Identifier::of(content, &name, storage)? else { continue };
            let table = TableName::new(&identifier, &content.sha256, compat);
            catalog.identifiers.insert(identifier, table.clone());
            catalog.tables.insert(table, name);
        }
        Ok(catalog)
    }

    /// The tables, each with the profile that it is made from.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &ProfileName)> {
        self.tables.iter()
    }

    /// The profile of a table.
    pub fn profile(&self, table: &str) -> Option<&ProfileName> {
        self.tables.get(&TableName(table.to_owned()))
    }

    /// Makes the table of a profile.
    ///
    /// # Errors
    /// [`Error::Absent`] if the profile is not there; [`Error::Profile`] and [`Error::Convert`] if it gives no table.
    pub fn table(&self, storage: &dyn Storage, profile: &ProfileName) -> Result<Vec<u8>, Error> {
        table(storage, profile, self.compat)
    }

    /// Leaves out the tables of these profiles.
    pub(super) fn leave_out<'a>(&mut self, profiles: impl Iterator<Item = &'a str>) {
        for profile in profiles {
            self.tables.retain(|_, known| known.as_str() != profile);
        }
        let tables = &self.tables;
        self.identifiers.retain(|_, table| tables.contains_key(table));
    }

    /// The lists for a root at the address `base`: that of all tables, and one for each distribution of Linux, for macOS
    /// and for Windows.
    ///
    /// # Errors
    /// None in practice.
    pub fn lists(&self, base: &str) -> Result<Vec<List>, Error> {
        let base = base.trim_end_matches('/');
        let mut parts: BTreeMap<String, Vec<(&Identifier, &TableName)>> = BTreeMap::new();
        for (identifier, table) in &self.identifiers {
            let part = match identifier {
                Identifier::Linux(banner) => format!("{FOLDER}/linux/{}.json", distribution::of(banner)),
                Identifier::Mac(_) => format!("{FOLDER}/mac.json"),
                Identifier::Windows(_) => format!("{FOLDER}/windows.json"),
            };
            parts.entry(part).or_default().push((identifier, table));
        }
        let mut lists = vec![List::new(BANNERS.to_owned(), self.identifiers.iter(), base)?];
        for (path, entries) in parts {
            lists.push(List::new(path, entries.into_iter(), base)?);
        }
        Ok(lists)
    }
}

impl List {
    fn new<'a>(
        path: String,
        entries: impl Iterator<Item = (&'a Identifier, &'a TableName)>,
        base: &str,
    ) -> Result<Self, Error> {
        let mut systems: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        let mut tables = 0;
        for (identifier, table) in entries {
            let urls = json!([format!("{base}/{FOLDER}/{table}")]);
            systems.entry(identifier.system()).or_default().insert(identifier.in_base64(), urls);
            tables += 1;
        }
        let mut list = Map::new();
        list.insert("version".to_owned(), 1.into());
        list.extend(systems.into_iter().map(|(system, entries)| (system.to_owned(), Value::Object(entries))));
        let bytes =
            serde_json::to_vec(&Value::Object(list)).map_err(|error| Error::io(&path, error.into()))?;
        let digest = sha256(&bytes);
        let versioned = format!("{FOLDER}/{}.json", digest.get(..12).unwrap_or(&digest));
        Ok(Self { path, versioned, bytes, tables })
    }
}

impl Identifier {
    /// What a profile is found by. `None` for a profile that Volatility would not find by anything.
    fn of(content: &Content, name: &ProfileName, storage: &dyn Storage) -> Result<Option<Self>, Error> {
        if let Some(found) = Self::of_banner(&content.banner) {
            return Ok(Some(found));
        }
        if let Some((pdb, build)) = content.source.rsplit_once('/')
            && let Ok(guid_age) = build.parse::<GuidAge>()
            && pdb.to_ascii_lowercase().ends_with(".pdb")
        {
            return Ok(Some(Self::Windows(format!("{pdb}|{}|{}", guid_age.guid_text(), guid_age.age()))));
        }
        // Written before records had banners, or a profile without one.
        if name.guid_age().is_some() || !content.banner.is_empty() {
            return Ok(None);
        }
        let Some(object) = storage.read(&name.key(), LARGEST)? else { return Ok(None) };
        let text = profile::unpack(&object.bytes, MAX_TEXT);
        let banner = text.and_then(|text| read_text(&text, &mut Report::default())).ok();
        let banner = banner.and_then(|profile| Some(profile.metadata_text("Banner")?.to_owned()));
        Ok(banner.and_then(|banner| Self::of_banner(&banner)))
    }

    fn of_banner(banner: &str) -> Option<Self> {
        if banner.starts_with("Linux version ") {
            Some(Self::Linux(banner.to_owned()))
        } else if banner.starts_with("Darwin Kernel Version ") {
            Some(Self::Mac(banner.to_owned()))
        } else {
            None
        }
    }

    /// What a list calls the system.
    fn system(&self) -> &'static str {
        match self {
            Self::Linux(_) => "linux",
            Self::Mac(_) => "mac",
            Self::Windows(_) => "windows",
        }
    }

    /// The identifier as lists have it: a banner ends as it does in the kernel.
    fn in_base64(&self) -> String {
        match self {
            Self::Linux(banner) => to_base64(format!("{}\n\0", banner.trim_end()).as_bytes()),
            Self::Mac(banner) => to_base64(format!("{banner}\0").as_bytes()),
            Self::Windows(text) => to_base64(text.as_bytes()),
        }
    }

    /// What a table is called for people: the release of a kernel, or the name of a PDB.
    fn stem(&self) -> String {
        let word = match self {
            Self::Linux(banner) => banner.split(' ').nth(2),
            Self::Mac(banner) => banner.split([' ', ':']).nth(3),
            Self::Windows(text) => text.split('|').next(),
        };
        let word = word.unwrap_or_default().chars().take(64);
        word.filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter)).collect()
    }
}

impl TableName {
    fn new(identifier: &Identifier, profile: &str, compat: Compat) -> Self {
        let added = match compat {
            Compat::None => "",
            Compat::Volatility3 => "volatility3\n",
        };
        let digest = sha256(format!("{REVISION}\n{profile}\n{added}").as_bytes());
        let stem = identifier.stem();
        let stem = if stem.is_empty() || stem.starts_with('.') { "kernel".to_owned() } else { stem };
        Self(format!("{stem}-{}.json.xz", digest.get(..16).unwrap_or(&digest)))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, Folder, Record};

    fn record(health: &str, source: &str, banner: &str, sha256: &str) -> Record {
        let content = Content {
            sha256: sha256.to_owned(),
            size: 1,
            health: health.to_owned(),
            source: source.to_owned(),
            banner: banner.to_owned(),
            ..Content::default()
        };
        Record { modified: 1.0, content: Some(content) }
    }

    fn catalog(records: impl IntoIterator<Item = (String, Record)>) -> Catalog {
        let folder = tempfile::tempdir().unwrap();
        let storage = Folder::new(folder.path());
        let inventory: Inventory = records.into_iter().collect();
        inventory.write(&storage, None).unwrap();
        Catalog::read(&storage, Compat::None).unwrap()
    }

    const GUID: &str = "F8E2A8B5C9B74BF4A6E4A48F180099941A";

    #[test]
    fn a_list_names_kernels_by_banner_and_pdbs_by_guid_and_age() {
        let banner = "Linux version 6.1.0-9-amd64 (debian-kernel@lists.debian.org) #1 SMP";
        let catalog = catalog([
            ("Linux/00".to_owned(), record("complete", "debian/a.deb sha256:00", banner, "aa")),
            (format!("nt/GUID/{GUID}"), record("symbols only", &format!("ntkrnlmp.pdb/{GUID}"), "", "bb")),
            ("nt/GUID/x".to_owned(), record("failed", &format!("ntkrnlpa.pdb/{GUID}"), "", "cc")),
        ]);
        let lists = catalog.lists("http://host/base/").unwrap();
        let paths: Vec<&str> = lists.iter().map(|list| list.path.as_str()).collect();
        assert_eq!(paths, ["banners.json", "isf/linux/debian.json", "isf/windows.json"]);
        let list: Value = serde_json::from_slice(&lists[0].bytes).unwrap();
        assert_eq!(list["version"], 1);
        let url = list["linux"][to_base64(format!("{banner}\n\0").as_bytes())][0].as_str().unwrap();
        assert!(url.starts_with("http://host/base/isf/6.1.0-9-amd64-") && url.ends_with(".json.xz"), "{url}");
        let windows = to_base64(b"ntkrnlmp.pdb|F8E2A8B5C9B74BF4A6E4A48F18009994|26");
        let table = list["windows"][windows][0].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(catalog.profile(table).unwrap().as_str(), format!("nt/GUID/{GUID}"));
        assert_eq!(lists[0].versioned, format!("isf/{}.json", &sha256(&lists[0].bytes)[..12]));
    }

    #[test]
    fn a_banner_does_not_choose_the_name_of_a_file() {
        for banner in [
            "Linux version ../../x (y)",
            "Linux version .hidden",
            "Linux version  ",
            "Linux version \u{1b}[2J",
        ] {
            let catalog = catalog([("Linux/00".to_owned(), record("complete", "", banner, "aa"))]);
            let (name, _) = catalog.tables().next().unwrap();
            assert!(
                !name.to_string().contains(['/', '\u{1b}']) && !name.to_string().starts_with('.'),
                "{name}"
            );
        }
    }

    #[test]
    fn twelve_thousand_kernels_are_listed_in_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Folder::new(folder.path());
        let records = (0..12_000).map(|index| {
            let banner = format!(
                "Linux version 6.1.{index} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0)) #1 SMP"
            );
            let digest = sha256(banner.as_bytes());
            (format!("Linux/{}", &digest[..40]), record("complete", "", &banner, &digest))
        });
        let inventory: Inventory = records.collect();
        storage
            .write(&Inventory::key().unwrap(), &inventory.to_bytes().unwrap(), &Condition::Always)
            .unwrap();
        let start = std::time::Instant::now();
        let lists = Catalog::read(&storage, Compat::None).unwrap().lists("http://host").unwrap();
        assert_eq!(lists[0].tables, 12_000);
        // A tenth of that, if nothing else runs and the compiler optimises.
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
