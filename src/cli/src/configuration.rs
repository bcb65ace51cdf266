use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, bail};
use repository::Error;
use repository::yaml::{self, At, Data, Node};
use url::Url;

/// The settings in the user's configuration file: `config.yaml` in the program's configuration folder, otherwise
/// Rekall's `~/.rekallrc`. Rekall's settings that have no use here are ignored; unknown ones are errors.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Repositories, in order (`profile_path` or `repository_path`).
    pub profile_path: Option<Vec<String>>,
    /// The symbol path (`symbol_path`).
    pub symbol_path: Option<String>,
    /// Lists of symbol tables for Volatility 3, which are asked for kernels of Linux that no repository has (`isf_path`).
    pub isf_path: Vec<Url>,
    /// The slowest download that is accepted, in bytes per second (`least_rate`).
    pub least_rate: Option<u64>,
    /// How many seconds a download may be slower (`least_rate_time`).
    pub least_rate_time: Option<u64>,
}

impl Configuration {
    /// Its possible paths, in the order in which they are tried.
    pub fn files() -> impl Iterator<Item = PathBuf> {
        let own = directories::ProjectDirs::from("", "", "rekall-profile");
        let own = own.map(|folders| folders.config_dir().join("config.yaml"));
        let home = directories::BaseDirs::new().map(|folders| folders.home_dir().join(".rekallrc"));
        own.into_iter().chain(home)
    }

    /// The file that is used, if there is one.
    pub fn place() -> Option<PathBuf> {
        Self::files().find(|path| path.exists())
    }

    /// Reads it; nothing is set if there is no such file.
    ///
    /// # Errors
    /// An error with file, line, key and what was expected, if the file cannot be read or is invalid.
    pub fn read() -> anyhow::Result<Self> {
        let Some(path) = Self::place() else { return Ok(Self::default()) };
        let place = path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| place.clone())?;
        let node = Node::parse(&text, &place)?;
        check_keys(&node, &place)?;
        let mut configuration = Self::default();
        for key in ["profile_path", "repository_path"] {
            let at = At { place: &place, key };
            let Some(value) = node.get(key) else { continue };
            let places = match &value.data {
                Data::Sequence(items) => {
                    items.iter().map(|item| item.text(&at)).collect::<Result<Vec<_>, _>>()?
                }
                _ => vec![value.text(&at)?],
            };
            configuration.profile_path = Some(places.into_iter().map(below_home).collect());
        }
        let at = At { place: &place, key: "symbol_path" };
        if let Some(value) = node.get("symbol_path") {
            configuration.symbol_path = Some(value.text(&at)?.to_owned());
        }
        let at = At { place: &place, key: "isf_path" };
        if let Some(value) = node.get("isf_path") {
            let texts = match &value.data {
                Data::Sequence(items) => {
                    items.iter().map(|item| item.text(&at)).collect::<Result<Vec<_>, _>>()?
                }
                _ => vec![value.text(&at)?],
            };
            for text in texts {
                let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                let expected = "the address (http, https) of a list of symbol tables";
                configuration.isf_path.push(url.ok_or_else(|| at.wrong(value, expected))?);
            }
        }
        configuration.least_rate = number(&node, &place, "least_rate", 0..=u64::MAX)?;
        configuration.least_rate_time = number(&node, &place, "least_rate_time", 1..=86_400)?;
        Ok(configuration)
    }
}

/// The number under a key, if it is set.
fn number(node: &Node, place: &str, key: &str, range: RangeInclusive<u64>) -> anyhow::Result<Option<u64>> {
    let Some(value) = node.get(key) else { return Ok(None) };
    let text = value.text(&At { place, key })?;
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => bail!(
            "{place}: {key}: expected a number from {} to {}, found {text:?}",
            range.start(),
            range.end()
        ),
    }
}

/// The keys that mean something here.
const OURS: [&str; 6] =
    ["profile_path", "repository_path", "symbol_path", "isf_path", "least_rate", "least_rate_time"];

/// Rekall's options that its own configuration may set. They have no use here and are ignored.
const REKALLS: [&str; 53] = [
    "agent_configuration",
    "autodetect",
    "autodetect_build_local",
    "autodetect_build_local_tracked",
    "autodetect_scan_length",
    "autodetect_threshold",
    "base_filename",
    "buffer_size",
    "cache",
    "cache_dir",
    "cache_expiry_time",
    "colors",
    "cpu_quota",
    "debug",
    "dtb",
    "environment",
    "ept",
    "file_offset",
    "filename",
    "format",
    "help",
    "highlighting_style",
    "home",
    "ipython_engine",
    "kernel_slide",
    "live",
    "load_quota",
    "log_domain",
    "logging_format",
    "logging_level",
    "max_collector_cost",
    "name_resolution_strategies",
    "no_autodetect",
    "nocolors",
    "notebook_dir",
    "output",
    "output_style",
    "overwrite",
    "pagefile",
    "pager",
    "paging_limit",
    "performance",
    "plugin",
    "plugins",
    "profile",
    "quiet",
    "renderer",
    "run",
    "session_name",
    "timezone",
    "verbose",
    "version",
    "vspagefilenumber",
];

/// Refuses keys that neither this program nor Rekall knows: a misspelled one would silently have no effect.
fn check_keys(node: &Node, place: &str) -> anyhow::Result<()> {
    let at = At { place, key: "" };
    for (key, _) in node.entries(&at)? {
        let name = key.text(&at)?;
        // `<module>_profile` names the profile of a module.
        let rekalls = REKALLS.contains(&name) || name.ends_with("_profile");
        if OURS.contains(&name) || rekalls {
            continue;
        }
        let like: Vec<&str> = OURS.iter().chain(&REKALLS).copied().collect();
        let nearest = yaml::nearest(name, &like).map(str::to_owned);
        let key_name = name.chars().take(64).collect();
        let known = format!("{}, or an option of Rekall's", OURS.join(", "));
        return Err(Error::UnknownKey {
            place: place.to_owned(),
            line: key.line,
            key: key_name,
            nearest,
            known,
        }
        .into());
    }
    Ok(())
}

/// A path with `~` for the home folder.
fn below_home(path: &str) -> String {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest).display().to_string(),
        _ => path.to_owned(),
    }
}

/// The user's own repository.
pub fn own_repository() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "rekall-profile")
        .map(|folders| folders.data_dir().join("repository"))
}
