//! PDBs that contain only an identity and ballast, in every form in which stores keep them.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ms_pdb_msf::{CreateOptions, Msf};
use profile::GuidAge;
use sync_file::{ReadAt, WriteAt};

use crate::msfz::container;

/// A PDB with this identity and `ballast` bytes that do not compress; its info stream carries a higher age than
/// its DBI stream, as Microsoft's public files do.
///
/// # Errors
/// Whatever the writer of the container gives.
pub fn pdb(guid_age: GuidAge, ballast: usize) -> io::Result<Vec<u8>> {
    let bytes = Shared::default();
    let mut msf = Msf::create_with_file(bytes.clone(), CreateOptions::default()).map_err(io::Error::other)?;
    let streams = [info(guid_age), Vec::new(), dbi(guid_age), noise(ballast)];
    for (index, stream) in streams.iter().enumerate() {
        msf.write_stream(index as u32 + 1).map_err(io::Error::other)?.set_contents(stream)?;
    }
    msf.commit().map_err(io::Error::other)?;
    Ok(bytes.take())
}

/// A plain PDB under another identity: its GUID and age replaced where its info and DBI streams have them. `None` where
/// the file does not hold them once each.
pub fn reidentified(pdb: &[u8], from: GuidAge, to: GuidAge) -> Option<Vec<u8>> {
    let mut bytes = pdb.to_vec();
    let guid = |guid_age| info(guid_age)[12..].to_vec();
    let [guid_at] = places(pdb, &guid(from))[..] else { return None };
    bytes.get_mut(guid_at..guid_at + 16)?.copy_from_slice(&guid(to));
    bytes.get_mut(guid_at - 4..guid_at)?.copy_from_slice(&to.age().to_le_bytes());
    let [dbi_at] = places(pdb, &dbi(from)[..12])[..] else { return None };
    bytes.get_mut(dbi_at + 8..dbi_at + 12)?.copy_from_slice(&to.age().to_le_bytes());
    Some(bytes)
}

/// A plain PDB without its types, as most public ones are: its streams of types say that they hold none (the headers of
/// LLVM's "The PDB TPI and IPI Streams"). `None` where the file does not hold two such streams.
pub fn without_types(pdb: &[u8]) -> Option<Vec<u8>> {
    const FIRST: u32 = 0x1000;
    let mut bytes = pdb.to_vec();
    let start: Vec<u8> =
        [20_040_203, 56, FIRST].iter().flat_map(|number: &u32| number.to_le_bytes()).collect();
    let [types, items] = places(pdb, &start)[..] else { return None };
    for at in [types, items] {
        bytes.get_mut(at + 12..at + 16)?.copy_from_slice(&FIRST.to_le_bytes());
        bytes.get_mut(at + 16..at + 20)?.fill(0);
    }
    Some(bytes)
}

fn places(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(place, _)| place).collect()
}

/// The same PDB in the compact form.
///
/// # Errors
/// Whatever the writer of the container gives.
pub fn msfz(guid_age: GuidAge, ballast: usize) -> io::Result<Vec<u8>> {
    let streams = [Vec::new(), info(guid_age), Vec::new(), dbi(guid_age), noise(ballast)];
    container(&streams.map(Some))
}

/// A cabinet (MSZIP) that holds the given files.
///
/// # Errors
/// Whatever the writer of the container gives.
pub fn cabinet(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(cab::CompressionType::MsZip);
    for (name, _) in files {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new()))?;
    let mut files = files.iter();
    while let Some(mut file) = writer.next_file()? {
        if let Some((_, bytes)) = files.next() {
            file.write_all(bytes)?;
        }
    }
    Ok(writer.finish()?.into_inner())
}

/// Stream 1: version, signature, age, GUID.
fn info(guid_age: GuidAge) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(20_000_404u32.to_le_bytes());
    bytes.extend(0u32.to_le_bytes());
    bytes.extend((guid_age.age() + 2).to_le_bytes());
    // As in a file: the first three fields little-endian.
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid_age.guid();
    bytes.extend([d, c, b, a, f, e, h, g]);
    bytes.extend(rest);
    bytes
}

/// Stream 3: signature, version, age, and a header of zeros.
fn dbi(guid_age: GuidAge) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u32::MAX.to_le_bytes());
    bytes.extend(19_990_903u32.to_le_bytes());
    bytes.extend(guid_age.age().to_le_bytes());
    bytes.resize(64, 0);
    bytes
}

/// Bytes of a xorshift generator: the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A file in memory that can be written at any place.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReadAt for Shared {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_slice().read_at(buffer, offset)
    }
}

impl WriteAt for Shared {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[start..end].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// How an entry of a debug directory reaches its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// By an offset in the file alone.
    Offset,
    /// By an RVA alone.
    Rva,
}

/// A PE32+ file of x64 with one section, whose debug directory has an entry of another kind first and then one per
/// record: what it says, and how it is reached.
pub fn pe(records: &[(&[u8], Reach)]) -> Vec<u8> {
    const RVA: u32 = 0x1000;
    const RAW: u32 = 0x400;
    const ENTRY: usize = 28;
    let mut section = vec![0; ENTRY * (records.len() + 1)];
    section[12] = 13;
    for (index, (record, reach)) in records.iter().enumerate() {
        let at = section.len() as u32;
        let (rva, raw) = match reach {
            Reach::Offset => (0, RAW + at),
            Reach::Rva => (RVA + at, 0),
        };
        let entry = &mut section[ENTRY * (index + 1)..][..ENTRY];
        entry[12..16].copy_from_slice(&2u32.to_le_bytes());
        entry[16..20].copy_from_slice(&(record.len() as u32).to_le_bytes());
        entry[20..24].copy_from_slice(&rva.to_le_bytes());
        entry[24..28].copy_from_slice(&raw.to_le_bytes());
        section.extend_from_slice(record);
    }
    let directory_size = (ENTRY * (records.len() + 1)) as u32;
    let size = section.len() as u32;
    section.resize(section.len().next_multiple_of(0x200), 0);

    let mut file = vec![0; 0x40];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x40;
    file.extend(b"PE\0\0");
    for half in [0x8664u16, 1] {
        file.extend(half.to_le_bytes());
    }
    file.extend([0; 12]);
    for half in [240u16, 0x22] {
        file.extend(half.to_le_bytes());
    }
    let optional = file.len();
    file.resize(optional + 240, 0);
    let mut field = |at: usize, value: u32| {
        file[optional + at..optional + at + 4].copy_from_slice(&value.to_le_bytes());
    };
    field(0, 0x20b);
    field(32, 0x1000);
    field(36, 0x200);
    field(56, 0x2000);
    field(60, RAW);
    field(108, 16);
    field(112 + 6 * 8, RVA);
    field(112 + 6 * 8 + 4, directory_size);
    file.extend(b".rdata\0\0");
    for number in [size, RVA, section.len() as u32, RAW, 0, 0, 0, 0x4000_0040] {
        file.extend(number.to_le_bytes());
    }
    file.resize(RAW as usize, 0);
    file.extend(section);
    file
}

/// An RSDS record.
pub fn rsds(guid_age: GuidAge, path: &str) -> Vec<u8> {
    let mut bytes = b"RSDS".to_vec();
    bytes.extend(&info(guid_age)[12..]);
    bytes.extend(guid_age.age().to_le_bytes());
    bytes.extend(path.as_bytes());
    bytes.push(0);
    bytes
}
