use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A part of a page's data, which is unpacked as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Letters, digits and hyphens.
    pub name: String,
    /// The text, packed with deflate and written as base64.
    pub packed: String,
}

/// How hard the text is packed: more takes twice the time for a hundredth of the size.
const EFFORT: u8 = 7;

impl Shard {
    pub(crate) fn new(name: impl Into<String>, text: &str) -> Self {
        let deflated = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), EFFORT);
        Self { name: name.into(), packed: STANDARD.encode(deflated) }
    }

    /// The name of its file in a site, below the site's folder.
    pub fn file_name(&self) -> String {
        format!("data/{}.js", self.name)
    }

    /// Its file in a site: a script, since pages on a disk may not read other files.
    pub fn file(&self) -> Vec<u8> {
        format!("rekallShard(\"{}\",\"{}\");\n", self.name, self.packed).into_bytes()
    }
}

/// The base64 text of bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
