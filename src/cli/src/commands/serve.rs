use std::path::PathBuf;

use serde_json::json;
use server::{Mirror, MirrorLimits};

use crate::console::Console;
use crate::interrupt;
use crate::outcome::Outcome;
use crate::sandbox::{Access, Network};

/// Which folder, and where it can be reached.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder: a symbol store, a repository of profiles. Its files can be read by all who reach the address.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The address to listen on; port 0 takes any that is free, and its address is printed.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, access: &mut Access) {
        access.read_store(&self.folder).network_as(Network::Listen);
    }
}

/// Serves until it is told to stop; `-v` shows every request.
///
/// # Errors
/// A folder that cannot be read, an address that is another's.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mirror = Mirror::bind(&arguments.folder, &arguments.listen, MirrorLimits::default())?;
    let url = format!("http://{}", mirror.address());
    let stop = mirror.stop();
    interrupt::when_told_to_stop(move || stop.stop());
    if console.json() {
        console.print_json(json!({"folder": arguments.folder.to_string_lossy(), "url": url}))?;
    } else {
        console.print(&[&url].into_iter().collect())?;
    }
    console.say(format_args!(
        "Serving {} to read only, until Ctrl-C; a symbol path for it: srv*CACHE*{url}",
        arguments.folder.display()
    ));
    mirror.run(console.progress())?;
    console.tell("Stopped");
    Ok(Outcome::Success)
}
