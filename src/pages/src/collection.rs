use std::collections::BTreeSet;

use profile::{Arch, Outline, Profile, Resolution, System};
use serde_json::{Value, json};

use crate::Shard;
use crate::history::{self, Histories};

/// The builds that a page shows.
///
/// Builds are added in the order in which the page lists them. Each distinct definition of a struct is stored once, so
/// memory grows with the differences between the builds, not with their number.
#[derive(Debug, Default)]
pub struct Collection {
    /// For each build, its name and counts, as the page reads them.
    builds: Vec<Value>,
    /// The names that builds already have.
    ids: BTreeSet<String>,
    structs: Histories,
    enums: Histories,
    lacks_symbols: bool,
}

/// How many names a shard holds with their definitions. To show a struct, a page reads one shard.
const SHARD: usize = 512;

impl Collection {
    /// A collection that shows no symbols: the only part of a build that it does not share with its neighbours.
    pub fn without_symbols() -> Self {
        Self { lacks_symbols: true, ..Self::default() }
    }

    /// Adds a build, and returns the shard with its symbols. The build gets the name that its profile's metadata gives, or
    /// `name` if the metadata has none.
    pub fn add(&mut self, name: &str, profile: &Profile, resolution: &Resolution) -> Shard {
        let number = self.builds.len();
        let outline = Outline::new(profile, resolution);
        let mut counts = (0usize, 0usize);
        for outlined in outline.structures() {
            counts.0 += 1;
            for used in outlined.structs {
                user(&mut self.structs, used, outlined.name);
            }
            for used in outlined.enums {
                user(&mut self.enums, used, outlined.name);
            }
            self.structs.entry(outlined.name.to_owned()).or_default().add(
                number,
                outlined.line,
                &outlined.members,
            );
        }
        for outlined in outline.enumerations() {
            counts.1 += 1;
            self.enums.entry(outlined.name.to_owned()).or_default().add(number, outlined.line, &[]);
        }
        let symbols = if self.lacks_symbols { Vec::new() } else { outline.symbols() };
        let (id, title) = self.names(name, profile);
        let metadata: Vec<[String; 2]> = metadata(profile);
        self.builds.push(json!({
            "id": id,
            "title": title,
            "metadata": metadata,
            "pointer": profile.arch.address_size(),
            "bigEndian": matches!(profile.arch, Arch::Mips | Arch::Mips64 | Arch::Ppc | Arch::S390x),
            "structs": counts.0,
            "enums": counts.1,
            "symbols": symbols.len(),
        }));
        Shard::new(format!("symbols-{number}"), &symbols_text(&symbols))
    }

    /// The number of builds.
    pub fn len(&self) -> usize {
        self.builds.len()
    }

    /// Whether there are no builds.
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty()
    }

    /// Returns the other shards: the index, the names of members, the uses, and all definitions.
    pub fn finish(self) -> impl Iterator<Item = Shard> {
        let builds = self.builds.len();
        let titles: Vec<&str> = self.builds.iter().filter_map(|build| build["title"].as_str()).collect();
        let title = match titles.as_slice() {
            [] => "No builds".to_owned(),
            [one] => (*one).to_owned(),
            [first, second] => format!("{first} and {second}"),
            [first, .., last] => format!("{} builds, {first} to {last}", titles.len()),
        };
        let index = json!({
            "format": 1,
            "title": title,
            "builds": self.builds,
            "structs": history::names(&self.structs),
            "structRuns": history::runs(&self.structs, builds),
            "enums": history::names(&self.enums),
            "enumRuns": history::runs(&self.enums, builds),
            "shard": SHARD,
        });
        let uses =
            json!([history::users(&self.structs, &self.structs), history::users(&self.enums, &self.structs)]);
        let single = [
            Shard::new("index", &index.to_string()),
            Shard::new("members", &history::members(&self.structs).to_string()),
            Shard::new("uses", &uses.to_string()),
        ];
        let mut all: Vec<Shard> = single.into();
        for (kind, histories) in [("structs", &self.structs), ("enums", &self.enums)] {
            let lines: Vec<String> = history::lines(histories).collect();
            for (number, lines) in lines.chunks(SHARD).enumerate() {
                all.push(Shard::new(format!("{kind}-{number}"), &lines.join("\n")));
            }
        }
        all.into_iter()
    }

    /// The name of a build in addresses, and its title on the page. No two builds get the same name.
    fn names(&mut self, name: &str, profile: &Profile) -> (String, String) {
        let said = |key: &str| profile.metadata_text(key).filter(|text| !text.is_empty());
        let known = match profile.system {
            System::Windows => match (said("PDBFile"), said("GUID_AGE")) {
                (Some(file), Some(guid)) => Some(format!("{file} {guid}")),
                (None, Some(guid)) => Some(guid.to_owned()),
                _ => None,
            },
            _ => said("Release")
                .or_else(|| said("Banner"))
                .or_else(|| said("UUID"))
                .or_else(|| said("BuildID"))
                .map(str::to_owned),
        };
        let mut title = known.unwrap_or_else(|| name.to_owned());
        if self.ids.contains(&title) {
            title = format!("{title} ({name})");
        }
        let first = title.clone();
        let mut number = 2;
        while !self.ids.insert(title.clone()) {
            title = format!("{first} {number}");
            number += 1;
        }
        (title.clone(), title)
    }
}

/// Records that a member of `owner` holds or points to `used`.
fn user(histories: &mut Histories, used: &str, owner: &str) {
    match histories.get_mut(used) {
        Some(history) => history.add_user(owner),
        None => histories.entry(used.to_owned()).or_default().add_user(owner),
    }
}

/// The profile's metadata with its architecture, as pairs of texts.
fn metadata(profile: &Profile) -> Vec<[String; 2]> {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut all: Vec<[String; 2]> =
        profile.metadata.iter().map(|(key, value)| [key.clone(), shown(value)]).collect();
    all.push(["arch".to_owned(), profile.arch.name().to_owned()]);
    all.sort();
    all.dedup_by(|a, b| a[0] == b[0]);
    all
}

/// The largest integer that a JavaScript number holds exactly. Larger steps are written as texts.
const LARGEST_STEP: u64 = (1 << 53) - 1;

/// The symbols as JSON, which `data.js` reads: names, the distance of each address from the one before, the lengths of
/// alternating runs of data and functions, and the types of variables.
fn symbols_text(symbols: &[profile::OutlinedSymbol<'_>]) -> String {
    let names: Vec<&str> = symbols.iter().map(|symbol| symbol.name).collect();
    let mut before = 0u64;
    let mut step = |address: u64| {
        let step = address.wrapping_sub(before);
        before = address;
        if step > LARGEST_STEP { Value::from(step.to_string()) } else { Value::from(step) }
    };
    let steps: Vec<Value> = symbols.iter().map(|symbol| step(symbol.address)).collect();
    // The lengths of the runs of data and of functions, which alternate; the first run is of data.
    let mut turns = vec![0usize];
    let mut function = false;
    for symbol in symbols {
        if symbol.function != function {
            function = symbol.function;
            turns.push(0);
        }
        if let Some(last) = turns.last_mut() {
            *last += 1;
        }
    }
    let mut types = String::new();
    for (index, symbol) in symbols.iter().enumerate() {
        if let Some(ty) = &symbol.ty {
            // The type is already JSON.
            types.push_str(&format!("{}[{index},{ty}]", if types.is_empty() { "" } else { "," }));
        }
    }
    format!(
        "{{\"names\":{},\"steps\":{},\"functions\":{},\"types\":[{types}]}}",
        json!(names),
        json!(steps),
        json!(turns)
    )
}
