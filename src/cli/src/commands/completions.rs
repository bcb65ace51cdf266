use clap_complete::Shell;

use super::{Run, Tree};
use crate::console::{self, Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, settings};
use crate::outcome::Outcome;

/// Print a shell's completion script.
///
/// The script completes commands, options and file names. Its place depends on the shell; the examples show the usual
/// ones.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The shell to complete in.
    #[arg(value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    general: General,
    #[arg(skip)]
    tree: Option<Tree>,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile completions bash > ~/.local/share/bash-completion/completions/rekall-profile
  rekall-profile completions zsh > ~/.zfunc/_rekall-profile";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general])
    }

    fn list(&self, _: &mut Files) -> anyhow::Result<()> {
        Ok(())
    }

    fn know(&mut self, tree: Tree) {
        self.tree = Some(tree);
    }

    fn run(&self, _: &Console) -> anyhow::Result<Outcome> {
        let mut script = Vec::new();
        if let Some(tree) = self.tree {
            clap_complete::generate(self.shell, &mut tree(), "rekall-profile", &mut script);
        }
        console::product(|out| out.write_all(&script))?;
        Ok(Outcome::Success)
    }
}
