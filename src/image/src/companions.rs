use std::path::{Path, PathBuf};

use crate::container::{last_piece, piece_path, segment_path};

/// The files next to an image that opening it may also read, by their names: the other parts of an E01, the other
/// pieces of a set, and VMware's files for a `.vmem`, `.vmss` or `.vmsn`. Only existing files are listed.
pub fn companions(image: &Path) -> Vec<PathBuf> {
    const VMWARE: [&str; 3] = ["vmem", "vmss", "vmsn"];
    let Some(extension) = image.extension().and_then(|extension| extension.to_str()) else {
        return Vec::new();
    };
    if VMWARE.iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        let beside = VMWARE.iter().map(|known| image.with_extension(known));
        return beside.filter(|path| path != image && path.exists()).collect();
    }
    if extension.get(1..) == Some("01") && !extension.starts_with('0') {
        // The numbers of the parts have no gaps.
        let parts = (2..).map_while(|number| segment_path(image, number));
        return parts.take_while(|path| path.exists()).collect();
    }
    // A piece between them may be missing.
    let last = last_piece(image).unwrap_or(0);
    let pieces = (1..=last).filter_map(|number| piece_path(image, number));
    pieces.filter(|path| path.exists()).collect()
}

/// Whether the image at `path` is unpacked into a temporary file when it is opened: a gzip, xz or zstd file, or a zip
/// archive.
pub fn needs_unpacking(path: &Path) -> bool {
    crate::container::needs_unpacking(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companions_are_those_that_exist() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "a.E01", "a.E02", "a.E03", "a.E05", "b.vmem", "b.vmss", "c.raw", "c.vmss", "d.001", "d.002",
            "d.004",
        ] {
            std::fs::write(at(name), "").unwrap();
        }
        assert_eq!(companions(&at("a.E01")), [at("a.E02"), at("a.E03")]);
        assert_eq!(companions(&at("b.vmem")), [at("b.vmss")]);
        assert_eq!(companions(&at("b.vmss")), [at("b.vmem")]);
        assert_eq!(companions(&at("d.001")), [at("d.002"), at("d.004")]);
        assert!(companions(&at("d.002")).is_empty());
        assert!(companions(&at("c.raw")).is_empty());
        assert!(companions(&at("none")).is_empty());
    }
}
