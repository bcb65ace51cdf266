use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pe::PdbName;
use profile::GuidAge;
use repository::ProfileName;
use repository::batch::{
    Binary, Builder, Check, Plan, Sealed, Selection, Shard, Summary, add_guids, import, link, seal,
};
use serde_json::{Value, json};
use symbols::Fetcher;

use crate::console::Console;
use crate::console::table::Table;
use crate::files::access;
use crate::files::{self, Content, Files, UsesFiles};
use crate::options;
use crate::options::Global;
use crate::outcome::Outcome;
use crate::sandbox::Access;

/// A repository, and what to do with it.
#[derive(Debug, clap::Args)]
#[command(after_help = VERBS)]
pub struct Arguments {
    /// What to do, and with what: VERB ARGS..., or Rekall's TARGET VERB ARGS...; build_all if nothing is said.
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    /// The repository: the folder that holds v1.0/, that folder itself, or s3://BUCKET/PREFIX.
    #[arg(
        long = "path_to_repository",
        alias = "path-to-repository",
        value_name = "PATH",
        default_value = "."
    )]
    repository: String,
    /// Of the work, do this part: K/N, K from 1.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Into how many parts plan divides the work.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    shards: u16,
    /// Try again what could not be made before, and ask servers again for what they did not have.
    #[arg(long)]
    retry: bool,
    /// Build every index from nothing, also where no profile changed.
    #[arg(long = "force_build_index", alias = "force-build-index")]
    force_build_index: bool,
    /// For add_guid: take the GUID from this binary; its version resource names its profile in the older hierarchy too.
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    /// For import: the name the profile gets.
    #[arg(long = "as", value_name = "NAME")]
    name: Option<ProfileName>,
    /// For missing: the file to write the manifest to.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    symbols: options::Symbols,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        let words: Vec<PathBuf> = self.words.iter().map(PathBuf::from).collect();
        for path in words.iter().chain(&self.binary) {
            access.read(path);
        }
        if let Some(path) = &self.output {
            access.write(path);
        }
        let offline = self.symbols.offline || global.symbols.offline;
        access::repository(&self.repository, offline, access);
        if !access::is_remote(&self.repository) {
            access.fill(&self.repository);
        }
        let verb = sort_out(&self.words).map(|words| words.verb);
        match verb {
            // Profiles that nobody recorded are made again, packs among them.
            Ok(Verb::Import | Verb::Missing | Verb::Seal) => {
                access.unpack();
            }
            Ok(Verb::Plan) | Err(_) => {}
            Ok(Verb::BuildAll | Verb::Build | Verb::AddGuid | Verb::Verify) => {
                access::symbols(&self.symbols, access);
            }
        }
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, _: &Global, files: &mut Files) -> anyhow::Result<()> {
        for path in &self.binary {
            files.input("--binary", path);
        }
        // What is wrong with the words is said when they are used.
        if let Ok(Words { verb: Verb::Import, rest, .. }) = sort_out(&self.words) {
            for word in rest {
                files.input("FILE", Path::new(word));
            }
        }
        match &self.output {
            Some(path) => files.output("--output", path, Content::Plain),
            None => Ok(()),
        }
    }
}

/// What add_guid adds to where no target is named.
const DEFAULT_TARGET: &str = "nt/GUID";

const VERBS: &str = "\
Verbs:
  build_all                      make what the configuration asks for and is not there yet; record it
  build [NAME.pdb/GUID...]       make these, or with --shard one part of all, to be sealed
  add_guid [NAME.pdb/]GUID...    add builds to the list of TARGET, and make what it lacks
  verify [NAME...]               make profiles again, and compare every byte
  import FILE...                 take in profiles that exist
  missing                        the PDBs still wanted, as a manifest for fetch_pdb --manifest
  plan --shards N                the parts of the work, as a matrix for CI (--json)
  seal                           merge what all parts did into inventory, indexes and rejects

Exit codes: 0 everything is there; 1 some could not be made, or differ; 2 the repository cannot be read or written.";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    BuildAll,
    Build,
    AddGuid,
    Verify,
    Import,
    Missing,
    Plan,
    Seal,
}

impl Verb {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "build_all" | "build-all" => Self::BuildAll,
            "build" => Self::Build,
            "add_guid" | "add-guid" => Self::AddGuid,
            "verify" => Self::Verify,
            "import" => Self::Import,
            "missing" => Self::Missing,
            "plan" => Self::Plan,
            "seal" => Self::Seal,
            _ => return None,
        })
    }
}

