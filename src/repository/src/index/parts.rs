//! An index whose entries are each made from one profile. It is written entry by entry.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use profile::{Effort, GzipWriter, MAX_TEXT, Progress, SectionWriter, Text};
use serde_json::{Value, json};

use super::ambiguity::Groups;
use super::build::{Built, GENERATOR};
use super::data::Point;
use super::kept::{Kept, entries, printed};
use super::pieces::{Piece, piece};
use super::sources::{Cursor, Source, Sources};
use super::{EXPORTS, INDEX, IndexKind, SOURCES};
use crate::batch::{PROFILE_LIMIT, locked};
use crate::{Error, ProfileName, Storage};

/// How many profiles are read before their entries are written.
const AT_ONCE: usize = 64;
/// How many indistinguishable profiles are listed one by one.
const MOST_TOLD: usize = 20;
const STEP: &str = "Indexing profiles";

/// What all steps of building need.
pub(super) struct Work<'a> {
    pub(super) kind: &'a IndexKind,
    /// The digest of the specification.
    pub(super) digest: &'a str,
    pub(super) sources: Sources<'a>,
    pub(super) storage: &'a dyn Storage,
    pub(super) threads: usize,
    pub(super) progress: &'a dyn Progress,
}

/// Writes the index; `kept` is what stays of the index `old`.
///
/// # Errors
/// Any error from printing and compressing.
pub(super) fn write(work: &Work<'_>, old: Option<&[u8]>, kept: Kept) -> io::Result<Built> {
    let mut writer = SectionWriter::new(GzipWriter::new(Vec::new(), Effort::Default, 1));
    if let IndexKind::Export { names } = work.kind {
        writer.entry(EXPORTS, &json!(names))?;
    }
    writer.open(INDEX);
    let unknown = kept.of.iter().filter(|of| of.is_none()).count();
    work.progress.begin(STEP, Some(unknown as u64));
    let mut index = Index {
        work,
        writer,
        of: kept.of,
        made: VecDeque::new(),
        next: 0,
        told: 0,
        profiles: 0,
        read: 0,
        groups: Groups::default(),
        range: None,
        warnings: Vec::new(),
    };
    if let Some(old) = old {
        index.keep(old)?;
    }
    index.make_those_before(None)?;
    work.progress.end(STEP);
    index.finish()
}

/// An index that is being written.
struct Index<'a> {
    work: &'a Work<'a>,
    writer: SectionWriter<GzipWriter<Vec<u8>>>,
    /// What each profile's entry was made from, by position, for those whose entries are written or kept.
    of: Vec<Option<Option<u64>>>,
    /// Pieces that wait for their turn, with their positions.
    made: VecDeque<(usize, Source, Result<Piece, Error>)>,
    /// The first position whose piece was not made or found to be kept.
    next: usize,
    /// How many pieces were made.
    told: u64,
    /// How many entries are written.
    profiles: usize,
    /// How many profiles were read.
    read: usize,
    /// For an index of data: the profiles by what was found of them, and the places from which to which it was found.
    groups: Groups,
    range: Option<(i64, i64)>,
    warnings: Vec<String>,
}

