//! A server that misbehaves in named ways, with the same valid file behind each.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::{Fault, Request, Response};

/// How a server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It does not.
    Good,
    /// It sends the file as gzip, although that was not requested.
    Gzip,
    /// It sends the file as deflate.
    Deflate,
    /// It names an encoding that does not exist.
    UnknownEncoding,
    /// It names an encoding that the body does not have.
    FalseEncoding,
    /// Its connection breaks, and the continuation belongs to another version, with a matching header.
    MixedVersions,
    /// The same, without such a header.
    MixedSilently,
    /// Its first answer has only a weak entity tag, and the rest would belong to another version.
    MixedWeak,
    /// It sends another part than the requested one.
    WrongRange,
    /// The rest belongs to a file of another size.
    OtherSize,
    /// It sends endless junk.
    Endless,
    /// It sends the beginning of the file and then endless zero bytes.
    EndlessZeros,
    /// It sends gzip that unpacks to the beginning of the file and 64 MiB of zero bytes.
    GzipBomb,
    /// It announces more bytes than any disk has.
    HugeLength,
    /// It sends a byte now and then.
    Drip,
    /// It sends a byte of its header now and then.
    HeaderDrip,
    /// It never answers.
    Mute,
    /// It closes the connection before the end of the file, always at the same place, and cannot continue.
    Truncated,
    /// It announces the whole file, and its connection is reset in the middle.
    Reset,
    /// It sends an empty file.
    Empty,
    /// It sends another file of the same kind of length: zero bytes.
    Zeros,
    /// It answers everything with the page of a captive portal.
    Page,
    /// A `file.ptr` that names a file of this machine; 404 for all else.
    PointerToPath,
    /// A `file.ptr` that names a share; 404 for all else.
    PointerToShare,
    /// 401.
    Unauthorized,
    /// 403.
    Refused,
    /// 404.
    Missing,
    /// 429 with a short `Retry-After`, then the file.
    TooMany,
    /// 429 with a `Retry-After` of a day.
    TooManyForLong,
    /// 503.
    Unavailable,
    /// A redirect to itself.
    RedirectLoop,
    /// A redirect to a file of this machine.
    RedirectToFile,
    /// Fifty thousand headers.
    HugeHeaders,
    /// An endless status line.
    EndlessLine,
    /// Endless interim answers (103).
    EndlessHints,
    /// Something that is not HTTP.
    NotHttp,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 36] = [
        Self::Good,
        Self::Gzip,
        Self::Deflate,
        Self::UnknownEncoding,
        Self::FalseEncoding,
        Self::MixedVersions,
        Self::MixedSilently,
        Self::MixedWeak,
        Self::WrongRange,
        Self::OtherSize,
        Self::Endless,
        Self::EndlessZeros,
        Self::GzipBomb,
        Self::HugeLength,
        Self::Drip,
        Self::HeaderDrip,
        Self::Mute,
        Self::Truncated,
        Self::Reset,
        Self::Empty,
        Self::Zeros,
        Self::Page,
        Self::PointerToPath,
        Self::PointerToShare,
        Self::Unauthorized,
        Self::Refused,
        Self::Missing,
        Self::TooMany,
        Self::TooManyForLong,
        Self::Unavailable,
        Self::RedirectLoop,
        Self::RedirectToFile,
        Self::HugeHeaders,
        Self::EndlessLine,
        Self::EndlessHints,
        Self::NotHttp,
    ];
}

/// Serves `file` at every path that ends with one of `leaves`, and misbehaves there according to `mode`; everything
/// else is 404.
pub fn hostile(
    mode: Mode,
    file: Vec<u8>,
    leaves: Vec<String>,
) -> impl Fn(&Request) -> Response + Send + Sync + 'static {
    let file: Arc<[u8]> = file.into();
    let times: Mutex<HashMap<String, usize>> = Mutex::default();
    move |request| {
        if request.path().ends_with("/file.ptr") {
            match mode {
                Mode::PointerToPath => return Response::bytes(*b"PATH:/etc/hostname"),
                Mode::PointerToShare => return Response::bytes(*b"PATH:\\\\127.0.0.1\\share\\k.pdb"),
                _ => {}
            }
        }
        let wanted = !request.path().contains("/msfz0/")
            && leaves.iter().any(|leaf| request.path().ends_with(&format!("/{leaf}")));
        if !wanted {
            return Response::status(404);
        }
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let time = times.entry(request.path().to_owned()).or_default();
        *time += 1;
        answer(mode, &file, request, *time)
    }
}