/// The words, sorted out.
#[derive(Debug, PartialEq, Eq)]
struct Words<'a> {
    target: Option<&'a str>,
    verb: Verb,
    rest: &'a [String],
}

fn sort_out(words: &[String]) -> anyhow::Result<Words<'_>> {
    let known = "build_all, build, add_guid, verify, import, missing, plan or seal";
    match words {
        [] => Ok(Words { target: None, verb: Verb::BuildAll, rest: &[] }),
        [first, rest @ ..] => match (Verb::named(first), rest) {
            (Some(verb), rest) => Ok(Words { target: None, verb, rest }),
            (None, [second, rest @ ..]) => match Verb::named(second) {
                Some(verb) => Ok(Words { target: Some(first), verb, rest }),
                None => bail!("'{second}' is nothing to do with '{first}': expected {known}"),
            },
            // Rekall's shortest line: a target alone.
            (None, []) if first.contains('/') => {
                Ok(Words { target: Some(first), verb: Verb::BuildAll, rest: &[] })
            }
            (None, []) => bail!("'{first}' is nothing to do with a repository: expected {known}"),
        },
    }
}

/// Does it.
///
/// # Errors
/// Wrong usage, or a repository that cannot be read or written.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let words = sort_out(&arguments.words)?;
    if arguments.shard.is_some() && !matches!(words.verb, Verb::Build | Verb::Verify | Verb::Missing) {
        bail!("--shard: only build, verify and missing work on a part");
    }
    let client = arguments.symbols.client(symbols::Web::options())?;
    let storage = repository::storage::open(&arguments.repository, &client)?;
    let storage = storage.as_ref();
    let mut options = arguments.symbols.options(None, console)?;
    // Whoever wants it tried again, or names it, wants servers asked again too.
    let anew = arguments.retry || (words.verb == Verb::Build && !words.rest.is_empty());
    if let Some(missing) = options.negative_cache.as_mut().filter(|_| anew) {
        missing.expiry = Duration::ZERO;
    }
    let downloads = options.workers;
    let fetcher = Fetcher::new(options);
    let builder = Builder {
        storage,
        fetcher: &fetcher,
        progress: console.progress(),
        threads: console.threads(),
        downloads,
        retry: arguments.retry,
    };
    let work = Work { arguments, builder, console };
    match words.verb {
        Verb::BuildAll | Verb::Build => work.build(&words, &[]),
        Verb::AddGuid => work.add_guid(&words),
        Verb::Verify => work.verify(&words),
        Verb::Import => work.import(&words),
        Verb::Missing => work.missing(&words),
        Verb::Plan => work.plan(),
        Verb::Seal => {
            let sealed = work.seal()?;
            if console.json() {
                console.print_json(sealed_json(&sealed))?;
            }
            Ok(Outcome::from_good(sealed.unreadable.is_empty()))
        }
    }
}

struct Work<'a> {
    arguments: &'a Arguments,
    builder: Builder<'a>,
    console: &'a Console,
}

