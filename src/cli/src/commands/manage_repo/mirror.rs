use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use repository::{CONFIG, Condition, Config, Handler, Key, Storage};
use url::Url;

use super::options::{Indexes, Place, Retry, Workshop};
use super::watched::Watched;
use super::work::{conclude, read_plan, refresh_listings, seal_all, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::interrupt;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Strict, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;

/// Make the profiles of all kernels that an archive has.
///
/// ADDRESS is an archive of Debian's kind (with --suite), an archive of RPMs, or a list of Volatility 3's symbol tables
/// (banners.json). The entry for it is added to the repository's configuration if it is not there yet. Packages are
/// compared with the SHA-256 of the archive's listing, and are dropped once the profile is stored. Profiles that are
/// there already are not made again, so the same line goes on where it was stopped, and adds what is new.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The archive's address: the folder that holds dists/ or repodata/, or the list of tables.
    #[arg(value_name = "ADDRESS")]
    address: Url,
    /// A suite of an archive of Debian's kind (bookworm); may be repeated.
    #[arg(long = "suite", value_name = "NAME")]
    suites: Vec<String>,
    /// A component of the suites; may be repeated. By default main.
    #[arg(long = "component", value_name = "NAME", hide_short_help = true, requires = "suites")]
    components: Vec<String>,
    /// An architecture; may be repeated. By default amd64 at Debian, else all.
    #[arg(long = "arch", value_name = "NAME")]
    architectures: Vec<String>,
    /// A flavour of kernels, with * and ? (cloud-*, generic, uek); may be repeated. By default all.
    #[arg(long = "flavour", value_name = "PATTERN", hide_short_help = true)]
    flavours: Vec<String>,
    /// A version of kernels or packages, with * and ? (6.1.*); may be repeated. By default all.
    #[arg(long = "kernel", value_name = "PATTERN", hide_short_help = true)]
    versions: Vec<String>,
    /// Only packages built on this day or later (2026-11-30). Archives of Debian's kind do not say when that was.
    #[arg(long, value_name = "DAY", hide_short_help = true, conflicts_with = "suites")]
    since: Option<String>,
    /// Only packages built on this day or before.
    #[arg(long, value_name = "DAY", hide_short_help = true, conflicts_with = "suites")]
    until: Option<String>,
    /// What profiles are made from: the kernel's own package, or its debug package, which is many times larger.
    #[arg(long, value_enum, default_value_t = Mode::Btf)]
    mode: Mode,
    /// The name of the entry in the configuration. By default the server and path of ADDRESS.
    #[arg(long = "as", value_name = "NAME", hide_short_help = true)]
    name: Option<String>,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    indexes: Indexes,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

/// What profiles are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// BTF and kallsyms of the kernel's own package.
    Btf,
    /// DWARF of the debug package.
    Dwarf,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo mirror https://archive.example.org/debian --suite bookworm --arch amd64 --flavour 'cloud-*'
  rekall-profile manage_repo mirror https://rpms.example.org/9/BaseOS/x86_64/os
  rekall-profile manage_repo mirror https://example.org/volatility/banners.json --kernel '6.1.*'";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.place.list(&self.symbols.connection, files);
        self.symbols.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let start = Instant::now();
        let workshop = Workshop::open(&self.place, &self.symbols, self.retry.retry, false, console)?;
        let storage = workshop.storage.as_ref();
        let (config, entry) = self.configured(storage, console)?;
        let listings = refresh_listings(storage, &config, Some(&entry), &workshop.archives, console);
        let listings = listings.with_context(|| match self.is_rpm() {
            true => "for an archive of Debian's kind, name its suites with --suite",
            false => "the archive's listing cannot be read",
        })?;
        let mut plan = read_plan(storage, console)?;
        let selection = select(&mut plan, Some(&entry), &[], None)?;
        let watch = Arc::clone(&workshop.watch);
        interrupt::when_told_to_stop(move || watch.stop());
        let watched = Watched::new(console, &workshop.watch);
        let summary =
            watched.during(|progress| workshop.builder_seen_by(console, progress).build(&plan, &selection));
        let summary = summary?;
        let asked_for = plan.items.iter().filter(|item| selection.takes(item)).count();
        let total = summary.total();
        let remaining = asked_for
            .saturating_sub(total.made + total.unchanged + total.rejected)
            .saturating_sub(summary.failures.len());
        drop(plan);
        let sealed = seal_all(storage, self.indexes.anew, console)?;
        let outcome = conclude(&summary, Some(&sealed), &listings, remaining, start, console)?;
        if workshop.watch.is_stopped() {
            console.warn(format_args!(
                "Stopped: {} profiles were made and kept, {remaining} remain; the same line goes on with them",
                total.made
            ));
            return Ok(Outcome::from_good(false));
        }
        Ok(outcome)
    }
}

