//! The checks that prove a Linux profile; docs/validation.md explains each of them.

mod anchors;
mod files;
mod identity;
mod memory;
mod modules;
mod network;
mod shared;
mod tables;
mod tasks;
mod time;

use image::{Memory, ScanPlan};

pub(crate) use identity::Records;

use super::locate::{Lost, Sighting, lost, search};
use super::{LinuxKernel, VmCoreInfo, table};
use crate::blank::Watched;
use crate::table::Group;
use crate::validate::{Checker, MOST, Scope, Validation};
use crate::{Error, Layout};

/// Proves a Linux profile on an image.
///
/// # Errors
/// [`Error::Unsupported`] and similar errors if nothing can be checked.
pub(crate) fn validate(
    memory: &dyn Memory,
    layout: &Layout,
    info: Option<&VmCoreInfo>,
    roots: &[u64],
    scope: Scope,
    plan: &ScanPlan<'_>,
) -> Result<Validation, Error> {
    let watched = Watched::new(memory);
    let mut checker = Checker::watching(layout, &watched);
    match LinuxKernel::find(&watched, layout, info, roots, plan) {
        Ok(kernel) => {
            if scope == Scope::Whole {
                layout.read_ahead(plan.threads);
            }
            let mut found = examine(&kernel, scope, &mut checker);
            let made_of_image = is_made_of_an_image(layout);
            let only_identity_failed = checker.only_identity_failed();
            if scope == Scope::Quick && (only_identity_failed || checker.has_blank() && !made_of_image) {
                found = tables::examine(&kernel, &mut checker);
            }
            if let Some(proof) = tables::overwhelming(&checker).filter(|_| only_identity_failed) {
                checker.outweigh_identity(&proof);
            }
            if scope == Scope::Whole {
                identity::decoys(&kernel, plan, &mut checker);
            }
            if made_of_image {
                checker.discount(
                    &[Group::Identity, Group::Tables],
                    "the profile was made of an image's own records",
                );
            }
            let proved =
                if made_of_image { checker.has_enough() } else { tables::overwhelming(&checker).is_some() };
            if proved {
                checker.excuse_blank();
            }
            if made_of_image {
                // Its own tables agree with it by construction.
            } else if let Some(proof) = tables::decisive(&checker) {
                checker.blame_memory(&proof);
            }
            let mut facts = kernel.facts();
            facts.extend(found);
            Ok(checker.conclude(facts))
        }
        Err(Error::NoKernel { tried, .. }) => {
            identity::of_strangers(memory, layout, info, &mut checker, &tried, plan);
            Ok(checker.conclude(Vec::new()))
        }
        Err(error) => Err(error),
    }
}

/// Whether the profile was made from a kernel in an image: then the kernel's own data proves nothing.
fn is_made_of_an_image(layout: &Layout) -> bool {
    let made_from = layout.metadata(kernel_converter::MADE_FROM);
    made_from.is_some_and(|words| words == kernel_converter::Origin::Image.words())
}

fn examine(kernel: &LinuxKernel<'_>, scope: Scope, checker: &mut Checker<'_>) -> Vec<(&'static str, String)> {
    identity::examine(kernel, checker);
    anchors::examine(kernel, checker);
    let tasks = tasks::examine(kernel, checker);
    let maps = memory::examine(kernel, &tasks, checker);
    files::examine(kernel, &tasks, &maps, checker);
    modules::examine(kernel, checker);
    network::examine(kernel, checker);
    time::examine(kernel, &tasks, checker);
    checker.layout_of(&table::whole::LAYOUT, &table::CHECKS.reads());
    match scope {
        Scope::Whole => tables::examine(kernel, checker),
        Scope::Quick => Vec::new(),
    }
}

/// What the kernel's own symbol table proves, in words, if that outweighs a record that names another build.
pub(crate) fn agreement(kernel: &LinuxKernel<'_>) -> Option<String> {
    let mut checker = Checker::new(kernel.layout);
    tables::examine(kernel, &mut checker);
    tables::overwhelming(&checker)
}
