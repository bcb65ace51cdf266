use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use profile::{EntryPrinter, Progress, Section, reverse_labels, split_structure, split_text};
use sha2::{Digest, Sha256};

use crate::build::check_name;
use crate::bytes::{Malformed, push_bytes, push_number};
use crate::container::{BlockWriter, SectionEntry, SectionKind};
use crate::keyed::Collected;
use crate::symbols::{self, Symbols};
use crate::{Build, Error, series};

/// One profile to be put into a bundle.
pub struct Entry<'a> {
    name: String,
    known: Option<Build>,
    load: Box<dyn Fn() -> Result<String, Error> + 'a>,
}

impl<'a> Entry<'a> {
    /// A profile with this name. `load` returns its canonical text. It is called once or twice, so that the texts do not
    /// all have to be in memory at once.
    pub fn new(name: impl Into<String>, load: impl Fn() -> Result<String, Error> + 'a) -> Self {
        Self { name: name.into(), known: None, load: Box::new(load) }
    }

    /// A build of another bundle, whose record is known without reading its text.
    pub(crate) fn known(build: &Build, load: impl Fn() -> Result<String, Error> + 'a) -> Self {
        Self { name: build.name.clone(), known: Some(build.clone()), load: Box::new(load) }
    }

    /// The name of the build.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The size of a bundle that [`write()`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The number of builds.
    pub builds: usize,
    /// The length of the bundle in bytes.
    pub length: u64,
}

/// Of every series, every build at a multiple of this many positions is stored as changes of the one that many
/// positions before, every build at a multiple of the square of it likewise, and so on; the others are stored as changes
/// of the one before. So few builds lead to any one.
const CHAIN: usize = 32;

/// How many powers of [`CHAIN`], its zeroth included, are distinguished.
const LEVELS: usize = 4;

/// What [`write`] calls its work to the observer.
const STEP: &str = "Packing builds";

/// How many bytes of texts are kept in memory between the two passes. Further texts are loaded again.
const KEPT: usize = 256 << 20;

/// Writes a bundle of `entries` to `sink`, and returns the sink. The bytes depend only on the set of names and texts. A
/// profile that comes twice under one name is stored once. `progress` counts the builds.
///
/// # Errors
/// [`Error::SameName`] if two different profiles have the same name, [`Error::Name`] for a name that is not a relative
/// path, [`Error::NotCanonical`] for a text that a reader could not restore byte for byte, any error that an entry's
/// `load` returns, and any error from writing.
pub fn write<W: Write>(
    entries: Vec<Entry<'_>>,
    sink: W,
    progress: &dyn Progress,
) -> Result<(W, Written), Error> {
    let mut waiting = identify(entries)?;
    waiting.sort_by(|a, b| series::compare(&a.build, &b.build));
    progress.begin(STEP, Some(waiting.len() as u64));
    let mut writer = Writer::new(sink, waiting.len())?;
    for Waiting { entry, mut build, text } in waiting {
        let text = match text {
            Some(text) => text,
            None => (entry.load)()?,
        };
        if Sha256::digest(text.as_bytes()).as_slice() != build.sha256 {
            let problem = "it changed while it was read".to_owned();
            return Err(Error::NotCanonical { name: build.name, problem });
        }
        drop(entry);
        writer.add(&mut build, &text)?;
        writer.builds.push(build);
        progress.advance(STEP, writer.builds.len() as u64);
    }
    progress.end(STEP);
    writer.finish()
}

/// An entry with its record, and its text if that is still in memory.
struct Waiting<'a> {
    entry: Entry<'a>,
    build: Build,
    text: Option<String>,
}

