use std::collections::{BTreeMap, BTreeSet};

use pe::PdbName;
use profile::GuidAge;

use crate::Error;
use crate::yaml::{At, Data, Node};

/// The builds that a repository should have, by the name of their PDB: a `guids.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guids {
    /// The builds of each PDB.
    pub named: BTreeMap<PdbName, BTreeSet<GuidAge>>,
    /// Builds in a list without PDB names.
    pub unnamed: BTreeSet<GuidAge>,
}

impl Guids {
    /// Reads a list: `{NAME.pdb: [GUID, ...]}`, or only GUIDs. GUIDs may have any spelling; one that is listed
    /// several times (in upper and lower case, for example) counts once.
    ///
    /// # Errors
    /// [`Error::Text`], with the line.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let root = Node::parse(text, place)?;
        let mut guids = Self::default();
        if matches!(root.data, Data::Sequence(_)) {
            guids.unnamed = builds(&root, &At { place, key: "" })?;
            return Ok(guids);
        }
        for (key, value) in root.entries(&At { place, key: "" })? {
            let name = key.text(&At { place, key: "" })?;
            let at = At { place, key: name };
            let pdb = pdb_name(name).ok_or_else(|| at.wrong(key, "the name of a PDB (NAME.pdb)"))?;
            guids.named.entry(pdb).or_default().extend(builds(value, &at)?);
        }
        Ok(guids)
    }

    /// Adds a build; returns whether it is new.
    pub fn add(&mut self, name: PdbName, guid_age: GuidAge) -> bool {
        self.named.entry(name).or_default().insert(guid_age)
    }

    /// The list as Rekall writes it: block style, sorted by code point, quoted where YAML would read a number.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let list = |text: &mut String, builds: &BTreeSet<GuidAge>| {
            let mut texts: Vec<String> = builds.iter().map(GuidAge::to_string).collect();
            texts.sort_unstable();
            for build in texts {
                let quote = if is_number(&build) { "'" } else { "" };
                text.push_str(&format!("- {quote}{build}{quote}\n"));
            }
        };
        if self.named.is_empty() {
            list(&mut text, &self.unnamed);
        }
        for (name, builds) in &self.named {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
            if name.as_str().chars().all(plain) {
                text.push_str(&format!("{name}:\n"));
            } else {
                text.push_str(&format!("'{}':\n", name.as_str().replace('\'', "''")));
            }
            list(&mut text, builds);
        }
        text
    }
}

/// The PDB that a key names. A name with another ending is a typing error.
fn pdb_name(key: &str) -> Option<PdbName> {
    let pdb = PdbName::from_user(key).ok()?;
    let ending = key.rsplit_once('.').map_or("pdb", |(_, ending)| ending);
    ["pdb", "pd_"].iter().any(|known| known.eq_ignore_ascii_case(ending)).then_some(pdb)
}

fn builds(node: &Node, at: &At<'_>) -> Result<BTreeSet<GuidAge>, Error> {
    let one = |item: &Node| {
        let text = item.text(at)?;
        text.parse().map_err(|error: profile::GuidAgeError| Error::Text {
            place: at.place.to_owned(),
            line: item.line,
            key: at.key.to_owned(),
            expected: "a GUID with its age".to_owned(),
            found: error.to_string(),
        })
    };
    node.items(at)?.iter().map(one).collect()
}

/// Whether YAML readers interpret this as a number: digits, or digits with an exponent.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(text)
        || text.split_once('E').is_some_and(|(mantissa, exponent)| digits(mantissa) && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_spelling_is_read_and_one_is_written() {
        let text = "ntkrnlmp.pdb:\n- 1ad610aacac145b78f71c354d9c9db431\n- '000000000000000000000000000000000'\n\
                    - 1AD610AACAC145B78F71C354D9C9DB431\n- '{F8E2A8B5-C9B7-4BF4-A6E4-A48F18009994}1f'\n\
                    - 12345678901234567890123456789E123\nNTKRNLPA.PDB: []\n";
        let guids = Guids::parse(text, "guids.yaml").unwrap();
        assert_eq!(
            guids.to_text(),
            "NTKRNLPA.PDB:\nntkrnlmp.pdb:\n- '000000000000000000000000000000000'\n\
             - '12345678901234567890123456789E123'\n- 1AD610AACAC145B78F71C354D9C9DB431\n\
             - F8E2A8B5C9B74BF4A6E4A48F180099941F\n"
        );
        assert_eq!(Guids::parse(&guids.to_text(), "again").unwrap(), guids);
    }

    #[test]
    fn invalid_guids_are_reported_with_their_line() {
        let error =
            Guids::parse("a.pdb:\n- 00625D7D36754CBEBA4533BA9A0F3FE22\n- XYZ\n", "g.yaml").unwrap_err();
        assert!(error.to_string().starts_with("g.yaml:3: a.pdb: expected a GUID with its age"), "{error}");
    }

    #[test]
    fn a_mistyped_ending_is_not_a_pdb() {
        let error =
            Guids::parse("ntkrnlmp.pbd:\n- 00625D7D36754CBEBA4533BA9A0F3FE22\n", "g.yaml").unwrap_err();
        assert_eq!(
            error.to_string(),
            "g.yaml:1: ntkrnlmp.pbd: expected the name of a PDB (NAME.pdb), found 'ntkrnlmp.pbd'"
        );
        assert!(Guids::parse("ntkrnlmp: []\nnvlddmkm.sys.PDB: []\n", "g.yaml").is_ok());
    }

    #[test]
    fn a_list_without_names_is_read() {
        let guids = Guids::parse("- 00625D7D36754CBEBA4533BA9A0F3FE22\n", "g.yaml").unwrap();
        assert_eq!((guids.unnamed.len(), guids.to_text().len()), (1, 36));
    }
}
