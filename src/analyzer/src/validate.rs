//! Proof: checks that can fail, the entries they depend on, and the resulting verdict.

use std::collections::{BTreeMap, BTreeSet};

use profile::GuidAge;

use crate::Error;
use crate::blank::Watched;
use crate::layout::{Field, FieldKind, Layout};
use crate::table::{CheckRow, Group, Weight};

/// The result of comparing a profile with an image.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, in one sentence.
    pub reason: String,
    /// The likely causes of a mismatch: the fewest members (`STRUCT.MEMBER`) and symbols (`&SYMBOL`) on which all
    /// failed checks depend; those in the fewest passed checks come first.
    pub suspects: Vec<String>,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// The findings in the image, each with its name.
    pub facts: Vec<(&'static str, String)>,
}

/// Whether the profile is that of the kernel in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Match,
    /// It is not.
    Mismatch,
    /// The image does not contain enough to decide.
    Inconclusive,
}

impl Verdict {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The extent of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything except the kernel's own tables: enough to choose between profiles.
    Quick,
    /// Everything.
    Whole,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    /// The kind of proof.
    pub group: Group,
    /// The subject of the check.
    pub name: String,
    /// Its weight.
    pub weight: Weight,
    /// The expected value for this profile.
    pub expected: String,
    /// The value in the image; for a skipped check, the reason.
    pub actual: String,
    /// Its result.
    pub outcome: CheckOutcome,
    /// The members and symbols on which it depends.
    pub items: Vec<String>,
    /// Its row in the table.
    pub(crate) row: &'static CheckRow,
}

/// The difference between two records with a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// They are the same.
    None,
    /// They differ in one byte: damage or tampering, since builds differ in much more.
    OneByte,
    /// They name different builds.
    More,
}

impl Difference {
    /// Compares two texts or records byte by byte.
    pub(crate) fn between(one: &[u8], other: &[u8]) -> Self {
        // A text that ends too early or too late may have lost or gained its terminating zero.
        let prefix = one.starts_with(other) || other.starts_with(one);
        let differing = one.iter().zip(other).filter(|(one, other)| one != other).count();
        match (one.len() == other.len(), differing) {
            (true, 0) => Self::None,
            (true, 1) => Self::OneByte,
            (false, 0) if prefix && !one.is_empty() && !other.is_empty() => Self::OneByte,
            _ => Self::More,
        }
    }

    /// Compares two GUIDs with their ages.
    pub(crate) fn of_builds(one: GuidAge, other: GuidAge) -> Self {
        let bytes = |build: GuidAge| [build.guid().as_slice(), &build.age().to_le_bytes()].concat();
        Self::between(&bytes(one), &bytes(other))
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed,
    /// It could not be made: the profile or the image lacks the data for it.
    Skipped,
    /// It has two explanations, one of which is another build. It is not a failure, but the verdict cannot be a
    /// match.
    Doubtful,
}

impl CheckOutcome {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
            Self::Doubtful => "DOUBTFUL",
        }
    }
}

/// The outcome of a check.
pub(crate) enum Finding {
    /// It passed, with the value that was found.
    Passed(String),
    /// It failed, with the value that was found.
    Failed(String),
    /// It failed, and these members and symbols are known to be wrong.
    Culprits(String, Vec<String>),
    /// It could not be made.
    Skipped(String),
    /// It has two explanations, one of which is another build.
    Doubtful(String),
}

impl Finding {
    /// The outcome for an error. An unmapped address is a failure, since pointers of a kernel lead somewhere. Data
    /// that is missing in the image or in the profile decides nothing.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Unreadable { mapped: false, .. } | Error::List { absent: false, .. } => {
                Self::Failed(error.to_string())
            }
            _ => Self::Skipped(error.to_string()),
        }
    }

    /// The outcome where the image has nothing that the check is about.
    pub(crate) fn nothing_to_check() -> Self {
        Self::Skipped("there are none to check".to_owned())
    }

    /// Passed if both are equal addresses or numbers.
    pub(crate) fn equal(actual: Result<u64, Error>, expected: u64) -> Self {
        match actual {
            Ok(actual) if actual == expected => Self::Passed(format!("{actual:#x}")),
            Ok(actual) => Self::Failed(format!("{actual:#x}")),
            Err(error) => Self::of(&error),
        }
    }

    /// Passed if `good`.
    pub(crate) fn judge(good: bool, actual: impl Into<String>) -> Self {
        if good { Self::Passed(actual.into()) } else { Self::Failed(actual.into()) }
    }

    /// The same for incomplete data (`partial`): the missing part may be what would make it good.
    pub(crate) fn judge_part(good: bool, partial: bool, actual: impl Into<String>) -> Self {
        match Self::judge(good, actual) {
            Self::Failed(actual) if partial => {
                Self::Skipped(format!("{actual}; the rest is not in the image"))
            }
            finding => finding,
        }
    }
}

