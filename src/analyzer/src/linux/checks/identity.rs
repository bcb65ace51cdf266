use std::collections::BTreeSet;

use image::{Memory, ScanPlan};

use super::{LinuxKernel, Lost, Sighting, VmCoreInfo, lost, search};
use crate::Layout;
use crate::linux::table::{anchors, identity as table};
use crate::typed_memory::TypedMemory;
use crate::validate::{Checker, Finding};

/// The identities of the build in the profile and in the image, as pairs if both have one.
pub(crate) struct Records {
    /// The build-ids, in lower-case hexadecimal digits.
    pub(crate) build_id: Option<(String, String)>,
    /// The banners, without the line feed at their end.
    pub(crate) banner: Option<(String, String)>,
}

impl Records {
    /// Reads them. If several records in the image differ, one that agrees with the profile is used. If the profile's
    /// symbols lead to no record, those anywhere in the image are used.
    pub(crate) fn of(kernel: &LinuxKernel<'_>) -> Self {
        let trimmed = |text: String| text.trim_end().to_owned();
        let expected = Self {
            build_id: kernel.layout.metadata("BuildID").map(|id| (id.to_ascii_lowercase(), String::new())),
            banner: kernel.layout.metadata("Banner").map(|text| (trimmed(text), String::new())),
        };
        let told = kernel.vmcoreinfo().and_then(|info| info.build_id().map(str::to_ascii_lowercase));
        let mut ids: Vec<String> = told.into_iter().chain(build_id(kernel, &kernel.view())).collect();
        let banner = kernel.symbol("linux_banner").and_then(|at| kernel.view().text(at, 512)).ok();
        let banner = banner.filter(|banner| banner.starts_with("Linux version "));
        let mut banners: Vec<String> = banner.map(trimmed).into_iter().collect();
        if ids.is_empty() && banners.is_empty() {
            for (_, sighting) in search(kernel.memory, &ScanPlan::default()) {
                match sighting {
                    Sighting::Info(info) => ids.extend(info.build_id().map(str::to_ascii_lowercase)),
                    Sighting::Banner(text) if text.contains(" #") => banners.push(trimmed(text)),
                    Sighting::Banner(_) => {}
                }
            }
        }
        let pair = |expected: Option<(String, String)>, found: Vec<String>| {
            let (expected, _) = expected?;
            let found = found.iter().find(|one| **one == expected).or(found.first())?.clone();
            Some((expected, found))
        };
        Self { build_id: pair(expected.build_id, ids), banner: pair(expected.banner, banners) }
    }
}

