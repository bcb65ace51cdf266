//! The formats of memory images: one file per format, each from bytes to ranges of memory and hints.
//!
//! The limits for all of them: tables are read up to the end of the file, so their memory is proportional to the
//! file. The ranges of memory together may have twice as many bytes as are stored ([`SHARED`]), because no valid
//! image has the same bytes at many addresses, and a search would read them once for each. The memory in a compressed
//! image is limited by [`profile::UnpackLimits::check_memory`]. Pages and chunks are unpacked one by one into caches
//! of 8 MiB.

mod avml;
mod crash_dump;
mod crash_header;
mod crash_repair;
mod elf;
mod ewf;
mod flattened;
mod kdump;
mod lime;
mod live_dump;
mod macho;
mod notes;
mod packed;
mod pieces;
mod range_header;
mod triage;
mod vmware;

pub(crate) use ewf::segment_path;
pub(crate) use packed::needs_unpacking;
pub(crate) use pieces::{Pieces, last_piece, piece_path};

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use formats::{Content, FileKind, identify};
use profile::{Progress, Report, UnpackLimits};

use crate::bytes::Bytes;
use crate::hints::Hints;
use crate::segments::{Segment, Segments};
use crate::{Error, Image, Placed};

/// The format of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Container {
    /// Physical memory from address zero on, and nothing else.
    Raw,
    /// An ELF core of a machine, as QEMU, VirtualBox and kdump write it.
    ElfCore,
    /// The format of the Linux Memory Extractor, which AVML also writes without compression.
    Lime,
    /// AVML's compressed format.
    Avml,
    /// The compressed format of kdump, as makedumpfile and QEMU write it.
    Kdump,
    /// A Windows crash dump with memory: complete, with a bitmap, or live.
    CrashDump,
    /// A small Windows crash dump, which contains no physical memory.
    TriageDump,
    /// A Mach-O core of physical memory.
    MachCore,
    /// VMware's memory with its state file.
    Vmware,
    /// A wrapper around any other format, most often raw memory: Expert Witness files (E01).
    Ewf,
    /// A wrapper around an ELF core or a kdump: the flattened format.
    Flattened,
    /// A wrapper around any other format, most often raw memory: a file split into pieces.
    Pieces,
    /// A packing of any of the others: a gzip, xz or zstd file, or a zip archive of one file.
    Packed,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw memory",
            Self::ElfCore => "ELF core",
            Self::Lime => "LiME image",
            Self::Avml => "AVML image",
            Self::Kdump => "kdump-compressed dump",
            Self::CrashDump => "Windows crash dump",
            Self::TriageDump => "Windows triage dump",
            Self::MachCore => "Mach-O core",
            Self::Vmware => "VMware memory",
            Self::Ewf => "E01 image",
            Self::Flattened => "flattened file",
            Self::Pieces => "set of pieces",
            Self::Packed => "packed file",
        })
    }
}

/// How many times the stored bytes the ranges of memory may have together. A few writers list a range twice.
const SHARED: u64 = 2;

/// How many bytes identify a container.
const LOOK: usize = 4096;

/// The results of reading a container.
pub(crate) struct Parts {
    pub(crate) container: Container,
    /// The base of the segments' offsets.
    pub(crate) bytes: Arc<dyn Bytes>,
    pub(crate) segments: Vec<Segment>,
    /// What the headers would say if one byte of them was changed, where they contradict each other.
    pub(crate) other_layouts: Vec<Vec<Placed>>,
    pub(crate) hints: Hints,
    pub(crate) report: Report,
}

impl Parts {
    pub(crate) fn new(container: Container, bytes: Arc<dyn Bytes>) -> Self {
        Self {
            container,
            bytes,
            segments: Vec::new(),
            other_layouts: Vec::new(),
            hints: Hints::default(),
            report: Report::default(),
        }
    }

    /// `file` is the total size of the image's files.
    fn into_image(self, packing: Option<Container>, file: u64) -> Result<Image, Error> {
        let Self { container, bytes, segments, other_layouts, hints, mut report } = self;
        let segments = Segments::new(segments, bytes.len());
        let limits = UnpackLimits::current();
        let size = segments.runs().iter().fold(0u64, |sum, run| sum.saturating_add(run.length));
        let shared = bytes.len().saturating_mul(SHARED);
        if size > if limits.is_chosen() { limits.allowed(file).max(shared) } else { shared } {
            return Err(Error::Malformed {
                container,
                offset: 0,
                expected: "ranges of memory that each have bytes of their own",
                found: format!(
                    "{size} bytes of memory over {} bytes of content (if you trust the file, \
                     raise the limit with --unpack-limit SIZE)",
                    bytes.len()
                ),
            });
        }
        limits.check_memory(file, size)?;
        if segments.missing > 0 {
            report.lose("truncated", || {
                format!("the file ends {} bytes before the memory it says it holds", segments.missing)
            });
        }
        Ok(Image { container, packing, bytes, segments, other_layouts, hints, report })
    }
}

