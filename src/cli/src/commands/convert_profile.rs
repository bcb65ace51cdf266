use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use converters::{Options, Source, VOLATILITY};
use profile::{Format, Health, Profile, Progress, Scope, Silent, Verdict};

use super::Run;
use crate::console::{Console, Listed, Settings, escaped};
use crate::files::{Content, Files, has_packed_ending};
use crate::images::banner;
use crate::options::heading::{INPUT, OUTPUT};
use crate::options::{Banner, General, Json, Output, Strict, Threads, Unpacking, settings};
use crate::outcome::Outcome;
use crate::profiles::make::Request;
use crate::profiles::output::OutputPlan;
use crate::report::profile as report;

/// Make a profile from a Volatility 2 pack, or profiles from a folder of packs.
///
/// A pack is a zip archive with a kernel's types (module.dwarf) and its System.map. The folder into which it was
/// unpacked and single files of it are read too. For a folder with several packs, OUT is the folder for their
/// profiles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// A zip archive, the folder it was unpacked into, a .dwarf, .vtypes or .py file, or a folder of packs.
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The profile to write or, for a folder of packs, the folder for the profiles.
    #[arg(value_name = "OUT", conflicts_with = "output", help_heading = OUTPUT)]
    out_file: Option<PathBuf>,
    #[command(flatten)]
    unpacking: Unpacking,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    banner: Banner,
    /// The class with which Rekall loads the profile; by default it is derived from the pack.
    #[arg(long = "profile_class", value_name = "CLASS", help_heading = OUTPUT)]
    profile_class: Option<String>,
    /// rekall: write exactly the text that Rekall itself would write, including its mistakes.
    #[arg(long, value_enum, hide_possible_values = true, help_heading = OUTPUT)]
    compat: Option<Compat>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    threads: Threads,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile convert_profile Ubuntu1310.zip Ubuntu1310.json.gz
  rekall-profile convert_profile packs/ profiles/
  rekall-profile convert_profile pack.zip --format isf --symbols-dir symbols -f memory.raw";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict, &self.threads, &self.unpacking])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        self.banner.list(files);
        files.access().read(&self.source).unpack();
        match plan(self)? {
            Work::One { pack, output } => {
                list_pack(&pack, files);
                output.list(None, files)
            }
            Work::Many(jobs) => {
                if let Some(out) = self.out() {
                    files.folder(out);
                }
                for (pack, profile) in &jobs {
                    list_pack(pack, files);
                    files.output_below("OUT", profile, Content::Packable)?;
                }
                Ok(())
            }
        }
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

impl Arguments {
    fn out(&self) -> Option<&PathBuf> {
        self.out_file.as_ref().or(self.output.output.as_ref())
    }
}

/// The byte-exact output of another program.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Compat {
    /// Rekall's last version, run with Python 2.7.
    Rekall,
}

impl Compat {
    /// Refuses options that would change the text.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(self, class: Option<&str>, output: &Output, banner: &Banner) -> anyhow::Result<()> {
        let Self::Rekall = self;
        if class.is_some() {
            bail!(
                "--profile_class: Rekall's own text has the class Rekall gave it; leave out one of the two"
            );
        }
        if output.format() != Format::Rekall || !output.only.is_empty() {
            bail!("--compat rekall: that text is Rekall's own, whole; leave out --format and --only");
        }
        if banner.any() {
            bail!(
                "--compat rekall: that text is Rekall's own, which has no banner; leave out --banner and -f"
            );
        }
        Ok(())
    }
}

/// The work to do, after the names on the command line have been resolved.
enum Work {
    One {
        pack: PathBuf,
        output: Output,
    },
    /// Packs, each with the profile it becomes.
    Many(Vec<(PathBuf, PathBuf)>),
}

