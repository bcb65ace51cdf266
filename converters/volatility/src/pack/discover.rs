use std::io;
use std::path::{Path, PathBuf};

use frontend::folder;

use super::role::{self, Role};

/// Finds the packs below a folder, sorted by path: every zip archive or, if there is none, the folder itself if it
/// directly holds members of a pack, otherwise each of its subfolders that does.
///
/// # Errors
/// Any error from reading the folders.
pub fn find_packs(root: &Path) -> io::Result<Vec<PathBuf>> {
    let files = folder::files(root)?;
    let zips: Vec<PathBuf> = files
        .iter()
        .filter(|file| file.name.to_ascii_lowercase().ends_with(".zip"))
        .filter(|file| !file.name.starts_with("__MACOSX/"))
        .map(|file| file.path.clone())
        .collect();
    if !zips.is_empty() {
        return Ok(zips);
    }
    let members = files.iter().filter_map(|file| Some((file.name.as_str(), role::of(&file.name)?)));
    let mut packs: Vec<PathBuf> = pack_folders(members.collect())
        .into_iter()
        .map(|folder| if folder.is_empty() { root.to_owned() } else { root.join(folder) })
        .collect();
    packs.sort_unstable();
    Ok(packs)
}

/// The folders that are packs, by their names below the root; the root's own name is empty.
fn pack_folders(members: Vec<(&str, Role)>) -> Vec<String> {
    if !members.iter().any(|(_, role)| role.has_types()) {
        return Vec::new();
    }
    // The files directly in a folder belong to one pack, since one map may belong to two dumps.
    let lies_here = members.iter().any(|(name, _)| !name.contains('/'));
    let mut below: Vec<&str> = members
        .iter()
        .filter(|(_, role)| role.has_types())
        .filter_map(|(name, _)| name.split_once('/').map(|(folder, _)| folder))
        .collect();
    below.sort_unstable();
    below.dedup();
    let in_one_folder = |folder: &str| {
        members.iter().all(|(name, _)| name.split_once('/').is_some_and(|(first, _)| first == folder))
    };
    if lies_here || below.len() == 1 && !in_one_folder(below[0]) {
        return vec![String::new()];
    }
    let mut found = Vec::new();
    for folder in below {
        let inside = members
            .iter()
            .filter_map(|(name, role)| Some((name.strip_prefix(folder)?.strip_prefix('/')?, *role)))
            .collect();
        found.extend(pack_folders(inside).into_iter().map(|name| match name.is_empty() {
            true => folder.to_owned(),
            false => format!("{folder}/{name}"),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(names: &[&'static str]) -> Vec<String> {
        pack_folders(names.iter().filter_map(|name| Some((*name, role::of(name)?))).collect())
    }

    #[test]
    fn one_unpacked_pack_is_the_folder_itself() {
        assert_eq!(folders(&["boot/System.map-1.2", "volatility/tools/linux/module.dwarf"]), [""]);
        assert_eq!(folders(&["System.map", "a/module.dwarf", "b/module.dwarf"]), [""]);
        assert_eq!(folders(&["Suse/boot/System.map-1.2", "Suse/tools/module.dwarf"]), ["Suse"]);
        assert!(folders(&["boot/System.map-1.2"]).is_empty());
    }

    #[test]
    fn several_unpacked_packs_are_folders_of_their_own() {
        let names =
            ["x/a/boot/System.map-1", "x/a/module.dwarf", "x/b/module.dwarf", "y/System.map", "y/m.dwarf"];
        assert_eq!(folders(&names), ["x/a", "x/b", "y"].map(str::to_owned));
    }
}
