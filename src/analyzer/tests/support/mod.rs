//! The real images of the corpus, unpacked, with their truth and the profile of their kernel.

use std::path::PathBuf;

use analyzer::Layout;
use image::Image;
use profile::{MAX_TEXT, unpack};
use serde_json::Value;

#[allow(dead_code, reason = "not every test looks at all of it")]
pub struct Guests {
    pub image: Image,
    pub layout: Layout,
    pub truth: Value,
}

impl Guests {
    pub fn open(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// The image with more bytes behind it: segments of a LiME file.
    pub fn with(name: &str, more: &[u8]) -> Self {
        let folder = corpus("images/linux-6.1-cloud");
        let image = std::fs::read(folder.join(name)).unwrap();
        let mut content = unpack(&image, MAX_TEXT).unwrap().into_owned();
        content.extend_from_slice(more);
        let stem = name.split('.').next().unwrap();
        let truth = std::fs::read(folder.join(format!("{stem}.truth.json"))).unwrap();
        Self {
            image: Image::from_content(content).unwrap(),
            layout: Layout::open(&folder.join("dwarf2json.isf.json.xz")).unwrap(),
            truth: serde_json::from_slice(&truth).unwrap(),
        }
    }
}

/// A file or folder of the corpus.
pub fn corpus(path: &str) -> PathBuf {
    let root = std::env::var_os("PROFILE_CORPUS").expect("PROFILE_CORPUS names the folder of real files");
    let path = PathBuf::from(root).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}
