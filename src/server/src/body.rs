use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::clients::Turn;

/// The body of an answer: a text, or bytes of a file in pieces.
pub(super) enum Content {
    /// A text, or nothing.
    Text(Option<Bytes>),
    /// The next `left` bytes of a file.
    File { state: State, left: u64 },
}

/// Files are read on separate threads, since a disk may be slow, and at most one piece ahead.
pub(super) enum State {
    Open(File),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    Over,
}

/// How much is read at once, in bytes.
const PIECE: u64 = 256 << 10;

/// The body that is being sent while a request has its turn.
pub(super) struct Taken {
    pub content: Content,
    pub _turn: Turn,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.get_mut().content).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Content {
    pub fn nothing() -> Self {
        Self::Text(None)
    }

    pub fn text(text: &str) -> Self {
        Self::Text(Some(Bytes::copy_from_slice(text.as_bytes())))
    }

    pub fn file(mut file: File, range: Range<u64>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Self::File { state: State::Open(file), left: range.end.saturating_sub(range.start) })
    }
}

/// The next bytes of a file. If the file has become shorter, the connection is broken, so that the client does not
/// treat the body as complete.
fn read(mut file: File, left: u64) -> io::Result<(File, Bytes)> {
    let size = left.min(PIECE);
    let mut piece = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.by_ref().take(size).read_to_end(&mut piece)?;
    if piece.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok((file, piece.into())) }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let (state, left) = match self.get_mut() {
            Self::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::File { left: 0, .. } => return Poll::Ready(None),
            Self::File { state, left } => (state, left),
        };
        loop {
            match std::mem::replace(state, State::Over) {
                State::Open(file) => {
                    let left = *left;
                    *state = State::Reading(spawn_blocking(move || read(file, left)));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(result) = Pin::new(&mut reading).poll(context) else {
                        *state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (file, piece) = result.map_err(io::Error::other).flatten()?;
                    *left = left.saturating_sub(piece.len() as u64);
                    *state = State::Open(file);
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                State::Over => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Text(None) | Self::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Text(text) => text.as_ref().map_or(0, |text| text.len() as u64),
            Self::File { left, .. } => *left,
        })
    }
}
