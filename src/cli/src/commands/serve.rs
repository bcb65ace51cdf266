use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use server::{BundlePages, IsfPages, Mirror, MirrorLimits};
use url::Url;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{Files, cache_folder};
use crate::interrupt;
use crate::options::heading::{GENERAL, INPUT};
use crate::options::{General, Json, TableCompat, settings};
use crate::outcome::Outcome;
use crate::report::fetch::Served;
use crate::sandbox::Network;

/// Serve a symbol store, a repository of profiles or a bundle over HTTP.
///
/// Files below DIR are served read-only to everyone who can reach the address. The server runs until Ctrl-C; -v shows
/// every request. A bundle is served as a file, of which clients fetch the parts that they need, and as a repository.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The folder: a symbol store, or a repository of profiles. Or the file of a bundle.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Serve a repository's profiles to Volatility 3 too: banners.json, and the symbol tables that it names.
    #[arg(long)]
    isf: bool,
    /// The address that the list of tables gives for this server. By default what clients call it.
    #[arg(long = "base-url", value_name = "URL", requires = "isf")]
    base: Option<Url>,
    /// volatility3: add what stock plug-ins of Volatility 3 insist on to the tables, as `export --compat` does.
    #[arg(long, value_enum, hide_possible_values = true, requires = "isf")]
    compat: Option<TableCompat>,
    #[command(flatten)]
    json: Json,
    /// The address to listen on; port 0 takes a free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", value_parser = addresses, help_heading = GENERAL)]
    listen: Addresses,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile serve symbols --listen 127.0.0.1:0 -v
  rekall-profile serve kernels.bundle
  rekall-profile serve profiles --isf --base-url https://symbols.example.org";

/// The socket addresses that the argument of `--listen` resolves to.
#[derive(Clone, Debug)]
struct Addresses(Vec<SocketAddr>);

/// Looks an address up. This comes before the sandbox, in which a command that listens asks nobody for names.
fn addresses(text: &str) -> io::Result<Addresses> {
    text.to_socket_addrs().map(|found| Addresses(found.collect()))
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.access().network_as(Network::Listen);
        match self.folder.is_file() {
            // Beside it is the file that replaces it.
            true => files.access().read_beside(&self.folder).unpack(),
            false => files.access().read_store(&self.folder),
        };
        if self.isf || self.folder.is_file() {
            files.access().fill_own(cache_folder());
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let bundle = bundle_pages(&arguments.folder)?;
    let mirror = match &bundle {
        Some(_) => Mirror::bind_file(&arguments.folder, &arguments.listen.0, MirrorLimits::default())?,
        None => Mirror::bind(&arguments.folder, &arguments.listen.0, MirrorLimits::default())?,
    };
    let url = format!("http://{}", mirror.address());
    let bundle_url = bundle.as_ref().map(|pages| format!("{url}/{}", pages.path()));
    let (mirror, isf) = match arguments.isf {
        true => with_tables(arguments, mirror, &url)?,
        false => (mirror, None),
    };
    let mirror = match bundle {
        Some(pages) => mirror.with_pages(Arc::new(pages)),
        None => mirror,
    };
    let stop = mirror.stop();
    interrupt::when_told_to_stop(move || stop.stop());
    if console.json() {
        let folder = arguments.folder.to_string_lossy().into_owned();
        console.print_report(&Served { folder, url: url.clone(), isf: isf.clone() })?;
    } else {
        console.print(&[&url].into_iter().collect())?;
    }
    let folder = arguments.folder.display();
    match bundle_url {
        Some(address) => console.info(format_args!(
            "Serving {folder} read-only until Ctrl-C; for queries: --profile_path {address}; as a repository: --profile_path \
             {url}"
        )),
        None => console.info(format_args!(
            "Serving {folder} read-only until Ctrl-C; a symbol path for it: srv*CACHE*{url}"
        )),
    }
    if let Some(isf) = isf {
        console.info(format_args!("For Volatility 3: --remote-isf-url {isf}"));
        console.info("Volatility keeps a list for ever under its address; a changed list has another one.");
    }
    mirror.run(console.progress())?;
    console.debug("Stopped");
    Ok(Outcome::Success)
}

/// The pages of a bundle; `None` for a folder.
fn bundle_pages(path: &Path) -> anyhow::Result<Option<BundlePages>> {
    if !path.is_file() {
        return Ok(None);
    }
    let place = path.display().to_string();
    // A file that is not a bundle is refused before anyone asks for it.
    let opened = repository::storage::open_bundle(&place, &symbols::ClientOptions::default());
    opened.with_context(|| format!("cannot serve {place}"))?;
    Ok(Some(BundlePages::new(path, &cache_folder().join("bundles"))))
}

/// The server with the tables of the repository, and the address of their list as it is now.
fn with_tables(arguments: &Arguments, mirror: Mirror, url: &str) -> anyhow::Result<(Mirror, Option<String>)> {
    let Some(folder) = arguments.folder.to_str() else {
        bail!("--isf: the name of the folder is not UTF-8");
    };
    let storage = repository::storage::open(folder, &symbols::ClientOptions::default())?;
    let base = arguments.base.as_ref().map(|base| base.as_str().trim_end_matches('/').to_owned());
    let pages = Arc::new(IsfPages::new(
        storage,
        TableCompat::of(arguments.compat),
        &cache_folder().join("tables"),
        base,
    ));
    let address = pages.address(url)?;
    Ok((mirror.with_pages(pages), Some(address)))
}
