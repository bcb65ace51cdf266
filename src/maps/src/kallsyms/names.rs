use std::borrow::Cow;

use super::{Error, Parts, Source, bytes};

/// The longest name in bytes, its kind letter included (`KSYM_NAME_LEN` is 512 since 6.1).
pub(super) const LONGEST_NAME: usize = 512;

/// The longest token table: a token expands to a part of one name, and an index entry has 16 bits.
pub(super) const LONGEST_TOKENS: usize = 1 << 16;

/// The 256 texts that the bytes of packed names stand for.
pub(super) struct Tokens(Vec<Vec<u8>>);

impl Tokens {
    /// Reads the token table through its index.
    pub(super) fn read(source: &dyn Source, parts: &Parts) -> Result<Self, Error> {
        let index = bytes(source, parts.index, 2 * 256)?;
        let mut tokens = Vec::with_capacity(256);
        for offset in index.as_chunks::<2>().0 {
            let at = parts.tokens.wrapping_add(u64::from(parts.format.u16(*offset)));
            tokens.push(text(source, at)?);
        }
        Ok(Self(tokens))
    }

    /// Wraps tokens that have already been read.
    pub(super) fn new(tokens: Vec<Vec<u8>>) -> Self {
        Self(tokens)
    }

    /// The text of a token.
    pub(super) fn get(&self, token: u8) -> &[u8] {
        self.0.get(usize::from(token)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A zero-terminated text, truncated at [`LONGEST_NAME`].
fn text(source: &dyn Source, at: u64) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    while text.len() < LONGEST_NAME {
        // Reads up to the next multiple of 32 bytes, so that a text near the end of a page does not need the next
        // page.
        let place = at.wrapping_add(text.len() as u64);
        let mut piece = [0; 32];
        let piece = piece.get_mut(..32 - (place % 32) as usize).unwrap_or_default();
        if !source.read(place, piece) {
            return Err(Error::Missing { at: place, length: piece.len() as u64 });
        }
        if let Some(end) = memchr::memchr(0, piece) {
            text.extend_from_slice(piece.get(..end).unwrap_or_default());
            break;
        }
        text.extend_from_slice(piece);
    }
    Ok(text)
}

/// The packed names, read page by page from first to last.
pub(super) struct Names<'a> {
    source: &'a dyn Source,
    at: u64,
    page: Vec<u8>,
    page_at: u64,
    packed: Vec<u8>,
    expanded: Vec<u8>,
}

const PAGE: usize = 4096;

impl<'a> Names<'a> {
    pub(super) fn new(source: &'a dyn Source, at: u64) -> Self {
        Self { source, at, page: Vec::new(), page_at: 0, packed: Vec::new(), expanded: Vec::new() }
    }

    /// The next name and its kind; `number` is the symbol's number, for errors.
    pub(super) fn next(&mut self, number: u32, tokens: &Tokens) -> Result<(u8, Cow<'_, str>), Error> {
        let length = self.length()?;
        if length == 0 || length > LONGEST_NAME {
            return Err(Error::Name { number, length });
        }
        self.packed.clear();
        while self.packed.len() < length {
            let within = self.turn_page()?;
            let end = self.page.len().min(within + length - self.packed.len());
            self.packed.extend_from_slice(self.page.get(within..end).unwrap_or_default());
            self.at = self.at.wrapping_add((end - within) as u64);
        }
        self.expanded.clear();
        for token in &self.packed {
            self.expanded.extend_from_slice(tokens.get(*token));
            if self.expanded.len() > LONGEST_NAME {
                return Err(Error::Name { number, length: self.expanded.len() });
            }
        }
        match self.expanded.split_first() {
            Some((kind, name)) => Ok((*kind, String::from_utf8_lossy(name))),
            None => Err(Error::Name { number, length: 0 }),
        }
    }

    fn length(&mut self) -> Result<usize, Error> {
        let first = usize::from(self.byte()?);
        Ok(if first < 128 { first } else { first & 127 | usize::from(self.byte()?) << 7 })
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let within = self.turn_page()?;
        let byte = self.page.get(within).copied().unwrap_or_default();
        self.at = self.at.wrapping_add(1);
        Ok(byte)
    }

    /// Reads the page with the next byte, unless it was read already, and returns that byte's place in it.
    fn turn_page(&mut self) -> Result<usize, Error> {
        let within = self.at.wrapping_sub(self.page_at);
        if within >= self.page.len() as u64 {
            self.page_at = self.at & !(PAGE as u64 - 1);
            self.page = bytes(self.source, self.page_at, PAGE).inspect_err(|_| self.page.clear())?;
        }
        Ok((self.at - self.page_at) as usize)
    }
}
