use clap::CommandFactory;
use clap_complete::Shell;

use crate::console;
use crate::options::Cli;
use crate::outcome::Outcome;

/// Which shell.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The shell to complete in.
    shell: Shell,
}

/// Prints the completions.
///
/// # Errors
/// Where standard output cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "rekall-profile", &mut script);
    console::product(|out| out.write_all(&script))?;
    Ok(Outcome::Success)
}
