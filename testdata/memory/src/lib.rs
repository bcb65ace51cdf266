//! Synthetic memory images: physical memory as a Windows or macOS kernel would leave it, laid out from kernels in name
//! only (`windows/`, `macos/`), with the truth about what is in it.
//!
//! Start here: [`windows::image`] and [`macos::image`] lay out an [`Image`]; [`Image::write`] puts it in a container.
//!
//! - [`memory`]: physical memory, page by page, and its frames in no order.
//! - [`paging`]: page tables of every kind, written into that memory.
//! - [`executable`], [`layout`]: the kernels, as a loader maps them, and what the compiler says of their structs. Nothing
//!   here uses the project's own readers, so what those find in an image was not put there by them.
//! - [`container`]: the files that memory is dumped into.
//! - [`truth`]: what a reader has to find.
//!
//! All of it is test support: its input is its own, and it panics where that is not as it should be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support; every input is our own"
)]

pub mod container;
pub mod executable;
pub mod layout;
pub mod macos;

pub mod memory;
pub mod paging;
pub mod truth;
pub mod windows;

pub use container::Container;
pub use memory::Memory;
pub use truth::Truth;

/// A memory image before it is written into a container.
pub struct Image {
    /// The physical memory.
    pub memory: Memory,
    /// What is in it.
    pub truth: Truth,
    /// What a crash dump's header says of it.
    pub header: container::Header,
}

impl Image {
    /// The image as a file of this kind.
    pub fn write(&self, container: Container) -> Vec<u8> {
        container::write(self, container)
    }
}
