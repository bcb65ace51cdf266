//! Writes synthetic memory images into a folder: `CASE.raw` and the other containers, `CASE.json` with the truth, and
//! the kernel's PDB or debug file. With `--table`, one image is laid out by the table of a real kernel.

use std::path::Path;
use std::process::ExitCode;

use memory_images::windows::{Case, Table, Variant, image_of};
use memory_images::{Container, Image, macos};

const USAGE: &str = "usage: synthetic-image FOLDER
       synthetic-image FOLDER --table ISF.json NAME LAB BUILD [isolated] [five-levels] [raw|elf|dmp|bitmap.dmp]...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let written = match arguments[..] {
        [folder] => write_all(Path::new(folder)),
        [folder, "--table", table, name, lab, build, ref more @ ..] => {
            let (Ok(lab), Ok(build)) = (lab.parse(), build.parse()) else {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            };
            let variant = Variant {
                name: name.to_owned(),
                lab,
                build,
                isolated: more.contains(&"isolated"),
                five_levels: more.contains(&"five-levels"),
            };
            write_one(Path::new(folder), Path::new(table), &variant, more)
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synthetic-image: {error}");
            ExitCode::from(2)
        }
    }
}

/// The kinds of files that memory is dumped into, by the names that they end with.
const CONTAINERS: [(&str, Container); 4] = [
    ("raw", Container::Raw),
    ("elf", Container::Elf),
    ("dmp", Container::CrashDump),
    ("bitmap.dmp", Container::CrashBitmap),
];

fn write_one(folder: &Path, table: &Path, variant: &Variant, wanted: &[&str]) -> std::io::Result<()> {
    let table = Table::of_isf(&std::fs::read(table)?);
    let containers: Vec<_> = CONTAINERS.into_iter().filter(|(name, _)| wanted.contains(name)).collect();
    std::fs::create_dir_all(folder)?;
    write(folder, &variant.name, &image_of(&table, variant), &containers)
}

fn write_all(folder: &Path) -> std::io::Result<()> {
    for case in Case::ALL {
        let image = memory_images::windows::image(case);
        let (build, pdb_name, pdb) = case.pdb();
        let symbols = folder.join(build);
        std::fs::create_dir_all(&symbols)?;
        std::fs::write(symbols.join(pdb_name), pdb)?;
        let mut containers = vec![
            ("elf", Container::Elf),
            ("dmp", Container::CrashDump),
            ("bitmap.dmp", Container::CrashBitmap),
        ];
        // A raw file with a hole of 4 GiB is useless.
        if !case.is_high() {
            containers.push(("raw", Container::Raw));
        }
        write(folder, case.name(), &image, &containers)?;
    }
    for case in macos::Case::ALL {
        let (build, debug_file) = case.debug_file();
        std::fs::create_dir_all(folder.join(build))?;
        std::fs::write(folder.join(build).join("kernel.dwarf"), debug_file)?;
        write(
            folder,
            case.name(),
            &macos::image(case),
            &[("raw", Container::Raw), ("core", Container::MachO)],
        )?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, image: &Image, containers: &[(&str, Container)]) -> std::io::Result<()> {
    for (extension, container) in containers {
        std::fs::write(folder.join(format!("{name}.{extension}")), image.write(*container))?;
    }
    let truth = serde_json::to_vec_pretty(&image.truth)?;
    std::fs::write(folder.join(format!("{name}.json")), truth)
}
