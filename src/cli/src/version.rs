//! What `--version` prints beside the version: what tells two builds of it apart.

/// The sandbox that the target has.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
macro_rules! sandbox {
    () => {
        "landlock, seccomp"
    };
}

/// The sandbox that the target has.
#[cfg(all(
    target_os = "linux",
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
))]
macro_rules! sandbox {
    () => {
        "landlock"
    };
}

/// The sandbox that the target has.
#[cfg(not(target_os = "linux"))]
macro_rules! sandbox {
    () => {
        "no sandbox (it needs Linux)"
    };
}

/// Whether the program can use buckets.
#[cfg(feature = "buckets")]
macro_rules! buckets {
    () => {
        "buckets, "
    };
}

/// Whether the program can use buckets.
#[cfg(not(feature = "buckets"))]
macro_rules! buckets {
    () => {
        ""
    };
}

/// The version, the commit that the program was built from (`unknown` in a development build), the target, and the features:
/// what it was built with, and what of the sandbox the target has. `-V` prints the version alone.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("REKALL_PROFILE_COMMIT"),
    "\ntarget: ",
    env!("REKALL_PROFILE_TARGET"),
    "\nfeatures: ",
    buckets!(),
    sandbox!()
);
