use std::io::Cursor;

use converters::{FrontEnd, Identity};
use kernel_converter::KernelFile;
use pe::PdbName;
use profile::{Health, MAX_TEXT, MappedFile, Profile, Progress, Report, Silent, Verdict, guarded, read_text};
use serde_json::{Map, Value};
use symbols::{Downloads, Expected, Fetcher};

use super::adopt::is_symbols_alone;
use super::item::{COPY_GENERATOR, DebugSource, Item, Remote, Source, TABLE_GENERATOR};
use super::state::State;
use crate::collection::{ItemKind, Mode, stem};
use crate::packed::sha256;
use crate::printed::Printed;
use crate::yaml::Node;
use crate::{Content, Key, ProfileName, Storage};

/// A profile's bytes and its record.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its name.
    pub name: ProfileName,
    /// The object's bytes.
    pub bytes: Vec<u8>,
    /// Their description.
    pub content: Content,
    /// The number of losses.
    pub losses: u64,
}

/// The source of a profile, after it has been fetched.
#[derive(Debug)]
pub(crate) enum Material {
    /// A PDB, and the place where it was found.
    Pdb(MappedFile, PdbName),
    /// A debug file.
    Debug(DebugFile),
    /// Nothing: the source lies in the repository.
    Here,
}

/// A debug file that was brought.
#[derive(Debug)]
pub(crate) struct DebugFile {
    file: MappedFile,
    /// The SHA-256 of its bytes.
    sha256: String,
    /// The address that it was fetched from; empty for an object of the repository.
    origin: String,
}

/// What is brought, and how.
pub(crate) struct Bringer<'a> {
    /// Brings PDBs.
    pub(crate) fetcher: &'a Fetcher,
    /// Fetches what collections list.
    pub(crate) downloads: &'a Downloads,
    pub(crate) progress: &'a dyn Progress,
}

/// Why a profile could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, in words.
    pub reason: String,
    /// Whether another attempt would fail in the same way: the source is missing or invalid.
    pub lasting: bool,
    /// The reason in the record, if the message contains something that changes from run to run, such as the servers
    /// that were tried.
    pub(crate) recorded: Option<String>,
}

impl Failure {
    pub(crate) fn lasting(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), lasting: true, recorded: None }
    }

    pub(crate) fn passing(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), lasting: false, recorded: None }
    }

    /// The reason in the record: the same on every machine and in every run.
    pub(crate) fn recorded(&self) -> &str {
        self.recorded.as_deref().unwrap_or(&self.reason)
    }
}

/// Fetches the source of an item: a PDB from the repository's own (`src/pdb/GUID.pdb.gz`), otherwise along the symbol
/// path.
pub(crate) fn bring(
    item: &Item,
    storage: &dyn Storage,
    state: &State,
    bringer: &Bringer<'_>,
) -> Result<Material, Failure> {
    match &item.source {
        Source::Debug { origin: Some(remote), .. } => {
            return fetch_remote(item, remote, bringer).map(Material::Debug);
        }
        Source::Debug { key, .. } => return bring_debug_file(item, key, storage, state).map(Material::Debug),
        _ => {}
    }
    let Source::Pdb { names, guid_age, .. } = &item.source else { return Ok(Material::Here) };
    let kept = format!("src/pdb/{guid_age}.pdb.gz").parse::<Key>().map_err(Failure::lasting)?;
    if let (true, Some(name)) = (state.present.contains(&kept), names.first()) {
        let object = storage.read(&kept, super::SOURCE_LIMIT).map_err(Failure::passing)?;
        if let Some(object) = object {
            let bytes = profile::unpack(&object.bytes, super::SOURCE_LIMIT as usize);
            let bytes = bytes.map_err(|error| Failure::lasting(format!("{kept}: {error}")))?.into_owned();
            let identity = pe::Identity::read(&mut Cursor::new(&bytes))
                .map_err(|error| Failure::lasting(format!("{kept}: {error}")))?;
            if identity.guid_age != *guid_age {
                let found = identity.guid_age;
                return Err(Failure::lasting(format!(
                    "{kept}: expected the PDB of {guid_age}, found {found}"
                )));
            }
            return Ok(Material::Pdb(MappedFile::from(bytes), name.clone()));
        }
    }
    let mut failure = Failure::lasting("no PDB name is known for it");
    let mut lasting = true;
    for wanted in item.wanted() {
        match bringer.fetcher.fetch(&wanted, bringer.progress) {
            Ok(found) => match MappedFile::open(&found.path) {
                Ok(file) => return Ok(Material::Pdb(file, wanted.name)),
                Err(error) => failure = Failure::passing(format!("{}: {error}", found.path.display())),
            },
            Err(error) => {
                lasting &= matches!(error, symbols::Error::Missing { .. });
                failure.reason = error.with_causes();
            }
        }
    }
    let absent: Vec<String> = item.wanted().iter().map(|wanted| format!("{wanted} is not there")).collect();
    let lasting = lasting && failure.lasting;
    Err(Failure { lasting, recorded: (!absent.is_empty()).then(|| absent.join("; ")), ..failure })
}