/// Many samples of one check.
#[derive(Default)]
pub(crate) struct Tally {
    good: u64,
    bad: u64,
    absent: u64,
    lacking: Option<String>,
    first_bad: Option<String>,
}

impl Tally {
    /// Adds a sample; `words` describes a bad one.
    pub(crate) fn see(&mut self, sample: Result<bool, Error>, words: impl FnOnce() -> String) {
        let bad = match sample {
            Ok(true) => {
                self.good += 1;
                return;
            }
            Ok(false) => words(),
            Err(error) => match Finding::of(&error) {
                Finding::Failed(reason) => format!("{}: {reason}", words()),
                _ => {
                    if matches!(error, Error::Lacking { .. } | Error::Kind { .. }) {
                        self.lacking.get_or_insert(error.to_string());
                    }
                    self.absent += 1;
                    return;
                }
            },
        };
        self.bad += 1;
        self.first_bad.get_or_insert(bad);
    }

    /// Failed if more than one sample in ten is bad: memory changes while it is copied, so a few may be. Missing
    /// samples may be good or bad.
    pub(crate) fn finding(self) -> Finding {
        let Self { good, bad, absent, lacking, first_bad } = self;
        let all = good + bad;
        if all == 0 {
            return match lacking {
                Some(lacking) => Finding::Skipped(lacking),
                None if absent > 0 => Finding::Skipped(format!("none of {absent} is in the image")),
                None => Finding::nothing_to_check(),
            };
        }
        let but = first_bad.map(|first| format!("; first: {first}")).unwrap_or_default();
        let enough_if_good = bad * 10 <= all + absent;
        Finding::judge_part(bad * 10 <= all, enough_if_good, format!("{good} of {all}{but}"))
    }
}

