use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use server::{IsfPages, Mirror, MirrorLimits};
use url::Url;

use super::Run;
use crate::console::{Console, Settings};
use crate::files::{Files, cache_folder};
use crate::interrupt;
use crate::options::heading::{GENERAL, INPUT};
use crate::options::{General, Json, settings};
use crate::outcome::Outcome;
use crate::report::fetch::Served;
use crate::sandbox::Network;

/// Serve a symbol store or a repository of profiles over HTTP.
///
/// Files below DIR are served read-only to everyone who can reach the address. The server runs until Ctrl-C; -v shows
/// every request.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The folder: a symbol store, or a repository of profiles.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Serve a repository's profiles to Volatility 3 too: banners.json, and the symbol tables that it names.
    #[arg(long)]
    isf: bool,
    /// The address that the list of tables gives for this server. By default what clients call it.
    #[arg(long = "base-url", value_name = "URL", requires = "isf")]
    base: Option<Url>,
    #[command(flatten)]
    json: Json,
    /// The address to listen on; port 0 takes a free port.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080", help_heading = GENERAL)]
    listen: String,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile serve symbols
  rekall-profile serve profiles --listen 127.0.0.1:0 -v
  rekall-profile serve profiles --isf --base-url https://symbols.example.org";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.access().read_store(&self.folder).network_as(Network::Listen);
        if self.isf {
            files.access().fill_own(cache_folder());
        }
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mirror = Mirror::bind(&arguments.folder, &arguments.listen, MirrorLimits::default())?;
    let url = format!("http://{}", mirror.address());
    let (mirror, isf) = match arguments.isf {
        true => with_tables(arguments, mirror, &url)?,
        false => (mirror, None),
    };
    let stop = mirror.stop();
    interrupt::when_told_to_stop(move || stop.stop());
    if console.json() {
        let folder = arguments.folder.to_string_lossy().into_owned();
        console.print_report(&Served { folder, url: url.clone(), isf: isf.clone() })?;
    } else {
        console.print(&[&url].into_iter().collect())?;
    }
    console.say(format_args!(
        "Serving {} read-only until Ctrl-C; a symbol path for it: srv*CACHE*{url}",
        arguments.folder.display()
    ));
    if let Some(isf) = isf {
        console.say(format_args!("For Volatility 3: --remote-isf-url {isf}"));
        console.say("Volatility keeps a list for ever under its address; a changed list has another one.");
    }
    mirror.run(console.progress())?;
    console.tell("Stopped");
    Ok(Outcome::Success)
}

/// The server with the tables of the repository, and the address of their list as it is now.
fn with_tables(arguments: &Arguments, mirror: Mirror, url: &str) -> anyhow::Result<(Mirror, Option<String>)> {
    let Some(folder) = arguments.folder.to_str() else {
        bail!("--isf: the name of the folder is not UTF-8");
    };
    let storage = repository::storage::open(folder, &symbols::ClientOptions::default())?;
    let base = arguments.base.as_ref().map(|base| base.as_str().trim_end_matches('/').to_owned());
    let pages = Arc::new(IsfPages::new(storage, &cache_folder().join("tables"), base));
    let address = pages.address(url)?;
    Ok((mirror.with_pages(pages), Some(address)))
}
