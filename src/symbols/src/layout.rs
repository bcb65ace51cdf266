use crate::manifest::Wanted;

/// The form in which a store keeps a PDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The plain file.
    Plain,
    /// In a cabinet.
    Cabinet,
    /// As a `file.ptr`, which gives its location.
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

/// The places of a PDB in a store, in the order in which they are tried: the name and identifier as given, then each
/// in lower case; the plain file, the cabinet, the pointer, the compact form.
pub(crate) fn entries(wanted: &Wanted, two_tiers: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let names = [Some(wanted.name.clone()), wanted.name.lower()];
    for id in identifiers(wanted) {
        for name in names.iter().flatten() {
            let mut folder = Vec::new();
            if two_tiers {
                folder.push(name.as_str().chars().take(2).collect());
            }
            folder.push(name.to_string());
            folder.push(id.clone());
            let mut add = |form, rest: &[&str]| {
                let path = folder.iter().cloned().chain(rest.iter().map(|part| (*part).to_owned())).collect();
                entries.push(Entry { form, path });
            };
            add(Form::Plain, &[name.as_str()]);
            add(Form::Cabinet, &[&name.compressed()]);
            add(Form::Pointer, &["file.ptr"]);
            add(Form::Msfz, &["msfz0", name.as_str()]);
        }
    }
    entries
}

/// How many hexadecimal digits of an identifier belong to the GUID.
const GUID_DIGITS: usize = 32;

/// The spellings of an identifier in stores: in upper case; in lower case, as stores in the SSQP layout write it; and
/// with only the GUID in lower case, if that differs from the others.
fn identifiers(wanted: &Wanted) -> Vec<String> {
    let upper = wanted.guid_age.to_string();
    let mixed = upper.chars().enumerate();
    let mixed =
        mixed.map(|(at, digit)| if at < GUID_DIGITS { digit.to_ascii_lowercase() } else { digit }).collect();
    let mut identifiers = vec![upper.clone()];
    for spelling in [upper.to_ascii_lowercase(), mixed] {
        if !identifiers.contains(&spelling) {
            identifiers.push(spelling);
        }
    }
    identifiers
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";

    fn paths(name: &str, id: &str, two_tiers: bool) -> Vec<String> {
        let wanted = Wanted::new(name.parse().unwrap(), id.parse().unwrap());
        let paths = entries(&wanted, two_tiers).into_iter().map(|entry| entry.path.join("/"));
        paths.map(|path| path.replace(ID, "ID").replace(&ID.to_lowercase(), "id")).collect()
    }

    #[test]
    fn plain_then_cabinet_then_pointer_and_then_the_identifier_in_lower_case() {
        assert_eq!(
            paths("k.pdb", ID, false),
            [
                "k.pdb/ID/k.pdb",
                "k.pdb/ID/k.pd_",
                "k.pdb/ID/file.ptr",
                "k.pdb/ID/msfz0/k.pdb",
                "k.pdb/id/k.pdb",
                "k.pdb/id/k.pd_",
                "k.pdb/id/file.ptr",
                "k.pdb/id/msfz0/k.pdb",
            ]
        );
    }

    #[test]
    fn names_as_given_then_in_lower_case() {
        let paths = paths("NtK.pdb", ID, true);
        assert_eq!(paths.len(), 16);
        assert_eq!(paths[0], "Nt/NtK.pdb/ID/NtK.pdb");
        assert_eq!(paths[4], "nt/ntk.pdb/ID/ntk.pdb");
        assert_eq!(paths[8], "Nt/NtK.pdb/id/NtK.pdb");
        assert_eq!(paths[12], "nt/ntk.pdb/id/ntk.pdb");
    }

    #[test]
    fn an_age_with_letters_is_looked_for_in_both_cases() {
        let plain: Vec<String> =
            paths("k.pdb", &format!("{}1F", &ID[..32]), false).into_iter().step_by(4).collect();
        let guid = &ID[..32];
        let lower = guid.to_lowercase();
        let expected = [format!("{guid}1F"), format!("{lower}1f"), format!("{lower}1F")];
        assert_eq!(plain, expected.map(|id| format!("k.pdb/{id}/k.pdb")));
    }
}
