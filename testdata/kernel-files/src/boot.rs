//! The files in which kernels are booted.

use std::io::Write;

/// What kernels are packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `CONFIG_KERNEL_GZIP`.
    Gzip,
    /// `CONFIG_KERNEL_XZ`.
    Xz,
    /// `CONFIG_KERNEL_LZMA`.
    Lzma,
    /// `CONFIG_KERNEL_BZIP2`.
    Bzip2,
    /// `CONFIG_KERNEL_LZO`.
    Lzo,
    /// `CONFIG_KERNEL_LZ4`.
    Lz4,
    /// `CONFIG_KERNEL_ZSTD`.
    Zstd,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Gzip, Self::Xz, Self::Lzma, Self::Bzip2, Self::Lzo, Self::Lz4, Self::Zstd];
}

/// Packs a kernel as its build does, with its size behind it.
pub fn packed(compression: Compression, kernel: &[u8]) -> Vec<u8> {
    let mut packed = match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(kernel).unwrap();
            return encoder.finish().unwrap();
        }
        Compression::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(kernel).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lzma => {
            let options = lzma_rust2::LzmaOptions::with_preset(1);
            let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
            encoder.write_all(kernel).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(kernel).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lzo => lzo(kernel),
        Compression::Lz4 => lz4(kernel),
        Compression::Zstd => {
            ruzstd::encoding::compress_to_vec(kernel, ruzstd::encoding::CompressionLevel::Fastest)
        }
    };
    packed.extend((kernel.len() as u32).to_le_bytes());
    packed
}

/// LZ4's legacy frame: blocks of 8 MiB.
fn lz4(kernel: &[u8]) -> Vec<u8> {
    let mut packed = 0x184c_2102_u32.to_le_bytes().to_vec();
    for block in kernel.chunks(8 << 20) {
        let block = lz4_flex::block::compress(block);
        packed.extend((block.len() as u32).to_le_bytes());
        packed.extend(block);
    }
    packed
}

/// A file of `lzop`: blocks of 256 KiB, those that do not become shorter as they are.
fn lzo(kernel: &[u8]) -> Vec<u8> {
    let mut packed = b"\x89LZO\0\r\n\x1a\n".to_vec();
    // Versions, method and level; flags; mode and times; no name; the checksum of the header.
    packed.extend([0x10, 0x30, 0x20, 0x80, 0x09, 0x40, 1, 9]);
    packed.extend(0x0300_0001_u32.to_be_bytes());
    packed.extend([0; 12]);
    packed.push(0);
    packed.extend([0; 4]);
    for block in kernel.chunks(256 << 10) {
        let short = lzokay::compress::compress(block).unwrap();
        let content = if short.len() < block.len() { short.as_slice() } else { block };
        packed.extend((block.len() as u32).to_be_bytes());
        packed.extend((content.len() as u32).to_be_bytes());
        packed.extend([0; 4]);
        packed.extend(content);
    }
    packed.extend([0; 4]);
    packed
}

/// A bzImage of the current protocol: two sectors of the loader, code, the packed kernel, and more code.
pub fn bzimage(payload: &[u8]) -> Vec<u8> {
    const SECTORS: u8 = 2;
    const CODE: u32 = 0x300;
    let mut file = vec![0; (usize::from(SECTORS) + 1) * 512];
    file[..2].copy_from_slice(b"MZ");
    file[0x1f1] = SECTORS;
    file[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
    file[0x248..0x24c].copy_from_slice(&CODE.to_le_bytes());
    file[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    // Bytes in the loader's code that look like a packed kernel but are not one.
    file.extend(b"\x1f\x8b\x08 code");
    file.resize(file.len() - 8 + CODE as usize, 0x90);
    file.extend(payload);
    file.resize(file.len() + 256, 0x90);
    file
}

/// An EFI zboot image.
pub fn zboot(payload: &[u8], compression: &str) -> Vec<u8> {
    const START: u32 = 0x200;
    let mut file = b"MZ\0\0zimg".to_vec();
    file.extend(START.to_le_bytes());
    file.extend((payload.len() as u32).to_le_bytes());
    file.resize(24, 0);
    file.extend(compression.as_bytes());
    file.resize(START as usize, 0);
    file.extend(payload);
    file
}
