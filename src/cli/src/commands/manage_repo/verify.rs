use repository::batch::Check;

use super::options::{Part, Place, Target, Workshop};
use super::work::{read_plan, select};
use crate::commands::Run;
use crate::console::{Console, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Symbols, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::batch as report;

/// Make profiles again, and compare every byte.
///
/// Profiles whose source is available are made again and compared with those in the repository. The inventory's
/// records are compared with the files. The exit code is 1 if anything differs, or could not be verified.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A profile's name, or a build: NAME.pdb/GUID; by default all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    symbols: Symbols,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile manage_repo verify
  rekall-profile manage_repo verify nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942
  rekall-profile manage_repo --path_to_repository profiles verify --shard 1/4";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.place.list(&self.symbols.connection, files);
        self.symbols.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let workshop = Workshop::open(&self.place, &self.symbols, false, false, console)?;
        let mut plan = read_plan(workshop.storage.as_ref(), console)?;
        let selection = select(&mut plan, self.target.target.as_deref(), &self.names, self.part.shard)?;
        let verified = workshop.builder(console).verify(&plan, &selection)?;
        let mut counts = [0usize; 5];
        let mut rows = Vec::new();
        for (name, check) in &verified {
            let (column, word, detail) = match check {
                Check::Same => (0, "same", String::new()),
                Check::Imported => (1, "imported", String::new()),
                Check::Different { found, expected } => {
                    (2, "different", format!("sha256 {found}, expected {expected}"))
                }
                Check::Absent => (2, "absent", String::new()),
                Check::Dangling(target) => (2, "leads nowhere:", format!("{target} is not there")),
                Check::Misrecorded(how) => (4, "recorded wrongly:", how.clone()),
                Check::Unproven(reason) => (3, "unproven", reason.clone()),
                _ => (3, "unproven", String::new()),
            };
            if let Some(count) = counts.get_mut(column) {
                *count += 1;
            }
            if column > 1 {
                console.info(format_args!("{name}: {word} {detail}"));
            }
            rows.push(report::Checked { name: name.to_string(), check: word.to_owned(), detail });
        }
        let [same, imported, different, unproven, misrecorded] = counts;
        if console.json() {
            console.print_report(&report::Verified {
                same,
                imported,
                different,
                unproven,
                misrecorded,
                profiles: rows,
            })?;
        } else {
            console.info(format_args!(
                "{same} the same, {imported} imported, {different} different or absent, {unproven} could not be made again, {misrecorded} recorded wrongly{}",
                if misrecorded > 0 { " (manage_repo seal corrects the inventory)" } else { "" }
            ));
        }
        Ok(Outcome::from_good(different == 0 && unproven == 0 && misrecorded == 0))
    }
}