fn bring_debug_file(
    item: &Item,
    key: &Key,
    storage: &dyn Storage,
    state: &State,
) -> Result<DebugFile, Failure> {
    let file = storage.map(key, super::DEBUG_LIMIT).map_err(Failure::passing)?;
    let file = file.ok_or_else(|| Failure::passing(item.absent(storage, key)))?;
    let sha256 = state.digest(key, storage).map_err(Failure::passing)?;
    Ok(DebugFile { file, sha256, origin: String::new() })
}

/// Fetches a package, debug file or table from the first of its addresses that has it. It is kept in a temporary file
/// without a name, which goes as soon as the profile is made.
fn fetch_remote(item: &Item, remote: &Remote, bringer: &Bringer<'_>) -> Result<DebugFile, Failure> {
    let sha256 = remote.0.sha256();
    let expected = Expected { limit: super::DEBUG_LIMIT, size: remote.0.size, sha256: sha256.as_deref() };
    let mut reasons = Vec::new();
    let mut missing = true;
    for url in item.urls() {
        match bringer.downloads.fetch(&url, expected, bringer.progress) {
            Ok(fetched) => {
                let file = MappedFile::from_file(fetched.file).map_err(Failure::passing)?;
                return Ok(DebugFile { file, sha256: fetched.sha256, origin: url.into() });
            }
            Err(error) => {
                missing &= error.missing;
                reasons.push(error.to_string());
            }
        }
    }
    if reasons.is_empty() {
        return Err(Failure::lasting("it has no address"));
    }
    // What an archive with a listing does not have any more is gone from its next listing, too.
    let lasting = missing && sha256.is_none();
    let recorded = lasting.then(|| "no server has it".to_owned());
    Err(Failure { reason: reasons.join("; "), lasting, recorded })
}

/// Makes an item's profile.
pub(crate) fn make(
    item: &Item,
    material: Material,
    storage: &dyn Storage,
    state: &State,
) -> Result<Made, Failure> {
    // A hostile source that makes a front-end fail affects only its own profile.
    guarded(|| match (&item.source, material) {
        (Source::Pdb { .. }, Material::Pdb(file, name)) => from_pdb(item, file, &name),
        (Source::Pdb { .. }, _) => Err(Failure::passing("its PDB was not brought")),
        (Source::Debug { key, origin, .. }, Material::Debug(file)) => {
            from_debug_file(item, key, origin.as_ref(), file)
        }
        (Source::Debug { origin: Some(_), .. }, _) => Err(Failure::passing("its source was not fetched")),
        (Source::Debug { key, .. }, _) => {
            from_debug_file(item, key, None, bring_debug_file(item, key, storage, state)?)
        }
        (Source::Pack(_), _) => from_pack(item, storage, state),
        (Source::Text(key), _) => from_text(item, key, storage, state),
        (Source::Artifacts(keys), _) => from_artifacts(item, keys, storage, state),
    })
    .unwrap_or_else(|| Err(Failure::lasting("its front-end failed on it: please report the source")))
}

fn from_pdb(item: &Item, file: MappedFile, name: &PdbName) -> Result<Made, Failure> {
    let Source::Pdb { guid_age, has_structs, .. } = &item.source else {
        return Err(Failure::passing("no PDB was asked for"));
    };
    let printed = Printed::of_pdb(file, name, item.profile_class.as_deref(), &item.merge, &Silent)
        .map_err(|problem| Failure::lasting(format!("{name}: {problem}")))?;
    let mut made = judged(item, printed, |health| !has_structs && is_symbols_alone(health))?;
    made.content.source = format!("{name}/{guid_age}");
    made.content.recipe = item.recipe(Some(name));
    Ok(made)
}

