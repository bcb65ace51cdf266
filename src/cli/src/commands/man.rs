use std::path::PathBuf;

use anyhow::Context;
use clap_mangen::Man;

use super::{Run, Tree};
use crate::console::{Console, Settings};
use crate::files::{self, Content, Files};
use crate::options::heading::OUTPUT;
use crate::options::{General, settings};
use crate::outcome::Outcome;

/// Write the manual pages into a folder.
///
/// There is a page for the program and one for each command. Existing pages are replaced.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = OUTPUT)]
pub struct Arguments {
    /// The folder for the pages, which is created if necessary.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    general: General,
    #[arg(skip)]
    tree: Option<Tree>,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile man ~/.local/share/man/man1
  rekall-profile man pages -v";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.folder(&self.folder);
        for page in self.pages() {
            let path = self.folder.join(page.get_filename());
            files.output_below("the manual page", &path, Content::Own)?;
            // A page may be a link to another place.
            files.access().write(path);
        }
        Ok(())
    }

    fn know(&mut self, tree: Tree) {
        self.tree = Some(tree);
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for page in self.pages() {
            files::write(&folder.join(page.get_filename()), |sink| page.render(sink))?;
        }
        console.debug(format_args!("wrote the manual pages into {}", folder.display()));
        Ok(Outcome::Success)
    }
}

impl Arguments {
    /// A page for the program and for each of its commands.
    fn pages(&self) -> Vec<Man> {
        let Some(tree) = self.tree else { return Vec::new() };
        let mut program = tree().disable_help_subcommand(true);
        program.build();
        let mut pages = Vec::new();
        let mut pending = vec![program];
        while let Some(command) = pending.pop() {
            pending.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
            pages.push(Man::new(command));
        }
        pages
    }
}
