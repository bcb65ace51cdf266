use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How a command uses the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// It opens no socket.
    #[default]
    None,
    /// It listens for connections and makes none.
    Listen,
    /// It connects to servers.
    Connect,
}

/// What a run may do: the files it reads, the places it writes to, and its use of the network. The default allows
/// nothing; a command adds what its arguments name. Paths that do not exist are ignored, except where a method says
/// that it creates them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    reads: BTreeSet<PathBuf>,
    stores: BTreeSet<PathBuf>,
    reads_beside: BTreeSet<PathBuf>,
    reads_everything: bool,
    outputs: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    own_folders: BTreeSet<PathBuf>,
    network: Network,
    scratch: bool,
}

impl Access {
    /// Allows reading a file, or a folder with everything below it. `-`, which is standard input, needs no
    /// permission.
    pub fn read(&mut self, path: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.reads, path.as_ref());
        self
    }

    /// Allows reading a folder that is a store of many files, with everything below it. Only links on its top level
    /// are followed.
    pub fn read_store(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.stores, folder.as_ref());
        self
    }

    /// Allows reading a file and its companions: the folder that contains it, with everything below.
    pub fn read_beside(&mut self, file: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.reads_beside, file.as_ref());
        self
    }

    /// Allows reading every file, if the files to read are named in files that the user trusts.
    pub fn read_everything(&mut self) -> &mut Self {
        self.reads_everything = true;
        self
    }

    /// Allows writing the file with this name: it is created or replaced in its folder or, if it is a pipe or device,
    /// written to. Connecting to a socket needs the system calls of the network. `-`, which is standard output, needs
    /// no permission.
    pub fn write(&mut self, file: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.outputs, file.as_ref());
        #[cfg(unix)]
        if std::fs::metadata(&file).is_ok_and(|metadata| is_socket(&metadata)) {
            self.network = Network::Connect;
        }
        self
    }

    /// Allows creating, replacing, moving and removing files and folders below this folder. It is created if
    /// necessary, and removed at the end if it stayed empty.
    pub fn fill(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.folders, folder.as_ref());
        self
    }

    /// Like [`Access::fill`], for the program's own folders, which are kept when empty, since another process may be
    /// about to use them.
    pub fn fill_own(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        insert(&mut self.own_folders, folder.as_ref());
        self
    }

    /// Allows using the network.
    pub fn network_as(&mut self, network: Network) -> &mut Self {
        self.network = network;
        self
    }

    /// Allows unpacking into temporary files.
    pub fn unpack(&mut self) -> &mut Self {
        self.scratch = true;
        self
    }
}

/// What the layers read; only Linux has them.
#[cfg(target_os = "linux")]
impl Access {
    pub(super) fn reads(&self) -> impl Iterator<Item = &Path> {
        self.reads.iter().map(PathBuf::as_path)
    }

    pub(super) fn stores(&self) -> impl Iterator<Item = &Path> {
        self.stores.iter().map(PathBuf::as_path)
    }

    pub(super) fn reads_beside(&self) -> impl Iterator<Item = &Path> {
        self.reads_beside.iter().map(PathBuf::as_path)
    }

    pub(super) fn reads_everything(&self) -> bool {
        self.reads_everything
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.outputs.iter().map(PathBuf::as_path)
    }

    /// The folders to be filled, and whether each is removed at the end if it was created and stayed empty.
    pub(super) fn folders(&self) -> impl Iterator<Item = (&Path, bool)> {
        let named = self.folders.iter().map(|folder| (folder.as_path(), true));
        named.chain(self.own_folders.iter().map(|folder| (folder.as_path(), false)))
    }

    /// The allowed use of the network.
    pub fn network(&self) -> Network {
        self.network
    }

    pub(super) fn needs_scratch(&self) -> bool {
        self.scratch
    }
}

#[cfg(unix)]
fn is_socket(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&metadata.file_type())
}

fn insert(paths: &mut BTreeSet<PathBuf>, path: &Path) {
    if path.as_os_str() != "-" && !path.as_os_str().is_empty() {
        paths.insert(path.to_owned());
    }
}
