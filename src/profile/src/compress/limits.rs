//! Limits on the size of decompressed input.
//!
//! A few kilobytes of zstd or gzip can expand to terabytes. All code in the program that decompresses asks an
//! [`UnpackMeter`] before the bytes reach memory or the disk: readers through [`Metered`], decoders that fill a
//! buffer through [`UnpackMeter::allowed`], archives through [`UnpackMeter::add`], and formats that state their
//! unpacked size through [`UnpackMeter::check_declared`]. Bytes that are unpacked only to be skipped count as well.
//!
//! One set of limits applies to the whole process: [`UnpackLimits::current`]. The option `--unpack-limit` replaces it
//! at the start through [`UnpackLimits::allow`].

use std::io::{self, Read};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest size to which one compressed input may expand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// The size that `--unpack-limit` allows; `None` stands for the built-in limits.
    chosen: Option<NonZeroU64>,
}

/// The size given with `--unpack-limit`, in bytes; 0 if there is none.
static CHOSEN: AtomicU64 = AtomicU64::new(0);

impl UnpackLimits {
    /// The default limit for one input: 16 GiB. Debug packages of kernels hold up to 8 GiB.
    pub const TOTAL: u64 = 16 << 30;
    /// The default limit on the ratio between an input and its compressed form. Debug information and profiles expand
    /// up to fiftyfold, even with the best compressors.
    pub const RATIO: u64 = 200;
    /// Up to this many bytes (32 MiB) any ratio is allowed, since that much fits into any memory.
    pub const HARMLESS: u64 = 32 << 20;

    /// The default limit on the ratio between the memory of an image and its file. Memory that is nearly all zero is
    /// legitimate: a page of 64 KiB takes 24 bytes in a kdump, and deflate compresses zeros a thousandfold.
    pub const MEMORY_RATIO: u64 = 4096;
    /// The default limit on the memory of an image: 64 TiB.
    pub const MEMORY_TOTAL: u64 = 64 << 40;

    /// The built-in limits.
    pub const DEFAULT: Self = Self { chosen: None };

    /// The limits of this process.
    pub fn current() -> Self {
        Self { chosen: NonZeroU64::new(CHOSEN.load(Ordering::Relaxed)) }
    }

    /// Limits that allow `size` bytes at any ratio.
    pub fn up_to(size: NonZeroU64) -> Self {
        Self { chosen: Some(size) }
    }

    /// Sets the limit of this process: every input may unpack to `size` bytes, at any ratio.
    pub fn allow(size: NonZeroU64) {
        CHOSEN.store(size.get(), Ordering::Relaxed);
    }

    /// Whether the user chose the limit.
    pub fn is_chosen(self) -> bool {
        self.chosen.is_some()
    }

    /// The most bytes to which `packed` bytes may expand.
    pub fn allowed(self, packed: u64) -> u64 {
        match self.chosen {
            Some(size) => size.get(),
            None => packed.saturating_mul(Self::RATIO).clamp(Self::HARMLESS, Self::TOTAL),
        }
    }

    /// Checks the amount of memory that an image declares, in a file (or several) of `file` bytes. Memory is unpacked
    /// when it is read and never kept as a whole, so its limits are wider; they bound the duration of a search.
    ///
    /// # Errors
    /// [`UnpackLimitError`] if it is more than allowed.
    pub fn check_memory(self, file: u64, memory: u64) -> Result<(), UnpackLimitError> {
        let allowed = match self.chosen {
            Some(size) => size.get().max(file),
            None => {
                file.saturating_mul(Self::MEMORY_RATIO).max(Self::HARMLESS).min(Self::MEMORY_TOTAL.max(file))
            }
        };
        if memory <= allowed {
            return Ok(());
        }
        let what = What::Memory;
        Err(UnpackLimitError { limits: self, packed: file, allowed, found: memory, what })
    }

    /// Starts counting the unpacked size of an input of `packed` bytes.
    pub fn meter(self, packed: u64) -> UnpackMeter {
        UnpackMeter { limits: self, packed, allowed: self.allowed(packed), came: 0 }
    }
}

