//! Steps that several verbs share.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Context;
use pe::PdbName;
use profile::GuidAge;
use repository::batch::{BuildPlan, Sealed, Selection, Shard, Summary, seal};
use repository::collection::{Listing, Refreshed, refresh};
use repository::storage::Storage;
use repository::{Config, Handler};
use symbols::Downloads;

use crate::console::{Console, Table};
use crate::memory::release_free;
use crate::outcome::Outcome;
use crate::profiles::verdict::counted;
use crate::report::batch as report;

/// Reads the configuration and the existing objects.
///
/// # Errors
/// An error if the configuration or the repository cannot be read.
pub fn read_plan(storage: &dyn Storage, console: &Console) -> anyhow::Result<BuildPlan> {
    let plan = BuildPlan::read(storage)?;
    for warning in plan.warnings() {
        console.warn(format_args!("warning: {warning}"));
    }
    for entry in &plan.unlisted {
        console.warn(format_args!(
            "warning: {entry}: its listing was not read yet; manage_repo plan or build_all reads it"
        ));
    }
    Ok(plan)
}

/// Reads the listings of collections, of all entries or of one, and says what changed.
///
/// # Errors
/// A collection that cannot be read now and was not read before; a repository that cannot be read or written.
pub fn refresh_listings(
    storage: &dyn Storage,
    config: &Config,
    only: Option<&str>,
    archives: &Downloads,
    console: &Console,
) -> anyhow::Result<Vec<Refreshed>> {
    let listings = refresh(storage, config, only, archives, console.progress())?;
    for listing in &listings {
        match &listing.kept {
            Some(reason) => console.warn(format_args!(
                "{}: the listing of before is used, with {}, because it cannot be read now: {reason}",
                listing.entry,
                counted(listing.items, "item")
            )),
            None => console.info(format_args!(
                "{}: {} listed, {} new, {} gone",
                listing.entry,
                counted(listing.items, "item"),
                listing.new,
                listing.gone
            )),
        }
        for (name, reason) in &listing.refused {
            console.warn(format_args!("{}: {name} is listed and not taken: {reason}", listing.entry));
        }
    }
    Ok(listings)
}

/// Reads the listings of those collections of which there is none yet. Builders of parts go on with the listing that is
/// there, so that all of them divide the same work.
///
/// # Errors
/// As for [`refresh_listings`].
pub fn refresh_unlisted(
    storage: &dyn Storage,
    only: Option<&str>,
    archives: &Downloads,
    console: &Console,
) -> anyhow::Result<Vec<Refreshed>> {
    let config = read_config(storage)?;
    let mut listings = Vec::new();
    for entry in &config.entries {
        let Handler::Collection(collection) = &entry.handler else { continue };
        let name = entry.name.as_str();
        if only.is_none_or(|only| only == name) && Listing::read(storage, entry, collection)?.is_none() {
            listings.extend(refresh_listings(storage, &config, Some(name), archives, console)?);
        }
    }
    Ok(listings)
}

/// Reads the configuration alone.
///
/// # Errors
/// A configuration that is not there or cannot be understood.
pub fn read_config(storage: &dyn Storage) -> anyhow::Result<Config> {
    Ok(repository::batch::read_config(storage)?)
}

/// Selects plan items. Builds that no list names are added to the plan.
///
/// # Errors
/// An error for a target or a name that is not in the configuration.
pub fn select(
    plan: &mut BuildPlan,
    target: Option<&str>,
    names: &[String],
    shard: Option<Shard>,
) -> anyhow::Result<Selection> {
    let mut selection = Selection { shard, ..Selection::default() };
    if let Some(target) = target {
        let entry = plan.config.entry(target);
        let entry = entry.with_context(|| {
            let known: Vec<&str> = plan.config.entries.iter().map(|entry| entry.name.as_str()).collect();
            format!("the configuration has no entry '{target}'; there are: {}", known.join(", "))
        })?;
        selection.entry = Some(entry.name.clone());
    }
    if names.is_empty() {
        return Ok(selection);
    }
    let mut only = BTreeSet::new();
    for word in names {
        if let Some(target) = target
            && let Ok((pdb, guid_age)) = build_of(word)
        {
            only.insert(plan.ask(target, pdb.as_ref(), guid_age)?);
            continue;
        }
        let item = plan.items.iter().find(|item| {
            item.is_called(word)
                || build_of(word).is_ok_and(|(pdb, guid_age)| {
                    let mut wanted = item.wanted().into_iter();
                    wanted.any(|wanted| {
                        wanted.guid_age == guid_age
                            && pdb
                                .as_ref()
                                .is_none_or(|pdb| pdb.as_str().eq_ignore_ascii_case(wanted.name.as_str()))
                    })
                })
        });
        let item = item.with_context(|| {
            format!(
                "'{word}' is nothing the configuration asks for: expected a profile's name, a debug file, or NAME.pdb/GUID"
            )
        })?;
        only.insert(item.name.clone());
    }
    selection.only = Some(only);
    Ok(selection)
}