/// The checks made so far.
pub(crate) struct Checker<'a> {
    layout: &'a Layout,
    checks: Vec<Check>,
    /// The memory that is read, if blank pages of it are told apart.
    memory: Option<&'a Watched<'a>>,
    /// The checks that failed and read a blank page, by their index.
    blank: Vec<usize>,
    /// Whether something was read ahead for the next check.
    is_ahead: bool,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Self {
        Self { layout, checks: Vec::new(), memory: None, blank: Vec::new(), is_ahead: false }
    }

    /// The same for checks that read `memory`: one that fails on a page of nothing but zeros is doubtful, since such pages
    /// are what an acquisition leaves where it could not read.
    pub(crate) fn watching(layout: &'a Layout, memory: &'a Watched<'a>) -> Self {
        Self { memory: Some(memory), ..Self::new(layout) }
    }

    /// Makes the check of a row. It depends on the profile entries that it reads.
    pub(crate) fn check(
        &mut self,
        row: &'static CheckRow,
        expected: impl Into<String>,
        look: impl FnOnce() -> Finding,
    ) {
        debug_assert!(row.names.len() == 1, "{:?}", row.names);
        self.check_of(row, row.names.first().copied().unwrap_or_default(), expected, look);
    }

    /// Makes one of the several checks of a row, under one of its names.
    pub(crate) fn check_of(
        &mut self,
        row: &'static CheckRow,
        name: &str,
        expected: impl Into<String>,
        look: impl FnOnce() -> Finding,
    ) {
        self.layout.take_asked();
        if let Some(memory) = self.memory.filter(|_| !self.is_ahead) {
            memory.forget();
        }
        self.is_ahead = false;
        let finding = match look() {
            failed @ (Finding::Failed(_) | Finding::Culprits(..)) => self.unless_blank(failed, row.weight),
            finding => finding,
        };
        let asked = self.layout.take_asked();
        let mut items: Vec<String> = asked.iter().map(|item| item.as_ref().to_owned()).collect();
        let (outcome, actual) = match finding {
            Finding::Passed(actual) => (CheckOutcome::Passed, actual),
            Finding::Failed(actual) => (CheckOutcome::Failed, actual),
            Finding::Culprits(actual, culprits) => {
                items = culprits;
                (CheckOutcome::Failed, actual)
            }
            Finding::Skipped(actual) => (CheckOutcome::Skipped, actual),
            Finding::Doubtful(actual) => (CheckOutcome::Doubtful, actual),
        };
        debug_assert!(row.names.contains(&name), "{name}");
        let (group, name, weight, expected) = (row.group, name.to_owned(), row.weight, expected.into());
        self.checks.push(Check { group, name, weight, expected, actual, outcome, items, row });
    }

    /// Reads something for the next check: blank pages of it count for that check.
    pub(crate) fn ahead<T>(&mut self, read: impl FnOnce() -> T) -> T {
        if let Some(memory) = self.memory {
            memory.forget();
        }
        self.is_ahead = true;
        read()
    }

    /// What a failed check found, or that it is doubtful because of a blank page.
    fn unless_blank(&mut self, failed: Finding, weight: Weight) -> Finding {
        let (Finding::Failed(actual) | Finding::Culprits(actual, _)) = &failed else { return failed };
        match self.memory.and_then(Watched::blank) {
            Some(page) if weight > Weight::Note => {
                self.blank.push(self.checks.len());
                Finding::Doubtful(format!(
                    "{actual}; yet the page at physical {page:#x}, which this reads, is all zeros: it may not have been copied"
                ))
            }
            _ => failed,
        }
    }

    /// Whether a check failed and read a blank page.
    pub(crate) fn has_blank(&self) -> bool {
        !self.blank.is_empty()
    }

    /// Takes the checks that read a blank page for checks that could not be made, because something else proves the profile.
    pub(crate) fn excuse_blank(&mut self) {
        for index in std::mem::take(&mut self.blank) {
            if let Some(check) = self.checks.get_mut(index) {
                check.outcome = CheckOutcome::Skipped;
            }
        }
    }

    /// The check of a row, of many objects of one kind.
    pub(crate) fn each(
        &mut self,
        row: &'static CheckRow,
        expected: &str,
        all: &[u64],
        sample: impl FnMut(u64) -> Result<bool, Error>,
        word: impl Fn(u64) -> Result<String, Error>,
    ) {
        debug_assert!(row.names.len() == 1, "{:?}", row.names);
        self.each_of(row, row.names.first().copied().unwrap_or_default(), expected, all, sample, word);
    }

    /// One of the several checks of a row, of many objects of one kind.
    pub(crate) fn each_of(
        &mut self,
        row: &'static CheckRow,
        name: &str,
        expected: &str,
        all: &[u64],
        mut sample: impl FnMut(u64) -> Result<bool, Error>,
        word: impl Fn(u64) -> Result<String, Error>,
    ) {
        self.check_of(row, name, expected, || {
            let mut tally = Tally::default();
            for one in all.iter().take(MOST) {
                tally.see(sample(*one), || match word(*one) {
                    Ok(word) => format!("{word} at {one:#x}"),
                    Err(_) => format!("{one:#x}"),
                });
            }
            tally.finding()
        });
    }

    /// Members that are not placed as by a C compiler, in the structs of the given items.
    pub(crate) fn layout_of(&mut self, row: &'static CheckRow, items: &[&str]) {
        let layout = self.layout;
        let structs: BTreeSet<&str> =
            items.iter().filter_map(|item| item.split_once('.').map(|(name, _)| name)).collect();
        let look = |name: &&str| misplaced(layout, name);
        self.misplaced_of(row, structs.iter().filter_map(look));
    }

    /// The same for only these items, none of which is a union's member: a Windows profile does not distinguish the
    /// members of an unnamed union from those of the struct around it.
    pub(crate) fn layout_of_each(&mut self, row: &'static CheckRow, items: &[&str]) {
        let layout = self.layout;
        let members = items.iter().filter_map(|item| item.split_once('.'));
        self.misplaced_of(row, members.filter_map(|(name, member)| covered(layout, name, member)));
    }

    fn misplaced_of(&mut self, row: &'static CheckRow, found: impl Iterator<Item = Vec<String>>) {
        self.check(row, "members where a compiler puts them", || {
            let (mut looked, mut culprits) = (0, Vec::new());
            for found in found {
                looked += 1;
                culprits.extend(found);
            }
            match culprits.first() {
                None if looked == 0 => Finding::Skipped("the profile has none of it".to_owned()),
                None => Finding::Passed(format!("{looked} looked at")),
                Some(_) => Finding::Culprits(format!("misplaced: {}", culprits.join(", ")), culprits),
            }
        });
    }

    /// Whether only checks of the build's identity failed: everything else fits the profile.
    pub(crate) fn only_identity_failed(&self) -> bool {
        let mut failed = self.failed().peekable();
        failed.peek().is_some() && failed.all(|check| check.row.names_the_build)
    }

    /// Whether the checks that passed would prove a match.
    pub(crate) fn has_enough(&self) -> bool {
        let counted = |check: &&Check| check.outcome == CheckOutcome::Passed && check.weight > Weight::Note;
        self.checks.iter().filter(counted).count() >= MATCH
    }

    /// Takes back the failures of the checks that name the build, where `proof` outweighs them. One that differs in one
    /// byte was changed; any other one may be a neighbouring build, so it stays doubtful.
    pub(crate) fn outweigh_identity(&mut self, proof: &str) {
        let failed = |check: &&mut Check| check.outcome == CheckOutcome::Failed && check.row.names_the_build;
        for check in self.checks.iter_mut().filter(failed) {
            let difference = Difference::between(check.expected.as_bytes(), check.actual.as_bytes());
            // Whether a text begins correctly, or its notes are complete, does not depend on the build.
            let changed = difference <= Difference::OneByte || check.group != Group::Identity;
            let (outcome, reason) = match changed {
                true => (CheckOutcome::Skipped, "this record was changed"),
                false => (
                    CheckOutcome::Doubtful,
                    "either this record was changed, or it names a neighbouring build",
                ),
            };
            check.outcome = outcome;
            check.actual = format!("{}; yet {proof}: {reason}", check.actual);
        }
    }

    /// Makes every failure doubtful if `proof` shows that the profile is right: then the memory is inconsistent.
    pub(crate) fn blame_memory(&mut self, proof: &str) {
        let failed =
            |check: &&mut Check| check.outcome == CheckOutcome::Failed && check.weight > Weight::Note;
        for check in self.checks.iter_mut().filter(failed) {
            check.outcome = CheckOutcome::Doubtful;
            check.actual = format!(
                "{}; yet {proof}: a part of the memory is missing or displaced (in a raw file, offsets may not be \
                 physical addresses), or it changed while it was copied",
                check.actual
            );
        }
    }

    fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Failed && check.weight > Weight::Note)
    }

    /// Removes the weight of every passed check in one of these groups: it is true by construction for this profile,
    /// and proves nothing.
    pub(crate) fn discount(&mut self, groups: &[Group], reason: &str) {
        let counted =
            |check: &&mut Check| check.outcome == CheckOutcome::Passed && check.weight > Weight::Note;
        for check in self.checks.iter_mut().filter(counted) {
            if groups.contains(&check.group) || check.row.names_the_build {
                check.weight = Weight::Note;
                check.actual = format!("{} ({reason})", check.actual);
            }
        }
    }

    /// The value that a passed check found.
    pub(crate) fn passed(&self, row: &'static CheckRow) -> Option<&str> {
        let passed = |check: &&Check| check.outcome == CheckOutcome::Passed && std::ptr::eq(check.row, row);
        self.checks.iter().find(passed).map(|check| check.actual.as_str())
    }

    /// Whether the last check failed.
    pub(crate) fn has_just_failed(&self) -> bool {
        self.checks.last().is_some_and(|check| check.outcome == CheckOutcome::Failed)
    }

    /// The verdict.
    pub(crate) fn conclude(self, facts: Vec<(&'static str, String)>) -> Validation {
        let Self { mut checks, blank, .. } = self;
        let passes = |check: &&Check| check.outcome == CheckOutcome::Passed && check.weight > Weight::Note;
        // Pages that were not copied explain a few failures. A wrong profile reads zeros nearly everywhere.
        if blank.len() > checks.iter().filter(passes).count() {
            for index in blank {
                if let Some(check) = checks.get_mut(index) {
                    check.outcome = CheckOutcome::Failed;
                }
            }
        }
        let counting = |outcome: CheckOutcome, weight: Weight| {
            checks.iter().filter(|check| check.outcome == outcome && check.weight == weight).count()
        };
        let (decisive, strong) = (
            counting(CheckOutcome::Passed, Weight::Decisive),
            counting(CheckOutcome::Passed, Weight::Strong),
        );
        let failed = checks
            .iter()
            .filter(|check| check.outcome == CheckOutcome::Failed && check.weight > Weight::Note)
            .count();
        let doubtful = checks.iter().find(|check| check.outcome == CheckOutcome::Doubtful);
        let skipped = checks.iter().filter(|check| check.outcome == CheckOutcome::Skipped).count();
        let (verdict, reason) = if failed > 0 {
            (Verdict::Mismatch, format!("{failed} of {} checks failed", checks.len() - skipped))
        } else if let Some(doubtful) = doubtful {
            (Verdict::Inconclusive, format!("{}: {}", doubtful.name, doubtful.actual))
        } else if decisive * MATCH / 2 + strong >= MATCH {
            (Verdict::Match, format!("{} checks passed, {skipped} could not be made", decisive + strong))
        } else {
            let passed = decisive + strong;
            (
                Verdict::Inconclusive,
                format!("{passed} checks passed, none failed: too little to prove a match"),
            )
        };
        let suspects = suspects(&checks);
        Validation { verdict, reason, suspects, checks, facts }
    }
}

