use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use pe::{CodeView, Export, Import, Pe, PeError, Version};
use profile::MappedFile;

use super::Run;
use crate::console::{Console, Lines, Settings};
use crate::files::Files;
use crate::options::heading::INPUT;
use crate::options::{General, Json, Strict, settings};
use crate::outcome::Outcome;
use crate::report::executable as report;

/// Show the headers of a PE file, and the PDB that it names.
///
/// Shows the headers, the GUID and age of the PDB, the sections and the data directories. With -v, and always with
/// --json, imports, exports and the version resource are shown too.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_help_heading = INPUT)]
pub struct Arguments {
    /// The PE file (.exe, .dll, .sys).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    strict: Strict,
    #[command(flatten)]
    general: General,
}

const EXAMPLES: &str = "\
Examples:
  rekall-profile peinfo ntoskrnl.exe
  rekall-profile peinfo tcpip.sys --json";

impl Run for Arguments {
    fn settings(&self) -> Settings {
        settings(&[&self.general, &self.json, &self.strict])
    }

    fn list(&self, files: &mut Files) -> anyhow::Result<()> {
        files.input("FILE", &self.file);
        Ok(())
    }

    fn run(&self, console: &Console) -> anyhow::Result<Outcome> {
        run(self, console)
    }
}

fn run(arguments: &Arguments, console: &Console) -> anyhow::Result<Outcome> {
    let source = arguments.file.display().to_string();
    let file = MappedFile::open(&arguments.file).with_context(|| format!("cannot open {source}"))?;
    let pe =
        Pe::parse(&file).map_err(|error| error.named(&arguments.file)).with_context(|| source.clone())?;
    let info = Info::of(&pe, console.json() || console.verbosity() > 0);
    if console.json() {
        console.print_report(&info.to_report(&pe, source.clone()))?;
    } else {
        console.print(&info.to_lines(&pe))?;
    }
    for problem in &info.problems {
        console.warn(format_args!("{source}: {problem}"));
    }
    Ok(Outcome::from_good(info.problems.is_empty() || !console.strict()))
}

/// The parts of a PE file that may be damaged on their own.
#[derive(Default)]
struct Info {
    records: Vec<CodeView>,
    tables: Option<Tables>,
    problems: Vec<PeError>,
}

#[derive(Default)]
struct Tables {
    imports: Vec<Import>,
    exports: Vec<Export>,
    version: Option<Version>,
}

impl Info {
    fn of(pe: &Pe<'_>, tables: bool) -> Self {
        let mut info = Self::default();
        match pe.code_view() {
            Ok(records) => info.records = records,
            // A file without a PDB is not unusual.
            Err(PeError::NoRsds { .. }) => {}
            Err(error) => info.problems.push(error),
        }
        if tables {
            info.tables = Some(Tables {
                imports: kept(pe.imports(), &mut info.problems),
                exports: kept(pe.exports(), &mut info.problems),
                version: kept(pe.version(), &mut info.problems),
            });
        }
        info
    }

    fn to_lines(&self, pe: &Pe<'_>) -> Lines {
        let headers = pe.headers();
        let mut lines = Lines::new();
        let mut row = |name: &str, value: &dyn Display| lines.line(format_args!("{name:28} {value}"));
        row("Machine", &format_args!("{} ({:#06x})", headers.machine_name, headers.machine));
        row("TimeDateStamp", &format_args!("{:08X} ({})", headers.timestamp, date(headers.timestamp)));
        row(
            "Characteristics",
            &format_args!("{:#06x} {}", headers.characteristics, headers.characteristic_names.join(", ")),
        );
        for record in &self.records {
            let key = if matches!(record, CodeView::Nb10(_)) { "Signature/Age" } else { "GUID/Age" };
            row(key, &record.key());
            row(
                "PDB",
                &if record.path().is_empty() { "- (the debug record names no PDB)" } else { record.path() },
            );
        }
        if self.records.is_empty() {
            row("GUID/Age", &"-");
            row("PDB", &"-");
        }
        row("MajorOperatingSystemVersion", &headers.os_version.0);
        row("MinorOperatingSystemVersion", &headers.os_version.1);
        row("MajorImageVersion", &headers.image_version.0);
        row("MinorImageVersion", &headers.image_version.1);
        row("MajorSubsystemVersion", &headers.subsystem_version.0);
        row("MinorSubsystemVersion", &headers.subsystem_version.1);
        row("ImageBase", &format_args!("{:#x}", headers.image_base));
        row("SizeOfImage", &format_args!("{:#x}", headers.size_of_image));
        for line in ["", "Sections", "Perm Name       Raw offset VMA        Size"] {
            lines.line(line);
        }
        for section in pe.sections() {
            lines.line(format_args!(
                "{:4} {:10} {:#010x} {:#010x} {:#010x}",
                section.permissions, section.name, section.raw_offset, section.rva, section.size
            ));
        }
        for line in ["", "Data directories", "Name                 VMA        Size"] {
            lines.line(line);
        }
        for directory in pe.directories() {
            let directory = (directory.name, directory.rva, directory.size);
            lines.line(format_args!("{:20} {:#010x} {:#010x}", directory.0, directory.1, directory.2));
        }
        if let Some(tables) = &self.tables {
            tables.write(&mut lines);
        }
        lines
    }