/// A debug file stands alone: files that it names are not looked for, as they may differ from machine to machine.
fn from_debug_file(
    item: &Item,
    key: &Key,
    remote: Option<&Remote>,
    brought: DebugFile,
) -> Result<Made, Failure> {
    let kind = remote.map(|remote| remote.0.kind());
    let DebugFile { file, sha256, origin } = brought;
    let (profile, report) = match kind {
        Some(ItemKind::Table) => read_table(file, &sha256)?,
        kind => {
            let source = converters::Source::from_bytes(key.file_name(), file);
            let options = converters::Options { threads: 1, ..Default::default() };
            let converted = match kind {
                Some(ItemKind::Package(Mode::Btf)) => KernelFile.convert(source, &options, &Silent),
                _ => converters::convert(source, &options, &Silent),
            };
            let converted = converted.map_err(|error| Failure::lasting(error.reason()))?;
            (converted.profile, converted.report)
        }
    };
    let name = match (Identity::of(&profile), kind) {
        (Some(identity), _) => ProfileName::of_build(&identity).map_err(Failure::lasting)?,
        // Many tables do not say which build they are of, and are told by their banners.
        (None, Some(ItemKind::Table)) => stem(key.as_str()).parse().map_err(Failure::lasting)?,
        (None, _) => {
            let reason = "it does not say which build it is of: it has no build-id, UUID or GUID";
            return Err(Failure::lasting(reason));
        }
    };
    if kind == Some(ItemKind::DebugFile) && name != item.name {
        return Err(Failure::lasting(format!("the server sent the debug file of {name}")));
    }
    let generator = profile.metadata_text("Generator").unwrap_or_default().to_owned();
    let mut made = finish(item, profile, report, |_| false)?;
    made.name = name;
    made.content.source = DebugSource { key: key.clone(), sha256 }.to_string();
    made.content.origin = origin;
    made.content.generator = generator;
    made.content.recipe = item.recipe(None);
    Ok(made)
}

/// The profile of a symbol table of Volatility 3.
pub(super) fn read_table(file: MappedFile, sha256: &str) -> Result<(Profile, Report), Failure> {
    let mut report = Report::default();
    let text = profile::unpack(&file, MAX_TEXT).map_err(Failure::lasting)?;
    let mut profile = read_text(&text, &mut report).map_err(Failure::lasting)?;
    profile.set_metadata("Generator", TABLE_GENERATOR);
    profile.set_metadata("SourceSHA256", sha256);
    Ok((profile, report))
}

fn from_pack(item: &Item, storage: &dyn Storage, state: &State) -> Result<Made, Failure> {
    let digest = item.digest(storage, state).map_err(Failure::lasting)?;
    let keys = item.source_keys(state);
    // Packs are read in place if they are files.
    let folder = tempfile::tempdir().map_err(Failure::passing)?;
    let Source::Pack(pack) = &item.source else { return Err(Failure::passing("no pack was asked for")) };
    let mut path = folder.path().join(pack.file_name());
    for key in &keys {
        let object = storage.read(key, super::SOURCE_LIMIT).map_err(Failure::passing)?;
        let object = object.ok_or_else(|| Failure::lasting(item.absent(storage, key)))?;
        let target = match key.as_str().strip_prefix(&format!("{pack}/")) {
            Some(below) => below.parse::<Key>().map_err(Failure::lasting)?.below(&path),
            None => {
                path = folder.path().join(key.file_name());
                path.clone()
            }
        };
        let parent = target.parent().unwrap_or(folder.path());
        std::fs::create_dir_all(parent).map_err(Failure::passing)?;
        #[allow(
            clippy::disallowed_methods,
            reason = "a temporary folder of our own, gone when the pack is read"
        )]
        std::fs::write(&target, &object.bytes).map_err(Failure::passing)?;
    }
    let options = converters::Options { threads: 1, ..Default::default() };
    let converted = converters::Source::open(&path)
        .and_then(|source| converters::convert_with(converters::VOLATILITY, source, &options, &Silent))
        .map_err(|error| Failure::lasting(told(&error, folder.path())))?;
    let mut made = finish(item, converted.profile, converted.report, |_| false)?;
    made.content.source = digest;
    made.content.recipe = item.recipe(None);
    Ok(made)
}

/// An error with its causes, without the temporary folder, which no longer exists when the error is read.
fn told(error: &dyn std::error::Error, folder: &std::path::Path) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.replace(&format!("{}/", folder.display()), "")
}

fn from_text(item: &Item, key: &Key, storage: &dyn Storage, state: &State) -> Result<Made, Failure> {
    let digest = item.digest(storage, state).map_err(Failure::lasting)?;
    let value = match documents(item, key, storage)?.into_iter().next() {
        Some(Value::Object(entries)) => entries,
        _ => return Err(Failure::lasting(format!("{key}: expected the sections of a profile"))),
    };
    whole(item, value, digest)
}

