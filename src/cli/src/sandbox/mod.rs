//! The sandbox: what the program denies itself before it reads untrusted bytes.
//!
//! A run knows from its command line which files it reads, where it writes and whether it uses the network
//! ([`Access`]). [`enter`] hands that to the kernel, so that a parser that is taken over by a hostile file
//! can do no more than the command itself:
//!
//! - [`files`] restricts which files can be opened, with Landlock;
//! - [`calls`] refuses sockets, new processes and system calls that the program never makes, with seccomp;
//! - [`folders`] creates the folders that the rules refer to, since a rule needs a folder that exists.
//!
//! Refused operations fail with "Permission denied" or "Operation not permitted"; the process goes on, so the user gets
//! an error message. Where a kernel lacks a layer, the program runs without it and says so with `-v`.
//! This module knows no command, so tests apply it in processes of their own.

mod access;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod calls;
#[cfg(all(
    target_os = "linux",
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
))]
mod calls {
    /// There is no filter for this architecture.
    pub(super) fn restrict(_: super::Network) -> Result<super::Layer, String> {
        Err(format!("there is no filter for {}", std::env::consts::ARCH))
    }
}
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod folders;
mod layer;

pub use access::{Access, Network};
#[cfg(target_os = "linux")]
pub use folders::clean_up;
pub use layer::Layer;

use std::fmt;

/// What a sandbox came to on this kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Which files can be opened.
    pub files: Layer,
    /// Which system calls are answered.
    pub calls: Layer,
}

impl Sandbox {
    /// Whether the kernel enforces anything.
    pub fn is_active(&self) -> bool {
        [&self.files, &self.calls].into_iter().any(|layer| matches!(layer, Layer::Enforced(_)))
    }
}

impl Sandbox {
    /// What it restricts, a line for each layer.
    pub fn lines(&self) -> [String; 2] {
        let line = |what: &str, layer: &Layer| match layer {
            Layer::Enforced(how) => format!("Sandbox: {what} are restricted ({how})"),
            Layer::Missing(why) => format!("Sandbox: {what} are not restricted: {why}"),
        };
        [line("files", &self.files), line("system calls", &self.calls)]
    }
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// Restricts this process to `access`, for good. Call it while the process has one thread: Landlock restricts the
/// calling thread and the threads it starts later.
pub fn enter(access: &Access) -> Sandbox {
    imp::enter(access)
}

#[cfg(target_os = "linux")]
mod imp {
    use super::{Access, Layer, Sandbox, calls, files, folders};

    pub fn enter(access: &Access) -> Sandbox {
        let folders = folders::prepare(access);
        let files = files::restrict(access, &folders).unwrap_or_else(Layer::Missing);
        let calls = calls::restrict(access.network()).unwrap_or_else(Layer::Missing);
        Sandbox { files, calls }
    }
}

/// Removes what [`enter`] created: nothing on this system.
#[cfg(not(target_os = "linux"))]
pub fn clean_up() {}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{Access, Layer, Sandbox};

    pub fn enter(_: &Access) -> Sandbox {
        let missing = || Layer::Missing("this system has none that the program can use".to_owned());
        Sandbox { files: missing(), calls: missing() }
    }
}
