use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use profile::MappedFile;
use serde_json::json;
use symbols::{BuildId, DebugFile, DebugOptions, Error, Tried, fetch_debug};
use url::Url;

use crate::console::Console;
use crate::files::access;
use crate::files::{Content, Files, UsesFiles};
use crate::options::{self, Global};
use crate::outcome::Outcome;
use crate::sandbox::Access;

/// Which debug file, and where it goes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The build-id in hexadecimal digits; or a file that has one (vmlinux, a module, /sys/kernel/notes). -f names it too.
    #[arg(value_name = "BUILD_ID | FILE")]
    wanted: Option<PathBuf>,
    /// The folder to put the file into, as BUILD_ID.debug.
    #[arg(short = 'D', long = "dump_dir", value_name = "DIR", default_value = ".")]
    dump_dir: PathBuf,
    /// A debuginfod server, to be asked in place of those in DEBUGINFOD_URLS; may be repeated.
    #[arg(long = "server", value_name = "URL")]
    servers: Vec<String>,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, global: &Global, access: &mut Access) {
        for path in self.wanted.iter().chain(&global.filename) {
            access.read(path);
        }
        // The file's name is the build-id, which a file has to be read for.
        access.write(&self.dump_dir);
        // The file of that name may be a link to somewhere else.
        if let Some(build_id) = self.wanted.as_ref().and_then(|wanted| wanted.to_str()?.parse().ok()) {
            access.write(place(&self.dump_dir, &build_id));
        }
        // What goes to a pipe or a device is checked in a temporary file first.
        access.unpack();
        access::client(access);
        access::connect(global.symbols.offline, access);
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, global: &Global, files: &mut Files) -> anyhow::Result<()> {
        let named = self.wanted.as_ref().filter(|wanted| wanted.exists());
        for path in named.into_iter().chain(&global.filename) {
            files.input("FILE", path);
        }
        let build_id = self.wanted.as_ref().and_then(|wanted| wanted.to_str()?.parse::<BuildId>().ok());
        match build_id {
            Some(build_id) if named.is_none() => {
                files.output_below("the debug file", &place(&self.dump_dir, &build_id), Content::Own)
            }
            // The file says which it is.
            _ => Ok(()),
        }
    }
}

/// Asked where neither the arguments nor the environment name a server: it passes requests on to those of
/// the distributions.
const FEDERATION: &str = "https://debuginfod.elfutils.org/";

/// Brings the debug file.
///
/// # Errors
/// Wrong usage, a file without a build-id, or a folder that takes no file.
pub fn run(
    arguments: Arguments,
    filename: Option<PathBuf>,
    symbols: &options::Symbols,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let build_id = wanted(arguments.wanted, filename)?;
    if !arguments.dump_dir.is_dir() {
        bail!("--dump_dir {}: the folder does not exist", arguments.dump_dir.display());
    }
    let mut options = DebugOptions::new(servers(&arguments.servers)?);
    options.client = symbols.client(options.client)?;
    let path = place(&arguments.dump_dir, &build_id);
    let judge = |file: &std::fs::File| {
        let file = file.try_clone().and_then(MappedFile::from_file).map_err(|error| error.to_string())?;
        converters::check_debug_file(&file, build_id.as_bytes())
    };
    match fetch_debug(&build_id, &path, &options, &judge, console.progress()) {
        Ok(file) => found(&file, &build_id, console),
        Err(
            error @ (Error::NoDebugFile { .. }
            | Error::DebugFileRefused { .. }
            | Error::DebugFileUnavailable { .. }),
        ) => missing(&error, &build_id, console),
        Err(error) => Err(error.into()),
    }
}

/// Where the debug file goes.
fn place(folder: &Path, build_id: &BuildId) -> PathBuf {
    folder.join(format!("{build_id}.debug"))
}