/// Counts the unpacked size of one compressed input.
#[derive(Clone, Debug)]
pub struct UnpackMeter {
    limits: UnpackLimits,
    packed: u64,
    allowed: u64,
    came: u64,
}

impl UnpackMeter {
    /// A meter with the limits of this process, for an input of `packed` bytes.
    pub fn new(packed: u64) -> Self {
        UnpackLimits::current().meter(packed)
    }

    /// Whether the user chose the limit.
    pub fn is_chosen(&self) -> bool {
        self.limits.is_chosen()
    }

    /// The most bytes that are allowed in all.
    pub fn allowed(&self) -> u64 {
        self.allowed
    }

    /// Adds `bytes` to the count.
    ///
    /// # Errors
    /// [`UnpackLimitError`] if there are now more bytes than allowed.
    pub fn add(&mut self, bytes: u64) -> Result<(), UnpackLimitError> {
        self.came = self.came.saturating_add(bytes);
        if self.came > self.allowed { Err(self.error(self.came, false)) } else { Ok(()) }
    }

    /// Checks a size that the input states, before that many bytes are unpacked. It is not counted.
    ///
    /// # Errors
    /// [`UnpackLimitError`] if `size` more bytes would exceed the limit.
    pub fn check_declared(&self, size: u64) -> Result<(), UnpackLimitError> {
        let sum = self.came.saturating_add(size);
        if sum > self.allowed { Err(self.error(sum, true)) } else { Ok(()) }
    }

    /// The error for an input that exceeds the limit, for decoders that stop by themselves at
    /// [`UnpackMeter::allowed`].
    pub fn exceeded(&self) -> UnpackLimitError {
        self.error(self.allowed.saturating_add(1), false)
    }

    fn error(&self, found: u64, declared: bool) -> UnpackLimitError {
        let what = if declared { What::Declared } else { What::Unpacked };
        UnpackLimitError { limits: self.limits, packed: self.packed, allowed: self.allowed, found, what }
    }
}

/// The error for compressed input that exceeds the limits. Its text names the option that raises them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{packed} packed bytes {} {found} bytes, {}", what.verb(), limit(*limits, *what, *allowed))]
pub struct UnpackLimitError {
    limits: UnpackLimits,
    packed: u64,
    allowed: u64,
    found: u64,
    what: What,
}

/// How the size of the input is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// It was unpacked up to this size.
    Unpacked,
    /// It states its size.
    Declared,
    /// It is an image whose tables state the amount of memory in it.
    Memory,
}

impl What {
    fn verb(self) -> &'static str {
        match self {
            Self::Unpacked => "unpack to at least",
            Self::Declared => "say that they unpack to",
            Self::Memory => "say that they hold memory of",
        }
    }
}

fn limit(limits: UnpackLimits, what: What, allowed: u64) -> String {
    if limits.is_chosen() {
        return format!(
            "the limit given with --unpack-limit is {allowed}; give a larger one if you trust the file"
        );
    }
    let (ratio, total) = match what {
        What::Memory => (UnpackLimits::MEMORY_RATIO, UnpackLimits::MEMORY_TOTAL),
        _ => (UnpackLimits::RATIO, UnpackLimits::TOTAL),
    };
    format!(
        "the limit is {allowed} ({ratio} times the packed size, between {} MiB and {} GiB); \
         if you trust the file, raise the limit with --unpack-limit SIZE",
        UnpackLimits::HARMLESS >> 20,
        total >> 30,
    )
}

