//! What `--version` prints beside the version: what tells two builds of it apart.

/// The features of a build.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
macro_rules! features {
    () => {
        "landlock, seccomp"
    };
}

/// The features of a build.
#[cfg(all(
    target_os = "linux",
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
))]
macro_rules! features {
    () => {
        "landlock"
    };
}

/// The features of a build.
#[cfg(not(target_os = "linux"))]
macro_rules! features {
    () => {
        "none (the sandbox needs Linux)"
    };
}

/// The version, the commit that the program was built from (`unknown` in a development build), the target, and what of the
/// sandbox the target has. `-V` prints the version alone.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REKALL_PROFILE_COMMIT"),
    "\ntarget: ",
    env!("REKALL_PROFILE_TARGET"),
    "\nfeatures: ",
    features!()
);
