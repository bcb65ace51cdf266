use std::path::PathBuf;

use server::{Mirror, MirrorLimits};

use super::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
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
  rekall-profile serve profiles --listen 127.0.0.1:0 -v";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.access().read_store(&self.folder).network_as(Network::Listen);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mirror = Mirror::bind(&arguments.folder, &arguments.listen, MirrorLimits::default())?;
    let url = format!("http://{}", mirror.address());
    let stop = mirror.stop();
    interrupt::when_told_to_stop(move || stop.stop());
    if console.json() {
        let folder = arguments.folder.to_string_lossy().into_owned();
        console.print_report(&Served { folder, url: url.clone() })?;
    } else {
        console.print(&[&url].into_iter().collect())?;
    }
    console.say(format_args!(
        "Serving {} read-only until Ctrl-C; a symbol path for it: srv*CACHE*{url}",
        arguments.folder.display()
    ));
    mirror.run(console.progress())?;
    console.tell("Stopped");
    Ok(Outcome::Success)
}
