//! Writes synthetic memory images into a folder: `CASE.raw` and the other containers, `CASE.json` with the truth, and
//! the kernel's PDB or debug file.

use std::path::Path;
use std::process::ExitCode;

use memory_images::{Container, Image, macos, windows::Case};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: synthetic-image FOLDER");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synthetic-image: {error}");
            ExitCode::from(2)
        }
    }
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
        // A raw file with a hole of 4 GiB is no use to anybody.
        if case != Case::Win7X86PaeHigh {
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
