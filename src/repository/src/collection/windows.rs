//! Windows' builds: executables as Winbindex or a list of our own names them, and the PDBs that they belong to.
//!
//! Such a list has no GUIDs. A symbol server keeps each executable under its name, time stamp and size, and a few
//! kilobytes of it tell which PDB it belongs to.

use std::collections::BTreeMap;

use pe::{PartsError, PdbName, Pe, Rsds};
use profile::Progress;
use serde::Deserialize;
use symbols::{Downloads, Tried, Whole};
use url::Url;

use super::listing::below;
use super::refresh::Taken;
use super::{Filter, Row};
use crate::Key;

/// An executable as symbol servers know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Executable {
    name: String,
    /// The time stamp in its header, and the size of its image in bytes.
    timestamp: u32,
    size: u32,
}

/// What a list of executables has.
#[derive(Debug, Default)]
pub(super) struct Executables {
    pub listed: Vec<Executable>,
    /// How many entries have no time stamp or size (parts of updates), so that no server can be asked for them.
    pub incomplete: usize,
}

/// What the progress of asking is called.
const ASKING: &str = "Asking which PDBs executables name";

/// The largest executable that a server without ranges may send as a whole.
const LARGEST: u64 = 64 << 20;

/// The names of architectures, and the machine in the header of a PE file ("Machine Types" of its specification).
const MACHINES: [(&str, u32); 7] = [
    ("amd64", 0x8664),
    ("x64", 0x8664),
    ("x86_64", 0x8664),
    ("arm64", 0xaa64),
    ("aarch64", 0xaa64),
    ("i386", 0x14c),
    ("x86", 0x14c),
];

/// An entry of Winbindex, by the SHA-256 of the file. Fields that are not needed are left out.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "fileInfo", default)]
    info: Option<Info>,
}

#[derive(Default, Deserialize)]
struct Info {
    timestamp: Option<u32>,
    #[serde(rename = "virtualSize")]
    size: Option<u32>,
    #[serde(rename = "machineType")]
    machine: Option<u32>,
    version: Option<String>,
}

impl Executables {
    /// The executables called `name` in a file of Winbindex (`NAME.json`, unpacked).
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn winbindex(name: &str, text: &[u8], filter: &Filter) -> Result<Self, String> {
        let entries: BTreeMap<String, Entry> = serde_json::from_slice(text)
            .map_err(|error| format!("expected a file of Winbindex (by_filename_compressed): {error}"))?;
        let mut found = Self::default();
        for entry in entries.into_values() {
            let info = entry.info.unwrap_or_default();
            let version = info.version.as_deref().unwrap_or_default();
            // `10.0.26100.1742 (WinBuild.160101.0800)`.
            let version = version.split_whitespace().next().unwrap_or_default();
            if !takes_machine(filter, info.machine) || !filter.takes_version(version, version) {
                continue;
            }
            match (info.timestamp, info.size) {
                (Some(timestamp), Some(size)) => {
                    found.listed.push(Executable { name: name.to_owned(), timestamp, size });
                }
                _ => found.incomplete += 1,
            }
        }
        found.listed.sort();
        found.listed.dedup();
        Ok(found)
    }

    /// The executables of our own list: a name, a time stamp and a size of the image per line, both in hexadecimal
    /// digits as a symbol server has them; `#` begins a comment.
    ///
    /// # Errors
    /// The first line that is something else.
    pub(super) fn own(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let hexadecimal = |word: &str| u32::from_str_radix(word, 16).ok();
            let executable = match words[..] {
                [] => continue,
                [name, timestamp, size] => {
                    let numbers = hexadecimal(timestamp).zip(hexadecimal(size));
                    numbers.map(|(timestamp, size)| Executable { name: name.to_owned(), timestamp, size })
                }
                _ => None,
            };
            found.listed.push(executable.ok_or_else(|| {
                format!(
                    "line {number}: expected a name, a time stamp and a size in hexadecimal digits \
                     (ntoskrnl.exe 5F641C41 1046000)"
                )
            })?);
        }
        found.listed.sort();
        found.listed.dedup();
        Ok(found)
    }
}

