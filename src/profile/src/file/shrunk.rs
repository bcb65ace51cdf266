//! Handles mapped files that shrink while they are read.
//!
//! The pages after the new end are gone, and accessing one raises `SIGBUS`, which by default ends the process without
//! a message. [`report_shrunken_files`] installs a handler that names the file and ends the process with exit code 2.
//! Reading files instead of mapping them would avoid the signal but would copy every debug file.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// How many maps are registered at the same time; further ones are reported without a name.
const MOST_MAPS: usize = 512;
/// How many bytes of a name are kept, from its end.
const LONGEST_NAME: usize = 240;

/// One map. All fields are atomics, because the handler reads them at any time.
struct Slot {
    /// The first address; [`FREE`] or [`BUSY`] if there is no map in this slot.
    start: AtomicUsize,
    /// The address after the last byte.
    end: AtomicUsize,
    length: AtomicUsize,
    name: [AtomicU8; LONGEST_NAME],
}

const FREE: usize = 0;
const BUSY: usize = 1;

static SLOTS: [Slot; MOST_MAPS] = [const {
    Slot {
        start: AtomicUsize::new(FREE),
        end: AtomicUsize::new(0),
        length: AtomicUsize::new(0),
        name: [const { AtomicU8::new(0) }; LONGEST_NAME],
    }
}; MOST_MAPS];

/// Keeps a map registered with the handler until it is dropped.
#[derive(Debug)]
pub(crate) struct Entry(Option<usize>);

/// Registers a map with the handler. `path` is its name.
pub(crate) fn register(addresses: Range<usize>, path: Option<&Path>) -> Entry {
    let free =
        |slot: &Slot| slot.start.compare_exchange(FREE, BUSY, Ordering::Acquire, Ordering::Relaxed).is_ok();
    let Some(number) = SLOTS.iter().position(free) else { return Entry(None) };
    if let Some(slot) = SLOTS.get(number) {
        let name = path.map_or_else(|| "a temporary file".to_owned(), printable);
        let name = name.as_bytes();
        let name = name.get(name.len().saturating_sub(LONGEST_NAME)..).unwrap_or_default();
        for (kept, byte) in slot.name.iter().zip(name) {
            kept.store(*byte, Ordering::Relaxed);
        }
        slot.length.store(name.len(), Ordering::Relaxed);
        slot.end.store(addresses.end, Ordering::Relaxed);
        slot.start.store(addresses.start, Ordering::Release);
    }
    Entry(Some(number))
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(slot) = self.0.and_then(|number| SLOTS.get(number)) {
            slot.start.store(FREE, Ordering::Release);
        }
    }
}

/// The path in a printable form, since the handler cannot escape anything.
fn printable(path: &Path) -> String {
    let plain =
        |character: char| if character.is_ascii_graphic() || character == ' ' { character } else { '?' };
    path.to_string_lossy().chars().map(plain).collect()
}

/// After this call, a mapped file that shrinks while it is read ends the process with exit code 2 and a line on
/// standard error that names it. Programs call this once when they start. Without it, and on systems other than Unix,
/// the system ends the process in its own way.
pub fn report_shrunken_files() {
    #[cfg(unix)]
    handler::install();
}

#[cfg(unix)]
#[allow(unsafe_code)]
mod handler {
    use std::mem::MaybeUninit;
    use std::sync::atomic::Ordering;

    use super::{BUSY, FREE, LONGEST_NAME, SLOTS, Slot};

    pub(super) fn install() {
        // SAFETY: `sigaction` is plain old data for which all zeros are valid, and every field that matters is set before
        // the call. `report` has the signature that `SA_SIGINFO` asks for, never returns into code that cannot go on
        // and calls only functions that POSIX lists as async-signal-safe. Both pointers are valid for the call.
        unsafe {
            let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
            action.sa_sigaction = report as extern "C" fn(_, _, _) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&mut action.sa_mask);
            // If it fails, the system's default stays in place.
            libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
        }
    }

    extern "C" fn report(_signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t` to a handler that was installed with `SA_SIGINFO`, and for
        // SIGBUS it holds the address.
        let address = unsafe { (*info).si_addr() } as usize;
        let holds = |slot: &&Slot| {
            let start = slot.start.load(Ordering::Acquire);
            start != FREE && start != BUSY && (start..slot.end.load(Ordering::Relaxed)).contains(&address)
        };
        let Some(slot) = SLOTS.iter().find(holds) else {
            // SAFETY: resetting a signal to its default needs no more than a valid number. The instruction is run
            // again after the return and ends the process as if this handler had never been there.
            unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
            return;
        };
        print(b"rekall-profile: ");
        let mut name = [0; LONGEST_NAME];
        let length = slot.length.load(Ordering::Relaxed).min(LONGEST_NAME);
        for (byte, kept) in name.iter_mut().zip(&slot.name) {
            *byte = kept.load(Ordering::Relaxed);
        }
        print(name.get(..length).unwrap_or_default());
        print(b": the file became shorter while it was read; run again when nothing writes to it\n");
        // SAFETY: `_exit` ends the process without running anything else of it.
        unsafe { libc::_exit(2) };
    }

    fn print(text: &[u8]) {
        // SAFETY: the pointer and the length are those of a slice. What could not be written is lost, as nothing can be
        // done about it here.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_slots_are_reused() {
        assert_eq!(printable(Path::new("a\x1b[2J\nb\u{202e}")), "a?[2J?b?");
        let count = || SLOTS.iter().filter(|slot| slot.start.load(Ordering::Relaxed) == 0x5000_0000).count();
        let range = 0x5000_0000..0x5000_1000;
        let entries: Vec<Entry> = (0..3).map(|_| register(range.clone(), None)).collect();
        assert_eq!(count(), 3);
        drop(entries);
        assert_eq!(count(), 0);
        let all: Vec<Entry> = (0..MOST_MAPS + 1).map(|_| register(range.clone(), None)).collect();
        assert!(all.iter().any(|entry| entry.0.is_none()));
    }
}