/// Makes the record of each entry. An entry that repeats an earlier one is dropped.
fn identify(entries: Vec<Entry<'_>>) -> Result<Vec<Waiting<'_>>, Error> {
    let mut waiting: Vec<Waiting<'_>> = Vec::new();
    let mut names: HashMap<String, [u8; 32]> = HashMap::new();
    let mut kept = 0;
    for entry in entries {
        check_name(&entry.name)?;
        let (build, text) = match &entry.known {
            Some(build) => (build.clone(), None),
            None => {
                let text = (entry.load)()?;
                let build = identified(&entry.name, &text)?;
                kept += text.len();
                (build, (kept <= KEPT).then_some(text))
            }
        };
        match names.insert(entry.name.clone(), build.sha256) {
            None => waiting.push(Waiting { entry, build, text }),
            Some(sha256) if sha256 == build.sha256 => {}
            Some(_) => return Err(Error::SameName { name: entry.name }),
        }
    }
    Ok(waiting)
}

/// Makes the record of a build from its canonical text.
fn identified(name: &str, text: &str) -> Result<Build, Error> {
    let refuse = |problem: &str| Error::NotCanonical { name: name.to_owned(), problem: problem.to_owned() };
    let sections = split_text(text)?;
    let mut values = Vec::new();
    for section in &sections {
        if matches!(place(section), Place::Value) {
            values.push((section.name.to_string(), section.text.to_owned()));
        }
    }
    let sha256 = Sha256::digest(text.as_bytes()).into();
    Build::new(name.to_owned(), sha256, text.len() as u64, values).map_err(refuse)
}

/// How a section is stored.
enum Place<'s, 'a> {
    /// Whole, in the record of the build.
    Value,
    /// As symbols, which are stored as differences from another build.
    Symbols(&'s [(Cow<'a, str>, &'a str)]),
    /// By key, together with the entries of all builds.
    Keyed(SectionKind, &'s [(Cow<'a, str>, &'a str)]),
}

/// Decides how a section is stored.
fn place<'s, 'a>(section: &'s Section<'a>) -> Place<'s, 'a> {
    match (&*section.name, &section.entries) {
        ("$METADATA", _) | (_, None) => Place::Value,
        ("$CONSTANTS" | "$FUNCTIONS", Some(entries)) => Place::Symbols(entries),
        ("$STRUCTS", Some(entries)) => Place::Keyed(SectionKind::Structures, entries),
        (_, Some(entries)) => Place::Keyed(SectionKind::Texts, entries),
    }
}

/// The symbols of a build, by section.
pub(crate) type SymbolSections = BTreeMap<String, Symbols>;

struct Writer<W: Write> {
    blocks: BlockWriter<W>,
    builds: Vec<Build>,
    sections: BTreeMap<String, Collected>,
    /// The names of symbols, which the builds of a series share in memory.
    names: HashMap<Arc<str>, ()>,
    /// The position in its series of the build before.
    position: usize,
    /// For each power of [`CHAIN`], the last build of the series at a multiple of it, with its symbols.
    heads: [Option<(usize, Arc<SymbolSections>)>; LEVELS],
    count: usize,
}

impl<W: Write> Writer<W> {
    fn new(sink: W, count: usize) -> io::Result<Self> {
        let (names, builds) = (HashMap::new(), Vec::with_capacity(count));
        let blocks = BlockWriter::new(sink)?;
        Ok(Self {
            blocks,
            builds,
            sections: BTreeMap::new(),
            names,
            position: 0,
            heads: Default::default(),
            count,
        })
    }

    /// Adds the next build. Its text is printed again from its entries and compared, so that what a reader restores is known
    /// to be the same.
    fn add(&mut self, build: &mut Build, text: &str) -> Result<(), Error> {
        let number = self.builds.len();
        let refuse = |name: &str, problem: String| Error::NotCanonical { name: name.to_owned(), problem };
        let sections = split_text(text)?;
        let mut of_build = SymbolSections::new();
        let mut again = EntryPrinter::new(Vec::with_capacity(text.len()));
        for section in &sections {
            let name = &*section.name;
            let odd =
                |key: &str| refuse(&build.name, format!("the entry '{key}' of {name} has another form"));
            match place(section) {
                Place::Value => again.value(name, section.text)?,
                Place::Symbols(entries) => {
                    again.section(name)?;
                    let mut symbols = Symbols::with_capacity(entries.len());
                    for (key, value) in entries {
                        let address: u64 = value.parse().map_err(|_| odd(key))?;
                        again.symbol(key, address)?;
                        symbols.push((address, self.name(key)));
                    }
                    symbols.sort_unstable();
                    of_build.insert(name.to_owned(), symbols);
                }
                Place::Keyed(kind, entries) => {
                    again.section(name)?;
                    let labels = if name == "$REVENUMS" { labels(&sections) } else { HashMap::new() };
                    let collected =
                        self.sections.entry(name.to_owned()).or_insert_with(|| Collected::new(kind));
                    for (key, value) in entries {
                        if kind == SectionKind::Texts {
                            again.entry(key, value)?;
                            // An entry that follows from the one in `$ENUMS` is not stored again.
                            let reversed = labels.get(&**key).and_then(|labels| reverse_labels(labels));
                            let value = if reversed.as_deref() == Some(*value) { "" } else { *value };
                            collected.add_text(number, key, value);
                        } else {
                            let (size, mut members) = split_structure(value).ok_or_else(|| odd(key))?;
                            let each = members.iter().map(|one| (&*one.name, one.offset, one.descriptor));
                            again.structure(key, size, each)?;
                            collected.add_structure(number, key, size, &mut members);
                        }
                    }
                }
            }
        }
        if again.finish()? != text.as_bytes() {
            let problem = "printed again from its entries, the text is different".to_owned();
            return Err(refuse(&build.name, problem));
        }
        self.sections.values_mut().for_each(|section| section.end_build(number));
        self.add_symbols(build, of_build)
    }

    /// Stores the symbols of the next build as differences from its parent.
    fn add_symbols(&mut self, build: &mut Build, of_build: SymbolSections) -> Result<(), Error> {
        let number = self.builds.len();
        let goes_on = self.builds.last().is_some_and(|last| series::series(last) == series::series(build));
        self.position = if goes_on { self.position + 1 } else { 0 };
        if self.position == 0 {
            self.heads = Default::default();
        }
        let level = level(self.position);
        let parent = self.heads.get(level).and_then(Option::as_ref);
        let empty = Symbols::new();
        let mut raw = Vec::new();
        push_number(&mut raw, of_build.len() as u64);
        for (section, symbols) in &of_build {
            push_bytes(&mut raw, section.as_bytes());
            symbols::encode(
                symbols,
                parent.and_then(|(_, of_parent)| of_parent.get(section)).unwrap_or(&empty),
                &mut raw,
            );
        }
        build.parent = parent.map(|(parent, _)| *parent);
        build.symbols = self.blocks.stream(&raw)?;
        let of_build = Arc::new(of_build);
        for head in self.heads.iter_mut().take(level + 1) {
            *head = Some((number, Arc::clone(&of_build)));
        }
        if self.position == 0 {
            // Series share few names, so the memory is released.
            self.names.clear();
        }
        Ok(())
    }

    /// The shared allocation of a symbol's name.
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some((name, ())) = self.names.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), ());
        name
    }

    /// Writes the shared sections, the list of builds and the directory.
    fn finish(mut self) -> Result<(W, Written), Error> {
        let mut entries = Vec::new();
        for (name, section) in std::mem::take(&mut self.sections) {
            let kind = section.kind();
            let raw = section.streams().map_err(|Malformed(problem)| io::Error::other(problem))?;
            let mut streams = Vec::new();
            for (first, raw) in raw {
                streams.push((first, self.blocks.stream(&raw)?));
            }
            if !streams.is_empty() {
                entries.push(SectionEntry { name, kind, streams });
            }
        }
        let mut raw = Vec::new();
        push_number(&mut raw, self.builds.len() as u64);
        self.builds.iter().for_each(|build| build.encode(&mut raw));
        let list = self.blocks.stream(&raw)?;
        let (sink, length) = self.blocks.finish(list, entries)?;
        Ok((sink, Written { builds: self.count, length }))
    }
}

/// The greatest power of [`CHAIN`] that divides a position in a series.
fn level(position: usize) -> usize {
    let (mut level, mut step) = (0, CHAIN);
    while level + 1 < LEVELS && position.is_multiple_of(step) {
        (level, step) = (level + 1, step.saturating_mul(CHAIN));
    }
    level
}

/// The entries of `$ENUMS` by their keys.
fn labels<'s>(sections: &'s [Section<'_>]) -> HashMap<&'s str, &'s str> {
    let section = sections.iter().find(|section| section.name == "$ENUMS");
    let entries = section.and_then(|section| section.entries.as_ref()).into_iter().flatten();
    entries.map(|(key, value)| (&**key, *value)).collect()
}