/// The identity of the build: the banner and the build-id, in memory and in the profile.
pub(super) fn examine(kernel: &LinuxKernel<'_>, checker: &mut Checker<'_>) {
    let view = kernel.view();
    let layout = kernel.layout;
    let banner = checker.ahead(|| kernel.symbol("linux_banner").and_then(|at| view.text(at, 512)));
    let expected = layout.metadata("Banner").map(|text| text.trim_end().to_owned());
    let words = expected.clone().unwrap_or_else(|| "the profile names none".to_owned());
    checker.check(&table::BANNER, words, || match (&banner, &expected) {
        (_, None) => Finding::Skipped("the profile names none".to_owned()),
        (Err(error), _) => Finding::of(error),
        // The text at a wrong address does not identify a build: the anchors report that.
        (Ok(found), _) if !found.starts_with("Linux version ") => {
            Finding::Skipped("there is no banner at linux_banner".to_owned())
        }
        (Ok(found), Some(expected)) => Finding::judge(found.trim_end() == expected, found.trim_end()),
    });
    let expected = layout.metadata("BuildID").map(|id| id.to_ascii_lowercase());
    let words = expected.clone().unwrap_or_else(|| "the profile names none".to_owned());
    let (info, noted) = checker.ahead(|| (kernel.vmcoreinfo(), build_id(kernel, &view)));
    checker.check(&table::BUILD_ID, words, || {
        let Some(expected) = &expected else {
            return Finding::Skipped("the profile names none".to_owned());
        };
        let told = info.as_ref().and_then(VmCoreInfo::build_id).map(str::to_owned);
        match (told, noted.clone()) {
            (None, None) => Finding::Skipped("the image holds none".to_owned()),
            (Some(found), None) | (None, Some(found)) => {
                Finding::judge(found.eq_ignore_ascii_case(expected), found)
            }
            // Both records must belong to another build, since one of them may be damaged.
            (Some(told), Some(noted)) => {
                let good = [&told, &noted].into_iter().any(|id| id.eq_ignore_ascii_case(expected));
                let words = if told.eq_ignore_ascii_case(&noted) {
                    told
                } else {
                    format!("{told} in VMCOREINFO, {noted} in the kernel's notes")
                };
                Finding::judge(good, words)
            }
        }
    });
    checker.check(&anchors::NOTES, "a build-id", || {
        let bounds = (kernel.symbol("__start_notes"), kernel.symbol("__stop_notes"));
        let (Ok(start), Ok(stop)) = bounds else {
            return Finding::Skipped("the profile has no symbols for them".to_owned());
        };
        let length = stop.wrapping_sub(start);
        if !(16..0x10000).contains(&length) {
            return Finding::Failed(format!("{length:#x} bytes between the symbols"));
        }
        match (build_id(kernel, &view), view.space.read(start, &mut vec![0; length as usize])) {
            (Some(id), _) => Finding::Passed(id),
            (None, Err(error)) => Finding::of(&error),
            (None, Ok(())) => Finding::Failed("no notes that end where the symbol says".to_owned()),
        }
    });
}

