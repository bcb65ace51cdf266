use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::clients::Place;

/// A connection that is closed if the client reads too little of an answer for too long.
pub(super) struct Stream {
    inner: TcpStream,
    place: Arc<Place>,
    limit: Duration,
    /// How many bytes have to be read within the limit.
    enough: u64,
    stalled: Option<Stalled>,
}

/// The time since which the client has kept us waiting without reading enough.
struct Stalled {
    end: Pin<Box<Sleep>>,
    taken: u64,
}

impl Stream {
    pub fn new(inner: TcpStream, place: Arc<Place>, limit: Duration, enough: u64) -> Self {
        Self { inner, place, limit, enough: enough.max(1), stalled: None }
    }

    /// Counts the bytes of a write, and closes the connection if there are too few.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(size)) => {
                self.place.took();
                let taken = *size as u64;
                if let Some(stalled) = &mut self.stalled {
                    stalled.taken = stalled.taken.saturating_add(taken);
                    if stalled.taken >= self.enough {
                        self.stalled = None;
                    }
                }
                result
            }
            Poll::Ready(Err(_)) => result,
            Poll::Pending => match self.waited(context) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => result,
            },
        }
    }

    fn waited(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.place.waits(false);
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Stalled { end: Box::pin(sleep(limit)), taken: 0 });
        match stalled.end.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.stalled = None;
                Poll::Ready(io::ErrorKind::TimedOut.into())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_read(context, buffer);
        if result.is_pending() {
            self.place.waits(true);
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(context);
        if result.is_ready() {
            // All required bytes have been read.
            self.stalled = None;
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