impl Index<'_> {
    /// Writes the entries of an old index that are kept, and among them those that are made now.
    fn keep(&mut self, old: &[u8]) -> io::Result<()> {
        let mut cursor = Cursor::new(self.work.sources);
        let mut result = Ok(());
        entries(old, &mut |name, value| {
            if result.is_err() {
                return;
            }
            result = self.make_those_before(Some(name)).and_then(|()| match cursor.find(name) {
                Some((position, _)) if self.of.get(position).is_some_and(Option::is_some) => {
                    self.write(position, name, &value)
                }
                _ => Ok(()),
            });
        });
        result
    }

    /// Makes and writes the entries of profiles before this name, or of all that are left.
    fn make_those_before(&mut self, name: Option<&str>) -> io::Result<()> {
        loop {
            if self.made.is_empty() {
                self.make_some();
            }
            let is_before = |source: &Source| name.is_none_or(|name| source.name.as_str() < name);
            if !self.made.front().is_some_and(|(_, source, _)| is_before(source)) {
                return Ok(());
            }
            let Some((position, source, piece)) = self.made.pop_front() else { return Ok(()) };
            match piece {
                Ok(piece) => {
                    self.read += 1;
                    if let Some(entry) = piece.entry {
                        self.write(position, source.name.as_str(), &entry)?;
                    }
                    if let Some(of) = self.of.get_mut(position) {
                        *of = Some(piece.symbols);
                    }
                }
                Err(error) => self.warnings.push(error.to_string()),
            }
        }
    }

    /// Makes the next pieces that are not kept, on many threads.
    fn make_some(&mut self) {
        let mut wanted = Vec::new();
        while wanted.len() < AT_ONCE && self.next < self.of.len() {
            if self.of.get(self.next).is_some_and(Option::is_none)
                && let Some(source) = self.work.sources.get(self.next)
            {
                wanted.push((self.next, source));
            }
            self.next += 1;
        }
        let Work { kind, storage, threads, progress, .. } = self.work;
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = Mutex::new(Vec::with_capacity(wanted.len()));
        thread::scope(|scope| {
            for _ in 0..(*threads).min(wanted.len()) {
                scope.spawn(|| {
                    while let Some((position, source)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let made = text(*storage, &source.name)
                            .map(|text| text.map_or_else(Piece::default, |text| piece(kind, text)));
                        locked(&found).push((*position, source.clone(), made));
                        let done = done.fetch_add(1, Ordering::Relaxed) as u64 + 1;
                        progress.advance(STEP, self.told + done);
                    }
                });
            }
        });
        self.told += wanted.len() as u64;
        let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.sort_by_key(|(position, ..)| *position);
        self.made.extend(found);
    }

    fn write(&mut self, position: usize, name: &str, entry: &Value) -> io::Result<()> {
        self.profiles += 1;
        if let IndexKind::Data { .. } = self.work.kind {
            let points: Vec<Point> =
                entry.as_array().into_iter().flatten().filter_map(Point::from_json).collect();
            for point in &points {
                let end = point.offset.saturating_add(point.length() as i64);
                let (start, known) = self.range.unwrap_or((point.offset, end));
                self.range = Some((start.min(point.offset), known.max(end)));
            }
            self.groups.add(position, points);
        }
        self.writer.entry(name, entry)
    }

    /// Writes the sections that follow the entries.
    fn finish(self) -> io::Result<Built> {
        let Self { work, mut writer, of, profiles, read, groups, range, mut warnings, .. } = self;
        writer.close();
        let class = match work.kind {
            IndexKind::Struct { implementation, .. } => implementation.as_str(),
            _ => "Index",
        };
        let mut metadata = BTreeMap::from([
            ("Generator", json!(GENERATOR)),
            ("Type", json!("Profile")),
            ("ProfileClass", json!(class)),
        ]);
        if let IndexKind::Data { base, .. } = work.kind {
            metadata.extend(base.as_ref().map(|base| ("BaseSymbol", json!(base))));
            metadata.extend(range.map(|(_, end)| ("MaxOffset", json!(end))));
            metadata.extend(range.map(|(start, _)| ("MinOffset", json!(start))));
            warnings.extend(ambiguities(&groups, &of, work.sources));
        }
        writer.open("$METADATA");
        for (key, value) in &metadata {
            writer.entry(key, value)?;
        }
        writer.close();
        writer.open(SOURCES);
        writer.open("profiles");
        for (position, symbols) in of.iter().enumerate() {
            if let Some(symbols) = symbols
                && let Some(source) = work.sources.get(position)
            {
                writer.entry(source.name.as_str(), &json!([source.version(), printed(*symbols)]))?;
            }
        }
        writer.close();
        writer.entry("specification", &json!(work.digest))?;
        writer.close();
        let bytes = writer.finish()?.finish()?;
        Ok(Built { bytes, profiles, read, warnings })
    }
}

/// The text of a profile; `None` if it is missing, or is not a profile with symbols (a symlink, an index).
pub(super) fn text(storage: &dyn Storage, name: &ProfileName) -> Result<Option<Text>, Error> {
    let key = name.key();
    let place = storage.place_of(&key);
    let Some(object) = storage.read(&key, PROFILE_LIMIT)? else { return Ok(None) };
    let damaged = |source| Error::Profile { place: place.clone(), source };
    let text = profile::unpack(&object.bytes, MAX_TEXT).map_err(damaged)?.into_owned();
    let text = Text::new(text).map_err(damaged)?;
    Ok(text.as_str().contains("\"$CONSTANTS\"").then_some(text))
}

fn ambiguities(groups: &Groups, of: &[Option<Option<u64>>], sources: Sources<'_>) -> Vec<String> {
    let found = groups.find(&|position| of.get(position).copied().flatten().flatten());
    let name =
        |position: usize| sources.get(position).map(|source| source.name.to_string()).unwrap_or_default();
    let told = found.iter().take(MOST_TOLD).map(|one| {
        format!(
            "{} cannot be told from {}: every point of the one holds in the other",
            name(one.profile),
            name(one.other)
        )
    });
    let mut lines: Vec<String> = told.collect();
    if found.len() > MOST_TOLD {
        lines.push(format!("{} more profiles cannot be told from another one", found.len() - MOST_TOLD));
    }
    lines
}
