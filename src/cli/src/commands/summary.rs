use super::{Run, validate};
use crate::console::{Console, Lines, Settings};
use crate::files::Files;
use crate::images::Subject;
use crate::options::{self, General, Json, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::report::image as report;

/// Summarises an image if no command is given.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    subject: options::Subject,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.subject.list(files);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let mut subject = Subject::open(&arguments.subject, console)?;
    let validation = subject.validate(console)?;
    let guest = subject.guest(console).ok();
    let processes = guest.as_ref().and_then(|guest| guest.processes().ok()).map(|listing| listing.rows.len());
    let modules = guest.as_ref().and_then(|guest| guest.modules().ok()).map(|listing| listing.rows.len());
    if console.json() {
        console.print_report(&report::Summary {
            validation: validate::to_report(&validation, &subject.source, None),
            container: subject.image.container().to_string(),
            bytes: subject.image.size(),
            processes,
            modules,
        })?;
    } else {
        let mut lines = Lines::new();
        lines.line(format_args!(
            "image        {}: {}, {} bytes",
            subject.source,
            subject.image.container(),
            subject.image.size()
        ));
        for (name, fact) in validation.facts.iter() {
            lines.line(format_args!("{name:12} {fact}"));
        }
        for (name, count) in [("processes", processes), ("modules", modules)] {
            if let Some(count) = count {
                lines.line(format_args!("{name:12} {count}"));
            }
        }
        console.print(&lines)?;
        validate::print_suspects(&validation, console);
    }
    Ok(Outcome::from_good(validation.verdict == analyzer::Verdict::Match))
}
