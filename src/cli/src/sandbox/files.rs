use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};

use super::folders::{Folders, parent_of};
use super::{Access, Layer, Network};

/// The newest rights that are requested: those of a kernel on which the tests have run.
const NEWEST: ABI = ABI::V7;

/// How many folder entries are checked for links, and how deep folders are followed for that.
const MOST_ENTRIES: usize = 4096;
const INPUT_DEPTH: usize = 16;
const STORE_DEPTH: usize = 1;
/// How many links are followed to an output that does not exist yet, the same as on Linux.
const MOST_LINKS: usize = 40;
/// How many places a description lists.
const MOST_SHOWN: usize = 6;

/// The places of files that connections need: resolver configuration and certificates, and the libraries that read
/// them. The rest of `/etc` stays closed, because it holds passwords and keys.
const SYSTEM: [&str; 27] = [
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/resolv.conf",
    "/etc/security/certificates",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/lib",
    "/lib32",
    "/lib64",
    "/usr",
    "/nix/store",
    "/opt/etc/ssl/certs",
    "/run/current-system",
    "/run/nscd",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/var/lib/ca-certificates",
    "/dev/urandom",
];

/// Reading files, and listing folders.
fn read() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir | IoctlDev})
}

/// Writing to a file that exists.
fn write_through() -> BitFlags<AccessFs> {
    read() | make_bitflags!(AccessFs::{WriteFile | Truncate})
}

/// Writing files through temporary files next to them.
fn write_files() -> BitFlags<AccessFs> {
    write_through() | make_bitflags!(AccessFs::{MakeReg | RemoveFile})
}

/// Writing files, and making folders for them.
fn write_tree() -> BitFlags<AccessFs> {
    write_files() | make_bitflags!(AccessFs::{MakeDir | RemoveDir | Refer})
}

/// Restricts the calling thread, and the threads that it starts, to the files of `access`.
///
/// # Errors
/// The reason why the kernel does not do it, in words.
pub(super) fn restrict(access: &Access, folders: &Folders) -> Result<Layer, String> {
    let mut rules = Rules::new(access).map_err(|error| in_words(&error))?;
    if access.network() == Network::Connect {
        SYSTEM.iter().for_each(|path| rules.allow(path, read()));
    }
    if access.reads_everything() {
        rules.allow("/", read());
    }
    for path in access.reads() {
        rules.allow_tree(path, read(), INPUT_DEPTH);
    }
    for folder in access.stores() {
        rules.allow_tree(folder, read(), STORE_DEPTH);
    }
    access.reads_beside().for_each(|file| allow_beside(file, &mut rules));
    access.outputs().for_each(|file| allow_output(file, &mut rules));
    for (folder, _) in access.folders() {
        rules.allow_tree(folder, write_tree(), STORE_DEPTH);
    }
    if let Some(scratch) = &folders.scratch {
        rules.allow(scratch, write_tree());
    }
    for parent in &folders.parents {
        rules.allow(parent, AccessFs::RemoveDir.into());
    }
    let status = rules.created.restrict_self().map_err(|error| in_words(&error))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("the kernel has Landlock but it was not enabled at boot (lsm=landlock,...)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Err("the kernel does not offer Landlock (Linux 5.13 and later do)".to_owned())
        }
        (enforced, landlock) => {
            let abi = match landlock {
                LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
                _ => 0,
            };
            let partly = match enforced {
                RulesetStatus::FullyEnforced => "",
                _ => ", in part: a newer kernel restricts more",
            };
            Ok(Layer::Enforced(format!("Landlock ABI {abi}{partly}; {}", describe(access))))
        }
    }
}

/// A set of rules under construction.
struct Rules {
    created: RulesetCreated,
}

impl Rules {
    fn new(access: &Access) -> Result<Self, RulesetError> {
        let mut ruleset = Ruleset::default();
        // The first version of Landlock refuses every move between folders, which stores need.
        if access.folders().next().is_some() {
            ruleset = ruleset
                .set_compatibility(CompatLevel::HardRequirement)
                .handle_access(AccessFs::Refer)?
                .set_compatibility(CompatLevel::BestEffort);
        }
        let mut ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?.scope(Scope::Signal)?;
        // Name services are contacted through local sockets.
        if access.network() != Network::Connect {
            ruleset = ruleset.scope(Scope::AbstractUnixSocket)?.handle_access(AccessNet::ConnectTcp)?;
        }
        if access.network() != Network::Listen {
            ruleset = ruleset.handle_access(AccessNet::BindTcp)?;
        }
        Ok(Self { created: ruleset.create()? })
    }