fn found(file: &DebugFile, build_id: &BuildId, console: &Console) -> anyhow::Result<Outcome> {
    if console.json() {
        console.print_json(json!({
            "build_id": build_id.to_string(),
            "status": "found",
            "path": file.path.to_string_lossy(),
            "from": file.from,
            "bytes": file.size,
        }))?;
    }
    console.say(format_args!("{} ({} bytes)", file.path.display(), file.size));
    Ok(Outcome::Success)
}

fn missing(error: &Error, build_id: &BuildId, console: &Console) -> anyhow::Result<Outcome> {
    if console.json() {
        let (status, tried) = match error {
            Error::NoDebugFile { tried, .. } => ("missing", tried.as_slice()),
            Error::DebugFileRefused { tried, .. } => ("refused", tried.as_slice()),
            Error::DebugFileUnavailable { tried, .. } => ("unavailable", tried.as_slice()),
            _ => ("failed", &[][..]),
        };
        let place = |tried: &Tried| json!({"place": tried.place, "answer": tried.answer});
        let tried: Vec<_> = tried.iter().map(place).collect();
        console.print_json(json!({"build_id": build_id.to_string(), "status": status, "tried": tried}))?;
    }
    console.warn_error(error);
    console.say(
        "The distribution's debug package may have it: Debian's linux-image-RELEASE-dbg, Ubuntu's \
         linux-image-RELEASE-dbgsym, Fedora's kernel-debuginfo; parse_dwarf opens packages as they are.",
    );
    Ok(Outcome::Negative)
}

/// The build-id that was named, or that of the file that was.
fn wanted(named: Option<PathBuf>, filename: Option<PathBuf>) -> anyhow::Result<BuildId> {
    let (text, is_file) = match (named, filename) {
        (Some(text), None) => (text, false),
        (None, Some(path)) => (path, true),
        (Some(_), Some(_)) => bail!("the debug file is named twice: once with -f, once without"),
        (None, None) => bail!("which debug file? fetch_debug BUILD_ID, or fetch_debug FILE"),
    };
    if !is_file && !text.exists() {
        return text
            .to_string_lossy()
            .parse()
            .with_context(|| format!("{} is no file, and no build-id either", text.display()));
    }
    let bytes = content(&text).with_context(|| format!("cannot open {}", text.display()))?;
    let id = converters::build_id(&bytes).with_context(|| {
        format!(
            "{} has no build-id that can be read ({}); the running kernel's stands in /sys/kernel/notes",
            text.display(),
            match bytes.starts_with(b"\x7fELF") {
                true => "an ELF file without that note".to_owned(),
                false => converters::FileKind::of(&bytes).to_string(),
            }
        )
    })?;
    Ok(BuildId::new(&id)?)
}

/// A file's bytes; those of `/sys` cannot be mapped.
fn content(path: &Path) -> std::io::Result<MappedFile> {
    MappedFile::open(path).or_else(|_| std::fs::read(path).map(MappedFile::from))
}

/// The servers to ask: those named, else those of the environment, else the federation's.
fn servers(named: &[String]) -> anyhow::Result<Vec<Url>> {
    let from_environment = std::env::var("DEBUGINFOD_URLS").unwrap_or_default();
    let mut texts: Vec<&str> = named.iter().map(String::as_str).collect();
    let origin = if texts.is_empty() { "DEBUGINFOD_URLS" } else { "--server" };
    if texts.is_empty() {
        // Elfutils also allows words about verification (ima:enforcing) among the addresses.
        texts = from_environment.split_whitespace().filter(|word| word.contains("://")).collect();
    }
    if texts.is_empty() {
        texts = vec![FEDERATION];
    }
    texts
        .into_iter()
        .map(|text| {
            let url: Url =
                text.parse().with_context(|| format!("{origin}: this is no address of a server"))?;
            if !matches!(url.scheme(), "http" | "https") {
                bail!("{origin}: expected an address with http or https, found {}", url.scheme());
            }
            Ok(url)
        })
        .collect()
}
