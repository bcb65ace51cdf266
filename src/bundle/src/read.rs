use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use profile::{
    EntryPrinter, MAX_TEXT, MappedFile, Profile, Report, SplitMember, StructChange, UnpackLimits, read_text,
    reverse_labels,
};
use sha2::{Digest, Sha256};

use crate::bytes::{Cursor, Decoded, Malformed};
use crate::container::{Blocks, OpenBundle, SectionEntry};
use crate::keyed::{
    BorrowedStructure, DefinedMember, Definition, ReadKey, Span, Stream, StructureValues, Values,
};
use crate::symbols::{self, Symbols};
use crate::write::SymbolSections;
use crate::{Build, Entry, Error, Source};

/// An open bundle. Opening it reads the directory and the list of builds. Everything else is read, checked and unpacked
/// when a caller asks for it.
pub struct Bundle {
    container: OpenBundle,
    builds: Vec<Build>,
    /// The symbols that were read last, by build. The next build is often stored as differences from one of them.
    recent: Mutex<Vec<(usize, Arc<SymbolSections>)>>,
}

/// How many builds' symbols are kept in memory.
const RECENT: usize = 2;

/// How many builds may lead to one. Of a million builds that were written here, at most 125 do.
const LONGEST_CHAIN: usize = 256;

/// Every definition of a struct, and in which builds it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructHistory {
    /// The struct's name.
    pub name: String,
    /// The distinct definitions.
    pub versions: Vec<Definition>,
    /// All builds, split where the definition changes. [`Span::version`] is a position in `versions`.
    pub spans: Vec<Span>,
}

/// The offset and type of a member in all builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHistory {
    /// All builds, split where the offset or the type changes.
    pub spans: Vec<MemberSpan>,
}

/// Consecutive builds in which a member is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSpan {
    /// Positions in the list of builds.
    pub builds: std::ops::Range<usize>,
    /// The member in these builds.
    pub state: MemberState,
}

/// A member in a build, or why the build does not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// The build has no such struct.
    NoStruct,
    /// The struct has no such member.
    NoMember,
    /// The struct has the member.
    Member {
        /// Its offset in bytes.
        offset: u64,
        /// Its descriptor: JSON, as in the canonical text.
        descriptor: Arc<str>,
    },
}

/// A damaged part that [`Bundle::verify`] found.
#[derive(Debug)]
pub struct Finding {
    /// The part: the name of a build, or a section and the first key of a stream.
    pub part: String,
    /// Why it cannot be read.
    pub error: Error,
}

