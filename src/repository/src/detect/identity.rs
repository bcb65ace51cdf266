use std::fmt;

use analyzer::linux::VmCoreInfo;
use analyzer::windows;
use image::{Image, Memory, PhysicalAddress, ScanPlan};
use maps::Banner;
use pe::Rsds;
use profile::{GuidAge, System};

use crate::{ProfileName, Reach, Repositories};

const LINUX: &[u8] = b"Linux version ";
const DARWIN: &[u8] = b"Darwin Kernel Version ";
/// The patterns to search for, by kind.
const NEEDLES: [&[u8]; 4] = [VmCoreInfo::MAGIC, Rsds::MAGIC, LINUX, DARWIN];
/// The maximum number of places that are examined, and of kernels that are distinguished, since an image may consist
/// of nothing else.
const MOST_PLACES: usize = 1 << 16;
const MOST_KERNELS: usize = 64;
/// The maximum number of one kind in half a megabyte of memory.
const MOST_IN_A_WINDOW: usize = 1024;

/// What an image says about a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedKernel {
    /// The record of a Windows kernel's PDB.
    Windows {
        /// The PDB's name in the record.
        pdb: String,
        /// Its build.
        guid_age: GuidAge,
    },
    /// A VMCOREINFO or a banner of Linux.
    Linux {
        /// The release (`6.1.0-13-amd64`).
        release: String,
        /// The build-id in lower-case hexadecimal digits, which is in VMCOREINFO since 5.9.
        build_id: Option<String>,
    },
    /// The version of a macOS kernel.
    Mac {
        /// Darwin's version (`10.6.0`).
        version: String,
    },
}

/// A kernel that an image names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighted {
    /// The kernel.
    pub kernel: NamedKernel,
    /// The first place where the image names it.
    pub at: PhysicalAddress,
    /// The kind of that record.
    pub by: &'static str,
    /// How little information the record has; the most complete kind has 0.
    pub rank: u8,
}

/// The kernels that an image names, each once; the most complete record comes first.
pub fn kernels(image: &Image, plan: &ScanPlan<'_>) -> Vec<Sighted> {
    let plan = ScanPlan { step: "Asking the image for its kernel", ..*plan };
    let mut found: Vec<Sighted> = Vec::new();
    for hit in image::find(image, &NEEDLES, MOST_IN_A_WINDOW, &plan).found.iter().take(MOST_PLACES) {
        let Some((rank, by, kernel)) = kernel(image, hit.at) else { continue };
        if found.len() < MOST_KERNELS && !found.iter().any(|known| known.kernel == kernel) {
            found.push(Sighted { kernel, at: hit.at, by, rank });
        }
    }
    found.sort_by_key(|sighted| (sighted.rank, sighted.at));
    found
}

