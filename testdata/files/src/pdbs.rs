use formats::FileKind;

use crate::Sample;
use crate::builders::{filled, put};

const MAGIC: &[u8; 32] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";

pub fn samples() -> Vec<Sample> {
    let pdb = pdb(&[20140508]);
    let damaged = |at: usize| {
        let mut bytes = pdb.clone();
        bytes[at] ^= 0x20;
        bytes
    };
    vec![
        Sample::new("k.pdb", FileKind::Pdb, pdb.clone()),
        Sample::new("fastlink.pdb", FileKind::PdbFastLink, self::pdb(&[20140508, 0x494e_494d])),
        Sample::new("cut.pdb", FileKind::PdbCut, pdb[..1000].to_vec()),
        Sample::new("cut-magic.pdb", FileKind::PdbCut, MAGIC[..20].to_vec()),
        Sample::new("damaged.pdb", FileKind::PdbDamaged, damaged(0)),
        Sample::new("damaged-end.pdb", FileKind::PdbDamaged, damaged(31)),
        Sample::new(
            "old.pdb",
            FileKind::OldPdb,
            filled(b"Microsoft C/C++ program database 2.00\r\n\x1aJG\0\0", 1024),
        ),
        Sample::new(
            "portable.pdb",
            FileKind::PortablePdb,
            filled(b"BSJB\x01\0\x01\0\0\0\0\0\x0c\0\0\0PDB v1.0", 128),
        ),
        Sample::new("k.pdz", FileKind::Msfz, filled(b"Microsoft MSFZ Container\r\n\x1aALD\0\0", 128)),
        Sample::new("k.dbg", FileKind::Dbg, filled(b"DI\0\0\x4c\x01\0\0", 64)),
    ]
}

/// A PDB of six pages whose info stream has these features.
fn pdb(features: &[u32]) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut bytes = filled(MAGIC, 6 * PAGE);
    let mut info = Vec::new();
    for number in [20000404u32, 1, 1] {
        info.extend(number.to_le_bytes());
    }
    info.extend([7; 16]);
    // No named streams: no text, no entries in a table for one, no bits.
    for number in [0u32, 0, 1, 0, 0].iter().chain(features) {
        info.extend(number.to_le_bytes());
    }
    for (at, number) in [(32, PAGE as u32), (36, 1), (40, 6), (44, 20), (52, 3)] {
        put(&mut bytes, at, &number.to_le_bytes());
    }
    put(&mut bytes, 3 * PAGE, &4u32.to_le_bytes());
    for (index, number) in [2, 0, info.len() as u32, 5, 0].iter().enumerate() {
        put(&mut bytes, 4 * PAGE + index * 4, &number.to_le_bytes());
    }
    put(&mut bytes, 5 * PAGE, &info);
    bytes
}
