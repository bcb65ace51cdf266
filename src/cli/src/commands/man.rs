use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::console::Console;
use crate::files::{self, Content, Files, UsesFiles};
use crate::options::{Cli, Global};
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
        // A page may be a link to somewhere else.
        for page in pages() {
            access.write(self.folder.join(page.get_filename()));
        }
    }
}

impl UsesFiles for Arguments {
    fn list_files(&self, _: &Global, files: &mut Files) -> anyhow::Result<()> {
        for page in pages() {
            let path = self.folder.join(page.get_filename());
            files.output_below("the manual page", &path, Content::Own)?;
        }
        Ok(())
    }
}

/// Writes one page per command.
///
/// # Errors
/// Where the folder or a page cannot be written.
pub fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let folder: &Path = &arguments.folder;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for page in pages() {
        files::write(&folder.join(page.get_filename()), |sink| page.render(sink))?;
    }
    console.tell(format_args!("wrote the manual pages into {}", folder.display()));
    Ok(Outcome::Success)
}

/// A page for the program and for each of its commands.
fn pages() -> Vec<Man> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    let mut pending = vec![program];
    while let Some(command) = pending.pop() {
        pending.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        pages.push(Man::new(command));
    }
    pages
}