/// Converts the packs. A failure for one pack of a folder is reported in the table and is not an error.
fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let options = options_of(arguments, console.threads());
    if let Some(compat) = arguments.compat {
        compat.check(options.profile_class.as_deref(), &arguments.output, &arguments.banner)?;
    }
    match plan(arguments)? {
        Work::One { pack, output } => {
            let plan = OutputPlan::new(&output, None, console)?;
            let complete = |profile: &mut Profile| banner::complete(&arguments.banner, profile, console);
            let request =
                Request { front_end: VOLATILITY, options: &options, plan: &plan, complete: &complete };
            let source = Source::open(&pack)?;
            match arguments.compat {
                Some(Compat::Rekall) => request.write_rekall_text(source, console),
                None => request.make(source, console),
            }
        }
        Work::Many(_) if arguments.banner.any() => {
            bail!("--banner and -f say which kernel one pack is of: name one pack, not a folder of them")
        }
        Work::Many(jobs) => convert_many(&jobs, arguments, console),
    }
}

/// How packs are converted.
fn options_of(arguments: &Arguments, threads: usize) -> Options {
    Options { profile_class: arguments.profile_class.clone(), threads, ..Options::default() }
}

/// Adds the files of a pack.
fn list_pack(pack: &Path, files: &mut Files) {
    if pack.is_dir() {
        files.input_folder("SOURCE", pack, |name| VOLATILITY.uses_member(name));
    } else {
        files.input("SOURCE", pack);
    }
}

fn plan(arguments: &Arguments) -> anyhow::Result<Work> {
    let source = &arguments.source;
    let out = arguments.out();
    let to = |path: &Path| Output { output: Some(path.to_owned()), ..arguments.output.clone() };
    let one = |pack: &Path, output| Ok(Work::One { pack: pack.to_owned(), output });
    if !source.is_dir() {
        return match out {
            Some(out) if out.is_dir() => {
                one(source, to(&out.join(profile_name(source, arguments.output.format()))))
            }
            Some(out) => one(source, to(out)),
            None => one(source, arguments.output.clone()),
        };
    }
    let packs = VOLATILITY
        .sources_below(source)
        .with_context(|| format!("cannot read the folder {}", source.display()))?;
    let listed = |what: String, packs: &[PathBuf]| {
        Err(Listed::error(what, packs.iter().map(|pack| pack.display().to_string()).collect()))
    };
    match (packs.as_slice(), out) {
        ([], _) => bail!(
            "{} holds no pack: expected zip archives, or an unpacked one with a *.dwarf, *.vtypes or *.ko",
            source.display()
        ),
        ([pack], None) => one(pack, arguments.output.clone()),
        ([pack], Some(out)) if is_profile(out) => one(pack, to(out)),
        (packs, None) => {
            let (source, count) = (source.display(), packs.len());
            let what =
                format!("{source} holds {count} packs: name the folder for their profiles, or one of them:");
            listed(what, packs)
        }
        (packs, Some(out)) if is_profile(out) => {
            let (source, count, out) = (source.display(), packs.len(), out.display());
            let what = format!(
                "{source} holds {count} packs, and {out} is one file: name a folder for their profiles, or one of them:"
            );
            listed(what, packs)
        }
        (packs, Some(out)) => {
            let jobs = packs.iter().map(|pack| {
                // Subfolders are kept; a pack that is the source itself keeps its own name.
                let below = pack.strip_prefix(source).ok().filter(|below| !below.as_os_str().is_empty());
                let below = below
                    .map(Path::to_owned)
                    .unwrap_or_else(|| PathBuf::from(pack.file_name().unwrap_or_else(|| "profile".as_ref())));
                (
                    pack.clone(),
                    out.join(below.with_file_name(profile_name(&below, arguments.output.format()))),
                )
            });
            Ok(Work::Many(jobs.collect()))
        }
    }
}

/// Whether a path names one profile and not a folder for several.
fn is_profile(path: &Path) -> bool {
    let text = path.extension().is_some_and(|found| found.eq_ignore_ascii_case("json"));
    !path.is_dir() && (path.as_os_str() == "-" || text || has_packed_ending(path) || path.is_file())
}

