use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;

use crate::arguments::Cli;
use crate::console::Console;
use crate::outcome::Outcome;
use crate::sandbox::Access;

/// Where to.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder for the pages; made where it does not exist.
    folder: PathBuf,
}

impl Arguments {
    /// What a run may do.
    pub fn access(&self, access: &mut Access) {
        access.fill(&self.folder);
    }
}

/// Writes one page per command.
///
/// # Errors
/// Where the folder or a page cannot be written.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .with_context(|| format!("cannot write the manual pages into {}", folder.display()))?;
    console.tell(format_args!("wrote the manual pages into {}", folder.display()));
    Ok(Outcome::Success)
}