/// The maximum number of objects of a kind that are checked: the first ones prove as much.
pub(crate) const MOST: usize = 2000;

/// How many strong checks have to pass to prove a match; a decisive one counts as half of them.
const MATCH: usize = 20;

/// The fewest members and symbols on which all failed checks depend: those in most of them, then those in most of the
/// rest. Among equals, those in the fewest passed checks come first.
fn suspects(checks: &[Check]) -> Vec<String> {
    let counting = |outcome: CheckOutcome| {
        checks.iter().filter(move |check| check.outcome == outcome && check.weight > Weight::Note)
    };
    let passes = |item: &str| {
        counting(CheckOutcome::Passed).filter(|check| check.items.iter().any(|other| other == item)).count()
    };
    let mut left: Vec<&Check> =
        counting(CheckOutcome::Failed).filter(|check| !check.items.is_empty()).collect();
    let mut suspects: Vec<String> = Vec::new();
    while !left.is_empty() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for item in left.iter().flat_map(|check| &check.items) {
            *counts.entry(item).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let mut chosen: Vec<&str> =
            counts.into_iter().filter(|(_, count)| *count == most).map(|(item, _)| item).collect();
        chosen.sort_by_cached_key(|item| passes(item));
        left.retain(|check| !check.items.iter().any(|item| chosen.contains(&item.as_str())));
        suspects.extend(chosen.into_iter().map(str::to_owned));
    }
    suspects
}

