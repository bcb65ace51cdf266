//! Archives whose directories name the same bytes many times: zip packs, cabinets, compact PDBs.

use std::fs::File;
use std::io::{Cursor, Read, Write};

use pe::{CabinetError, MsfzError, PdbCabinet, unpack_msfz};
use profile::{Effort, GzipWriter, Silent};
use volatility_converter::{Options, Pack, convert};

use crate::measure::{alone, measure, proportional};

/// Raw deflate of `size` zeros: a gzip stream without its header and trailer.
fn zeros(size: u64) -> Vec<u8> {
    let mut gzip = GzipWriter::new(Vec::new(), Effort::Default, 1);
    std::io::copy(&mut std::io::repeat(0).take(size), &mut gzip).unwrap();
    let bytes = gzip.finish().unwrap();
    bytes[10..bytes.len() - 8].to_vec()
}

/// A zip archive whose directory lists its only member under `n` names.
fn zip(n: usize, name: impl Fn(usize) -> String, packed: &[u8], size: u32) -> Vec<u8> {
    let fields = |length: usize| {
        let mut fields = [20u16, 0, 8, 0, 0].map(u16::to_le_bytes).concat();
        fields.extend([0, packed.len() as u32, size].map(u32::to_le_bytes).concat());
        fields.extend([length as u16, 0].map(u16::to_le_bytes).concat());
        fields
    };
    let mut file = [b"PK\x03\x04".as_slice(), &fields(1), b"m", packed].concat();
    let at = file.len() as u32;
    for number in 0..n {
        let name = name(number);
        file.extend(b"PK\x01\x02\x14\0");
        file.extend(fields(name.len()));
        file.extend([0; 14]);
        file.extend(name.as_bytes());
    }
    let length = file.len() as u32 - at;
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([n as u16, n as u16].map(u16::to_le_bytes).concat());
    file.extend([length, at].map(u32::to_le_bytes).concat());
    file.extend([0; 2]);
    file
}

#[test]
fn members_of_a_zip_archive_that_share_their_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack.zip");
    for name in ["x.vtypes", "module.dwarf", "System.map-6"] {
        let packed = zeros(8 << 20);
        let input = |n: usize| zip(n, |number| format!("p{number}/{name}"), &packed, 8 << 20);
        proportional(500, 2000, input, |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let pack = Pack::open(&path).unwrap();
            assert!(pack.member_names().count() >= 500);
            assert!(convert(&pack, &Options::default(), &Silent).is_err());
        });
    }
}

/// A cabinet of `folders` folders over the same `blocks` empty blocks, with `files` files in the first one.
fn cabinet(folders: usize, blocks: usize, files: usize) -> Vec<u8> {
    let names: Vec<u8> = (0..files)
        .flat_map(|number| {
            let mut entry = [1u32, 0].map(u32::to_le_bytes).concat();
            entry.extend([0; 8]);
            entry.extend(format!("f{number}.pdb\0").bytes());
            entry
        })
        .collect();
    let at = 36 + 8 * folders as u32;
    let data = at + names.len() as u32;
    let block = [[0, 0, 0, 0, 1, 0, 1, 0].as_slice(), b"x"].concat();
    let mut file = b"MSCF".to_vec();
    let size = data + (block.len() * blocks) as u32;
    file.extend([0, size, 0, at, 0].map(u32::to_le_bytes).concat());
    file.extend([3, 1]);
    file.extend([folders as u16, files as u16, 0, 0, 0].map(u16::to_le_bytes).concat());
    for _ in 0..folders {
        file.extend(data.to_le_bytes());
        file.extend([blocks as u16, 0].map(u16::to_le_bytes).concat());
    }
    file.extend(names);
    file.extend(block.repeat(blocks));
    file
}

#[test]
fn folders_of_a_cabinet_over_the_same_blocks() {
    proportional(
        4000,
        60,
        |n| cabinet(n, n, 1),
        |bytes| {
            let limit = 16 << 30;
            let mut cabinet = match PdbCabinet::open(Cursor::new(bytes), None, limit) {
                Ok(cabinet) => cabinet,
                Err(error) => return assert!(matches!(error, CabinetError::Limit(_)), "{error}"),
            };
            assert_eq!(cabinet.member().size, 1);
            let _ = cabinet.extract(&mut std::io::sink(), &|_| ());
        },
    );
}

#[test]
fn files_of_a_cabinet_over_the_same_bytes() {
    proportional(
        4000,
        60,
        |n| cabinet(1, 1, n),
        |bytes| {
            let error = PdbCabinet::open(Cursor::new(bytes), None, 1 << 30).err().unwrap();
            assert!(matches!(error, CabinetError::Members { .. }), "{error}");
        },
    );
}

