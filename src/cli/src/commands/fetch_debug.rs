use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use formats::WrongKind;
use profile::MappedFile;
use symbols::{BuildId, DebugFile, DebugOptions, Error, fetch_debug};

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{Content, Files};
use crate::options::heading::{INPUT, OUTPUT, SERVERS};
use crate::options::{Connection, DebugFolders, General, Json, debuginfod_servers, settings};
use crate::outcome::Outcome;
use crate::report::fetch::{self as report, Status};

/// Fetch the debug file of a Linux kernel or module from debuginfod servers.
///
/// The file is found by its build-id and checked before it is kept: it must be an ELF file with that build-id.
/// Servers come from --server, otherwise from DEBUGINFOD_URLS, otherwise the elfutils project's server is used.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The build-id in hexadecimal digits, or a file that has one (vmlinux, a module, /sys/kernel/notes).
    #[arg(value_name = "BUILD_ID | FILE")]
    wanted: Option<PathBuf>,
    /// A file that has the build-id; the same as FILE.
    #[arg(short, long, value_name = "FILE", conflicts_with = "wanted")]
    filename: Option<PathBuf>,
    /// The folder for the debug file, which is named BUILD_ID.debug.
    #[arg(short = 'D', long = "dump_dir", value_name = "DIR", default_value = ".", help_heading = OUTPUT)]
    dump_dir: PathBuf,
    #[command(flatten)]
    json: Json,
    /// A debuginfod server to ask, instead of those in DEBUGINFOD_URLS; may be repeated.
    #[arg(long = "server", value_name = "URL", help_heading = SERVERS)]
    servers: Vec<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    debug_folders: DebugFolders,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile fetch_debug 3b43fad5034874490492495d552c0af6a5fab235
  rekall-profile fetch_debug vmlinuz.elf -D debug --server https://debuginfod.debian.net/";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        let named = self.wanted.as_ref().filter(|wanted| wanted.exists());
        for path in named.into_iter().chain(&self.filename) {
            files.input_beside("FILE", path);
        }
        self.debug_folders.list(files);
        if let Some(path) = &self.wanted {
            files.access().read(path);
        }
        // The output is named after the build-id, for which a file has to be read first.
        files.access().write(&self.dump_dir);
        // Output to a pipe or a device is checked in a temporary file first.
        files.access().unpack();
        self.connection.list_client(files);
        self.connection.list(files);
        let build_id = self.wanted.as_ref().and_then(|wanted| wanted.to_str()?.parse::<BuildId>().ok());
        match build_id {
            Some(build_id) if named.is_none() => {
                let place = place(&self.dump_dir, &build_id);
                // The file with that name may be a link to another place.
                files.access().write(&place);
                files.output_below("the debug file", &place, Content::Own)
            }
            // The file gives the build-id.
            _ => Ok(()),
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let (build_id, source) = wanted(arguments)?;
    let folders = arguments.debug_folders.or_usual();
    let opener = converters::OpenedFiles::default();
    let here = match &source {
        Some((path, bytes)) => converters::find_separate(bytes, path, &folders, &opener),
        None => converters::find_by_build_id(build_id.as_bytes(), &folders, &opener),
    };
    if let Some((path, file)) = here.found {
        let size = file.len() as u64;
        return found(&DebugFile { path, from: "this machine".to_owned(), size }, &build_id, console);
    }
    for passed in &here.passed {
        console.debug(format_args!("passed over {passed}"));
    }
    if !arguments.dump_dir.is_dir() {
        bail!("--dump_dir {}: the folder does not exist", arguments.dump_dir.display());
    }
    let mut options = DebugOptions::new(debuginfod_servers(&arguments.servers)?);
    options.client = arguments.connection.client(options.client)?;
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

/// The path of the debug file.
fn place(folder: &Path, build_id: &BuildId) -> PathBuf {
    folder.join(format!("{build_id}.debug"))
}

fn found(file: &DebugFile, build_id: &BuildId, console: &Console) -> anyhow::Result<Outcome> {
    if console.json() {
        let outcome = report::Outcome::found(&file.path, &file.from, file.size);
        console.print_report(&report::DebugFile { build_id: build_id.to_string(), outcome })?;
    }
    console.info(format_args!("{} ({} bytes)", file.path.display(), file.size));
    Ok(Outcome::Success)
}

fn missing(error: &Error, build_id: &BuildId, console: &Console) -> anyhow::Result<Outcome> {
    if console.json() {
        let not_found = report::Outcome::not_found;
        let outcome = match error {
            Error::NoDebugFile { tried, .. } => not_found(Status::Missing, tried),
            Error::DebugFileRefused { tried, .. } => not_found(Status::Refused, tried),
            Error::DebugFileUnavailable { tried, .. } => not_found(Status::Unavailable, tried),
            error => report::Outcome::failed(error.with_causes()),
        };
        console.print_report(&report::DebugFile { build_id: build_id.to_string(), outcome })?;
    }
    console.warn_error(error);
    console.info(
        "The distribution's debug package may have it: Debian's linux-image-RELEASE-dbg, Ubuntu's \
         linux-image-RELEASE-dbgsym, Fedora's kernel-debuginfo; parse_dwarf opens packages as they are.",
    );
    Ok(Outcome::Negative)
}

/// The build-id that was named, or that of the file that was, with that file.
fn wanted(arguments: &Arguments) -> anyhow::Result<(BuildId, Option<(PathBuf, MappedFile)>)> {
    let (text, is_file) = match (&arguments.wanted, &arguments.filename) {
        (Some(text), _) => (text, false),
        (None, Some(path)) => (path, true),
        (None, None) => bail!("which debug file? fetch_debug BUILD_ID, or fetch_debug FILE"),
    };
    if !is_file && !text.exists() {
        let build_id = text
            .to_string_lossy()
            .parse()
            .with_context(|| format!("{} is neither a file nor a build-id", text.display()))?;
        return Ok((build_id, None));
    }
    let bytes = MappedFile::open(text).with_context(|| format!("cannot open {}", text.display()))?;
    let id = converters::build_id(&bytes).ok_or_else(|| {
        let found = formats::identify(&&bytes[..], Some(text.as_path()));
        WrongKind::new("a file with a build-id (an ELF file, or /sys/kernel/notes)", found)
    });
    let id = id.with_context(|| text.display().to_string())?;
    Ok((BuildId::new(&id)?, Some((text.clone(), bytes))))
}
