//! Writes compact PDBs ("MSFZ Container Specification", microsoft/pdb-rs), with everything a reader has to know: stored
//! fragments, chunks of each compression, fragments that continue in the next chunk, and an absent stream.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// The size of a chunk, unpacked.
const CHUNK: usize = 1 << 20;
const HEADER: usize = 80;
/// The values of the `compression` fields.
const ZSTD: u32 = 1;
const DEFLATE: u32 = 2;

/// A compact PDB with these streams; `None` is a stream that does not exist. The first stream that is not empty is stored
/// as it is, the others follow one another in chunks of 1 MiB, packed with zstd and deflate in turn.
pub(crate) fn container(streams: &[Option<Vec<u8>>]) -> io::Result<Vec<u8>> {
    let mut file = vec![0; HEADER];
    let mut directory = Vec::new();
    let mut packed = Vec::new();
    let mut is_stored = true;
    for stream in streams {
        let Some(content) = stream else {
            directory.extend(u32::MAX.to_le_bytes());
            continue;
        };
        if !content.is_empty() {
            directory.extend((content.len() as u32).to_le_bytes());
            let location = if is_stored {
                let offset = file.len() as u64;
                file.extend(content);
                offset
            } else {
                let (chunk, offset) = (packed.len() / CHUNK, packed.len() % CHUNK);
                packed.extend(content);
                1 << 63 | (chunk as u64) << 32 | offset as u64
            };
            is_stored = false;
            directory.extend(location.to_le_bytes());
        }
        directory.extend(0_u32.to_le_bytes());
    }
    let mut table = Vec::new();
    for (number, chunk) in packed.chunks(CHUNK).enumerate() {
        let compression = if number % 2 == 0 { ZSTD } else { DEFLATE };
        let content = compressed(compression, chunk)?;
        table.extend((file.len() as u64).to_le_bytes());
        let numbers = [compression, content.len() as u32, chunk.len() as u32];
        table.extend(numbers.map(u32::to_le_bytes).concat());
        file.extend(content);
    }
    let table_offset = file.len() as u64;
    file.extend(&table);
    let directory_offset = file.len() as u64;
    let packed_directory = compressed(ZSTD, &directory)?;
    file.extend(&packed_directory);
    let mut header = b"Microsoft MSFZ Container\r\n\x1aALD\0\0".to_vec();
    header.extend([0, directory_offset, table_offset].map(u64::to_le_bytes).concat());
    let numbers = [
        streams.len() as u32,
        ZSTD,
        packed_directory.len() as u32,
        directory.len() as u32,
        packed.chunks(CHUNK).len() as u32,
        table.len() as u32,
    ];
    header.extend(numbers.map(u32::to_le_bytes).concat());
    file.splice(..HEADER, header);
    Ok(file)
}

fn compressed(compression: u32, content: &[u8]) -> io::Result<Vec<u8>> {
    if compression == ZSTD {
        return Ok(compress_to_vec(content, CompressionLevel::Fastest));
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    encoder.finish()
}