/// A chunk of a compact PDB: where it is in the file, its packed size, its size.
type Chunk = (u64, u32, u32);

const DEFLATE: u32 = 2;
/// Where the content of a compact PDB begins here.
const CONTENT: u64 = 80;

/// A compact PDB with these chunks, and streams of these fragments: the size, and a place in a chunk or in the file.
fn compact(content: &[u8], chunks: &[Chunk], streams: &[Vec<(u32, u64)>]) -> Vec<u8> {
    let mut directory = Vec::new();
    for stream in streams {
        for (size, place) in stream {
            directory.extend(size.to_le_bytes());
            directory.extend(place.to_le_bytes());
        }
        directory.extend([0; 4]);
    }
    let table = CONTENT + content.len() as u64;
    let at = table + 20 * chunks.len() as u64;
    let mut file = b"Microsoft MSFZ Container\r\n\x1aALD\0\0".to_vec();
    file.extend([0, at, table].map(u64::to_le_bytes).concat());
    let (size, count) = (directory.len() as u32, chunks.len() as u32);
    file.extend([streams.len() as u32, 0, size, size, count, 20 * count].map(u32::to_le_bytes).concat());
    file.extend(content);
    for (at, packed, size) in chunks {
        file.extend(at.to_le_bytes());
        file.extend([DEFLATE, *packed, *size].map(u32::to_le_bytes).concat());
    }
    file.extend(directory);
    file
}

/// The place of a fragment that begins with a chunk.
fn in_chunk(number: usize) -> u64 {
    1 << 63 | (number as u64) << 32
}

/// Unpacks a compact PDB from a file into another; the size of the plain one.
fn unpacked(bytes: &[u8]) -> Result<u64, MsfzError> {
    let (mut source, plain) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    source.write_all(bytes).unwrap();
    let result: Result<(), MsfzError> = unpack_msfz(&source, &plain, 1 << 40, &|_| ());
    result.map(|()| File::metadata(&plain).unwrap().len())
}

#[test]
fn fragments_of_a_compact_pdb_from_many_chunks_over_the_same_bytes() {
    const SIZE: u32 = 4 << 20;
    let input = |n: usize| {
        let packed = zeros(SIZE.into());
        let chunks = vec![(CONTENT, packed.len() as u32, SIZE); n];
        let fragments = (0..n).map(|number| (1, in_chunk(number))).collect();
        compact(&packed, &chunks, &[Vec::new(), fragments, Vec::new(), Vec::new()])
    };
    proportional(200, 3000, input, |bytes| {
        let error = unpacked(&bytes).unwrap_err();
        assert!(matches!(error, MsfzError::Limit(_)), "{error}");
    });
}

#[test]
fn streams_of_a_compact_pdb_that_share_a_chunk() {
    const SIZE: u32 = 1 << 20;
    let input = |n: usize| {
        let packed = zeros(SIZE.into());
        let chunks = [(CONTENT, packed.len() as u32, SIZE)];
        compact(&packed, &chunks, &vec![vec![(SIZE, in_chunk(0))]; n])
    };
    proportional(100, 3000, input, |bytes| {
        let error = unpacked(&bytes).unwrap_err();
        assert!(matches!(error, MsfzError::Limit(_)), "{error}");
    });
}

#[test]
fn a_stream_of_a_compact_pdb_in_short_fragments_is_read_whole() {
    let _alone = alone();
    // Fragments of seven bytes, in turn from the file itself and from chunks that do not fit beside each other.
    const SIZE: u32 = 12 << 20;
    let packed = zeros(SIZE.into());
    let chunks = vec![(CONTENT, packed.len() as u32, SIZE); 3];
    let fragments: Vec<(u32, u64)> = (0..6000)
        .map(|number| match number {
            0..3000 => (7, CONTENT),
            _ => (7, in_chunk(number / 1000 - 3)),
        })
        .collect();
    let file = compact(&packed, &chunks, &[Vec::new(), fragments, Vec::new(), Vec::new()]);
    let (cost, size) = measure(|| unpacked(&file).unwrap());
    assert!(size >= 7 * 6000, "{size}");
    assert!(cost.peak < 60 << 20, "{cost:?}");
}

#[test]
fn a_stream_of_a_compact_pdb_in_many_short_fragments() {
    let input =
        |n: usize| compact(&[7; 64], &[], &[Vec::new(), vec![(64, CONTENT); n], Vec::new(), Vec::new()]);
    proportional(20_000, 40, input, |bytes| unpacked(&bytes).unwrap());
}