/// The members of a struct that are not placed as by a C compiler: overlapping another one, misaligned, beyond the
/// struct's end, or with a larger gap before them than necessary. Members of unnamed members are included. `None` if
/// the profile does not have the struct.
fn misplaced(layout: &Layout, name: &str) -> Option<Vec<String>> {
    let (mut found, mut left) = (Vec::new(), MOST_MEMBERS);
    look_at(layout, name, name, 0, &mut left, &mut found)?;
    found.sort();
    found.dedup();
    Some(found)
}

/// A member that overlaps another one or is misaligned, with the members at its place; empty if it does not. `None`
/// if the profile does not have it.
fn covered(layout: &Layout, name: &str, member: &str) -> Option<Vec<String>> {
    let shape = layout.shape(name)?;
    let (_, own) = shape.own.iter().find(|(known, _)| known == member)?;
    let end = own.offset.saturating_add(layout.size_of(&own.kind)?);
    let over = |(known, other): &&(String, Field)| {
        let size = layout.size_of(&other.kind).unwrap_or(0);
        known != member && other.offset < end && own.offset < other.offset.saturating_add(size)
    };
    let mut found: Vec<String> =
        shape.own.iter().filter(over).map(|(known, _)| format!("{name}.{known}")).collect();
    if !found.is_empty() || end > shape.size || !own.offset.is_multiple_of(layout.alignment(&own.kind)) {
        found.push(format!("{name}.{member}"));
    }
    Some(found)
}

/// One member's range in its struct, in bytes.
struct Laid<'a> {
    start: u64,
    end: u64,
    align: u64,
    name: &'a str,
    bits: bool,
}

/// The maximum number of members of a struct that are checked, including those of its unnamed members.
const MOST_MEMBERS: usize = 1 << 14;
/// The maximum nesting of members.
const DEEPEST: usize = 16;

