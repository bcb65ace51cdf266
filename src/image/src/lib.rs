//! Memory images: the physical memory in a file, and the virtual addresses in it.
//!
//! Start here: [`Image::open`] recognises a file by its content; [`AddressSpace`] translates and reads.
//!
//! - **Containers.** An [`Image`] maps the physical addresses in a [`Container`] to the file's bytes, whatever their
//!   compression, and keeps what the container says about the machine ([`Hints`]).
//! - **Physical memory.** [`Memory`] is the interface of an image: [`Run`]s, and reads that report where they failed
//!   ([`ReadError`]). [`Pages`] is memory built by hand.
//! - **Address spaces.** An [`AddressSpace`] walks the page tables of one [`Paging`] from one root; a [`Fault`] says
//!   at which table a walk ended. It also lists mapped pages.
//! - **Searching.** [`scan`] passes all of physical memory to a closure, window by window, on many threads; [`find`]
//!   searches for needles.
//!
//! This crate knows no profile: it interprets containers and page tables, but not the system in the memory.
//!
//! ```
//! use image::{Container, Image, Memory, PhysicalAddress};
//!
//! // Nothing tells raw memory: address zero is the first byte of the file.
//! let image = Image::from_content(vec![7; 2 * 4096])?;
//! assert_eq!((image.container(), image.size()), (Container::Raw, 8192));
//! let mut bytes = [0; 4];
//! image.read(PhysicalAddress(0x1000), &mut bytes)?;
//! assert_eq!(bytes, [7; 4]);
//! assert!(image.read(PhysicalAddress(0x2000), &mut bytes).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod address;
mod bitmap;
mod bytes;
mod cache;
mod companions;
mod container;
mod error;
mod fields;
mod file;
mod hints;
mod image;
mod layout;
mod memory;
mod paging;
mod scan;
mod segments;
mod unpack;

pub use address::{AddressError, PhysicalAddress, VirtualAddress};
pub use companions::{companions, needs_unpacking};
pub use container::Container;
pub use error::Error;
pub use hints::{Cpu, CrashDump, Hints, Triage, TriageModule};
pub use image::Image;
pub use layout::{LayoutError, LayoutPart, Placed};
pub use memory::{Memory, Pages, ReadError, Run};
pub use paging::{AddressSpace, Fault, Granule, Mapped, Mapping, Paging, Table};
pub use scan::{Hit, ScanPlan, Scanned, Window, find, scan};