fn from_artifacts(item: &Item, keys: &[Key], storage: &dyn Storage, state: &State) -> Result<Made, Failure> {
    if keys.is_empty() {
        return Err(Failure::lasting("its patterns name no object"));
    }
    let digest = item.digest(storage, state).map_err(Failure::lasting)?;
    let mut definitions = Vec::new();
    for key in keys {
        definitions.extend(documents(item, key, storage)?.into_iter().filter(|value| !value.is_null()));
    }
    let mut sections = Map::new();
    sections.insert("$ARTIFACTS".to_owned(), Value::Array(definitions));
    let mut metadata = Map::new();
    metadata.insert("ProfileClass".to_owned(), "ArtifactProfile".into());
    sections.insert("$METADATA".to_owned(), Value::Object(metadata));
    whole(item, sections, digest)
}

/// A profile of these sections.
fn whole(item: &Item, sections: Map<String, Value>, digest: String) -> Result<Made, Failure> {
    let mut report = Report::default();
    let text = Value::Object(sections).to_string();
    let profile = read_text(text.as_bytes(), &mut report).map_err(Failure::lasting)?;
    // It is usually merged into others, and need not be complete.
    let mut made = finish(item, profile, report, |_| true)?;
    made.content.source = digest;
    made.content.generator = COPY_GENERATOR.to_owned();
    made.content.recipe = item.recipe(None);
    Ok(made)
}

/// The documents of a text in JSON or YAML.
fn documents(item: &Item, key: &Key, storage: &dyn Storage) -> Result<Vec<Value>, Failure> {
    let place = storage.place_of(key);
    let object = storage.read(key, super::SOURCE_LIMIT).map_err(Failure::passing)?;
    let object = object.ok_or_else(|| Failure::lasting(item.absent(storage, key)))?;
    let text = profile::unpack(&object.bytes, MAX_TEXT)
        .map_err(|error| Failure::lasting(format!("{place}: {error}")))?;
    if let Ok(value) = serde_json::from_slice(&text) {
        return Ok(vec![value]);
    }
    let text = std::str::from_utf8(&text)
        .map_err(|error| Failure::lasting(format!("{place}: no UTF-8 at byte {}", error.valid_up_to())))?;
    let mut found = Vec::new();
    for (line, document) in split_documents(text) {
        // Lines are counted from the start of the text.
        let padded = format!("{}{document}", "\n".repeat(line));
        found.push(Node::parse(&padded, &place).map_err(Failure::lasting)?.to_json());
    }
    Ok(found)
}

/// The documents of a YAML text, each with the number of lines before it (YAML 1.2, section 9.2).
fn split_documents(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in text.lines().enumerate() {
        if line == "---" || line.starts_with("--- ") {
            documents.push((number + 1, String::new()));
        } else if let Some((_, document)) = documents.last_mut().filter(|_| line != "...") {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents.retain(|(_, document)| {
        document.lines().any(|line| !line.trim().is_empty() && !line.starts_with(['#', '%']))
    });
    documents
}

/// Settles, judges, prints and compresses a profile; `welcome` says whether one that would fail is accepted.
fn finish(
    item: &Item,
    profile: Profile,
    report: Report,
    welcome: impl Fn(&Health) -> bool,
) -> Result<Made, Failure> {
    judged(item, Printed::new(profile, report, &item.merge).map_err(Failure::lasting)?, welcome)
}

fn judged(item: &Item, printed: Printed, welcome: impl Fn(&Health) -> bool) -> Result<Made, Failure> {
    let Printed { bytes, health, report, banner } = printed;
    let failed = health.verdict == Verdict::Failed;
    if failed && !welcome(&health) {
        return Err(Failure::lasting(format!("its profile would be no good: {}", health.reasons.join("; "))));
    }
    let verdict = match (health.verdict, health.structs) {
        (Verdict::Failed, 0) => Verdict::SymbolsOnly.name(),
        (Verdict::Failed, _) => "part of a profile",
        (verdict, _) => verdict.name(),
    };
    let content = Content {
        sha256: sha256(&bytes),
        size: bytes.len() as u64,
        health: verdict.to_owned(),
        source: String::new(),
        generator: item.generators().first().copied().unwrap_or_default().to_owned(),
        recipe: String::new(),
        origin: String::new(),
        banner,
    };
    Ok(Made { name: item.name.clone(), bytes, content, losses: report.total() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_lines() {
        let found = split_documents("# a comment\n---\nname: a\n---\nname: b\n...\n");
        assert_eq!(found, [(2, "name: a\n".to_owned()), (4, "name: b\n".to_owned())]);
    }
}
