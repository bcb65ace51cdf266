use analyzer::Guest;
use analyzer::linux::{Blob, LinuxKernel, ModuleTables};
use image::{Image, ScanPlan};
use kernel_converter::map_symbol;
use maps::MapSymbol;
use profile::{MergeError, Profile, Report, Resolution, Text, merge, write_text};

use super::{MadeOfImage, pack};
use crate::ProfileName;

/// A profile of a kernel with the types and symbols of its loaded modules. It is valid for one boot, since modules
/// are loaded elsewhere after the next.
pub struct WithModules {
    /// Its name: that of the kernel's profile followed by `-modules`.
    pub name: ProfileName,
    /// Its canonical text, compressed.
    pub packed: Vec<u8>,
    /// The modules in it, the last loaded first.
    pub modules: Vec<String>,
    /// How many of them have types of their own in it.
    pub typed: usize,
    /// What could not be added, in words.
    pub problems: Vec<String>,
}

/// The name of the kernel's profile during merging; no module has this name.
const KERNEL: &str = "(kernel)";

/// Adds the data of the loaded modules to the profile of their kernel. If a module and the kernel share a name, the
/// kernel's definition is kept.
pub(super) fn add(image: &Image, made: &MadeOfImage, blob: &Blob, plan: &ScanPlan<'_>) -> WithModules {
    let mut with = WithModules {
        name: format!("{}-modules", made.name).parse().unwrap_or_else(|_| made.name.clone()),
        packed: made.packed.clone(),
        modules: Vec::new(),
        typed: 0,
        problems: Vec::new(),
    };
    if let Err(problem) = with.fill(image, made, blob, plan) {
        with.problems.push(problem);
    }
    with
}

impl WithModules {
    fn fill(
        &mut self,
        image: &Image,
        made: &MadeOfImage,
        blob: &Blob,
        plan: &ScanPlan<'_>,
    ) -> Result<(), String> {
        let guest = Guest::find(image, &made.layout, plan).map_err(|error| error.to_string())?;
        let Guest::Linux(kernel) = guest else { return Ok(()) };
        let kernel_profile = made.layout.whole().map_err(|error| error.to_string())?;
        let mut parts: Vec<(String, Option<Profile>)> = Vec::new();
        for (name, tables) in kernel.module_tables().map_err(|error| error.to_string())? {
            let has_types = tables.as_ref().is_ok_and(|tables| tables.types.is_some());
            let part = tables
                .map_err(|error| error.to_string())
                .and_then(|tables| of_module(&kernel, &tables, blob, plan));
            match part {
                Ok((part, problem)) => {
                    self.typed += usize::from(has_types && problem.is_none());
                    self.problems.extend(problem.map(|problem| format!("module {name}: {problem}")));
                    parts.push((name, Some(part)));
                }
                Err(problem) => self.problems.push(format!("module {name}: {problem}")),
            }
        }
        self.modules = parts.iter().map(|(name, _)| name.clone()).collect();
        let mut whole = Profile::new(kernel_profile.system, kernel_profile.arch);
        whole.metadata.clone_from(&kernel_profile.metadata);
        whole.set_metadata("Modules", self.modules.join(" "));
        // The profile that is merged last takes precedence.
        whole.merge = self.modules.iter().cloned().chain([KERNEL.to_owned()]).collect();
        let mut kernel_profile = Some(kernel_profile.into_owned());
        let mut load = |name: &str| -> Result<Profile, String> {
            let part = match name {
                KERNEL => kernel_profile.take(),
                name => parts.iter_mut().find(|(known, _)| known == name).and_then(|(_, part)| part.take()),
            };
            // A list that was tampered with can contain a name twice.
            part.ok_or_else(|| "it is listed twice".to_owned())
        };
        let mut merged = merge(whole, &mut load).map_err(|error: MergeError<String>| error.to_string())?;
        self.packed = pack(&text(&mut merged)?, plan).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// The profile of a module: its symbols, and its types if it has any. If the types cannot be read, only the symbols
/// and the reason.
fn of_module(
    kernel: &LinuxKernel<'_>,
    tables: &ModuleTables,
    blob: &Blob,
    plan: &ScanPlan<'_>,
) -> Result<(Profile, Option<String>), String> {
    let symbols: Vec<MapSymbol<'_>> = tables
        .symbols
        .iter()
        .map(|symbol| {
            let symbol = map_symbol(symbol);
            // Stored like the kernel's own symbols: readers add the shift.
            MapSymbol { address: symbol.address.wrapping_sub(kernel.shift), ..symbol }
        })
        .collect();
    let arch = kernel.layout.arch();
    let converted = tables.types.as_ref().map(|types| {
        let options = btf_converter::Options {
            symbols: Some(&symbols),
            base: tables.base_types.is_none().then_some(blob.bytes.as_slice()),
            arch: Some(arch),
            ..btf_converter::Options::default()
        };
        btf_converter::convert(types, &options, plan.progress)
    });
    let symbols_alone = || {
        let mut profile = Profile::new(profile::System::Linux, arch);
        maps::add_symbols(&mut profile, symbols.iter().copied(), 1, &mut Report::default());
        profile
    };
    let (mut profile, problem) = match converted {
        Some(Ok(converted)) => (converted.profile, None),
        Some(Err(error)) => (symbols_alone(), Some(error.to_string())),
        None => (symbols_alone(), None),
    };
    // Names are settled within each profile before profiles are merged.
    let settled = Text::new(text(&mut profile)?).map_err(|error| error.to_string())?;
    let settled = settled.profile(&mut Report::default()).map_err(|error| error.to_string())?;
    Ok((settled, problem))
}

fn text(profile: &mut Profile) -> Result<Vec<u8>, String> {
    let resolution = Resolution::new(profile, &mut Report::default());
    write_text(profile, &resolution, Vec::new()).map_err(|error| error.to_string())
}
