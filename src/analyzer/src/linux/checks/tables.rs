use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::LinuxKernel;
use crate::layout::Layout;
use crate::linux::btf::{self, Place, Structs};
use crate::linux::kallsyms::{self, Symbols};
use crate::linux::table::whole as table;
use crate::validate::{Checker, Finding, MOST};

/// The maximum number of differing names that are shown.
const SHOWN: usize = 8;

/// The kernel's own tables: every symbol and every struct of the profile is compared with them.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let info = kernel.vmcoreinfo();
    let symbols = checker.ahead(|| kallsyms::read(kernel, info.as_ref()));
    if let Ok(symbols) = &symbols {
        facts.push(("kallsyms", format!("{} names", symbols.len())));
    }
    checker.check(&table::KALLSYMS, "every symbol where the kernel's table says", || {
        match &symbols {
            Ok(symbols) => compare_symbols(kernel, symbols),
            // Stripping a kernel removes this.
            Err(error) => Finding::Skipped(error.to_string()),
        }
    });
    let blob = checker.ahead(|| own_types(kernel, symbols.as_ref().ok()));
    let structs = blob.as_ref().map_err(String::clone).and_then(|blob| {
        btf::read(blob).ok_or_else(|| "the bytes between its symbols are not BTF".to_owned())
    });
    if let Ok(structs) = &structs {
        facts.push(("BTF", format!("{} structs", structs.len())));
    }
    checker.check(&table::BTF, "every member where the kernel's table says", || match &structs {
        Ok(structs) => compare_structs(kernel.layout, structs),
        Err(reason) => Finding::Skipped(reason.clone()),
    });
    facts
}

/// How many symbols have to agree with the kernel's own table, without exception, to outweigh a record that names
/// another build: no two builds with different sources agree on that many.
const OVERWHELMING: u64 = 10_000;

/// What the tables prove, in words, if that outweighs a record that names another build.
pub(super) fn overwhelming(checker: &Checker<'_>) -> Option<String> {
    let actual = checker.passed(&table::KALLSYMS)?;
    let compared: u64 = actual.split(' ').next()?.parse().ok()?;
    (compared >= OVERWHELMING)
        .then(|| format!("all {compared} symbols are where the kernel's own table has them"))
}

/// What both tables prove together, in words, if every symbol and every member that they share with the profile
/// agrees: then the profile cannot be the reason for other failures.
pub(super) fn decisive(checker: &Checker<'_>) -> Option<String> {
    let symbols = overwhelming(checker)?;
    let members = checker.passed(&table::BTF)?.split(' ').next()?;
    Some(format!("{symbols}, and all {members} members where its table of types has them"))
}

fn compare_symbols(kernel: &LinuxKernel<'_>, symbols: &Symbols) -> Finding {
    let profile = match kernel.layout.complete() {
        Ok(profile) => profile,
        Err(error) => return Finding::Skipped(error.to_string()),
    };
    let (mut compared, mut culprits) = (0u64, Vec::new());
    let text = kernel.layout.symbol("_text").or_else(|| kernel.layout.symbol("_stext")).unwrap_or(u64::MAX);
    // Without CONFIG_KALLSYMS_ALL the table has only code: a variable may have the name of a function in it.
    let code = symbols.first("init_task").is_none().then(|| code(kernel.layout));
    for (name, address) in profile.constants() {
        let there = symbols.addresses(name);
        if there.is_empty() {
            continue;
        }
        if code.as_ref().is_some_and(|code| !code.iter().any(|part| part.contains(&address))) {
            continue;
        }
        compared += 1;
        // Per-CPU and absolute symbols are not addresses: they do not move.
        let moved = if address >= text.min(1 << 47) { address.wrapping_add(kernel.shift) } else { address };
        if !there.contains(&moved) && !there.contains(&address) {
            culprits.push(format!("&{name}"));
        }
    }
    conclude(compared, culprits, "symbols")
}

