//! What an image says of its own kernel, for whoever names no profile: which one is needed, and how to bring it.

use std::fmt::Write as _;

use analyzer::linux::VmCoreInfo;
use analyzer::windows;
use image::{Image, Memory, PhysicalAddress, Plan};
use maps::Banner;
use symbols::Rsds;

use crate::console::Console;
use crate::table::printable;

const LINUX: &[u8] = b"Linux version ";
const DARWIN: &[u8] = b"Darwin Kernel Version ";
/// What is looked for, by kind.
const NEEDLES: [&[u8]; 4] = [VmCoreInfo::MAGIC, Rsds::MAGIC, LINUX, DARWIN];
/// How many kernels are told; stale and foreign records are many in some images.
const MOST: usize = 4;
/// How many places are looked at, and how many kernels are told apart: an image may be made of nothing else.
const MOST_PLACES: usize = 1 << 16;
const MOST_KERNELS: usize = 64;

/// A line for each kernel that the image names, with the command that brings its profile; nothing where it names none.
pub fn of_image(image: &Image, console: &Console) -> String {
    let step = "Asking the image for its kernel";
    let plan = Plan { threads: console.threads(), overlap: 0, progress: console.progress(), step };
    let mut kernels: Vec<(u8, String)> = Vec::new();
    for hit in image::find(image, &NEEDLES, &plan).found.iter().take(MOST_PLACES) {
        let Some(kernel) = kernel(image, hit.at) else { continue };
        if kernels.len() < MOST_KERNELS && !kernels.contains(&kernel) {
            kernels.push(kernel);
        }
    }
    // What says most first; a banner only where nothing says more.
    kernels.sort();
    let best = kernels.first().map(|(rank, _)| *rank);
    kernels.iter().filter(|(rank, _)| Some(*rank) == best).take(MOST).fold(
        String::new(),
        |mut lines, (_, line)| {
            // Writing to a string cannot fail.
            let _ = write!(lines, "\n  {line}");
            lines
        },
    )
}

/// The kernel that the text or record at this place names, behind how little it says.
fn kernel(image: &Image, at: PhysicalAddress) -> Option<(u8, String)> {
    let bytes = page_rest(image, at)?;
    if let Some(info) = VmCoreInfo::parse(&bytes) {
        let release = info.release().unwrap_or("?");
        // What is meant to be run must be what it says.
        let id = info.build_id().filter(|id| id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        return Some(match id {
            Some(id) => {
                (0, format!("Linux {release}: fetch_debug {id}, then parse_dwarf on the file it brings"))
            }
            None => (1, format!("Linux {release}: parse_dwarf on its vmlinux with debug information")),
        });
    }
    if let Some(rsds) = Rsds::parse(&bytes) {
        let name = rsds.file_name();
        let wanted = windows::KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(name));
        let (file, id) = (name, rsds.guid_age);
        return wanted.then(|| (0, format!("Windows: fetch_pdb {file} {id}, then parse_pdb {file}")));
    }
    if bytes.starts_with(DARWIN) {
        let line = bytes.split(|byte| matches!(byte, b'\n' | b':' | 0)).next()?;
        let line = str::from_utf8(line).ok().filter(|line| line.len() > DARWIN.len())?;
        return Some((2, format!("{}: parse_dwarf on the kernel of its debug kit", printable(line))));
    }
    let banner = bytes.starts_with(LINUX).then(|| Banner::find(&bytes)).flatten()?;
    let release = printable(&banner.release);
    Some((2, format!("Linux {release}: parse_dwarf on its vmlinux with debug information")))
}

/// What stands from `at` to the end of the next page, or of this one where that is not there.
fn page_rest(image: &Image, at: PhysicalAddress) -> Option<Vec<u8>> {
    let rest = 4096 - (at.0 % 4096) as usize;
    [rest + 4096, rest].into_iter().find_map(|length| {
        let mut bytes = vec![0; length];
        image.read(at, &mut bytes).ok().map(|()| bytes)
    })
}
