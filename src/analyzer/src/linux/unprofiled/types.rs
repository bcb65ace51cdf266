use image::{Image, Memory, PhysicalAddress};

use super::UnprofiledKernel;

/// The minimum and maximum size of a kernel's BTF.
const SHORTEST: usize = 64 << 10;
const LONGEST: usize = 64 << 20;
/// How many BTF blobs without a symbol are tried.
const MOST: usize = 4;
/// The shortest header (Documentation/bpf/btf.rst).
const HEADER: usize = 24;

/// A BTF blob in an image.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Its bytes, from its header to the end of its strings.
    pub bytes: Vec<u8>,
    /// How it was found, in words.
    pub found_by: String,
}

impl UnprofiledKernel<'_> {
    /// The kernel's own BTF: the one that its symbols name, then others in the image that could be a kernel's, in the
    /// order of their addresses. A proof decides which one is right.
    pub fn types(&self) -> Vec<Blob> {
        let named = self.named_types();
        let own = named.as_ref().map(|(start, _)| start.wrapping_add(self.delta));
        let mut blobs: Vec<Blob> = named.into_iter().map(|(_, blob)| blob).collect();
        let others = self.magics.iter().filter(|at| Some(**at) != own);
        blobs.extend(others.filter_map(|at| whole(self.image, *at)).take(MOST));
        blobs
    }

    /// The bytes between `__start_BTF` and `__stop_BTF`.
    fn named_types(&self) -> Option<(u64, Blob)> {
        let (start, stop) = (self.symbol("__start_BTF")?, self.symbol("__stop_BTF")?);
        let length = usize::try_from(stop.checked_sub(start)?).ok()?;
        let bytes = self.bytes(start, Some(length).filter(|length| (HEADER..LONGEST).contains(length))?)?;
        Some((start, Blob { bytes, found_by: format!("BTF between its symbols, at {start:#x}") }))
    }
}

/// The BTF at a physical address, if it is contiguous there and belongs to a kernel.
fn whole(image: &Image, at: u64) -> Option<Blob> {
    let mut header = [0; HEADER];
    image.read(PhysicalAddress(at), &mut header).ok()?;
    let words: Vec<u32> = header.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let [_, header_length, type_offset, type_length, string_offset, string_length] = *words.as_slice() else {
        return None;
    };
    let end = |offset: u32, length: u32| {
        usize::try_from(u64::from(header_length) + u64::from(offset) + u64::from(length)).ok()
    };
    let strings_end = end(string_offset, string_length)?;
    let length = strings_end.max(end(type_offset, type_length)?);
    if header_length < HEADER as u32 || !(SHORTEST..LONGEST).contains(&length) {
        return None;
    }
    let mut bytes = vec![0; length];
    image.read(PhysicalAddress(at), &mut bytes).ok()?;
    let strings = bytes.get(strings_end.checked_sub(string_length as usize)?..strings_end)?;
    // The strings of a module's BTF continue the kernel's, and do not begin with an empty one of their own.
    let bounded = strings.first() == Some(&0) && strings.last() == Some(&0);
    let names = [&b"\0task_struct\0"[..], b"\0mm_struct\0"];
    let of_kernel = bounded && names.iter().all(|name| memchr::memmem::find(strings, name).is_some());
    of_kernel.then(|| Blob { bytes, found_by: format!("BTF by its magic number at physical {at:#x}") })
}