impl UnpackLimitError {
    /// Finds this error inside an error that a [`Metered`] reader returned.
    pub fn of(error: &io::Error) -> Option<&Self> {
        let mut inner = error.get_ref()? as &(dyn std::error::Error + 'static);
        loop {
            if let Some(found) = inner.downcast_ref::<Self>() {
                return Some(found);
            }
            // `io::Error::source` gives the source of the wrapped error, not the wrapped error itself.
            inner = match inner.downcast_ref::<io::Error>() {
                Some(wrapped) => wrapped.get_ref()?,
                None => inner.source()?,
            };
        }
    }
}

impl From<UnpackLimitError> for io::Error {
    fn from(error: UnpackLimitError) -> Self {
        Self::new(io::ErrorKind::FileTooLarge, error)
    }
}

/// A reader of unpacked bytes that stops with an [`UnpackLimitError`] at the limit.
///
/// It returns no byte beyond the limit.
#[derive(Debug)]
pub struct Metered<R> {
    reader: R,
    meter: UnpackMeter,
}

impl<R: Read> Metered<R> {
    /// Counts the output of `reader`, a decoder of `packed` bytes, with the limits of this process.
    pub fn new(reader: R, packed: u64) -> Self {
        Self::with_meter(reader, UnpackMeter::new(packed))
    }

    /// Counts the output of `reader` on a meter that may already have counted other bytes.
    pub fn with_meter(reader: R, meter: UnpackMeter) -> Self {
        Self { reader, meter }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.meter.add(count as u64)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn chosen(size: u64) -> UnpackLimits {
        UnpackLimits::up_to(NonZeroU64::new(size).unwrap())
    }

    #[test]
    fn both_limits_hold_and_small_inputs_may_grow_freely() {
        let limits = UnpackLimits::DEFAULT;
        assert_eq!(limits.allowed(0), 32 * MIB);
        assert_eq!(limits.allowed(MIB), 200 * MIB);
        assert_eq!(limits.allowed(1 << 40), 16 << 30);
        assert_eq!(limits.allowed(u64::MAX), 16 << 30);
        assert_eq!(chosen(7).allowed(u64::MAX), 7);
        assert_eq!(chosen(1 << 50).allowed(1), 1 << 50);
    }

    #[test]
    fn the_error_states_what_was_found_and_what_raises_the_limit() {
        let mut meter = UnpackLimits::DEFAULT.meter(MIB);
        meter.add(200 * MIB).unwrap();
        let text = meter.add(1).unwrap_err().to_string();
        for part in [
            "1048576 packed bytes",
            "at least 209715201",
            "209715200",
            "200 times",
            "16 GiB",
            "--unpack-limit",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = chosen(9).meter(1).check_declared(10).unwrap_err().to_string();
        assert!(
            text.contains("say that they unpack to 10") && text.contains("--unpack-limit is 9"),
            "{text}"
        );
    }

    #[test]
    fn memory_may_be_nearly_all_zero_but_not_endless() {
        let limits = UnpackLimits::DEFAULT;
        limits.check_memory(10, 32 * MIB).unwrap();
        limits.check_memory(MIB, 4096 * MIB).unwrap();
        limits.check_memory(1 << 50, 1 << 50).unwrap();
        let text = limits.check_memory(MIB, 4096 * MIB + 1).unwrap_err().to_string();
        assert!(text.contains("4096 times") && text.contains("--unpack-limit"), "{text}");
        assert!(limits.check_memory(1 << 40, 1 << 47).is_err());
        chosen(1 << 47).check_memory(MIB, 1 << 47).unwrap();
    }

    #[test]
    fn skipped_bytes_count() {
        let mut meter = chosen(10).meter(1);
        meter.add(6).unwrap();
        meter.check_declared(4).unwrap();
        assert!(meter.check_declared(5).is_err());
        meter.add(4).unwrap();
        assert!(meter.add(1).is_err());
    }

    #[test]
    fn a_reader_gives_nothing_beyond_the_limit() {
        let mut reader = Metered::with_meter(io::repeat(0), chosen(1000).meter(1));
        let mut content = Vec::new();
        let mut buffer = [0; 64];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(count) => content.extend_from_slice(&buffer[..count]),
                Err(error) => break error,
            }
        };
        assert!(content.len() <= 1000, "{}", content.len());
        assert!(UnpackLimitError::of(&error).is_some());
        // This also works if another reader has wrapped it.
        assert!(UnpackLimitError::of(&io::Error::other(error)).is_some());
        assert!(UnpackLimitError::of(&io::Error::other("x")).is_none());
    }
}