/// The name of the profile of a pack with this name.
fn profile_name(pack: &Path, format: Format) -> PathBuf {
    let name = pack.file_name().unwrap_or_else(|| "profile".as_ref()).to_string_lossy();
    let stem =
        name.get(..name.len().saturating_sub(4)).filter(|_| name.to_ascii_lowercase().ends_with(".zip"));
    // LibVMI and DRAKVUF open only plain text.
    let ending = match format {
        Format::LibVmi => "json",
        Format::Btf => "btf",
        Format::C => "h",
        _ => "json.gz",
    };
    PathBuf::from(format!("{}.{ending}", stem.unwrap_or(&name)))
}

fn legacy_text(path: &Path) -> anyhow::Result<Vec<u8>> {
    VOLATILITY.rekall_text(Source::open(path)?).with_context(|| path.display().to_string())
}

/// The result for one pack of many.
enum Fate {
    Written(Written),
    Failed(String),
}

/// What a written profile holds.
struct Written {
    arch: &'static str,
    structs: usize,
    symbols: usize,
    losses: u64,
    warnings: Vec<String>,
    verdict: String,
    good: bool,
    pack_bytes: u64,
    profile_bytes: u64,
}

fn convert_many(
    jobs: &[(PathBuf, PathBuf)],
    arguments: &Arguments,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let step = "Converting packs";
    console.progress().begin(step, Some(jobs.len() as u64));
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let fates: Mutex<Vec<Option<Fate>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    // Large packs come first, so that no core is left with one at the end.
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    let size = |job: &usize| jobs.get(*job).map_or(0, |(pack, _)| size_of(pack));
    order.sort_by_key(|job| std::cmp::Reverse(size(job)));
    std::thread::scope(|scope| {
        for _ in 0..console.threads().min(jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some((pack, out)) = jobs.get(*job) else { continue };
                    let fate = convert_in_batch(pack, out, arguments, console)
                        .unwrap_or_else(|error| Fate::Failed(format!("{error:#}")));
                    let mut fates = fates.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(slot) = fates.get_mut(*job) {
                        *slot = Some(fate);
                    }
                    drop(fates);
                    console.progress().advance(step, 1 + done.fetch_add(1, Ordering::Relaxed) as u64);
                }
            });
        }
    });
    console.progress().end(step);
    let fates = fates.into_inner().unwrap_or_else(PoisonError::into_inner);
    let fates: Vec<(&(PathBuf, PathBuf), Fate)> = jobs
        .iter()
        .zip(fates)
        .map(|(job, fate)| (job, fate.unwrap_or_else(|| Fate::Failed("it was not reached".to_owned()))))
        .collect();
    if console.json() {
        let packs = fates.iter().map(|(job, fate)| to_row(job, fate)).collect();
        console.print_report(&report::Packs { packs })?;
    } else {
        say_table(&fates, console);
    }
    let lossless = |fate: &Fate| match fate {
        Fate::Written(written) => written.good && (written.losses == 0 || !console.strict()),
        Fate::Failed(_) => false,
    };
    Ok(Outcome::from_good(fates.iter().all(|(_, fate)| lossless(fate))))
}

