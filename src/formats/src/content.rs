use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

/// The bytes that are examined to identify a file.
pub trait Content {
    /// How many bytes there are; `None` if only the first ones are known.
    fn length(&self) -> Option<u64>;

    /// Copies the bytes from `offset` on into `buffer` and returns how many there were. Bytes that cannot be read
    /// count as missing.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize;
}

impl Content for [u8] {
    fn length(&self) -> Option<u64> {
        Some(self.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        count
    }
}

impl Content for &[u8] {
    fn length(&self) -> Option<u64> {
        (**self).length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        (**self).read_at(offset, buffer)
    }
}

/// The first bytes of a file whose rest has not arrived yet, such as a download.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a>(pub &'a [u8]);

impl Content for Start<'_> {
    fn length(&self) -> Option<u64> {
        None
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        self.0.read_at(offset, buffer)
    }
}

/// An open file. Reading moves its position.
#[derive(Clone, Copy, Debug)]
pub struct OpenFile<'a>(pub &'a File);

impl Content for OpenFile<'_> {
    fn length(&self) -> Option<u64> {
        length(&mut &*self.0)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        read_at(&mut &*self.0, offset, buffer)
    }
}

/// Anything that can be read at an offset. Reading moves its position.
#[derive(Debug)]
pub struct Seekable<'a, F>(RefCell<&'a mut F>);

impl<'a, F: Read + Seek> Seekable<'a, F> {
    /// Looks at `file`.
    pub fn new(file: &'a mut F) -> Self {
        Self(RefCell::new(file))
    }
}

impl<F: Read + Seek> Content for Seekable<'_, F> {
    fn length(&self) -> Option<u64> {
        length(&mut *self.0.try_borrow_mut().ok()?)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        self.0.try_borrow_mut().map_or(0, |mut file| read_at(&mut *file, offset, buffer))
    }
}

fn length(file: &mut impl Seek) -> Option<u64> {
    file.seek(SeekFrom::End(0)).ok()
}

fn read_at(file: &mut (impl Read + Seek), offset: u64, buffer: &mut [u8]) -> usize {
    if file.seek(SeekFrom::Start(offset)).is_err() {
        return 0;
    }
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    count
}
