//! What all front-ends share. A front-end makes a profile of one kind of debug information; this crate knows none of
//! them.
//!
//! Start here: [`FrontEnd`] is the trait that every front-end implements.
//!
//! - **In.** A [`Source`] is the mapped file or the folder that the user named, with an [`Opener`] for the files that
//!   belong to it. [`Options`] say how it is converted. An option that the front-end does not use is refused
//!   ([`Options::check`]).
//! - **Out.** A [`Converted`] is the profile, the report of what was lost, and the build that the source belongs to
//!   ([`Identity`]). An [`Error`] means that no profile could be made.
//!
//! The crate `all`, above the front-ends, lists them and chooses the one that reads a source. This crate prints
//! nothing, knows no command line and writes no JSON.
//!
//! A complete front-end, which makes a profile without types of any text. The crate documentation of `profile` shows how
//! types are added:
//!
//! ```
//! use formats::FileKind;
//! use frontend::{Converted, Error, FrontEnd, OptionName, Options, Source};
//! use profile::{Arch, Profile, Progress, Report, System};
//!
//! /// Reads texts.
//! #[derive(Debug)]
//! struct Toy;
//!
//! impl FrontEnd for Toy {
//!     fn command(&self) -> &'static str {
//!         "parse_toy"
//!     }
//!     fn reads(&self) -> &'static str {
//!         "a text"
//!     }
//!     fn generator(&self) -> &'static str {
//!         "rekall-profile toy 1"
//!     }
//!     fn options(&self) -> &'static [OptionName] {
//!         &[OptionName::ProfileClass]
//!     }
//!     fn kinds(&self) -> &'static [FileKind] {
//!         &[FileKind::Text]
//!     }
//!     fn convert(&self, _: Source, options: &Options, _: &dyn Progress) -> Result<Converted, Error> {
//!         let mut profile = Profile::new(System::Other, Arch::Amd64);
//!         profile.set_metadata("ProfileClass", options.profile_class.as_deref().unwrap_or("Toy"));
//!         Ok(Converted { profile, report: Report::default() })
//!     }
//! }
//!
//! let source = Source::from_bytes("x.toy", b"A text.\n".to_vec().into());
//! assert!(Toy.kinds().contains(&source.identify().kind));
//! let converted = Toy.convert(source, &Options::default(), &profile::Silent).unwrap();
//! assert_eq!(converted.profile.metadata_text("ProfileClass"), Some("Toy"));
//! ```

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_macros))]

mod converted;
mod error;
pub mod folder;
mod front_end;
mod identity;
mod language;
mod opener;
mod options;
mod source;

pub use converted::Converted;
pub use error::Error;
pub use front_end::FrontEnd;
pub use identity::Identity;
pub use language::{Language, LanguageError};
pub use opener::{Files, Nothing, Opener};
pub use options::{OptionName, Options};
pub use source::Source;