impl Bundle {
    /// Maps the file at `path` and opens the bundle in it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened, and the errors of [`Bundle::new`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::new(Arc::new(MappedFile::open(path)?))
    }

    /// Opens a bundle.
    ///
    /// # Errors
    /// [`Error::NotABundle`] or [`Error::Version`]; [`Error::Damaged`] or [`Error::TooLarge`] if the directory or the list of
    /// builds cannot be read.
    pub fn new(source: Arc<dyn Source>) -> Result<Self, Error> {
        let container = OpenBundle::open(source)?;
        let part = "list of builds";
        let raw = container.stream(container.builds(), part)?;
        let wrong = |error| damaged(&container, container.builds(), part, error);
        let builds = decode_builds(&raw).map_err(wrong)?;
        container.check_use(builds.iter().map(|build| build.symbols)).map_err(wrong)?;
        Ok(Self { container, builds, recent: Mutex::new(Vec::new()) })
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn container(&self) -> &OpenBundle {
        &self.container
    }

    /// The builds, sorted by system, architecture, file, flavour and version.
    pub fn builds(&self) -> &[Build] {
        &self.builds
    }

    /// The length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.container.length()
    }

    /// The SHA-256 of the packed directory, which identifies the content of the whole file.
    pub fn digest(&self) -> [u8; 32] {
        self.container.digest()
    }

    /// How many bytes of the file hold what `build` does not share with others: its symbols.
    pub fn own_length(&self, build: usize) -> u64 {
        self.builds.get(build).map_or(0, |build| self.container.packed(build.symbols))
    }

    /// The position of the build that `wanted` names, by its name, its version or an identity.
    ///
    /// # Errors
    /// [`Error::NoBuild`] where no build is called so, [`Error::Ambiguous`] where several are and none has exactly this
    /// name.
    pub fn find(&self, wanted: &str) -> Result<usize, Error> {
        if let Some(exact) = self.builds.iter().position(|build| build.name == wanted) {
            return Ok(exact);
        }
        let mut called = self.builds.iter().enumerate().filter(|(_, build)| build.is_called(wanted));
        match (called.next(), called.next()) {
            (Some((position, _)), None) => Ok(position),
            (Some((_, first)), Some((_, second))) => Err(Error::Ambiguous {
                wanted: wanted.to_owned(),
                builds: [first, second].map(|build| build.name.clone()),
            }),
            (None, _) => Err(Error::NoBuild { wanted: wanted.to_owned(), nearest: self.nearest(wanted) }),
        }
    }

    /// The name of the build whose name or version has the longest common prefix with `wanted`.
    fn nearest(&self, wanted: &str) -> Option<String> {
        let common = |name: &str| name.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        let best = self.builds.iter().max_by_key(|build| common(&build.name).max(common(&build.version)));
        best.filter(|build| common(&build.name).max(common(&build.version)) > 0)
            .map(|build| build.name.clone())
    }

    /// The canonical text of a build, byte for byte as it was put in.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a part that the build needs is damaged, or the text does not have the SHA-256 of the text that
    /// was put in; [`Error::TooLarge`] if the text exceeds the limit for unpacking.
    pub fn text(&self, build: usize) -> Result<String, Error> {
        let record = self.record(build)?;
        let allowed = UnpackLimits::current().allowed(self.length()).min(MAX_TEXT as u64);
        if record.text_length > allowed {
            let what = format!("the text of '{}'", record.name);
            return Err(Error::TooLarge { what, size: record.text_length, allowed });
        }
        let part = format!("profile of {}", record.name);
        let wrong =
            |problem: &str| Error::Damaged { part: part.clone(), offset: 0, problem: problem.to_owned() };
        let left = usize::try_from(record.text_length).unwrap_or(usize::MAX);
        let mut printer = EntryPrinter::new(Bounded { bytes: Vec::new(), left });
        self.print(build, record, &mut printer)?;
        let bytes = printer.finish()?.bytes;
        if bytes.len() as u64 != record.text_length || Sha256::digest(&bytes).as_slice() != record.sha256 {
            return Err(wrong("its SHA-256 is not the one it had when it was put in"));
        }
        String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))
    }

    /// The profile of a build.
    ///
    /// # Errors
    /// The errors of [`Bundle::text`].
    pub fn profile(&self, build: usize, report: &mut Report) -> Result<Profile, Error> {
        Ok(read_text(self.text(build)?.as_bytes(), report)?)
    }

    /// The build as an entry for [`write()`](crate::write()), to put it into another bundle.
    ///
    /// # Errors
    /// [`Error::NoBuild`] if there is no such build.
    pub fn entry(&self, build: usize) -> Result<Entry<'_>, Error> {
        Ok(Entry::known(self.record(build)?, move || self.text(build)))
    }

    /// The history of the struct `name`; `None` if no build has it.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the block that holds the struct is damaged.
    pub fn structure(&self, name: &str) -> Result<Option<StructHistory>, Error> {
        let mut found = None;
        self.in_stream_of("$STRUCTS", name, |stream| {
            let (keys, mut values) = structures(stream)?;
            for key in keys {
                if key.name == name {
                    let history = (0..key.versions).map(|_| definition(&mut values));
                    let versions = history.collect::<Decoded<_>>()?;
                    let spans = key.timeline.spans(self.builds.len());
                    found = Some(StructHistory { name: name.to_owned(), versions, spans });
                    break;
                }
                for _ in 0..key.versions {
                    values.next(|_, _, _| Ok(()))?;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The history of a member of `structure`; `None` if no build has the struct.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the block that holds the struct is damaged.
    pub fn member(&self, structure: &str, member: &str) -> Result<Option<MemberHistory>, Error> {
        let mut found = None;
        self.in_stream_of("$STRUCTS", structure, |stream| {
            let (keys, mut values) = structures(stream)?;
            let wanted = values.names.binary_search(&member).ok();
            for key in keys {
                let here = key.name == structure;
                let mut states = Vec::new();
                for _ in 0..key.versions {
                    let mut state = None;
                    values.next(|name, offset, descriptor| {
                        if here && Some(name) == wanted {
                            state = Some((offset, descriptor));
                        }
                        Ok(())
                    })?;
                    if here {
                        states.push(match state {
                            Some((offset, ty)) => {
                                MemberState::Member { offset, descriptor: values.descriptor(ty)?.into() }
                            }
                            None => MemberState::NoMember,
                        });
                    }
                }
                if here {
                    found = Some(member_history(&key.timeline.spans(self.builds.len()), &states));
                    break;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The structs that differ between two builds, sorted by name. Symbols are not compared.
    ///
    /// # Errors
    /// [`Error::NoBuild`] if there is no such build, [`Error::Damaged`] if a block is damaged.
    pub fn changed(&self, old: usize, new: usize) -> Result<Vec<StructChange>, Error> {
        let mut changes = Vec::new();
        self.record(old)?;
        self.record(new)?;
        let Some(section) = self.container.section("$STRUCTS") else { return Ok(changes) };
        for (first, blocks) in &section.streams {
            self.stream(section, first, *blocks, |stream| {
                let (keys, mut values) = structures(stream)?;
                for key in keys {
                    let (before, after) = (key.timeline.at(old), key.timeline.at(new));
                    let mut sides = [None, None];
                    for version in 0..key.versions {
                        let wanted = [before, after].map(|side| side == Some(version));
                        if before == after || wanted == [false, false] {
                            values.next(|_, _, _| Ok(()))?;
                            continue;
                        }
                        let value = split(values.next_borrowed()?);
                        for (side, _) in sides.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted) {
                            *side = Some(value.clone());
                        }
                    }
                    if before != after {
                        let [before, after] = &sides;
                        changes.extend(StructChange::between(key.name, before.as_ref(), after.as_ref()));
                    }
                }
                Ok(())
            })?;
        }
        Ok(changes)
    }

    /// Passes the history of every struct to `each`, sorted by name.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a block is damaged, and any error that `each` returns.
    pub fn structures(&self, mut each: impl FnMut(StructHistory) -> Result<(), Error>) -> Result<(), Error> {
        let Some(section) = self.container.section("$STRUCTS") else { return Ok(()) };
        for (first, blocks) in &section.streams {
            let mut histories = Vec::new();
            self.stream(section, first, *blocks, |stream| {
                let (keys, mut values) = structures(stream)?;
                for key in keys {
                    let versions =
                        (0..key.versions).map(|_| definition(&mut values)).collect::<Decoded<_>>()?;
                    let spans = key.timeline.spans(self.builds.len());
                    histories.push(StructHistory { name: key.name.to_owned(), versions, spans });
                }
                Ok(())
            })?;
            histories.into_iter().try_for_each(&mut each)?;
        }
        Ok(())
    }

    /// The names of the structs of all builds, sorted.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a block is damaged.
    pub fn struct_names(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let Some(section) = self.container.section("$STRUCTS") else { return Ok(names) };
        for (first, blocks) in &section.streams {
            self.stream(section, first, *blocks, |stream| {
                names.extend(stream.keys.iter().map(|key| key.name.to_owned()));
                Ok(())
            })?;
        }
        Ok(names)
    }

    /// Reads and checks every block and every build. Calls `done` with the name of each build after its check, and returns
    /// the damaged parts.
    pub fn verify(&self, mut done: impl FnMut(&str)) -> Vec<Finding> {
        let mut findings = Vec::new();
        for section in self.container.sections() {
            for (first, blocks) in &section.streams {
                let read = self.stream(section, first, *blocks, read_values);
                findings.extend(
                    read.err()
                        .map(|error| Finding { part: format!("{} from '{first}' on", section.name), error }),
                );
            }
        }
        for (position, build) in self.builds.iter().enumerate() {
            let read = self.text(position);
            findings.extend(read.err().map(|error| Finding { part: build.name.clone(), error }));
            done(&build.name);
        }
        findings
    }

    fn record(&self, build: usize) -> Result<&Build, Error> {
        let missing = || Error::NoBuild { wanted: format!("number {build}"), nearest: None };
        self.builds.get(build).ok_or_else(missing)
    }

    /// Prints the sections of a build, sorted by name as in the canonical text.
    fn print(&self, build: usize, record: &Build, printer: &mut EntryPrinter<Bounded>) -> Result<(), Error> {
        let symbols = self.symbols(build)?;
        let keyed: BTreeMap<&str, &SectionEntry> =
            self.container.sections().iter().map(|section| (&*section.name, section)).collect();
        let values: BTreeMap<&str, &str> =
            record.values.iter().map(|(name, text)| (&**name, &**text)).collect();
        let mut sections: BTreeSet<&str> = keyed.keys().copied().collect();
        sections.extend(values.keys());
        sections.extend(symbols.keys().map(String::as_str));
        let mut labels = HashMap::new();
        for name in sections {
            if let Some(text) = values.get(name) {
                printer.value(name, text)?;
            } else if let Some(symbols) = symbols.get(name) {
                printer.section(name)?;
                let mut sorted: Vec<(&str, u64)> =
                    symbols.iter().map(|(address, name)| (&**name, *address)).collect();
                sorted.sort_unstable();
                sorted.iter().try_for_each(|(name, address)| printer.symbol(name, *address))?;
            } else if let Some(section) = keyed.get(name) {
                self.print_keyed(build, section, &mut labels, printer)?;
            }
        }
        Ok(())
    }

    /// Prints the entries of one build from a section that all builds share. `labels` collects the entries of `$ENUMS`, from
    /// which those of `$REVENUMS` are made.
    fn print_keyed(
        &self,
        build: usize,
        section: &SectionEntry,
        labels: &mut HashMap<String, String>,
        printer: &mut EntryPrinter<Bounded>,
    ) -> Result<(), Error> {
        let mut begun = false;
        for (first, blocks) in &section.streams {
            let mut failed = Ok(());
            self.stream(section, first, *blocks, |stream| {
                let mut values = stream.values;
                for key in &stream.keys {
                    let wanted = key.timeline.at(build);
                    for version in 0..key.versions {
                        let chosen = wanted == Some(version);
                        if chosen && !begun {
                            failed = printer.section(&section.name);
                            begun = true;
                        }
                        let printed = match &mut values {
                            Values::Texts(values) => {
                                let text = values.next()?;
                                if chosen {
                                    print_text(section, key.name, text, labels, printer)
                                } else {
                                    Ok(())
                                }
                            }
                            Values::Structures(values) if chosen => {
                                let (size, mut members) = values.next_borrowed()?;
                                members.sort_unstable_by_key(|(name, ..)| *name);
                                printer.structure(key.name, size, members.into_iter())
                            }
                            Values::Structures(values) => values.next(|_, _, _| Ok(())).map(|_| Ok(()))?,
                        };
                        if failed.is_ok() {
                            failed = printed;
                        }
                        if failed.is_err() {
                            return Ok(());
                        }
                    }
                }
                Ok(())
            })?;
            failed?;
        }
        Ok(())
    }

    /// The symbols of a build. The chain of its parents is followed back to a build that is in memory or stored in full,
    /// and decoded from there.
    fn symbols(&self, build: usize) -> Result<Arc<SymbolSections>, Error> {
        let mut chain = Vec::new();
        let mut known: Option<Arc<SymbolSections>> = None;
        let mut next = Some(build);
        while let Some(build) = next {
            if let Some((_, symbols)) = self.recent().iter().find(|(known, _)| *known == build) {
                known = Some(Arc::clone(symbols));
                break;
            }
            if chain.len() >= LONGEST_CHAIN {
                let problem = format!("more than {LONGEST_CHAIN} builds lead to it");
                let part = format!("symbols of {}", self.record(build)?.name);
                return Err(Error::Damaged { part, offset: 0, problem });
            }
            chain.push(build);
            next = self.record(build)?.parent;
        }
        for build in chain.into_iter().rev() {
            let record = self.record(build)?;
            let part = format!("symbols of {}", record.name);
            let raw = self.container.stream(record.symbols, &part)?;
            let decoded = decode_symbols(&raw, known.as_deref())
                .map_err(|error| damaged(&self.container, record.symbols, &part, error))?;
            let symbols = Arc::new(decoded);
            let mut recent = self.recent();
            // The oldest list makes room.
            if recent.len() >= RECENT {
                recent.remove(0);
            }
            recent.push((build, Arc::clone(&symbols)));
            known = Some(symbols);
        }
        Ok(known.unwrap_or_default())
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Arc<SymbolSections>)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stream that holds `key`, if the section has one: the last whose first key is not greater.
    fn in_stream_of(
        &self,
        section: &str,
        key: &str,
        read: impl FnOnce(Stream<'_>) -> Decoded<()>,
    ) -> Result<(), Error> {
        let Some(section) = self.container.section(section) else { return Ok(()) };
        let behind = section.streams.partition_point(|(first, _)| **first <= *key);
        let stream = behind.checked_sub(1).and_then(|at| section.streams.get(at));
        stream.map_or(Ok(()), |(first, blocks)| self.stream(section, first, *blocks, read))
    }

    fn stream(
        &self,
        section: &SectionEntry,
        first: &str,
        blocks: Blocks,
        read: impl FnOnce(Stream<'_>) -> Decoded<()>,
    ) -> Result<(), Error> {
        let part = format!("{} from '{first}' on", section.name);
        let raw = self.container.stream(blocks, &part)?;
        let behind = section.streams.partition_point(|(other, _)| **other <= *first);
        let next = section.streams.get(behind).map(|(next, _)| &**next);
        let stream = Stream::read(&raw, section.kind, self.builds.len());
        let stream = stream.and_then(|stream| stream.within(first, next));
        stream.and_then(read).map_err(|error| damaged(&self.container, blocks, &part, error))
    }
}

fn damaged(container: &OpenBundle, blocks: Blocks, part: &str, Malformed(problem): Malformed) -> Error {
    Error::Damaged { part: part.to_owned(), offset: container.offset(blocks), problem: problem.to_owned() }
}

fn decode_builds(raw: &[u8]) -> Decoded<Vec<Build>> {
    let mut cursor = Cursor::new(raw);
    let count = cursor.count(raw.len())?;
    let mut builds = Vec::new();
    for position in 0..count {
        builds.push(Build::decode(&mut cursor, position)?);
    }
    cursor.end()?;
    let names: BTreeSet<&str> = builds.iter().map(|build| &*build.name).collect();
    if names.len() != builds.len() {
        return Err(Malformed("two builds have one name"));
    }
    Ok(builds)
}

fn decode_symbols(raw: &[u8], parent: Option<&SymbolSections>) -> Decoded<SymbolSections> {
    let mut cursor = Cursor::new(raw);
    let empty = Symbols::new();
    let mut sections = SymbolSections::new();
    for _ in 0..cursor.count(raw.len())? {
        let section = cursor.text()?.to_owned();
        let of_parent = parent.and_then(|parent| parent.get(&section)).unwrap_or(&empty);
        let symbols = symbols::decode(&mut cursor, of_parent)?;
        if sections.insert(section, symbols).is_some() {
            return Err(Malformed("a section of symbols comes twice"));
        }
    }
    cursor.end()?;
    Ok(sections)
}

type Structures<'a> = (Vec<ReadKey<'a>>, StructureValues<'a>);

fn structures(stream: Stream<'_>) -> Decoded<Structures<'_>> {
    match stream.values {
        Values::Structures(values) => Ok((stream.keys, values)),
        Values::Texts(_) => Err(Malformed("structs are stored as texts")),
    }
}

fn definition(values: &mut StructureValues<'_>) -> Decoded<Definition> {
    let (size, members) = values.next_borrowed()?;
    let members = members.into_iter().map(|(name, offset, descriptor)| DefinedMember {
        name: name.into(),
        offset,
        descriptor: descriptor.into(),
    });
    Ok(Definition { size, members: members.collect() })
}

/// Turns a definition into the form that [`StructChange::between`] compares.
fn split((size, members): BorrowedStructure<'_>) -> (u64, Vec<SplitMember<'_>>) {
    let members = members.into_iter().map(|(name, offset, descriptor)| SplitMember {
        name: name.into(),
        offset,
        descriptor,
    });
    (size, members.collect())
}

/// Reads every value, to find damage.
fn read_values(stream: Stream<'_>) -> Decoded<()> {
    let mut values = stream.values;
    for key in &stream.keys {
        for _ in 0..key.versions {
            match &mut values {
                Values::Texts(values) => values.next().map(drop)?,
                Values::Structures(values) => values.next_borrowed().map(drop)?,
            }
        }
    }
    Ok(())
}

/// Joins the spans of a struct's definitions in which the member is the same. `states` has the member of each definition.
fn member_history(spans: &[Span], states: &[MemberState]) -> MemberHistory {
    let mut joined: Vec<MemberSpan> = Vec::new();
    for span in spans {
        let state = span.version.and_then(|version| states.get(version));
        let state = state.cloned().unwrap_or(MemberState::NoStruct);
        match joined.last_mut() {
            Some(last) if last.state == state => last.builds.end = span.builds.end,
            _ => joined.push(MemberSpan { builds: span.builds.clone(), state }),
        }
    }
    MemberHistory { spans: joined }
}

/// Prints an entry whose value is a text. An empty text is stored in `$REVENUMS` for the reverse of the entry of the same
/// key in `$ENUMS`.
fn print_text(
    section: &SectionEntry,
    key: &str,
    text: &str,
    labels: &mut HashMap<String, String>,
    printer: &mut EntryPrinter<Bounded>,
) -> io::Result<()> {
    if section.name == "$ENUMS" {
        labels.insert(key.to_owned(), text.to_owned());
    }
    if !text.is_empty() {
        return printer.entry(key, text);
    }
    let reversed = labels.get(key).and_then(|labels| reverse_labels(labels));
    printer.entry(key, &reversed.unwrap_or_default())
}

/// Collects a text of a known length. Writing more is an error, so a damaged bundle cannot fill memory.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "a profile in the bundle is longer than the bundle says",
            )
        })?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
