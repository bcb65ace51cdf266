use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A part of a page's data, which a page unpacks as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name: letters, digits and hyphens.
    pub name: String,
    /// The text, compressed with deflate and encoded as base64.
    pub packed: String,
}

/// The level of compression. The next level takes twice the time and makes the text 1 % smaller.
const EFFORT: u8 = 7;

impl Shard {
    pub(crate) fn new(name: impl Into<String>, text: &str) -> Self {
        let deflated = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), EFFORT);
        Self { name: name.into(), packed: STANDARD.encode(deflated) }
    }

    /// The path of its file below the folder of a site.
    pub fn file_name(&self) -> String {
        format!("data/{}.js", self.name)
    }

    /// The content of its file in a site. It is a script, because a page that is opened from a disk may load scripts but may
    /// not read other files.
    pub fn file(&self) -> Vec<u8> {
        format!("rekallShard(\"{}\",\"{}\");\n", self.name, self.packed).into_bytes()
    }
}

/// Encodes bytes as base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