fn takes_machine(filter: &Filter, machine: Option<u32>) -> bool {
    let is_wanted = |name: &String| {
        let known = MACHINES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, number)| *number) == machine
    };
    filter.architectures.is_empty() || filter.architectures.iter().any(is_wanted)
}

impl Executable {
    /// Its place in a symbol store ("SymStore", by time stamp and size of the image).
    fn place(&self) -> String {
        let Self { name, timestamp, size } = self;
        format!("{name}/{timestamp:08X}{size:x}/{name}")
    }
}

/// The file of Winbindex at an address names the executable: `ntoskrnl.exe` of `.../ntoskrnl.exe.json.gz`.
pub(super) fn name_of(address: &Url) -> Option<&str> {
    let file = address.path_segments()?.next_back()?;
    let name = file.strip_suffix(".gz").unwrap_or(file).strip_suffix(".json")?;
    Some(name).filter(|name| is_file_name(name))
}

fn is_file_name(name: &str) -> bool {
    !name.contains(['/', '\\', '?', '#', '%', ' ']) && name.parse::<Key>().is_ok()
}

/// Asks symbol servers which PDBs executables belong to.
pub(super) struct Asker<'a> {
    pub servers: &'a [Url],
    pub downloads: &'a Downloads,
    pub progress: &'a dyn Progress,
    /// What was listed before, by the place of the executable.
    pub before: &'a [Row],
}

impl Asker<'_> {
    /// A row for each executable: the PDB's name and build, and the address of the executable. Those that were asked for
    /// before are taken from the listing before.
    pub(super) fn rows(&self, executables: &Executables, taken: &mut Taken) {
        let known: BTreeMap<&str, &Row> =
            self.before.iter().filter_map(|row| Some((place_in(row.url.as_deref()?)?, row))).collect();
        self.progress.begin(ASKING, Some(executables.listed.len() as u64));
        for (done, executable) in (0..).zip(&executables.listed) {
            self.progress.advance(ASKING, done);
            let place = executable.place();
            if !is_file_name(&executable.name) {
                taken.refuse(&executable.name, "expected the name of a file");
            } else if let Some(row) = known.get(place.as_str()) {
                taken.rows.push((*row).clone());
            } else {
                match self.ask(&place) {
                    Ok(row) => taken.rows.push(row),
                    Err(reason) => taken.refuse(&place, &reason),
                }
            }
        }
        self.progress.end(ASKING);
        if executables.incomplete > 0 {
            let count = executables.incomplete;
            taken.refuse(
                "parts of updates",
                &format!("{count} entries have no time stamp or no size of the image"),
            );
        }
    }

    fn ask(&self, place: &str) -> Result<Row, String> {
        let mut tried = Vec::new();
        for server in self.servers {
            let Some(url) = below(server, place) else { continue };
            match self.record(&url) {
                Ok(rsds) => return row(&rsds, &url),
                Err(PartsError::Read(answer)) => tried.push(answer),
                Err(PartsError::Pe(error)) => return Err(format!("{url}: {error}")),
            }
        }
        Err(Tried::list(&tried))
    }

    fn record(&self, url: &Url) -> Result<Rsds, PartsError<Tried>> {
        let whole = Whole { limit: LARGEST, signature: b"MZ", kind: "an executable" };
        let parts = self.downloads.parts(url, whole, self.progress).map_err(PartsError::Read)?;
        let records = Pe::rsds_in_parts(parts.length(), |part| parts.read(part))?;
        let first = records.into_iter().next();
        first
            .ok_or_else(|| PartsError::Read(Tried { place: url.to_string(), answer: "no record".to_owned() }))
    }
}

/// The row of the PDB that a record names.
fn row(rsds: &Rsds, url: &Url) -> Result<Row, String> {
    let name = PdbName::from_user(rsds.file_name()).map_err(|error| format!("{url}: {error}"))?;
    let path = format!("{}/{}", name.as_str(), rsds.guid_age);
    let path: Key = path.parse().map_err(|error| format!("{url}: {error}"))?;
    Ok(Row { path: path.as_str().to_owned(), size: None, sha256: None, url: Some(url.to_string()) })
}

/// The place of an executable in a store: the last three parts of its address.
fn place_in(url: &str) -> Option<&str> {
    let (start, _) = url.rmatch_indices('/').nth(2)?;
    url.get(start + 1..)
}
