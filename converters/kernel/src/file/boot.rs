use std::borrow::Cow;
use std::fmt;

use super::loaded::Loaded;
use super::{Error, unpack};

/// The format of a kernel's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// x86: a loader followed by the compressed kernel (Documentation/arch/x86/boot.rst in the kernel's sources).
    BzImage,
    /// A compressed kernel in an EFI program (`CONFIG_EFI_ZBOOT`, drivers/firmware/efi/libstub/zboot-header.S).
    Zboot,
    /// ARM64: the kernel as it is in memory (Documentation/arch/arm64/booting.rst).
    Arm64Image,
    /// An ELF file.
    Elf,
    /// A compressed file.
    Packed,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BzImage => "the bzImage",
            Self::Zboot => "the EFI zboot image",
            Self::Arm64Image => "the arm64 Image",
            Self::Elf => "the ELF file",
            Self::Packed => "the packed file",
        })
    }
}

impl Form {
    /// Recognises a kernel's file by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        if has(0, b"\x7fELF") {
            Some(Self::Elf)
        } else if has(0, b"MZ") && has(4, b"zimg") {
            Some(Self::Zboot)
        } else if has(0x38, b"ARM\x64") {
            Some(Self::Arm64Image)
        } else if has(0x202, b"HdrS") && has(0x1fe, &[0x55, 0xaa]) {
            Some(Self::BzImage)
        } else if unpack::is_packed(bytes) {
            Some(Self::Packed)
        } else {
            None
        }
    }
}

/// A kernel may be in a compressed file inside another one, and no deeper.
const DEEPEST: usize = 3;

/// Unpacks the kernel in a file.
pub(super) fn load(bytes: &[u8]) -> Result<Loaded, Error> {
    let mut content = Cow::Borrowed(bytes);
    for _ in 0..=DEEPEST {
        let form = Form::of(&content).ok_or(Error::NotAKernel { found: "a file of another kind" })?;
        let packed = match form {
            Form::Elf => return Loaded::of_elf(content.into_owned()),
            Form::Arm64Image => return Ok(Loaded::of_arm64_image(content.into_owned())),
            Form::Packed => Some(&*content),
            Form::BzImage => payload_of_bzimage(&content),
            Form::Zboot => payload_of_zboot(&content),
        };
        let failed = |source| Error::Unpack { form, source };
        let packed = packed.ok_or(unpack::UnpackError::Cut).map_err(failed)?;
        content = Cow::Owned(unpack::unpack(packed).map_err(failed)?);
    }
    Err(Error::NotAKernel { found: "a packed file in packed files" })
}

/// The payload in the setup header since protocol 2.08; before that, the first bytes that look like a compressed
/// file.
fn payload_of_bzimage(bytes: &[u8]) -> Option<&[u8]> {
    const SECTOR: usize = 512;
    /// The first protocol whose header gives the place of the payload.
    const WITH_PAYLOAD: u16 = 0x208;
    let sectors = match usize::from(*bytes.get(0x1f1)?) {
        0 => 4,
        sectors => sectors,
    };
    let protocol = u16::from_le_bytes(*bytes.get(0x206..)?.first_chunk()?);
    let code = bytes.get((sectors + 1).checked_mul(SECTOR)?..)?;
    if protocol < WITH_PAYLOAD {
        return unpack::find(code);
    }
    let (offset, length) = (word(bytes, 0x248)?, word(bytes, 0x24c)?);
    let payload = code.get(offset..)?;
    // A truncated file may still contain enough; the decoder decides.
    Some(payload.get(..length).unwrap_or(payload))
}

fn payload_of_zboot(bytes: &[u8]) -> Option<&[u8]> {
    let (offset, length) = (word(bytes, 8)?, word(bytes, 12)?);
    let payload = bytes.get(offset..)?;
    Some(payload.get(..length).unwrap_or(payload))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_of_a_bzimage_is_where_its_header_says() {
        let mut file = vec![0; 0x1000];
        file[0x1f1] = 2;
        file[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        file[0x202..0x206].copy_from_slice(b"HdrS");
        file[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        file[0x248..0x24c].copy_from_slice(&0x10_u32.to_le_bytes());
        file[0x24c..0x250].copy_from_slice(&4_u32.to_le_bytes());
        file[0x610..0x614].copy_from_slice(b"here");
        assert_eq!(Form::of(&file), Some(Form::BzImage));
        assert_eq!(payload_of_bzimage(&file), Some(&b"here"[..]));
        file[0x206] = 7;
        assert_eq!(payload_of_bzimage(&file), None);
        file[0x700..0x703].copy_from_slice(&[0x1f, 0x8b, 8]);
        assert_eq!(payload_of_bzimage(&file).map(<[u8]>::len), Some(0x900));
        assert_eq!(payload_of_bzimage(&file[..0x300]), None);
    }
}
