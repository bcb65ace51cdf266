use std::ops::Range;

use super::shared::{listed, printable, short_list, through};
use super::{LinuxKernel, MOST};
use crate::linux::table::modules as table;
use crate::validate::{Checker, Finding};

/// Loaded modules.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let (mut modules, mut partial) = (Vec::new(), false);
    checker.check(&table::MODULES, "a list that closes", || match kernel.module_list() {
        Ok(list) => {
            let disagreeing = list.disagreeing;
            (modules, partial) = (list.entries, list.partial);
            match list.end {
                Ok(()) => {
                    Finding::judge(disagreeing * 10 <= modules.len(), format!("{} modules", modules.len()))
                }
                Err(error) => Finding::of(&error),
            }
        }
        Err(error) => Finding::of(&error),
    });
    if checker.has_just_failed() {
        modules.clear();
    }
    modules.truncate(MOST);
    let name = |module| {
        // The start of the entries follows from it.
        kernel.layout.field("module.list")?;
        view.text_in(module, "module.name")
    };
    checker.each(
        &table::MODULE_NAME,
        "a name",
        &modules,
        |module| {
            let name = view.text_in(module, "module.name")?;
            let word = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
            Ok(word && !name.is_empty() && name.len() < 60)
        },
        name,
    );
    checker.each(
        &table::MODULE_STATE,
        "0 to 3",
        &modules,
        |module| Ok(view.get(module, "module.state")? <= 3),
        name,
    );
    checker.each(
        &table::MODULE_RANGES,
        "whole pages, the module's own struct in one of its ranges",
        &modules,
        |module| {
            let ranges = used(kernel.ranges(module)?);
            let pages = ranges.iter().all(|range| range.start % 4096 == 0 && range.end % 4096 == 0);
            Ok(pages && ranges.iter().any(|range| range.contains(&module)))
        },
        name,
    );
    checker.each(
        &table::MODULE_PARTS,
        "parts of the whole, in order",
        &modules,
        |module| {
            let size = view.get(module, "module.core_layout.size")?;
            let code = view.get(module, "module.core_layout.text_size")?;
            let constant = view.get(module, "module.core_layout.ro_size")?;
            let after = view.get(module, "module.core_layout.ro_after_init_size")?;
            let pages = [size, code, constant, after].iter().all(|part| part % 4096 == 0);
            Ok(pages && 0 < code && code < constant && constant <= after && after < size)
        },
        name,
    );
    checker.each(
        &table::MODULE_OBJECT,
        "an object with the module's name, that leads back",
        &modules,
        |module| {
            let object = view.text_behind(module, "module.mkobj.kobj.name", 64)?;
            Ok(object == view.text_in(module, "module.name")?
                && view.get(module, "module.mkobj.mod")? == module)
        },
        name,
    );
    checker.each(
        &table::MODULE_EXIT,
        "code of the module",
        &modules,
        |module| {
            let exit = view.get(module, "module.exit")?;
            Ok(exit == 0 || kernel.ranges(module)?.iter().any(|range| range.contains(&exit)))
        },
        name,
    );
    checker.each(
        &table::MODULE_USERS,
        "a count that fits the modules which use it",
        &modules,
        |module| {
            let head = view.at(module, "module.source_list")?;
            let Some(users) = short_list(&view, head, "module_use.source_list")? else { return Ok(false) };
            let count = view.get(module, "module.refcnt")?;
            let mut good = true;
            for link in &users {
                let user = view.get(*link, "module_use.source")?;
                good &= view.get(*link, "module_use.target")? == module
                    && listed(modules.contains(&user), partial, user)?;
            }
            // Itself, its users, and the processes that have it open.
            Ok(good && count > users.len() as u64 && count < 1 << 20)
        },
        name,
    );
    checker.each(
        &table::MODULE_USES,
        "modules that are used",
        &modules,
        |module| {
            let head = view.at(module, "module.target_list")?;
            let Some(used) = short_list(&view, head, "module_use.target_list")? else { return Ok(false) };
            let mut good = true;
            for link in &used {
                good &= view.get(*link, "module_use.source")? == module;
            }
            Ok(good)
        },
        name,
    );
    checker.each(
        &table::MODULE_SYMBOLS,
        "the module's symbols",
        &modules,
        |module| {
            let table = view.get(module, "module.kallsyms")?;
            let count = view.get(table, "mod_kallsyms.num_symtab")?;
            let (symbols, names) =
                (view.get(table, "mod_kallsyms.symtab")?, view.get(table, "mod_kallsyms.strtab")?);
            let ranges = kernel.ranges(module)?;
            let here = |pointer: u64| ranges.iter().any(|range| range.contains(&pointer));
            let value = match view.layout.address_size() {
                4 => "elf32_sym.st_value",
                _ => "elf64_sym.st_value",
            };
            // The first symbol of every table is empty, and so is the first name.
            let first = view.get(symbols, value)? == 0 && view.number(names, 1)? == 0;
            Ok((1..1 << 20).contains(&count) && here(symbols) && here(names) && first)
        },
        name,
    );
    checker.each(
        &table::SOURCE_VERSION,
        "a hash, where there is one",
        &modules,
        |module| {
            let text = view.text_behind(module, "module.srcversion", 64)?;
            Ok(text.chars().all(|digit| digit.is_ascii_hexdigit()) && matches!(text.len(), 0 | 23 | 24))
        },
        name,
    );
    checker.each(
        &table::MODULE_ARGUMENTS,
        "a text",
        &modules,
        |module| {
            let text = view.text_behind(module, "module.args", 256)?;
            Ok(view.get(module, "module.args")? != 0 && (text.is_empty() || printable(&text)))
        },
        name,
    );
    checker.each(
        &table::MODULE_HOLDERS,
        "a folder called holders",
        &modules,
        |module| {
            let folder = view.get(module, "module.holders_dir")?;
            Ok(folder != 0
                && view.text(through(&view, module, "module.holders_dir", "kobject.name")?, 16)? == "holders")
        },
        name,
    );
}

/// The ranges in use: the memory for a module's initialisation is freed afterwards.
fn used(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.retain(|range| !range.is_empty());
    ranges
}
