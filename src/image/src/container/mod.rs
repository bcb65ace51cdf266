mod elf;
mod lime;
mod notes;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use profile::Report;

use crate::bytes::Bytes;
use crate::hints::Hints;
use crate::segments::{Segment, Segments};
use crate::{Error, Image};

/// The kind of file an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Container {
    /// Physical memory from address zero on, and nothing else.
    Raw,
    /// An ELF core of a machine, as QEMU, VirtualBox and kdump write it.
    ElfCore,
    /// The format of the Linux Memory Extractor; AVML writes it too where it does not compress.
    Lime,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw memory",
            Self::ElfCore => "ELF core",
            Self::Lime => "LiME image",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many bytes tell a container.
const LOOK: usize = 4096;

/// What a container's reader finds out.
pub(crate) struct Parts {
    pub(crate) container: Container,
    /// What the segments' offsets are offsets in.
    pub(crate) bytes: Arc<dyn Bytes>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) hints: Hints,
    pub(crate) report: Report,
}

impl Parts {
    pub(crate) fn new(container: Container, bytes: Arc<dyn Bytes>) -> Self {
        Self { container, bytes, segments: Vec::new(), hints: Hints::default(), report: Report::default() }
    }

    fn into_image(self) -> Image {
        let Self { container, bytes, segments, hints, mut report } = self;
        let segments = Segments::new(segments, bytes.len());
        if segments.missing > 0 {
            report.lose("truncated", || {
                format!("the file ends {} bytes before the memory it says it holds", segments.missing)
            });
        }
        Image { container, bytes, segments, hints, report }
    }
}

/// Recognises and opens an image. `path` is where it is from, to look for what belongs to it.
pub(crate) fn open(bytes: Arc<dyn Bytes>, path: Option<&Path>) -> Result<Image, Error> {
    let _ = path;
    if bytes.len() == 0 {
        return Err(Error::Empty);
    }
    let start = bytes.up_to(0, LOOK).map_err(Error::reading(Container::Raw))?;
    let parts = if start.starts_with(elf::MAGIC) {
        elf::open(bytes, &start)?
    } else if start.starts_with(lime::MAGIC) {
        lime::open(bytes)?
    } else {
        raw(bytes)
    };
    Ok(parts.into_image())
}

fn raw(bytes: Arc<dyn Bytes>) -> Parts {
    let mut parts = Parts::new(Container::Raw, bytes);
    parts.segments.push(Segment { start: 0, length: parts.bytes.len(), offset: 0 });
    parts
}
