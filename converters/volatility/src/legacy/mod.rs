//! Reproduces Rekall's own text of a pack, byte for byte: the legacy forms of its descriptors, its choice of symbols,
//! and its mistakes.
//!
//! This path shares nothing with the model, because the correct result and Rekall's result are different questions.
//! The rules are those of Rekall's last version, run with Python 2.7 (docs/volatility-packs.md lists them).

mod dump;
mod python;
mod symbols;
mod text;

use std::io::Write;

use crate::pack::TypeSource;
use crate::vtypes::literal::{Literals, Problem};
use crate::vtypes::tree::{Tree, Value};
use crate::{Error, Pack};
use symbols::Constants;
use text::Printer;

/// Writes the text that Rekall's `convert_profile` makes of a pack, and returns the sink.
///
/// # Errors
/// [`Error::NoLegacyText`] if Rekall's converter itself stops or does not recognise the pack, and any error from
/// reading the pack.
pub fn write_legacy<W: Write>(pack: &Pack, sink: W) -> Result<W, Error> {
    let chosen = pack.choose();
    let symbols = chosen.maps.first().map(|map| (*map, false));
    let symbols = symbols.or(chosen.mac_symbols.first().map(|table| (*table, true)));
    let Some((symbols, is_mac)) = symbols else {
        return Err(no_text("Rekall knows no pack without a System.map or a table of dsymutil"));
    };
    if chosen.types.is_empty() {
        return Err(no_text("the pack holds no types"));
    }
    let kind = |source: &&TypeSource| match source {
        TypeSource::Dump(_) => !is_mac,
        TypeSource::Vtypes(_) => is_mac,
        TypeSource::Module(_) => false,
    };
    // The first in the archive, while our own choice is the last.
    let Some(types) = chosen.types.iter().filter(kind).min_by_key(|source| source.member()) else {
        return Err(no_text(
            "types come from a kernel module, which Rekall's converter reads in another way than dumps",
        ));
    };
    let is_module = |source: &TypeSource| {
        matches!(source, TypeSource::Module(_)) && pack.name_of(source.member()).ends_with(".ko")
    };
    if !is_mac && chosen.types.iter().any(is_module) {
        return Err(no_text("Rekall's converter prefers the pack's kernel module to its dump"));
    }
    let config = match chosen.config {
        Some(member) if !is_mac => python::config(&pack.read(member)?),
        _ => Vec::new(),
    };
    let symbols = pack.read(symbols)?;
    let constants = if is_mac { Constants::of_mac(&symbols) } else { Constants::of_linux(&symbols) };
    let class = if is_mac { constants.mac_class() } else { "Linux" };
    let member = types.member();
    let text = pack.read(member)?;
    let types = match is_mac {
        true => Types::of_vtypes(&text).map_err(|problem| problem.in_member(pack.name_of(member), &text))?,
        false => Types::Dump(dump::read(&text).map_err(|reason| no_text(&reason))?),
    };
    let metadata = [
        ("ProfileClass", Metadata::Text(class)),
        ("Type", Metadata::Text("Profile")),
        ("Version", Metadata::Number(1)),
        ("arch", Metadata::Text(constants.arch(&config))),
    ];

    let mut printer = Printer::new(sink);
    printer.open();
    if !config.is_empty() {
        printer.key(b"$CONFIG");
        printer.open();
        for (option, value) in &config {
            printer.key(option);
            printer.text(value);
        }
        printer.close();
    }
    constants.print(&mut printer).map_err(Error::Write)?;
    printer.key(b"$METADATA");
    printer.open();
    for (key, value) in metadata {
        printer.key(key.as_bytes());
        match value {
            Metadata::Text(text) => printer.text(text.as_bytes()),
            Metadata::Number(number) => printer.number(number),
        }
    }
    printer.close();
    types.print(&text, &mut printer)?;
    printer.close();
    printer.finish().map_err(Error::Write)
}

fn no_text(reason: &str) -> Error {
    Error::NoLegacyText { reason: reason.to_owned() }
}

enum Metadata {
    Text(&'static str),
    Number(i128),
}

/// `$STRUCTS`, in the order in which it is printed.
enum Types {
    /// Names, and the places of their definitions in the text.
    Vtypes(Vec<(Vec<u8>, std::ops::Range<usize>)>),
    Dump(dump::Structs),
}

impl Types {
    /// Every definition in `mac_types`, the last of each name.
    fn of_vtypes(text: &[u8]) -> Result<Self, Problem> {
        let mut found = Vec::new();
        Literals::new(text).read(|item, tree| {
            let key = tree.root().and_then(Value::items).and_then(|mut pair| pair.next()?.text());
            if let (b"mac_types", Some(key)) = (item.variable, key) {
                found.push((key.to_owned(), item.range.clone()));
            }
            Ok::<(), Problem>(())
        })?;
        // The sort is stable, so that of equal names the last stays last.
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.reverse();
        found.dedup_by(|(later, _), (kept, _)| later == kept);
        found.reverse();
        Ok(Types::Vtypes(found))
    }

    fn print<W: Write>(&self, text: &[u8], printer: &mut Printer<W>) -> Result<(), Error> {
        match self {
            Types::Vtypes(found) if found.is_empty() => {}
            Types::Vtypes(found) => {
                printer.key(b"$STRUCTS");
                printer.open();
                let mut tree = Tree::default();
                for (name, range) in found {
                    let definition = text.get(range.clone()).unwrap_or_default();
                    // It has already been read once.
                    if Literals::new(definition).read_value(&mut tree).is_ok()
                        && let Some(value) = tree.root()
                    {
                        printer.key(name);
                        printer.value(value);
                    }
                    printer.flush().map_err(Error::Write)?;
                }
                printer.close();
            }
            Types::Dump(structs) => structs.print(printer).map_err(Error::Write)?,
        }
        Ok(())
    }
}