/// Recognises and opens an image. `path` is where it is from, to look for what belongs to it. `progress` is told how far
/// unpacking has come.
pub(crate) fn open(
    bytes: Arc<dyn Bytes>,
    path: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Image, Error> {
    if bytes.len() > 0 {
        let kind = identify(&Looked(&bytes), path).kind;
        if packed::is_packed(kind) {
            return open_packed(&bytes, kind, path, progress);
        }
    }
    open_unpacked(bytes, path)
}

/// Opens what a packed file holds.
fn open_packed(
    bytes: &Arc<dyn Bytes>,
    kind: FileKind,
    path: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Image, Error> {
    let inside = |reason: Error| match reason {
        limit @ Error::Limit(_) => limit,
        reason => Error::Inside { kind, reason: Box::new(reason) },
    };
    let unpacked = packed::unpack(bytes, kind, path, progress).map_err(inside)?;
    let length = unpacked.bytes.len();
    let inner = open_unpacked(unpacked.bytes, unpacked.path.as_deref());
    let mut image = inner.map_err(inside)?;
    UnpackLimits::current().check_memory(length, image.size())?;
    image.packing = Some(Container::Packed);
    image.report.warn(format!(
        "the file is packed: its {length} bytes were unpacked into a temporary file; unpack it yourself to save that time"
    ));
    Ok(image)
}

fn open_unpacked(bytes: Arc<dyn Bytes>, path: Option<&Path>) -> Result<Image, Error> {
    if bytes.len() == 0 {
        // A device may have no length.
        let found = path.and_then(|path| formats::identify_path(path).ok());
        return Err(Error::wrong_kind(found.unwrap_or_else(|| FileKind::Empty.into())));
    }
    let start = look(&bytes)?;
    if start.starts_with(ewf::MAGIC) {
        let (inner, missing) = ewf::open(bytes, path)?;
        let file = inner.file_length();
        UnpackLimits::current().check_memory(file, inner.len())?;
        let inner: Arc<dyn Bytes> = Arc::new(inner);
        let mut parts = plain(Arc::clone(&inner), &look(&inner)?, None)?;
        if let Some(missing) = missing {
            parts.report.lose("missing part", || missing);
        }
        return parts.into_image(Some(Container::Ewf), file);
    }
    if start.starts_with(flattened::MAGIC) {
        let file = bytes.len();
        let (inner, ended) = flattened::open(bytes)?;
        let inner: Arc<dyn Bytes> = Arc::new(inner);
        let mut parts = plain(Arc::clone(&inner), &look(&inner)?, None)?;
        if !ended {
            parts.report.lose("truncated", || "the flattened dump has no end".to_owned());
        }
        return parts.into_image(Some(Container::Flattened), file);
    }
    if let Some((inner, wrong)) = path.and_then(|path| pieces::open(&bytes, path)) {
        let file = inner.len();
        let there = inner.ranges();
        let mut parts = plain(Arc::new(inner), &start, None)?;
        if parts.container == Container::Raw {
            // What a missing piece would hold is not there.
            let segment = |range: Range<u64>| {
                let length = range.end - range.start;
                Segment { start: range.start, length, offset: range.start }
            };
            parts.segments = there.into_iter().map(segment).collect();
        }
        for wrong in wrong {
            parts.report.lose("missing part", || wrong);
        }
        return parts.into_image(Some(Container::Pieces), file);
    }
    let mut file = bytes.len();
    let parts = plain(bytes, &start, path)?;
    if parts.container == Container::Vmware {
        // The memory may be in the file next to it.
        file = file.max(parts.bytes.len());
    }
    parts.into_image(None, file)
}

fn look(bytes: &Arc<dyn Bytes>) -> Result<Vec<u8>, Error> {
    bytes.up_to(0, LOOK).map_err(Error::reading(Container::Raw))
}

/// Opens an image that has no wrapper.
fn plain(bytes: Arc<dyn Bytes>, start: &[u8], path: Option<&Path>) -> Result<Parts, Error> {
    if start.starts_with(elf::MAGIC) || elf::is_nearly_core(start) {
        return elf::open(bytes, start);
    }
    if start.starts_with(lime::MAGIC) || lime::is_nearly(&bytes, start) {
        return lime::open(bytes);
    }
    if avml::recognise(start) {
        return avml::open(bytes);
    }
    if start.starts_with(kdump::MAGIC) {
        return kdump::open(bytes, start);
    }
    if crash_repair::recognise(start).is_some() {
        return crash_dump::open(bytes);
    }
    if let Some((wide, endian)) = macho::recognise(start) {
        return macho::open(bytes, start, wide, endian);
    }
    if vmware::recognise(start) {
        let mut refused = None;
        let memory = path.and_then(|path| vmware::beside(path, &["vmem"], &mut refused));
        let parts = vmware::open(bytes, memory.map(|memory| Arc::new(memory) as Arc<dyn Bytes>));
        return match (parts, refused) {
            (Ok(mut parts), Some(refused)) => {
                parts.report.warn(refused);
                Ok(parts)
            }
            (Err(Error::Malformed { container, offset, expected, .. }), Some(refused)) => {
                Err(Error::Malformed { container, offset, expected, found: refused })
            }
            (parts, _) => parts,
        };
    }
    let found = identify(&Looked(&bytes), path);
    if !may_be_raw(found.kind, bytes.len(), path) {
        let known = found.kind != FileKind::RawPiece && !found.kind.may_be_memory();
        return Err(match path.filter(|_| !known) {
            Some(path) if pieces::is_later_piece(path) => Error::wrong_kind(FileKind::RawPiece),
            path => match path.and_then(pieces::missing_first) {
                Some(first) => Error::FirstPiece { first },
                None => Error::wrong_kind(found),
            },
        });
    }
    raw(bytes, path)
}

/// The smallest raw memory; a smaller file is of another kind.
const LEAST_MEMORY: u64 = 4096;

/// Whether a file that no container's reader recognises may be raw memory: its content shows no other kind, and it
/// has at least the size of a page.
fn may_be_raw(kind: FileKind, length: u64, path: Option<&Path>) -> bool {
    // A set is opened by its first piece.
    let later =
        path.is_some_and(|path| pieces::is_later_piece(path) || pieces::missing_first(path).is_some());
    let fits = !later && (kind == FileKind::RawPiece || kind.may_be_memory());
    fits && length >= LEAST_MEMORY
}

/// An image as an input for the table of file kinds.
pub(crate) struct Looked<'a>(pub(crate) &'a Arc<dyn Bytes>);

impl Content for Looked<'_> {
    fn length(&self) -> Option<u64> {
        Some(self.0.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        // Large reads bypass the cache, which would hide that the file shrinks.
        const UNCACHED: u64 = 64 << 10;
        let before = offset.min(UNCACHED);
        let length = buffer.len().saturating_add(before as usize);
        let bytes = self.0.up_to(offset - before, length).unwrap_or_default();
        let bytes = bytes.get(before as usize..).unwrap_or_default();
        bytes.iter().zip(buffer).map(|(from, to)| *to = *from).count()
    }
}

/// Raw memory has no mark; only VMware's has a file next to it that gives its layout.
fn raw(bytes: Arc<dyn Bytes>, path: Option<&Path>) -> Result<Parts, Error> {
    let vmem =
        path.filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("vmem")));
    let mut refused = None;
    if let Some(path) = vmem {
        let state = vmware::beside(path, &["vmss", "vmsn"], &mut refused);
        let state = state.map(|state| Arc::new(state) as Arc<dyn Bytes>);
        if let Some(state) = state
            && vmware::recognise(&look(&state)?)
        {
            return vmware::open(state, Some(bytes));
        }
    }
    let mut parts = Parts::new(Container::Raw, bytes);
    if let Some(refused) = refused {
        parts.report.warn(refused);
    }
    let length = parts.bytes.len();
    if vmem.is_some() {
        parts.hints.unknown_layout = length > vmware::UNSPLIT;
        parts.report.warn(if length > vmware::UNSPLIT {
            "no .vmss or .vmsn file with the machine's state is beside it: where the memory above 3 GiB belongs can only be \
             concluded from the memory itself"
        } else {
            "no .vmss or .vmsn file with the machine's state is beside it: the registers of its processors are not known"
        });
    }
    parts.segments.push(Segment { start: 0, length, offset: 0 });
    Ok(parts)
}
