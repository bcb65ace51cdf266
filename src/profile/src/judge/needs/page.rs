//! Prints docs/lookups.md from the table.

use std::fmt::Write;

use super::need::{ALL, Consumer, Cpu, Need};
use super::table;
use crate::System;

/// Where the page is.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lookups.md");

fn page() -> String {
    let mut page = String::from(
        "# What other programs look up in a profile\n\n\
         The test `the_page_of_lookups_is_that_of_the_table` prints this page from the table that `check` uses \
         (`src/profile/src/judge/needs`);\n`UPDATE=1 cargo test -p rekall-profile-model --lib page` writes it again.\n\n\
         **needs**: the program does not work without it. **uses**: some part of it does not, or a version of it. \
         Names that are\njoined by \"or\" are alternatives of different versions of a kernel: one of them is enough.\n\n\
         | program | versions | read from |\n|---|---|---|\n",
    );
    for consumer in ALL {
        let _ = writeln!(page, "| {} | {} | {} |", consumer.name(), consumer.versions(), sources(*consumer));
    }
    for (title, system) in [("Windows", System::Windows), ("Linux", System::Linux), ("macOS", System::Mac)] {
        let _ = write!(page, "\n## {title}\n\n| name |");
        ALL.iter().for_each(|consumer| {
            let _ = write!(page, " {} |", consumer.name());
        });
        page.push_str("\n|---|---|---|---|---|\n");
        for (any_of, cpu, marks) in rows(system) {
            let names: Vec<String> = any_of.split('|').map(shown).collect();
            let _ = write!(page, "| {}{} |", names.join(" or "), on(cpu));
            for mark in marks {
                let _ = write!(page, " {mark} |");
            }
            page.push('\n');
        }
    }
    page
}

/// The part of a program's sources that was read.
fn sources(consumer: Consumer) -> &'static str {
    match consumer {
        Consumer::Rekall => "the profile classes, the autodetection, and the process and module plug-ins",
        Consumer::LibVmi => {
            "`json_profiles/rekall.c`, and the start-up in `os/linux/core.c` and `os/windows/core.c`"
        }
        Consumer::Drakvuf => "`win-offsets-map.h` and `linux-offsets-map.h`",
        Consumer::Volatility3 => "the `linux`, `mac` and `windows` frameworks and plug-ins",
    }
}

/// Each name once, in the order of the table, with its importance for each consumer.
fn rows(system: System) -> Vec<(&'static str, Cpu, [&'static str; 4])> {
    let mut rows: Vec<(&'static str, Cpu, [&'static str; 4])> = Vec::new();
    for Need { any_of, consumers, required, cpu } in table(system) {
        let at = rows.iter().position(|(known, known_cpu, _)| known == any_of && known_cpu == cpu);
        let at = at.unwrap_or_else(|| {
            rows.push((*any_of, *cpu, [""; 4]));
            rows.len() - 1
        });
        for (consumer, mark) in ALL.iter().zip(&mut rows[at].2) {
            if consumers.contains(consumer) {
                *mark = if *required { "needs" } else { "uses" };
            }
        }
    }
    rows
}

/// A name in the notation of the page.
fn shown(name: &str) -> String {
    match name.strip_prefix('&') {
        Some(symbol) => format!("`{symbol}` (symbol)"),
        None if name.contains('.') => format!("`{name}`"),
        None => format!("`{name}` (struct)"),
    }
}

fn on(cpu: Cpu) -> &'static str {
    match cpu {
        Cpu::Any => "",
        Cpu::Wide => ", 64-bit",
        Cpu::X64 => ", x86-64",
        Cpu::X86 => ", x86",
    }
}

#[test]
#[allow(clippy::unwrap_used)]
fn the_page_of_lookups_is_that_of_the_table() {
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, &page).unwrap();
    }
    assert!(std::fs::read_to_string(PATH).unwrap() == page, "docs/lookups.md is not that of the table");
}

#[test]
fn no_need_is_named_twice_for_one_consumer() {
    for system in [System::Windows, System::Linux, System::Mac] {
        let mut seen: Vec<(Consumer, &str)> = Vec::new();
        for need in table(system) {
            for consumer in need.consumers {
                assert!(!seen.contains(&(*consumer, need.any_of)), "{} of {}", need.any_of, consumer.name());
                seen.push((*consumer, need.any_of));
            }
        }
    }
}

/// How many of the names in DRAKVUF's maps the table has: all of them, whatever their alternatives.
#[test]
fn every_name_of_drakvufs_maps_is_known() {
    for (system, names) in [(System::Windows, 116), (System::Linux, 62)] {
        let theirs = table(system).iter().filter(|need| need.consumers.contains(&Consumer::Drakvuf));
        let mut first: Vec<&str> = theirs.flat_map(|need| need.any_of.split('|')).collect();
        first.sort_unstable();
        first.dedup();
        assert!(first.len() >= names, "{}", first.len());
    }
}