impl Arguments {
    /// Whether the address is taken for an archive of RPMs.
    fn is_rpm(&self) -> bool {
        self.suites.is_empty() && !self.is_list()
    }

    fn is_list(&self) -> bool {
        [".json", ".json.gz", ".json.xz"].iter().any(|ending| self.address.path().ends_with(ending))
    }

    /// The name of the entry.
    fn entry_name(&self) -> anyhow::Result<String> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let host = self.address.host_str().context("ADDRESS: expected http:// or https:// and a server")?;
        let port = self.address.port().map(|port| format!("_{port}")).unwrap_or_default();
        let path = self.address.path().trim_end_matches('/');
        Ok(format!("{}{port}{path}", host.replace([':', '[', ']'], "_")))
    }

    /// The entry as the configuration has it.
    fn entry_text(&self, name: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let list = |texts: &[String]| {
            format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
        };
        let kind = match (self.is_list(), self.suites.is_empty()) {
            (true, _) => "IsfList",
            (false, false) => "DebianArchive",
            (false, true) => "RpmArchive",
        };
        let mut text =
            format!("{}:\n  type: {kind}\n  address: {}\n", quoted(name), quoted(self.address.as_str()));
        for (key, texts) in [
            ("suites", &self.suites),
            ("components", &self.components),
            ("architectures", &self.architectures),
            ("flavours", &self.flavours),
            ("versions", &self.versions),
        ] {
            if !texts.is_empty() {
                text.push_str(&format!("  {key}: {}\n", list(texts)));
            }
        }
        for (key, day) in [("since", &self.since), ("until", &self.until)] {
            if let Some(day) = day {
                text.push_str(&format!("  {key}: {}\n", quoted(day)));
            }
        }
        if !self.is_list() {
            let mode = if self.mode == Mode::Dwarf { "dwarf" } else { "btf" };
            text.push_str(&format!("  mode: {mode}\n"));
        }
        text
    }

    /// The configuration with the entry for the address, and the entry's name.
    fn configured(&self, storage: &dyn Storage, console: &Console) -> anyhow::Result<(Config, String)> {
        const ATTEMPTS: usize = 16;
        const LARGEST: u64 = 64 << 20;
        let name = self.entry_name()?;
        let text = self.entry_text(&name);
        let wanted =
            match Config::parse(&text, "the entry for ADDRESS")?.entries.pop().map(|entry| entry.handler) {
                Some(Handler::Collection(collection)) => collection,
                _ => bail!("{}: expected the address of an archive or of a list of tables", self.address),
            };
        let key: Key = CONFIG.parse()?;
        let place = storage.place_of(&key);
        for _ in 0..ATTEMPTS {
            let object = storage.read(&key, LARGEST)?;
            let before = object.as_ref().map(|object| String::from_utf8_lossy(&object.bytes).into_owned());
            let before = before.unwrap_or_default();
            let config = Config::parse(&before, &place)?;
            if let Some(entry) = config.entry(&name) {
                if entry.handler != Handler::Collection(wanted) {
                    bail!(
                        "{place}:{}: {name}: the entry asks for something else than this line does; change the entry, \
                         or give another name with --as",
                        entry.line
                    );
                }
                return Ok((config, name));
            }
            let joined = format!(
                "{before}{}{text}",
                if before.is_empty() || before.ends_with('\n') { "" } else { "\n" }
            );
            let config = Config::parse(&joined, &place).with_context(|| {
                format!("{place}: the entry cannot be added behind the others; add it yourself:\n{text}")
            })?;
            let condition = object.map_or(Condition::Absent, |object| Condition::Unchanged(object.version));
            if storage.write(&key, joined.as_bytes(), &condition)?.is_some() {
                console.info(format_args!("{place}: added the entry {name}"));
                return Ok((config, name));
            }
        }
        bail!("{place}: another process writes it all the time")
    }
}