/// The kernel that the text or record at this place names, and how little information that gives.
fn kernel(image: &Image, at: PhysicalAddress) -> Option<(u8, &'static str, NamedKernel)> {
    let bytes = page_rest(image, at)?;
    if let Some(info) = VmCoreInfo::parse(&bytes) {
        let release = info.release().unwrap_or("?").to_owned();
        // A name that users copy into a shell must not contain anything else.
        let id = info.build_id().filter(|id| id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let build_id = id.map(str::to_ascii_lowercase);
        let rank = u8::from(build_id.is_none());
        return Some((rank, "VMCOREINFO", NamedKernel::Linux { release, build_id }));
    }
    if let Some(rsds) = Rsds::parse(&bytes) {
        let name = rsds.file_name();
        let wanted = windows::KERNELS.iter().any(|kernel| kernel.eq_ignore_ascii_case(name));
        let kernel = || NamedKernel::Windows { pdb: name.to_owned(), guid_age: rsds.guid_age };
        return wanted.then(|| (0, "RSDS record", kernel()));
    }
    if let Some(rest) = bytes.strip_prefix(DARWIN) {
        let version = rest.split(|byte| !matches!(byte, b'0'..=b'9' | b'.')).next()?;
        let version = str::from_utf8(version).ok().filter(|version| !version.is_empty())?;
        return Some((2, "version", NamedKernel::Mac { version: version.to_owned() }));
    }
    let banner = bytes.starts_with(LINUX).then(|| Banner::find(&bytes)).flatten()?;
    Some((2, "banner", NamedKernel::Linux { release: banner.release, build_id: None }))
}

/// The bytes from `at` to the end of the next page, or of this page if the next one is missing.
fn page_rest(image: &Image, at: PhysicalAddress) -> Option<Vec<u8>> {
    let rest = 4096 - (at.0 % 4096) as usize;
    [rest + 4096, rest].into_iter().find_map(|length| {
        let mut bytes = vec![0; length];
        image.read(at, &mut bytes).ok().map(|()| bytes)
    })
}

impl NamedKernel {
    /// The system of the kernel.
    pub fn system(&self) -> System {
        match self {
            NamedKernel::Windows { .. } => System::Windows,
            NamedKernel::Linux { .. } => System::Linux,
            NamedKernel::Mac { .. } => System::Mac,
        }
    }

    /// The names that its profile may have. For Windows they contain the build; for Linux they are like its build-id
    /// or release; for macOS they are like the version of the system that came with the kernel.
    pub(super) fn names(&self, repositories: &Repositories, reach: Reach) -> Vec<ProfileName> {
        match self {
            NamedKernel::Windows { guid_age, .. } => {
                ProfileName::of_guid("nt", *guid_age).into_iter().collect()
            }
            NamedKernel::Linux { release, build_id } => {
                let mut names: Vec<ProfileName> =
                    build_id.iter().filter_map(|id| format!("Linux/{id}").parse().ok()).collect();
                let (listed, _) = repositories.names_within("Linux", reach);
                let like = |name: &ProfileName| holds(name.as_str(), release);
                names.extend(listed.into_iter().filter(like));
                names
            }
            NamedKernel::Mac { version } => {
                let (listed, _) = repositories.names_within("OSX", reach);
                let Some(system) = mac_version(version) else { return Vec::new() };
                listed.into_iter().filter(|name| holds(name.as_str(), &system)).collect()
            }
        }
    }
}

/// Whether a name contains `part` as a separate word: no digit or letter of the name continues it.
fn holds(name: &str, part: &str) -> bool {
    let continues = |character: Option<char>| character.is_some_and(|character| character.is_ascii_digit());
    name.match_indices(part).any(|(at, _)| {
        let before = name.get(..at).and_then(|before| before.chars().next_back());
        let behind = name.get(at + part.len()..).and_then(|behind| behind.chars().next());
        !part.is_empty() && !continues(before) && !continues(behind)
    })
}

/// The version of the system for a version of Darwin: 10.6.x for 10.x, up to 10.15 for 19; then one more each year.
fn mac_version(darwin: &str) -> Option<String> {
    let major: u32 = darwin.split('.').next()?.parse().ok()?;
    match major {
        4..=19 => Some(format!("10.{}", major - 4)),
        20.. => Some((major - 9).to_string()),
        _ => None,
    }
}

impl fmt::Display for NamedKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamedKernel::Windows { pdb, guid_age } => write!(f, "Windows {pdb} {guid_age}"),
            NamedKernel::Linux { release, build_id: Some(id) } => write!(f, "Linux {release}, build-id {id}"),
            NamedKernel::Linux { release, build_id: None } => write!(f, "Linux {release}"),
            NamedKernel::Mac { version } => write!(f, "Darwin {version}"),
        }
    }
}

impl fmt::Display for Sighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.by, self.at, self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_in_a_name_only_as_a_whole() {
        assert!(holds("Linux/Debian/12/x86_64/6.1.0-13-amd64", "6.1.0-13-amd64"));
        assert!(holds("OSX/SnowLeopard_10.6.6_AMD", "10.6"));
        assert!(!holds("OSX/10.10.1_14b25.64bit", "10.1"));
        assert!(!holds("Linux/Ubuntu/16.1.0-13-amd64", "6.1.0-13-amd64"));
        assert!(!holds("Linux/x", ""));
    }

    #[test]
    fn darwin_counts_on_its_own() {
        assert_eq!(mac_version("10.6.0").as_deref(), Some("10.6"));
        assert_eq!(mac_version("19.6.0").as_deref(), Some("10.15"));
        assert_eq!(mac_version("20.1.0").as_deref(), Some("11"));
        assert_eq!(mac_version("3.1"), None);
        assert_eq!(mac_version(""), None);
    }
}