fn convert_in_batch(
    path: &Path,
    out: &Path,
    arguments: &Arguments,
    console: &Console,
) -> anyhow::Result<Fate> {
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let output = Output { output: Some(out.to_owned()), ..arguments.output.clone() };
    let plan = OutputPlan::new(&output, None, console)?;
    let pack_bytes = size_of(path);
    if arguments.compat.is_some() {
        let text = legacy_text(path)?;
        plan.write_with(1, |sink| sink.write_all(&text))?;
        return Ok(Fate::Written(Written {
            arch: "",
            structs: 0,
            symbols: 0,
            losses: 0,
            warnings: Vec::new(),
            verdict: "Rekall's text".to_owned(),
            good: true,
            pack_bytes,
            profile_bytes: size_of(out),
        }));
    }
    let options = options_of(arguments, 1);
    let converted = converters::convert_with(VOLATILITY, Source::open(path)?, &options, &Silent)?;
    let (mut profile, mut report) = (converted.profile, converted.report);
    let resolution = plan.settle(&mut profile, &mut report, 1);
    plan.write(&profile, &resolution, &mut report, 1)?;
    let health = Health::of(&profile, &resolution, Scope::Whole);
    let reasons =
        if health.reasons.is_empty() { String::new() } else { format!(": {}", health.reasons.join("; ")) };
    Ok(Fate::Written(Written {
        arch: profile.arch.name(),
        structs: resolution.structs().len(),
        symbols: profile.constants.len() + profile.functions.len(),
        losses: report.total(),
        warnings: report.warnings().to_vec(),
        verdict: format!("{}{reasons}", health.verdict.name()),
        good: health.verdict != Verdict::Failed,
        pack_bytes,
        profile_bytes: size_of(out),
    }))
}

/// The size of a file, or of everything in a folder.
fn size_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    Source::open(path).map_or(0, |source| source.size())
}

fn ratio(written: &Written) -> f64 {
    if written.pack_bytes == 0 { 0.0 } else { written.profile_bytes as f64 / written.pack_bytes as f64 }
}

fn to_row((pack, out): &(PathBuf, PathBuf), fate: &Fate) -> report::Pack {
    let pack = pack.display().to_string();
    match fate {
        Fate::Failed(reason) => report::Pack::Failed { pack, error: reason.clone() },
        Fate::Written(written) => report::Pack::Written {
            pack,
            profile: out.display().to_string(),
            arch: written.arch.to_owned(),
            structs: written.structs,
            symbols: written.symbols,
            losses: written.losses,
            warnings: written.warnings.clone(),
            verdict: written.verdict.clone(),
            pack_bytes: written.pack_bytes,
            profile_bytes: written.profile_bytes,
        },
    }
}

fn say_table(fates: &[(&(PathBuf, PathBuf), Fate)], console: &Console) {
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        escaped(&name).into_owned()
    };
    let width = fates.iter().map(|((pack, _), _)| name(pack).chars().count()).max().unwrap_or(0).clamp(4, 60);
    console.info(format_args!(
        "{:width$}  {:6} {:>7} {:>8} {:>7} {:>10} {:>5}  verdict",
        "pack", "arch", "structs", "symbols", "losses", "bytes", "ratio"
    ));
    let mut failed = 0;
    for ((pack, _), fate) in fates {
        let pack = name(pack);
        match fate {
            Fate::Written(written) => {
                failed += usize::from(!written.good);
                let before = format!(
                    "{pack:width$}  {:6} {:>7} {:>8} {:>7} {:>10} {:>5.2}  ",
                    written.arch,
                    written.structs,
                    written.symbols,
                    written.losses,
                    written.profile_bytes,
                    ratio(written),
                );
                console.say_judged(before, &written.verdict, written.good, "");
                for warning in &written.warnings {
                    console.debug(format_args!("{:width$}  {warning}", ""));
                }
            }
            Fate::Failed(reason) => {
                failed += 1;
                let (before, after) = (format!("{pack:width$}  "), format!(": {reason}"));
                console.warn_judged(before, "failed", false, after);
            }
        }
    }
    console.info(format_args!("{} of {} packs converted", fates.len() - failed, fates.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_after_its_pack() {
        assert_eq!(
            profile_name(Path::new("a/Ubuntu1310.zip"), Format::Rekall),
            Path::new("Ubuntu1310.json.gz")
        );
        assert_eq!(profile_name(Path::new("a/X.ZIP"), Format::Rekall), Path::new("X.json.gz"));
        assert_eq!(profile_name(Path::new("3.2.0-57"), Format::Rekall), Path::new("3.2.0-57.json.gz"));
        assert_eq!(profile_name(Path::new("a.zip"), Format::LibVmi), Path::new("a.json"));
    }
}