impl Work<'_> {
    fn read_plan(&self) -> anyhow::Result<Plan> {
        let plan = Plan::read(self.builder.storage)?;
        for warning in plan.warnings() {
            self.console.warn(format_args!("warning: {warning}"));
        }
        Ok(plan)
    }

    /// What of the plan is meant; builds that no list names are added to it.
    fn select(&self, words: &Words<'_>, plan: &mut Plan) -> anyhow::Result<Selection> {
        let mut selection = Selection { shard: self.arguments.shard, ..Selection::default() };
        if let Some(target) = words.target {
            let entry = plan.config.entry(target);
            let entry = entry.with_context(|| {
                let known: Vec<&str> = plan.config.entries.iter().map(|entry| entry.name.as_str()).collect();
                format!("the configuration has no entry '{target}'; there are: {}", known.join(", "))
            })?;
            selection.entry = Some(entry.name.clone());
        }
        if words.rest.is_empty() {
            return Ok(selection);
        }
        let mut only = BTreeSet::new();
        for word in words.rest {
            if let Some(target) = words.target
                && let Ok((pdb, guid_age)) = build_of(word)
            {
                only.insert(plan.ask(target, pdb.as_ref(), guid_age)?);
                continue;
            }
            let item = plan.items.iter().find(|item| {
                item.name.as_str() == word
                    || build_of(word).is_ok_and(|(pdb, guid_age)| {
                        let mut wanted = item.wanted().into_iter();
                        wanted.any(|wanted| {
                            wanted.guid_age == guid_age
                                && pdb
                                    .as_ref()
                                    .is_none_or(|pdb| pdb.as_str().eq_ignore_ascii_case(wanted.name.as_str()))
                        })
                    })
            });
            let item = item.with_context(|| {
                format!("'{word}' is nothing the configuration asks for: expected a profile's name, or NAME.pdb/GUID")
            })?;
            only.insert(item.name.clone());
        }
        selection.only = Some(only);
        Ok(selection)
    }

    /// Makes what is asked for and seals it, with the names that binaries have in the older hierarchy.
    fn build(&self, words: &Words<'_>, binaries: &[Binary]) -> anyhow::Result<Outcome> {
        if words.verb == Verb::BuildAll && !words.rest.is_empty() {
            bail!("build_all takes no names: build makes single profiles");
        }
        let start = Instant::now();
        let mut plan = self.read_plan()?;
        let selection = self.select(words, &mut plan)?;
        let summary = self.builder.build(&plan, &selection)?;
        drop(plan);
        for binary in binaries {
            self.link(words.target.unwrap_or(DEFAULT_TARGET), binary)?;
        }
        // A part of the work is sealed once all parts are done.
        let sealed = if selection.shard.is_none() { Some(self.seal()?) } else { None };
        self.conclude(&summary, sealed.as_ref(), start)
    }

    fn seal(&self) -> anyhow::Result<Sealed> {
        self.console.tell("Updating inventory.");
        let anew = self.arguments.force_build_index;
        let sealed = seal(self.builder.storage, self.builder.threads, anew, self.builder.progress)?;
        for (name, profiles) in &sealed.indexes {
            self.console.say(format_args!("{name}: index of {profiles} profiles"));
        }
        for warning in &sealed.warnings {
            self.console.warn(format_args!("warning: {warning}"));
        }
        for (name, how) in &sealed.corrected {
            self.console.warn(format_args!("{name}: its record was corrected: {how}"));
        }
        for (name, reason) in &sealed.unreadable {
            self.console.warn(format_args!("{name}: {reason}"));
        }
        self.console.say(format_args!("inventory: {} profiles", sealed.profiles));
        Ok(sealed)
    }

    fn conclude(
        &self,
        summary: &Summary,
        sealed: Option<&Sealed>,
        start: Instant,
    ) -> anyhow::Result<Outcome> {
        let total = summary.total();
        let console = self.console;
        if console.json() {
            let entries: Vec<Value> = summary
                .entries
                .iter()
                .map(|(name, counts)| {
                    json!({"name": name.as_str(), "made": counts.made, "unchanged": counts.unchanged,
                        "rejected_before": counts.rejected, "failed": counts.failed, "bytes": counts.bytes,
                        "losses": counts.losses})
                })
                .collect();
            let failures: Vec<Value> = summary
                .failures
                .iter()
                .map(|(name, failure)| {
                    json!({"name": name.as_str(), "reason": failure.reason, "rejected": failure.lasting})
                })
                .collect();
            console.print_json(json!({"entries": entries, "failures": failures,
                "sealed": sealed.map(sealed_json)}))?;
        } else {
            for (name, failure) in &summary.failures {
                console.say(format_args!("{name} rejected: {}", failure.reason));
            }
            let mut table =
                Table::new(&["Entry", ">Made", ">Unchanged", ">Rejected before", ">Failed", ">MB"]);
            for (name, counts) in &summary.entries {
                table.row([
                    name.to_string(),
                    counts.made.to_string(),
                    counts.unchanged.to_string(),
                    counts.rejected.to_string(),
                    counts.failed.to_string(),
                    format!("{:.1}", counts.bytes as f64 / 1e6),
                ]);
            }
            console.say_lines(&table.lines());
            console.say(format_args!(
                "{} made, {} unchanged, {} rejected before{}, {} failed, in {:.1} s",
                total.made,
                total.unchanged,
                total.rejected,
                if total.rejected > 0 { " (--retry tries them again)" } else { "" },
                total.failed,
                start.elapsed().as_secs_f64()
            ));
        }
        let lossless = total.losses == 0 || !console.strict();
        Ok(Outcome::from_good(total.failed == 0 && lossless))
    }

    fn add_guid(&self, words: &Words<'_>) -> anyhow::Result<Outcome> {
        let target = words.target.unwrap_or(DEFAULT_TARGET);
        let storage = self.builder.storage;
        if words.rest.is_empty() && self.arguments.binary.is_empty() {
            bail!("which build? manage_repo {target} add_guid NAME.pdb/GUID..., or --binary FILE");
        }
        let mut builds = Vec::new();
        for word in words.rest {
            match build_of(word)? {
                (Some(pdb), guid_age) => builds.push((pdb, guid_age)),
                (None, guid_age) => {
                    bail!("{guid_age}: of which PDB? expected NAME.pdb/{guid_age}")
                }
            }
        }
        let mut binaries = Vec::new();
        for path in &self.arguments.binary {
            let file = profile::MappedFile::open(path).with_context(|| path.display().to_string())?;
            let binary = Binary::read(&path.display().to_string(), &file)?;
            builds.push((binary.pdb.clone(), binary.guid_age));
            binaries.push(binary);
        }
        let addition = add_guids(storage, target, &builds)?;
        for (pdb, guid_age) in &addition.added {
            self.console.say(format_args!("{}: added {pdb} {guid_age}", addition.list));
        }
        for (pdb, guid_age) in &addition.known {
            self.console.say(format_args!("{}: {pdb} {guid_age} stands there already", addition.list));
        }
        self.build(&Words { target: Some(target), verb: Verb::Build, rest: &[] }, &binaries)
    }

    /// Writes the names of a binary's profile in the older hierarchy, where there is the profile.
    fn link(&self, target: &str, binary: &Binary) -> anyhow::Result<()> {
        let profile: ProfileName = format!("{target}/{}", binary.guid_age).parse()?;
        let linked = link(self.builder.storage, &profile, &binary.names)?;
        for name in &binary.names {
            if linked {
                self.console.say(format_args!("{name} stands for {profile}"));
            } else {
                self.console.warn(format_args!(
                    "{name}: not written, because {profile} is not there; run the same line again once its PDB can be had"
                ));
            }
        }
        Ok(())
    }

    fn verify(&self, words: &Words<'_>) -> anyhow::Result<Outcome> {
        let mut plan = self.read_plan()?;
        let selection = self.select(words, &mut plan)?;
        let verified = self.builder.verify(&plan, &selection)?;
        let mut counts = [0usize; 5];
        let mut rows = Vec::new();
        for (name, check) in &verified {
            let (column, word, detail) = match check {
                Check::Same => (0, "same", String::new()),
                Check::Imported => (1, "imported", String::new()),
                Check::Different { found, expected } => {
                    (2, "different", format!("sha256 {found}, expected {expected}"))
                }
                Check::Absent => (2, "absent", String::new()),
                Check::Dangling(target) => (2, "leads nowhere:", format!("{target} is not there")),
                Check::Misrecorded(how) => (4, "recorded wrongly:", how.clone()),
                Check::Unproven(reason) => (3, "unproven", reason.clone()),
                _ => (3, "unproven", String::new()),
            };
            if let Some(count) = counts.get_mut(column) {
                *count += 1;
            }
            if column > 1 {
                self.console.say(format_args!("{name}: {word} {detail}"));
            }
            rows.push(json!({"name": name.as_str(), "check": word, "detail": detail}));
        }
        let [same, imported, different, unproven, misrecorded] = counts;
        if self.console.json() {
            self.console.print_json(json!({"same": same, "imported": imported, "different": different,
                "unproven": unproven, "misrecorded": misrecorded, "profiles": rows}))?;
        } else {
            self.console.say(format_args!(
                "{same} the same, {imported} imported, {different} different or absent, {unproven} could not be made again, {misrecorded} recorded wrongly{}",
                if misrecorded > 0 { " (manage_repo seal corrects the inventory)" } else { "" }
            ));
        }
        Ok(Outcome::from_good(different == 0 && unproven == 0 && misrecorded == 0))
    }

    fn import(&self, words: &Words<'_>) -> anyhow::Result<Outcome> {
        if words.rest.is_empty() {
            bail!("which profiles? manage_repo import FILE...");
        }
        if self.arguments.name.is_some() && words.rest.len() > 1 {
            bail!("--as: it names one profile, and {} are given", words.rest.len());
        }
        let mut rows = Vec::new();
        let mut failed = false;
        for word in words.rest {
            let bytes = std::fs::read(word).with_context(|| format!("cannot read {word}"))?;
            match import(self.builder.storage, word, &bytes, self.arguments.name.clone()) {
                Ok(imported) => {
                    self.console.say(format_args!("{word}: {} ({})", imported.name, imported.health));
                    rows.push(json!({"file": word, "name": imported.name.as_str(),
                        "bytes": imported.size, "health": imported.health}));
                }
                Err(error @ (repository::Error::Profile { .. } | repository::Error::Storage { .. })) => {
                    failed = true;
                    self.console.warn(format_args!("{error}"));
                    rows.push(json!({"file": word, "error": error.to_string()}));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.seal()?;
        if self.console.json() {
            self.console.print_json(json!({"imported": rows}))?;
        }
        Ok(Outcome::from_good(!failed))
    }

    fn missing(&self, words: &Words<'_>) -> anyhow::Result<Outcome> {
        let mut plan = self.read_plan()?;
        let selection = self.select(words, &mut plan)?;
        let manifest = self.builder.missing(&plan, &selection);
        let count = manifest.wanted.len();
        match &self.arguments.output {
            Some(path) => {
                files::write(path, |sink| manifest.write(sink))?;
                self.console.say(format_args!(
                    "{count} PDBs are wanted: {} (fetch_pdb --manifest {} brings them)",
                    path.display(),
                    path.display()
                ));
            }
            None => {
                self.console.print_document(&manifest)?;
            }
        }
        Ok(Outcome::Success)
    }

    fn plan(&self) -> anyhow::Result<Outcome> {
        let plan = self.read_plan()?;
        let count = u32::from(self.arguments.shards);
        let mut shards = Vec::new();
        let mut table = Table::new(&["Shard", ">Profiles", ">To make"]);
        for number in 1..=count {
            let shard = Shard { number, count };
            let selection = Selection { shard: Some(shard), ..Selection::default() };
            let (done, all) = plan.progress(&selection, self.builder.storage);
            shards.push(json!({"shard": shard.to_string(), "profiles": all, "to_make": all - done}));
            table.row([shard.to_string(), all.to_string(), (all - done).to_string()]);
        }
        if self.console.json() {
            self.console.print_json(json!({"matrix": {"include": shards}}))?;
        } else {
            self.console.print(&table.lines())?;
        }
        Ok(Outcome::Success)
    }
}

fn sealed_json(sealed: &Sealed) -> Value {
    json!({"profiles": sealed.profiles, "parts": sealed.parts, "looked_into": sealed.looked_into,
        "changed": sealed.changed, "corrected": sealed.corrected, "unreadable": sealed.unreadable,
        "indexes": sealed.indexes.iter().map(|(name, profiles)| json!({"name": name.as_str(), "profiles": profiles})).collect::<Value>()})
}

/// A build as a user names it: `[NAME.pdb/]GUID`.
fn build_of(word: &str) -> anyhow::Result<(Option<PdbName>, GuidAge)> {
    match word.rsplit_once('/') {
        Some((pdb, guid)) => Ok((Some(PdbName::from_user(pdb)?), guid.parse()?)),
        None => Ok((None, word.parse()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn both_orders_of_words_are_understood() {
        for (line, target, verb, rest) in [
            ("", None, Verb::BuildAll, 0),
            ("build_all", None, Verb::BuildAll, 0),
            ("verify nt/GUID/A", None, Verb::Verify, 1),
            ("nt/GUID add_guid ntkrnlmp.pdb/G H", Some("nt/GUID"), Verb::AddGuid, 2),
            ("nt/GUID build ntkrnlmp.pdb/G", Some("nt/GUID"), Verb::Build, 1),
            ("nt/GUID", Some("nt/GUID"), Verb::BuildAll, 0),
        ] {
            let words = words(line);
            let found = sort_out(&words).unwrap();
            assert_eq!((found.target, found.verb, found.rest.len()), (target, verb, rest), "{line}");
        }
        assert!(sort_out(&words("buildall")).is_err());
        assert!(sort_out(&words("nt/GUID bild")).is_err());
    }

    #[test]
    fn ages_of_several_digits_are_accepted() {
        let (pdb, guid_age) = build_of("ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099941F").unwrap();
        assert_eq!((pdb.unwrap().as_str(), guid_age.age()), ("ntkrnlmp.pdb", 0x1f));
        assert!(build_of("ntkrnlmp.pdb/F8E2").is_err());
    }
}