fn look_at(
    layout: &Layout,
    name: &str,
    owner: &str,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<String>,
) -> Option<()> {
    let shape = layout.shape(name)?;
    let mut members = Vec::new();
    for (member, field) in &shape.own {
        *left = left.checked_sub(1)?;
        let Some(size) = layout.size_of(&field.kind) else { continue };
        if let FieldKind::Record(inner) = &field.kind
            && depth < DEEPEST
            && crate::layout::is_numbered(member)
        {
            look_at(layout, inner, owner, depth + 1, left, found);
        }
        let align = layout.alignment(&field.kind);
        let end = field.offset.saturating_add(size);
        if field.bits.is_none() && size > 0 && (end > shape.size || !field.offset.is_multiple_of(align)) {
            found.push(format!("{owner}.{member}"));
        }
        members.push(Laid { start: field.offset, end, align, name: member, bits: field.bits.is_some() });
    }
    members.sort_by_key(|member| (member.start, member.end));
    let union = members.len() > 1 && members.iter().all(|member| member.start == 0);
    if union {
        return Some(());
    }
    // The member that extends furthest so far.
    let mut reach: Option<&Laid<'_>> = None;
    for member in &members {
        let before = reach.map_or(0, |reach| reach.end);
        if let Some(reach) = reach
            && member.start < before
            && member.end > member.start
            && !(member.bits || reach.bits)
        {
            found.extend([format!("{owner}.{}", reach.name), format!("{owner}.{}", member.name)]);
        }
        // Members that begin a cache line are at a multiple of 32. With 32 bits, some are aligned to more than an
        // address.
        let gap = member.start.saturating_sub(before);
        if gap >= member.align && !member.start.is_multiple_of(32) && layout.address_size() == 8 {
            // The members for the gap may come after it.
            let near = members.iter().filter(|other| {
                (member.start..member.start + 16).contains(&other.start) && other.end - other.start <= gap
            });
            found.extend(near.chain([member]).map(|member| format!("{owner}.{}", member.name)));
        }
        if reach.is_none_or(|reach| member.end > reach.end) {
            reach = Some(member);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::row;

    static ROW: CheckRow = row(Group::Anchors, &["a check"]);

    fn check(outcome: CheckOutcome, items: &[&str]) -> Check {
        Check {
            group: Group::Structure,
            name: String::new(),
            weight: Weight::Strong,
            expected: String::new(),
            actual: String::new(),
            outcome,
            items: items.iter().map(|item| (*item).to_owned()).collect(),
            row: &ROW,
        }
    }

    #[test]
    fn entries_on_which_all_failures_depend_are_suspected() {
        let checks = [
            check(CheckOutcome::Failed, &["a.b", "c.d", "e.f"]),
            check(CheckOutcome::Failed, &["a.b", "c.d"]),
            check(CheckOutcome::Passed, &["a.b"]),
            check(CheckOutcome::Skipped, &["g.h"]),
            check(CheckOutcome::Failed, &["i.j"]),
        ];
        assert_eq!(suspects(&checks), ["c.d", "a.b", "i.j"]);
        assert_eq!(suspects(&checks[2..4]), [""; 0]);
    }

    #[test]
    fn blank_pages_explain_a_few_failures_only() {
        let layout = Layout::bare();
        let mut pages = image::Pages::default();
        pages.write(image::PhysicalAddress(0), &[0; 4096]);
        let watched = Watched::new(&pages);
        for (passing, verdict) in [(30, Verdict::Inconclusive), (1, Verdict::Mismatch)] {
            let mut checker = Checker::watching(&layout, &watched);
            for _ in 0..passing {
                checker.check(&ROW, "", || Finding::Passed(String::new()));
            }
            for _ in 0..2 {
                checker.check(&ROW, "1", || {
                    let read = image::Memory::read(&watched, image::PhysicalAddress(8), &mut [1; 8]);
                    Finding::judge(read.is_err(), "0")
                });
            }
            assert!(checker.has_blank());
            assert_eq!(checker.conclude(Vec::new()).verdict, verdict, "{passing}");
        }
    }

    #[test]
    fn a_few_bad_samples_are_torn_pages_many_are_a_failure() {
        let mut tally = Tally::default();
        for sample in 0..20 {
            tally.see(Ok(sample > 1), || format!("sample {sample}"));
        }
        assert!(matches!(tally.finding(), Finding::Passed(text) if text == "18 of 20; first: sample 0"));
        let mut tally = Tally::default();
        for sample in 0..20 {
            tally.see(Ok(sample > 2), || format!("sample {sample}"));
        }
        assert!(matches!(tally.finding(), Finding::Failed(_)));
        let absent = || Err(Error::Unreadable { address: 1, length: 1, mapped: true });
        let mut tally = Tally::default();
        tally.see(absent(), String::new);
        assert!(matches!(tally.finding(), Finding::Skipped(_)));
    }
}