    /// Allows access to a path, if it exists. Rights that only folders have are left out for a file. An unnamed pipe
    /// (`/dev/fd/63`) cannot have a rule and needs none; for anything else that cannot have a rule, access stays
    /// refused.
    fn allow(&mut self, path: impl AsRef<Path>, rights: BitFlags<AccessFs>) {
        let path = path.as_ref();
        let Ok(metadata) = fs::metadata(path) else { return };
        let rights = if metadata.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
        if let Ok(opened) = PathFd::new(path) {
            let _ = (&mut self.created).add_rule(PathBeneath::new(opened, rights));
        }
    }

    /// The same for a folder, and for the targets of links in it, because the kernel checks the real place of a file.
    /// Folders are followed to this depth.
    fn allow_tree(&mut self, path: &Path, rights: BitFlags<AccessFs>, depth: usize) {
        self.allow(path, rights);
        let mut left = MOST_ENTRIES;
        let mut pending = vec![(path.to_owned(), depth)];
        while let Some((folder, depth)) = pending.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.take(left).flatten() {
                left = left.saturating_sub(1);
                match entry.file_type() {
                    Ok(kind) if kind.is_symlink() => self.allow(entry.path(), rights),
                    Ok(kind) if kind.is_dir() && depth > 1 => pending.push((entry.path(), depth - 1)),
                    _ => {}
                }
            }
        }
    }
}

/// A file and its companions: the contents of its folders, and companions that are links to files of their own name in
/// other folders, as the parts of an image on several disks can be.
fn allow_beside(file: &Path, rules: &mut Rules) {
    rules.allow(file, read());
    let folders = folders_of(file);
    folders.iter().for_each(|folder| rules.allow(folder, read()));
    let Some(folder) = folders.first() else { return };
    let Some(stem) = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link
            && entry.file_name().to_string_lossy().starts_with(&stem)
            && let Ok(target) = profile::companion_target(&entry.path())
        {
            rules.allow(target, read());
        }
    }
}

/// The folders with a file's companions: that of its name, and that of the link target. Devices and open files have
/// none.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(file).ok();
    let mut folders: Vec<PathBuf> =
        [Some(file), real.as_deref()].into_iter().flatten().map(parent_of).collect();
    folders.retain(|folder| !["/dev", "/proc"].iter().any(|special| folder.starts_with(special)));
    folders
}

/// An output: the file, if it exists, for writing directly, and the folder in which it is created or replaced.
fn allow_output(file: &Path, rules: &mut Rules) {
    let target = destination(file);
    match fs::metadata(file) {
        Ok(metadata) if metadata.is_dir() => rules.allow(file, write_files()),
        Ok(metadata) if metadata.is_file() => {
            rules.allow(file, write_through());
            rules.allow(parent_of(&target), write_files());
        }
        Ok(_) => rules.allow(file, write_through()),
        Err(_) => rules.allow(parent_of(&target), write_files()),
    }
}

/// The final place of an output, behind symbolic links, including one that leads to a file that does not exist yet.
fn destination(file: &Path) -> PathBuf {
    let mut path = file.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        match fs::read_link(&path) {
            // An absolute target replaces the folder.
            Ok(target) => path = parent_of(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

fn in_words(error: &RulesetError) -> String {
    match error {
        RulesetError::HandleAccesses(_) => {
            "the kernel does not offer Landlock that allows moves between folders (Linux 5.19 and later do)"
                .to_owned()
        }
        error => format!("Landlock failed: {error}"),
    }
}

/// A description of what is still allowed.
fn describe(access: &Access) -> String {
    let reads: Vec<PathBuf> = match access.reads_everything() {
        true => vec![PathBuf::from("/")],
        false => access
            .reads()
            .chain(access.stores())
            .map(Path::to_owned)
            .chain(access.reads_beside().flat_map(folders_of))
            .collect(),
    };
    let writes: Vec<PathBuf> = access
        .outputs()
        .map(Path::to_owned)
        .chain(access.folders().map(|(folder, _)| folder.to_owned()))
        .collect();
    format!("reads {}; writes {}", list(reads), list(writes))
}

fn list(mut paths: Vec<PathBuf>) -> String {
    paths.sort();
    paths.dedup();
    let shown: Vec<String> = paths.iter().take(MOST_SHOWN).map(|path| path.display().to_string()).collect();
    match (paths.len(), paths.len().saturating_sub(MOST_SHOWN)) {
        (0, _) => "nothing".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