/// The answer to a request for the file, which comes for this time (from 1).
fn answer(mode: Mode, file: &Arc<[u8]>, request: &Request, time: usize) -> Response {
    let whole = || Response::bytes(Arc::clone(file));
    let half = file.len() / 2;
    match mode {
        Mode::Good => whole(),
        Mode::Gzip => Response::bytes(gzip(file, 0)).with("Content-Encoding", "gzip"),
        Mode::Deflate => Response::bytes(zlib(file)).with("Content-Encoding", "deflate"),
        Mode::UnknownEncoding => whole().with("Content-Encoding", "br"),
        Mode::FalseEncoding => whole().with("Content-Encoding", "gzip"),
        Mode::MixedVersions => match (time, start(request)) {
            (1, _) => whole().with("ETag", "\"v1\"").with_fault(Fault::BreakAfter(half)),
            (_, Some(from)) => rest(&changed(file), from, file.len()).with("ETag", "\"v2\""),
            _ => whole().with("ETag", "\"v1\""),
        },
        Mode::MixedSilently => match (time, start(request)) {
            (1, _) => whole().with("ETag", "\"v1\"").with_fault(Fault::BreakAfter(half)),
            (_, Some(from)) => rest(&changed(file), from, file.len()),
            _ => whole().with("ETag", "\"v1\""),
        },
        Mode::MixedWeak => match (time, start(request)) {
            (1, _) => whole()
                .with("ETag", "W/\"v\"")
                .with("Last-Modified", "Thu, 01 Jan 2026 12:00:00 GMT")
                .with("Date", "Thu, 01 Jan 2026 12:00:01 GMT")
                .with_fault(Fault::BreakAfter(half)),
            (_, Some(from)) => rest(&changed(file), from, file.len()).with("ETag", "W/\"v\""),
            _ => whole(),
        },
        Mode::WrongRange => match (time, start(request)) {
            (1, _) => whole().with("ETag", "\"v1\"").with_fault(Fault::BreakAfter(half)),
            (_, Some(from)) => rest(file, from + 7, file.len()).with("ETag", "\"v1\""),
            _ => whole().with("ETag", "\"v1\""),
        },
        Mode::OtherSize => match (time, start(request)) {
            (1, _) => whole().with("ETag", "\"v1\"").with_fault(Fault::BreakAfter(half)),
            (_, Some(from)) => rest(file, from, file.len() + 512).with("ETag", "\"v1\""),
            _ => whole().with("ETag", "\"v1\""),
        },
        Mode::Endless => Response::script(|out| {
            out.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            let chunk = [format!("{:x}\r\n", 1 << 20).as_bytes(), &[b'A'; 1 << 20], b"\r\n"].concat();
            loop {
                out.write_all(&chunk)?;
            }
        }),
        Mode::EndlessZeros => {
            let file = Arc::clone(file);
            Response::script(move |out| {
                out.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                out.write_all(&file[..half])?;
                loop {
                    out.write_all(&[0; 1 << 16])?;
                }
            })
        }
        Mode::GzipBomb => Response::bytes(gzip(file, 1 << 26)).with("Content-Encoding", "gzip"),
        Mode::HugeLength => whole().with_length(Some(9_000_000_000_000_000)),
        Mode::Drip => {
            let file = Arc::clone(file);
            Response::script(move |out| {
                write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len())?;
                drip(out, &file)
            })
        }
        Mode::HeaderDrip => Response::script(|out| {
            out.write_all(b"HTTP/1.1 200 OK\r\n")?;
            drip(out, &[b'X'; 10_000])
        }),
        Mode::Mute => Response::status(200).with_fault(Fault::Mute),
        Mode::Truncated => whole().with_fault(Fault::BreakAfter(half)),
        Mode::Reset => whole().with_fault(Fault::ResetAfter(half)),
        Mode::Empty => Response::bytes(Vec::new()),
        Mode::Zeros => Response::bytes(vec![0; file.len()]),
        Mode::Page => Response::page(),
        Mode::PointerToPath | Mode::PointerToShare | Mode::Missing => Response::status(404),
        Mode::Unauthorized => Response::status(401),
        Mode::Refused => Response::status(403),
        Mode::TooMany if time == 1 => Response::status(429).with("Retry-After", "1"),
        Mode::TooMany => whole(),
        Mode::TooManyForLong => Response::status(429).with("Retry-After", "86400"),
        Mode::Unavailable => Response::status(503),
        Mode::RedirectLoop => Response::redirect(&request.target),
        Mode::RedirectToFile => Response::redirect("file:///etc/hostname"),
        Mode::HugeHeaders => Response::script(|out| {
            out.write_all(b"HTTP/1.1 200 OK\r\n")?;
            for number in 0..50_000 {
                write!(out, "X-{number}: {}\r\n", "a".repeat(1000))?;
            }
            out.write_all(b"\r\n")
        }),
        Mode::EndlessLine => Response::script(|out| {
            out.write_all(b"HTTP/1.1 200 ")?;
            loop {
                out.write_all(&[b'A'; 1 << 16])?;
            }
        }),
        Mode::EndlessHints => Response::script(|out| {
            loop {
                out.write_all(&b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n".repeat(100))?;
            }
        }),
        Mode::NotHttp => Response::script(|out| out.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    }
}

/// The first requested byte of the file.
fn start(request: &Request) -> Option<usize> {
    request.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// The rest of a file, as a part of `total` bytes.
fn rest(file: &[u8], from: usize, total: usize) -> Response {
    let from = from.min(file.len().saturating_sub(1));
    let range = format!("bytes {from}-{}/{total}", file.len() - 1);
    Response::bytes(file[from..].to_vec()).with_status(206).with("Content-Range", &range)
}

/// Another version of a file: the bytes near its end differ.
fn changed(file: &[u8]) -> Vec<u8> {
    let from = file.len() * 3 / 4;
    let bytes = file.iter().enumerate();
    bytes.map(|(at, byte)| if at < from { *byte } else { byte ^ 1 }).collect()
}

fn drip(out: &mut dyn Write, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        out.write_all(&[*byte])?;
        out.flush()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The file as gzip, followed by this many zero bytes.
fn gzip(file: &[u8], mut zeros: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let block = [0; 1 << 16];
    // Writing to memory cannot fail.
    let _ = encoder.write_all(file);
    while zeros > 0 {
        let count = zeros.min(block.len());
        let _ = encoder.write_all(&block[..count]);
        zeros -= count;
    }
    encoder.finish().unwrap_or_default()
}

fn zlib(file: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(file);
    encoder.finish().unwrap_or_default()
}
