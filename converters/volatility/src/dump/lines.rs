use memchr::memchr;

/// The lines of a text with their places, without their line ends (LF or CR LF).
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let position = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, position }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let start = self.position;
        let line = match memchr(b'\n', rest) {
            Some(end) => {
                self.position += end + 1;
                rest.get(..end)?
            }
            None => {
                self.position = self.text.len();
                rest
            }
        };
        Some((start, line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// The number, from 1, of the line that holds the byte at `position`.
pub(crate) fn line_number(text: &[u8], position: usize) -> u64 {
    let before = text.get(..position).unwrap_or(text);
    memchr::memchr_iter(b'\n', before).count() as u64 + 1
}