    fn to_report(&self, pe: &Pe<'_>, source: String) -> report::Executable {
        let headers = pe.headers();
        let numbers = |(major, minor): (u16, u16)| report::Numbers { major, minor };
        let pdbs = self.records.iter().map(|record| report::Pdb {
            guid_age: record.key(),
            name: record.file_name().to_owned(),
            path: record.path().to_owned(),
        });
        let (sections, directories) = (pe.sections(), pe.directories());
        let sections = sections.iter().map(|section| report::Section {
            name: section.name.clone(),
            permissions: section.permissions.clone(),
            raw_offset: section.raw_offset,
            raw_size: section.raw_size,
            rva: section.rva,
            size: section.size,
        });
        let directories = directories.iter().map(|directory| report::Directory {
            name: directory.name.to_owned(),
            rva: directory.rva,
            size: directory.size,
        });
        let (imports, exports, version) = match &self.tables {
            Some(tables) => (tables.imports(), tables.exports(), tables.version()),
            None => Default::default(),
        };
        report::Executable {
            source,
            machine: headers.machine_name.to_owned(),
            machine_number: headers.machine,
            timestamp: headers.timestamp,
            characteristics: headers.characteristics,
            characteristic_names: headers
                .characteristic_names
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            size_of_image: headers.size_of_image,
            image_base: headers.image_base,
            entry: headers.entry,
            is_64: headers.is_64,
            subsystem: headers.subsystem,
            os_version: numbers(headers.os_version),
            image_version: numbers(headers.image_version),
            subsystem_version: numbers(headers.subsystem_version),
            pdbs: pdbs.collect(),
            sections: sections.collect(),
            directories: directories.collect(),
            problems: self.problems.iter().map(ToString::to_string).collect(),
            imports,
            exports,
            version,
        }
    }
}

impl Tables {
    fn write(&self, lines: &mut Lines) {
        for line in ["", "Imports"] {
            lines.line(line);
        }
        for import in &self.imports {
            for function in &import.functions {
                lines.line(format_args!("{}!{function}", import.library));
            }
        }
        for line in ["", "Exports", "Ordinal VMA        Name"] {
            lines.line(line);
        }
        for export in &self.exports {
            let name = export.name.as_deref().unwrap_or("-");
            let forwarded = export.forwarded.as_ref().map(|to| format!(" -> {to}")).unwrap_or_default();
            lines.line(format_args!("{:7} {:#010x} {name}{forwarded}", export.ordinal, export.rva));
        }
        for line in ["", "Version"] {
            lines.line(line);
        }
        if let Some(version) = &self.version {
            for (name, words) in [("file", version.file), ("product", version.product)] {
                if let Some(words) = words {
                    lines.line(format_args!("{name:20} {}", dotted(words)));
                }
            }
            for (key, value) in &version.strings {
                lines.line(format_args!("{key:20} {value}"));
            }
        }
    }

    fn imports(&self) -> Vec<report::Library> {
        let library = |import: &Import| report::Library {
            library: import.library.clone(),
            functions: import.functions.iter().map(ToString::to_string).collect(),
        };
        self.imports.iter().map(library).collect()
    }

    fn exports(&self) -> Vec<report::Export> {
        let export = |export: &Export| report::Export {
            ordinal: export.ordinal,
            name: export.name.clone(),
            rva: export.rva,
            forwarded: export.forwarded.clone(),
        };
        self.exports.iter().map(export).collect()
    }

    fn version(&self) -> Option<report::Version> {
        let version = self.version.as_ref()?;
        let strings = version.strings.iter().map(|(key, value)| (key.to_string(), value.clone()));
        Some(report::Version {
            file: version.file.map(dotted),
            product: version.product.map(dotted),
            strings: strings.collect(),
        })
    }
}

/// The part, or an empty one after reporting its problem.
fn kept<T: Default>(part: Result<T, PeError>, problems: &mut Vec<PeError>) -> T {
    part.unwrap_or_else(|error| {
        problems.push(error);
        T::default()
    })
}

fn dotted(words: [u16; 4]) -> String {
    words.map(|word| word.to_string()).join(".")
}

fn date(timestamp: u32) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.into()))
}
