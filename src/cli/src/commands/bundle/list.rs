use std::path::PathBuf;

use bundle::{Build, Bundle, Identity};

use super::work;
use crate::commands::Run;
use crate::console::{Console, Settings, Table};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::bundle as report;

/// List the builds of a bundle.
///
/// Builds are sorted by system, architecture, flavour and version. The bytes of a build are those that it shares with no
/// other.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile bundle list kernels.bundle
  rekall-profile bundle list kernels.bundle --json";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.input("BUNDLE", &self.bundle);
        files.access().unpack();
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        let bundle = work::open(&self.bundle)?;
        if console.json() {
            console.print_report(&to_report(&self.bundle.display().to_string(), &bundle))?;
            return Ok(Outcome::Success);
        }
        let mut table = Table::new(&["Build", "Class", "Architecture", "Version", ">Own bytes", "Identity"]);
        for (position, build) in bundle.builds().iter().enumerate() {
            table.row([
                build.name.clone(),
                build.class.clone(),
                build.arch.clone(),
                build.version.clone(),
                bundle.own_length(position).to_string(),
                build.identities.first().map(|identity| identity.as_str().to_owned()).unwrap_or_default(),
            ]);
        }
        console.print(&table.lines())?;
        Ok(Outcome::Success)
    }
}

fn to_report(name: &str, bundle: &Bundle) -> report::BundleList {
    let builds = bundle.builds().iter().enumerate().map(|(position, build)| row(bundle, position, build));
    report::BundleList { bundle: name.to_owned(), bytes: bundle.length(), builds: builds.collect() }
}

fn row(bundle: &Bundle, position: usize, build: &Build) -> report::Build {
    let identity = |wanted: fn(&Identity) -> bool| {
        let found = build.identities.iter().find(|identity| wanted(identity));
        found.map(|identity| identity.as_str().to_owned())
    };
    report::Build {
        name: build.name.clone(),
        class: build.class.clone(),
        arch: build.arch.clone(),
        version: build.version.clone(),
        pdb: build.file.clone(),
        build_id: identity(|identity| matches!(identity, Identity::BuildId(_))),
        guid_age: identity(|identity| matches!(identity, Identity::GuidAge(_))),
        uuid: identity(|identity| matches!(identity, Identity::Uuid(_))),
        banner: identity(|identity| matches!(identity, Identity::Banner(_))),
        sha256: build.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        text_bytes: build.text_length,
        own_bytes: bundle.own_length(position),
    }
}
