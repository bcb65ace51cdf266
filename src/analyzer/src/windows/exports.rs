use super::Mapped;
use crate::Space;

/// The exports of a PE file, as far as its tables are in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// The file's name according to its linker.
    pub module: String,
    /// Each name with its RVA, in the order of the table, without forwarded exports.
    pub symbols: Vec<(String, u64)>,
}

/// More names than any kernel exports.
const MOST: u32 = 1 << 16;
/// The longest name.
const LONGEST: usize = 256;
const PAGE: u64 = 4096;

impl Mapped {
    /// The exports of the file; `None` if it has none, or its directory is not in memory (PE format, ".edata
    /// Section").
    pub fn exports(&self, space: &dyn Space) -> Option<Exports> {
        let (rva, size) = self.export?;
        let size_of_image = self.headers.size_of_image;
        let at = |rva: u32| (rva < size_of_image).then(|| self.base.wrapping_add(u64::from(rva)));
        let mut directory = [0; 40];
        space.read(at(rva)?, &mut directory).ok()?;
        let field = |at: usize| {
            directory.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let (functions, names) = (field(20).min(MOST), field(24).min(MOST));
        let module = at(field(12)).and_then(|at| text(space, at)).unwrap_or_default();
        let (addresses, pointers, ordinals) = (field(28), field(32), field(36));
        let mut symbols = Vec::new();
        for index in 0..names {
            let entry = || -> Option<(String, u64)> {
                let name = at(word(space, at(pointers.checked_add(index.checked_mul(4)?)?)?)?)?;
                let mut ordinal = [0; 2];
                space.read(at(ordinals.checked_add(index.checked_mul(2)?)?)?, &mut ordinal).ok()?;
                let ordinal = u32::from(u16::from_le_bytes(ordinal));
                let target = word(space, at(addresses.checked_add(ordinal.checked_mul(4)?)?)?)?;
                let forwarded = target.checked_sub(rva).is_some_and(|within| within < size);
                let here = ordinal < functions && !forwarded && target != 0 && target < size_of_image;
                here.then(|| Some((text(space, name)?, u64::from(target))))?
            };
            symbols.extend(entry());
        }
        (!symbols.is_empty() || !module.is_empty()).then_some(Exports { module, symbols })
    }
}

fn word(space: &dyn Space, at: u64) -> Option<u32> {
    let mut bytes = [0; 4];
    space.read(at, &mut bytes).ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// A zero-terminated text of printable characters.
fn text(space: &dyn Space, mut at: u64) -> Option<String> {
    let mut found = Vec::new();
    while found.len() < LONGEST {
        // The next page may be missing, and may not be needed.
        let mut part = [0; 64];
        let here = (PAGE - at % PAGE).min(part.len() as u64) as usize;
        let part = part.get_mut(..here)?;
        space.read(at, part).ok()?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            found.extend_from_slice(part.get(..end)?);
            let printable = !found.is_empty() && found.iter().all(u8::is_ascii_graphic);
            return printable.then(|| String::from_utf8(found).ok())?;
        }
        found.extend_from_slice(part);
        at = at.checked_add(here as u64)?;
    }
    None
}