/// The link addresses of code: permanent code, and initialisation code.
fn code(layout: &Layout) -> [Range<u64>; 2] {
    [("_stext", "_etext"), ("_sinittext", "_einittext")]
        .map(|(start, end)| layout.symbol(start).unwrap_or(0)..layout.symbol(end).unwrap_or(0))
}

fn compare_structs(layout: &Layout, structs: &Structs<'_>) -> Finding {
    let profile = match layout.complete() {
        Ok(profile) => profile,
        Err(error) => return Finding::Skipped(error.to_string()),
    };
    let (mut compared, mut culprits) = (0u64, Vec::new());
    let mut fields: HashMap<&str, Field, RandomState> = HashMap::default();
    for name in structs.names() {
        let Ok(name) = str::from_utf8(name) else { continue };
        fields.clear();
        let add = |member, bit, width| {
            fields.entry(member).or_insert(Field { place: Place { bit, width }, compared_with: None });
        };
        if !profile.each_member(name, add) {
            continue;
        }
        // A kernel may have several structs of one name: the profile has to agree with one of them.
        let all = structs.variants(name.as_bytes()).enumerate();
        let best = all.map(|(number, variant)| compare_struct(name, &mut fields, number, variant));
        if let Some((wrong, looked)) = best.min_by_key(|(wrong, _)| wrong.len()) {
            compared += looked;
            culprits.extend(wrong);
        }
    }
    conclude(compared, culprits, "members")
}

/// A member of the profile.
struct Field {
    place: Place,
    /// The number of the kernel's struct with which it was compared last.
    compared_with: Option<usize>,
}

/// The members of a struct that are at other places in the kernel's `variant` of it, and how many were compared.
fn compare_struct(
    name: &str,
    fields: &mut HashMap<&str, Field, RandomState>,
    number: usize,
    variant: &[(&[u8], Place)],
) -> (Vec<String>, u64) {
    let (mut wrong, mut looked) = (Vec::new(), 0);
    for (member, place) in variant {
        let Ok(member) = str::from_utf8(member) else { continue };
        let Some(field) = fields.get_mut(member) else { continue };
        if field.compared_with.replace(number) == Some(number) {
            continue;
        }
        // A bit-field that profiles cannot represent is kept as bytes, which are less precise.
        if place.width.is_some() && field.place.width.is_none() {
            continue;
        }
        looked += 1;
        let same_width =
            field.place.width.is_none() || place.width.is_none() || field.place.width == place.width;
        if field.place.bit != place.bit || !same_width {
            wrong.push(format!("{name}.{member}"));
        }
    }
    (wrong, looked)
}

fn conclude(compared: u64, mut culprits: Vec<String>, what: &str) -> Finding {
    if compared == 0 {
        return Finding::Skipped(format!("the profile shares no {what} with it"));
    }
    if culprits.is_empty() {
        return Finding::Passed(format!("{compared} {what} compared"));
    }
    culprits.sort();
    let all = culprits.len();
    culprits.truncate(MOST);
    let shown = culprits.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    Finding::Culprits(format!("{all} of {compared} {what} differ: {shown}"), culprits)
}

/// The kernel's BTF, at the place given by its own symbol table or, otherwise, by the profile.
fn own_types(kernel: &LinuxKernel<'_>, symbols: Option<&Symbols>) -> Result<Vec<u8>, String> {
    let place = |name: &str| match symbols.and_then(|symbols| symbols.first(name)) {
        Some(address) => Ok(address),
        None => kernel.symbol(name).map_err(|error| error.to_string()),
    };
    let (start, stop) = (place("__start_BTF")?, place("__stop_BTF")?);
    let length = stop.wrapping_sub(start);
    if length > btf::LONGEST {
        return Err(format!("{length:#x} bytes between its symbols"));
    }
    let mut bytes = vec![0; length as usize];
    crate::Space::read(&kernel.space, start, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
