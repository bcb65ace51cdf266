use crate::manifest::Wanted;

/// In which form a store keeps a PDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    Plain,
    /// In a cabinet.
    Cabinet,
    /// As a `file.ptr`, which says where it is.
    Pointer,
    /// In the compact form.
    Msfz,
}

/// A place in a store where a PDB may be, as path components below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub form: Form,
    pub path: Vec<String>,
}

/// The file at the root of a store that has two tiers.
pub(crate) const TWO_TIERS: &str = "index2.txt";

/// Where a PDB may be in a store, in the order to look: the name as given, then in lower case; the plain file,
/// the cabinet, the pointer, the compact form.
pub(crate) fn entries(wanted: &Wanted, two_tiers: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let names = [Some(wanted.name.clone()), wanted.name.lower()];
    for name in names.into_iter().flatten() {
        let mut folder = Vec::new();
        if two_tiers {
            folder.push(name.as_str().chars().take(2).collect());
        }
        folder.push(name.to_string());
        folder.push(wanted.guid_age.to_string());
        let mut add = |form, rest: &[&str]| {
            let path = folder.iter().cloned().chain(rest.iter().map(|part| (*part).to_owned())).collect();
            entries.push(Entry { form, path });
        };
        add(Form::Plain, &[name.as_str()]);
        add(Form::Cabinet, &[&name.compressed()]);
        add(Form::Pointer, &["file.ptr"]);
        add(Form::Msfz, &["msfz0", name.as_str()]);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(name: &str, two_tiers: bool) -> Vec<String> {
        let guid_age = "F8E2A8B5C9B74BF4A6E4A48F180099942".parse().unwrap();
        let wanted = Wanted::new(name.parse().unwrap(), guid_age);
        entries(&wanted, two_tiers).iter().map(|entry| entry.path.join("/")).collect()
    }

    #[test]
    fn plain_then_cabinet_then_pointer() {
        assert_eq!(
            paths("k.pdb", false),
            [
                "k.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/k.pdb",
                "k.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/k.pd_",
                "k.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/file.ptr",
                "k.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/msfz0/k.pdb",
            ]
        );
    }

    #[test]
    fn as_given_then_lower_case() {
        let paths = paths("NtK.pdb", true);
        assert_eq!(paths.len(), 8);
        assert_eq!(paths[0], "Nt/NtK.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/NtK.pdb");
        assert_eq!(paths[4], "nt/ntk.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942/ntk.pdb");
    }
}