/// The build-id in the kernel's notes, which fill the space between their symbols completely.
fn build_id(kernel: &LinuxKernel<'_>, view: &TypedMemory<'_>) -> Option<String> {
    const BUILD_ID: u64 = 3;
    let (mut at, stop) = (kernel.symbol("__start_notes").ok()?, kernel.symbol("__stop_notes").ok()?);
    let mut found = None;
    for _ in 0..64 {
        if at >= stop {
            break;
        }
        let (name, length) = (view.number(at, 4).ok()?, view.number(at.wrapping_add(4), 4).ok()?);
        if name > 256 || length > 4096 {
            return None;
        }
        let kind = view.number(at.wrapping_add(8), 4).ok()?;
        let owner = view.text(at.wrapping_add(12), 8).ok()?;
        let content = at.wrapping_add(12 + name.next_multiple_of(4));
        if kind == BUILD_ID && owner == "GNU" && length == 20 {
            let bytes: [u8; 20] = view.bytes(content).ok()?;
            found = Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        at = content.wrapping_add(length.next_multiple_of(4));
    }
    (at == stop).then_some(found).flatten()
}

/// Other records in memory that name a Linux kernel: remains of an earlier boot, guests, files, or planted data. They
/// are reported but do not count, since the kernel was found by its own page tables.
pub(super) fn decoys(kernel: &LinuxKernel<'_>, plan: &ScanPlan<'_>, checker: &mut Checker<'_>) {
    let own = kernel.symbol("linux_banner").and_then(|at| kernel.view().text(at, 1024)).unwrap_or_default();
    let info = kernel.vmcoreinfo();
    checker.check(&table::DECOYS, "none, or remains", || {
        let mut others = BTreeSet::new();
        for (at, sighting) in search(kernel.memory, plan) {
            match sighting {
                Sighting::Banner(text) if text.trim_end() != own.trim_end() => {
                    others
                        .insert(format!("banner at {at:#x}: {}", text.chars().take(80).collect::<String>()));
                }
                Sighting::Info(other)
                    if info.as_ref().is_some_and(|info| {
                        info.release() != other.release() || info.build_id() != other.build_id()
                    }) =>
                {
                    let release = other.release().unwrap_or("?");
                    let id = other.build_id().unwrap_or("none");
                    others.insert(format!("VMCOREINFO at {at:#x}: {release}, build-id {id}"));
                }
                _ => {}
            }
        }
        match others.len() {
            0 => Finding::Passed("none".to_owned()),
            count => Finding::Passed(format!(
                "{count}, passed over: {}",
                others.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
            )),
        }
    });
}

/// If no kernel fits: what the image says about the kernels in it, and what the profile says about its own.
pub(super) fn of_strangers(
    memory: &dyn Memory,
    layout: &Layout,
    info: Option<&VmCoreInfo>,
    checker: &mut Checker<'_>,
    tried: &[String],
    plan: &ScanPlan<'_>,
) {
    let found = search(memory, plan);
    let mut infos: Vec<&VmCoreInfo> = info.into_iter().collect();
    let mut banners: Vec<&str> = Vec::new();
    for (_, sighting) in &found {
        match sighting {
            Sighting::Info(info) => infos.push(info),
            // A copy that was partly overwritten does not name a kernel.
            Sighting::Banner(banner) if banner.contains(" #") => banners.push(banner),
            Sighting::Banner(_) => {}
        }
    }
    banners.sort_unstable();
    banners.dedup();
    let expected = layout.metadata("Banner").map(|text| text.trim_end().to_owned());
    let build_id = layout.metadata("BuildID");
    // The profile's own kernel, by its own records, may be partly present.
    let own = infos.iter().find(|info| {
        let release = expected.as_ref().zip(info.release());
        release.is_none_or(|(banner, release)| banner.split(' ').nth(2) == Some(release))
            && build_id
                .as_deref()
                .zip(info.build_id())
                .is_none_or(|(ours, theirs)| ours.eq_ignore_ascii_case(theirs))
    });
    let lost = own.and_then(|info| lost(memory, layout, info));
    let words = expected.clone().unwrap_or_else(|| "the profile names none".to_owned());
    checker.check(&table::BANNER, words, || match &expected {
        None => Finding::Skipped("the profile names none".to_owned()),
        Some(_) if banners.is_empty() => Finding::Skipped("the image holds none".to_owned()),
        Some(expected) => {
            let shown = banners.iter().take(3).copied().collect::<Vec<_>>().join(" | ");
            // A copy in a buffer can continue with older data.
            let found = banners.iter().any(|banner| banner.starts_with(expected.as_str()));
            if lost.is_some() && !found { Finding::Skipped(shown) } else { Finding::judge(found, shown) }
        }
    });
    let expected = layout.metadata("BuildID").map(|id| id.to_ascii_lowercase());
    let words = expected.clone().unwrap_or_else(|| "the profile names none".to_owned());
    checker.check(&table::BUILD_ID, words, || match &expected {
        None => Finding::Skipped("the profile names none".to_owned()),
        Some(expected) => {
            let ids: Vec<&str> = infos.iter().filter_map(|info| info.build_id()).collect();
            match ids.first() {
                None => Finding::Skipped("the image holds none".to_owned()),
                Some(id) => Finding::judge(ids.iter().any(|id| id.eq_ignore_ascii_case(expected)), *id),
            }
        }
    });
    checker.check(&anchors::NO_KERNEL, "one at the profile's addresses", || {
        for name in ["linux_banner", "init_task", "init_top_pgt", "swapper_pg_dir", "_stext"] {
            layout.symbol(name);
        }
        let reason = tried.join("; ");
        // If the image names a kernel, it is another one, unless the data that leads to it is missing.
        match lost {
            Some(Lost::Missing(reason)) => Finding::Skipped(reason),
            Some(Lost::Blank(reason)) => Finding::Doubtful(reason),
            None if infos.is_empty() => Finding::Skipped(reason),
            None => Finding::Failed(reason),
        }
    });
}