/// Merges the results into inventory, indexes and rejects. With `anew` every index is built from scratch.
///
/// # Errors
/// An error if the repository cannot be read or written.
pub fn seal_all(storage: &dyn Storage, anew: bool, console: &Console) -> anyhow::Result<Sealed> {
    console.debug("Updating inventory.");
    release_free();
    let sealed = seal(storage, console.threads(), anew, console.progress())?;
    for (name, profiles) in &sealed.indexes {
        console.info(format_args!("{name}: index of {profiles} profiles"));
    }
    for warning in &sealed.warnings {
        console.warn(format_args!("warning: {warning}"));
    }
    for (name, how) in &sealed.corrected {
        console.warn(format_args!("{name}: its record was corrected: {how}"));
    }
    for (name, reason) in &sealed.unreadable {
        console.warn(format_args!("{name}: {reason}"));
    }
    console.info(format_args!("inventory: {} profiles", sealed.profiles));
    Ok(sealed)
}

/// Reports the results of making profiles.
///
/// # Errors
/// An error if standard output cannot be written.
pub fn conclude(
    summary: &Summary,
    sealed: Option<&Sealed>,
    listings: &[Refreshed],
    remaining: usize,
    start: Instant,
    console: &Console,
) -> anyhow::Result<Outcome> {
    let total = summary.total();
    if console.json() {
        let entries = summary.entries.iter().map(|(name, counts)| report::Entry {
            name: name.to_string(),
            made: counts.made,
            unchanged: counts.unchanged,
            rejected_before: counts.rejected,
            failed: counts.failed,
            bytes: counts.bytes,
            losses: counts.losses,
        });
        let failures = summary.failures.iter().map(|(name, failure)| report::Failure {
            name: name.to_string(),
            reason: failure.reason.clone(),
            rejected: failure.lasting,
        });
        console.print_report(&report::Built {
            entries: entries.collect(),
            failures: failures.collect(),
            sealed: sealed.map(sealed_report),
            listings: listings.iter().map(listing_report).collect(),
            remaining,
        })?;
    } else {
        for (name, failure) in &summary.failures {
            console.info(format_args!("{name} rejected: {}", in_one_line(&failure.reason)));
        }
        let mut table = Table::new(&["Entry", ">Made", ">Unchanged", ">Rejected before", ">Failed", ">MB"]);
        for (name, counts) in &summary.entries {
            table.row([
                name.to_string(),
                counts.made.to_string(),
                counts.unchanged.to_string(),
                counts.rejected.to_string(),
                counts.failed.to_string(),
                format!("{:.1}", counts.bytes as f64 / 1e6),
            ]);
        }
        console.say_lines(&table.lines());
        console.info(format_args!(
            "{} made, {} unchanged, {} rejected before{}, {} failed, in {:.1} s",
            total.made,
            total.unchanged,
            total.rejected,
            if total.rejected > 0 { " (--retry tries them again)" } else { "" },
            total.failed,
            start.elapsed().as_secs_f64()
        ));
    }
    let lossless = total.losses == 0 || !console.strict();
    Ok(Outcome::from_good(total.failed == 0 && lossless))
}

fn listing_report(listing: &Refreshed) -> report::Listing {
    report::Listing {
        entry: listing.entry.clone(),
        items: listing.items,
        new: listing.new,
        gone: listing.gone,
        refused: listing.refused.clone(),
        kept: listing.kept.clone(),
    }
}

/// The results of sealing, for `--json`.
pub fn sealed_report(sealed: &Sealed) -> report::Sealed {
    let indexes = sealed
        .indexes
        .iter()
        .map(|(name, profiles)| report::BuiltIndex { name: name.to_string(), profiles: *profiles });
    report::Sealed {
        profiles: sealed.profiles,
        parts: sealed.parts,
        looked_into: sealed.looked_into,
        changed: sealed.changed,
        corrected: sealed.corrected.clone(),
        unreadable: sealed.unreadable.clone(),
        indexes: indexes.collect(),
    }
}

/// A reason whose further lines list the places that were tried, as one line of a summary.
fn in_one_line(reason: &str) -> String {
    reason.replace(".\n  ", ": ").replace("\n  ", "; ")
}

/// A build as a user names it: `[NAME.pdb/]GUID`.
///
/// # Errors
/// An error if the text is not a GUID with an age, or the file name cannot be a PDB's.
pub fn build_of(word: &str) -> anyhow::Result<(Option<PdbName>, GuidAge)> {
    match word.rsplit_once('/') {
        Some((pdb, guid)) => Ok((Some(PdbName::from_user(pdb)?), guid.parse()?)),
        None => Ok((None, word.parse()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::{build_of, in_one_line};

    #[test]
    fn ages_of_several_digits_are_accepted() {
        let (pdb, guid_age) = build_of("ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099941F").unwrap();
        assert_eq!((pdb.unwrap().as_str(), guid_age.age()), ("ntkrnlmp.pdb", 0x1f));
        assert!(build_of("ntkrnlmp.pdb/F8E2").is_err());
    }

    #[test]
    fn places_that_were_tried_follow_in_the_same_line() {
        let reason = "x.pdb 1 was not found.\n  /cache: not here\n  http://s/x.pdb: 404";
        assert_eq!(in_one_line(reason), "x.pdb 1 was not found: /cache: not here; http://s/x.pdb: 404");
        // A line feed of a name stays one, which the console escapes.
        assert_eq!(in_one_line("a\nverdict: match"), "a\nverdict: match");
    }
}
