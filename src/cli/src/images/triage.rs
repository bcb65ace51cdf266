//! Windows triage dumps: they list the modules and the process of a crash, and contain no memory.

use image::{Image, Memory, Triage};

use crate::console::{Lines, Table};
use crate::profiles::verdict::counted;
use crate::report::image::TriageModule;

/// The description of an image without any memory; `None` if it has memory.
pub fn without_memory(image: &Image) -> Option<String> {
    if image.runs().iter().any(|run| run.length > 0) {
        return None;
    }
    let hints = image.hints();
    let instead = match (&hints.crash_dump, &hints.triage) {
        (Some(header), Some(triage)) => format!(
            "; it says build {}{}, stop code {:#x}, {} running, {}, which the command modules lists",
            header.minor_version,
            hints.arch.map(|arch| format!(" for {arch}")).unwrap_or_default(),
            header.bug_check,
            triage.process.as_deref().unwrap_or("a process without a name"),
            counted(triage.modules.len(), "module"),
        ),
        _ => String::new(),
    };
    Some(format!("a {} has no memory to search{instead}", image.container()))
}

/// Its modules, in the order of loading.
pub fn table(triage: &Triage) -> Lines {
    let mut table = Table::new(&["Name", "Base", ">Size", "Linked", "File"]);
    for module in &triage.modules {
        table.row([
            module.name.rsplit('\\').next().unwrap_or_default().to_owned(),
            format!("{:#x}", module.base.0),
            module.size.to_string(),
            format!("{:08X}", module.timestamp),
            module.name.clone(),
        ]);
    }
    table.lines()
}

/// The same for `--json`.
pub fn to_report(triage: &Triage) -> Vec<TriageModule> {
    let modules = triage.modules.iter().map(|module| TriageModule {
        file: module.name.clone(),
        base: module.base.0,
        size: module.size,
        linked: module.timestamp,
    });
    modules.collect()
}
