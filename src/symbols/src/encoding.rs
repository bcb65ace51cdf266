//! Content-Encoding (RFC 9110, section 8.4). A body is decoded even if its coding was not requested, because some servers and
//! proxies compress anyway.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use profile::ZstdReader;

/// A coding that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Zstd,
}

/// How many codings may be applied to one body. Real servers apply one; more are refused, since each multiplies the work.
const MOST: usize = 2;

/// The largest window a zstd body may ask for (RFC 9659, section 3).
const ZSTD_WINDOW: u64 = 8 << 20;

/// The codings that a `Content-Encoding` header lists, in the order in which they were applied.
pub(crate) fn codings(header: &str) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for name in header.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        codings.push(match name.to_ascii_lowercase().as_str() {
            "identity" => continue,
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "zstd" => Coding::Zstd,
            _ => {
                let name: String = name.chars().take(20).collect();
                return Err(format!(
                    "it is sent with the Content-Encoding {name:?}, which cannot be decoded; \
                     expected gzip, deflate, zstd or none"
                ));
            }
        });
    }
    if codings.len() > MOST {
        return Err(format!("it is sent with {} Content-Encodings, expected at most {MOST}", codings.len()));
    }
    Ok(codings)
}

/// Decodes the codings, the last one first. Damage and an early end are read errors.
pub(crate) fn decoded<'a>(codings: &[Coding], body: impl Read + 'a) -> Box<dyn Read + 'a> {
    let mut body: Box<dyn Read + 'a> = Box::new(body);
    for coding in codings.iter().rev() {
        let source = BufReader::new(body);
        body = match coding {
            Coding::Gzip => Box::new(MultiGzDecoder::new(source)),
            Coding::Deflate => Box::new(Deflated::Unread(Some(source))),
            Coding::Zstd => Box::new(ZstdReader::new(source, ZSTD_WINDOW)),
        };
    }
    body
}

/// `deflate` is defined as the zlib format (RFC 9110, section 8.4.1.2); some servers send a bare deflate stream.
enum Deflated<R> {
    Unread(Option<R>),
    Zlib(ZlibDecoder<R>),
    Bare(DeflateDecoder<R>),
}

impl<R: BufRead> Read for Deflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Zlib(decoder) => return decoder.read(buffer),
                Self::Bare(decoder) => return decoder.read(buffer),
                Self::Unread(source) => {
                    let Some(source) = source.as_mut() else { return Ok(0) };
                    // The low half of the first byte of a zlib stream is 8 (RFC 1950, section 2.2). In a bare stream
                    // that would be a stored block with padding that no encoder writes.
                    let zlib = source.fill_buf()?.first().is_some_and(|first| first & 0x0f == 8);
                    let Self::Unread(Some(source)) = std::mem::replace(self, Self::Unread(None)) else {
                        return Ok(0);
                    };
                    *self = match zlib {
                        true => Self::Zlib(ZlibDecoder::new(source)),
                        false => Self::Bare(DeflateDecoder::new(source)),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn text() -> Vec<u8> {
        (0..40_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn undone(header: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        decoded(&codings(header).unwrap(), body).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn every_coding_is_decoded() {
        let text = text();
        for (header, body) in [
            ("identity", text.clone()),
            ("", text.clone()),
            ("gzip", gzip(&text)),
            ("X-GZIP", gzip(&text)),
            ("deflate", zlib(&text)),
            ("deflate", bare(&text)),
            ("zstd", zstd(&text)),
            ("zstd, gzip", gzip(&zstd(&text))),
        ] {
            assert!(undone(header, &body).unwrap() == text, "{header}");
        }
        let two = [zstd(&text[..1000]), zstd(&text[1000..])].concat();
        assert!(undone("zstd", &two).unwrap() == text);
        let two = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
        assert!(undone("gzip", &two).unwrap() == text);
    }

    #[test]
    fn a_body_that_ends_early_or_is_damaged_is_an_error() {
        let text = text();
        for (header, body) in
            [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("deflate", bare(&text)), ("zstd", zstd(&text))]
        {
            assert!(undone(header, &body[..body.len() / 2]).is_err(), "{header}");
        }
        for header in ["gzip", "deflate", "zstd"] {
            assert!(undone(header, b"<html>not packed at all</html>").is_err(), "{header}");
        }
    }

    #[test]
    fn unknown_codings_are_refused_by_name() {
        let reason = codings("br").unwrap_err();
        assert!(reason.contains("\"br\"") && reason.contains("expected gzip"), "{reason}");
        assert!(codings("gzip, gzip, gzip").unwrap_err().contains("3 Content-Encodings"));
        assert_eq!(codings("identity").unwrap(), []);
    }
}
