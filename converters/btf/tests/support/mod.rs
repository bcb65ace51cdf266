//! What the tests of BTF share: blobs of BTF that are built record by record, and the profiles made of them, as JSON.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used)]

use btf_converter::{Error, Options, convert};
use profile::{Report, Resolution, Silent, write_text};
use serde_json::Value;

/// The kinds of records (`BTF_KIND_INT` and so on).
pub const INT: u32 = 1;
pub const POINTER: u32 = 2;
pub const ARRAY: u32 = 3;
pub const STRUCT: u32 = 4;
pub const UNION: u32 = 5;
pub const ENUM: u32 = 6;
pub const FORWARD: u32 = 7;
pub const TYPEDEF: u32 = 8;
pub const CONST: u32 = 10;
pub const FUNCTION: u32 = 12;
pub const SIGNATURE: u32 = 13;
pub const VARIABLE: u32 = 14;
pub const SECTION: u32 = 15;
pub const FLOAT: u32 = 16;
pub const DECLARATION_TAG: u32 = 17;
pub const TYPE_TAG: u32 = 18;
pub const ENUM64: u32 = 19;

/// The flag in the second word of a record (`kind_flag`); its meaning depends on the kind.
pub const FLAG: u32 = 1 << 31;

/// A blob under construction: records are added, then written in either byte order.
#[derive(Clone, Default)]
pub struct Blob {
    pub big_endian: bool,
    words: Vec<u32>,
    texts: Vec<u8>,
    /// The strings of the blob that this one continues.
    below: Vec<u8>,
    count: u32,
    /// Entries of the layout section: bytes once, and for each element.
    pub layout: Option<Vec<(u8, u8)>>,
}

impl Blob {
    /// A blob that stands alone.
    pub fn new() -> Self {
        Self { texts: vec![0], ..Self::default() }
    }

    /// A blob that continues another one.
    pub fn on(base: &Self) -> Self {
        Self { count: base.count, below: base.texts.clone(), big_endian: base.big_endian, ..Self::default() }
    }

    /// The offset of a name, which is added if it is new.
    pub fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let wanted: Vec<u8> = [b"\0", name.as_bytes(), b"\0"].concat();
        if let Some(at) = self.below.windows(wanted.len()).position(|window| window == wanted) {
            return at as u32 + 1;
        }
        let at = self.below.len() + self.texts.len();
        self.texts.extend(name.as_bytes());
        self.texts.push(0);
        at as u32
    }

    /// Adds a record; its number.
    pub fn add(&mut self, name: &str, info: u32, size_or_type: u32, rest: &[u32]) -> u32 {
        let name = self.name(name);
        self.words.extend([name, info, size_or_type]);
        self.words.extend(rest);
        self.count += 1;
        self.count
    }

    pub fn int(&mut self, name: &str, size: u32, encoding: u32) -> u32 {
        self.add(name, INT << 24, size, &[(encoding << 24) | (size * 8)])
    }

    /// A record with elements of `(name, type, offset)`.
    pub fn record(&mut self, name: &str, kind: u32, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (name, ty, offset) in members {
            rest.extend([self.name(name), *ty, *offset]);
        }
        self.add(name, kind << 24 | members.len() as u32, size, &rest)
    }

    pub fn enumeration(&mut self, name: &str, flag: u32, size: u32, labels: &[(&str, u32)]) -> u32 {
        let mut rest = Vec::new();
        for (name, value) in labels {
            rest.extend([self.name(name), *value]);
        }
        self.add(name, flag | ENUM << 24 | labels.len() as u32, size, &rest)
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.with_texts(&self.texts)
    }

    /// The blob with other strings.
    pub fn with_texts(&self, texts: &[u8]) -> Vec<u8> {
        let word = |word: u32| if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
        let magic = 0xeb9fu16;
        let mut bytes: Vec<u8> =
            if self.big_endian { magic.to_be_bytes() } else { magic.to_le_bytes() }.to_vec();
        bytes.extend([1, 0]);
        let layout: Option<Vec<u8>> = self
            .layout
            .as_ref()
            .map(|layout| layout.iter().flat_map(|(fixed, each)| [*fixed, *each, 0, 0]).collect());
        let types = self.words.len() as u32 * 4;
        let skipped = layout.as_ref().map_or(0, Vec::len) as u32;
        let header =
            [if layout.is_some() { 32 } else { 24 }, skipped, types, skipped + types, texts.len() as u32];
        bytes.extend(header.into_iter().flat_map(word));
        if let Some(layout) = layout {
            bytes.extend([0, skipped].into_iter().flat_map(word));
            bytes.extend(layout);
        }
        bytes.extend(self.words.iter().flat_map(|it| word(*it)));
        bytes.extend(texts);
        bytes
    }
}

/// The sizes that the format gives records of each kind, from 0 to 19.
pub fn layout() -> Vec<(u8, u8)> {
    let mut layout = vec![(0, 0); 20];
    for kind in [INT, VARIABLE, DECLARATION_TAG] {
        layout[kind as usize].0 = 4;
    }
    layout[ARRAY as usize].0 = 12;
    for kind in [STRUCT, UNION, SECTION, ENUM64] {
        layout[kind as usize].1 = 12;
    }
    for kind in [ENUM, SIGNATURE] {
        layout[kind as usize].1 = 8;
    }
    layout
}

/// A profile made of a blob, as it is printed, and what could not be carried over.
pub struct Made {
    pub profile: Value,
    pub report: Report,
}

impl Made {
    pub fn structure(&self, name: &str) -> &Value {
        &self.profile["$STRUCTS"][name]
    }

    pub fn member(&self, name: &str, member: &str) -> &Value {
        &self.structure(name)[1][member]
    }
}

/// Converts a blob.
///
/// # Errors
/// Those of the converter.
pub fn made_with(bytes: &[u8], options: &Options<'_>) -> Result<Made, Error> {
    let mut converted = convert(bytes, options, &Silent)?;
    let resolution = Resolution::new(&mut converted.profile, &mut converted.report);
    let text = write_text(&converted.profile, &resolution, Vec::new()).unwrap();
    Ok(Made { profile: serde_json::from_slice(&text).unwrap(), report: converted.report })
}

/// Converts a blob that has no fault.
pub fn made(bytes: &[u8]) -> Made {
    made_with(bytes, &Options::default()).unwrap()
}
