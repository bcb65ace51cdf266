use serde_json::{Map, Value};

use crate::Error;
use crate::bytes::{Cursor, Decoded, Malformed, push_bytes, push_number};
use crate::container::Blocks;

/// Something that identifies a build uniquely, in the form in which the metadata has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The GNU build-id of a Linux kernel, in hexadecimal.
    BuildId(String),
    /// GUID and age of a PDB.
    GuidAge(String),
    /// The UUID of a Mach-O file.
    Uuid(String),
    /// The banner of a kernel.
    Banner(String),
}

impl Identity {
    /// The identity's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuildId(text) | Self::GuidAge(text) | Self::Uuid(text) | Self::Banner(text) => text,
        }
    }
}

/// One build in a bundle: its name, its metadata, and the place of its symbols.
#[derive(Clone, Debug)]
pub struct Build {
    /// The name under which it was added: a relative path without a file extension, such as `nt/GUID/...` or
    /// `6.1.0-56-cloud-amd64`.
    pub name: String,
    /// `ProfileClass`: `Linux`, `Nt`, `Darwin64`.
    pub class: String,
    /// `arch`: `AMD64`.
    pub arch: String,
    /// `PDBFile`; only Windows builds have one.
    pub file: Option<String>,
    /// The version: the release of a Linux kernel, the version in the banner of a macOS kernel, or `major.minor.rev` of
    /// Windows. If the metadata has none, as that of PDBs, the version in the name (`ntkrnlmp-10.0.19041.1202`);
    /// otherwise empty.
    pub version: String,
    /// Everything that identifies the build.
    pub identities: Vec<Identity>,
    /// `$METADATA`.
    pub metadata: Map<String, Value>,
    /// SHA-256 of the canonical text.
    pub sha256: [u8; 32],
    /// Length of the canonical text in bytes.
    pub text_length: u64,
    /// `Timestamp`, by which builds without a version are sorted.
    pub(crate) timestamp: String,
    /// The sections that are stored whole, each with its text, sorted by name: `$METADATA`, and those whose value is not
    /// an object.
    pub(crate) values: Vec<(String, String)>,
    /// The position of the build that `symbols` are stored as differences from; `None` if they are stored in full.
    pub(crate) parent: Option<usize>,
    /// The blocks with its symbols.
    pub(crate) symbols: Blocks,
}

impl Build {
    /// Makes the record of a build from the sections that are stored whole. `symbols` and `parent` are set later.
    ///
    /// # Errors
    /// The reason, if the sections are not those of a profile.
    pub(crate) fn new(
        name: String,
        sha256: [u8; 32],
        text_length: u64,
        values: Vec<(String, String)>,
    ) -> Result<Self, &'static str> {
        let metadata = values.iter().find(|(section, _)| section == "$METADATA").map(|(_, text)| text);
        let metadata = metadata.ok_or("it has no $METADATA")?;
        let metadata: Map<String, Value> =
            serde_json::from_str(metadata).map_err(|_| "its $METADATA is not an object")?;
        let text = |key: &str| match metadata.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        if text("Type").as_deref() != Some("Profile") {
            return Err("its Type is not 'Profile'");
        }
        let banner = text("Banner");
        let identities = [
            text("BuildID").map(Identity::BuildId),
            text("GUID_AGE").map(Identity::GuidAge),
            text("UUID").map(Identity::Uuid),
            banner.clone().map(Identity::Banner),
        ];
        let windows = || {
            let numbers: Vec<String> = ["major", "minor", "rev"].into_iter().map_while(text).collect();
            (!numbers.is_empty()).then(|| numbers.join("."))
        };
        let of_banner = || banner.as_deref().and_then(version_in_banner);
        let of_name = || version_in_name(&name).map(str::to_owned);
        Ok(Self {
            class: text("ProfileClass").unwrap_or_default(),
            arch: text("arch").unwrap_or_default(),
            file: text("PDBFile"),
            version: text("Release").or_else(windows).or_else(of_banner).or_else(of_name).unwrap_or_default(),
            identities: identities.into_iter().flatten().collect(),
            timestamp: text("Timestamp").unwrap_or_default(),
            metadata,
            name,
            sha256,
            text_length,
            values,
            parent: None,
            symbols: Blocks::default(),
        })
    }

    /// The name to show to users: the version or, if there is none, the name.
    pub fn title(&self) -> &str {
        if self.version.is_empty() { &self.name } else { &self.version }
    }

    /// Whether `wanted` names this build, by its name, its version or an identity. Hexadecimal identities match in upper
    /// and lower case, with and without dashes and braces.
    pub fn is_called(&self, wanted: &str) -> bool {
        let plain = |text: &str| text.replace(['-', '{', '}'], "").to_ascii_lowercase();
        self.name == wanted
            || self.version == wanted && !wanted.is_empty()
            || self.identities.iter().any(|identity| match identity {
                Identity::Banner(banner) => banner.trim_end() == wanted.trim_end(),
                other => plain(other.as_str()) == plain(wanted),
            })
    }

    /// Appends the record as the list of builds stores it (docs/bundle.md, "List of builds").
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        push_bytes(out, self.name.as_bytes());
        out.extend_from_slice(&self.sha256);
        push_number(out, self.text_length);
        push_number(out, self.parent.map_or(0, |parent| parent as u64 + 1));
        self.symbols.write(out);
        push_number(out, self.values.len() as u64);
        for (section, text) in &self.values {
            push_bytes(out, section.as_bytes());
            push_bytes(out, text.as_bytes());
        }
    }

    /// Reads the record of the build at `position` of the list; its parent has to come before it.
    pub(crate) fn decode(cursor: &mut Cursor<'_>, position: usize) -> Decoded<Self> {
        let name = cursor.text()?.to_owned();
        check_name(&name).map_err(|_| Malformed("a build has a name that is not a relative path"))?;
        let sha256 = cursor.take(32)?.try_into().map_err(|_| Malformed("a hash does not have 32 bytes"))?;
        let text_length = cursor.number()?;
        let parent = cursor.size()?.checked_sub(1);
        if parent.is_some_and(|parent| parent >= position) {
            return Err(Malformed("a build is stored as changes of a later one"));
        }
        let symbols = Blocks::read(cursor)?;
        let mut values: Vec<(String, String)> = Vec::new();
        for _ in 0..cursor.count(cursor.len())? {
            let value = (cursor.text()?.to_owned(), cursor.text()?.to_owned());
            if values.last().is_some_and(|(last, _)| *last >= value.0) {
                return Err(Malformed("the sections of a build are not sorted"));
            }
            values.push(value);
        }
        let build = Self::new(name, sha256, text_length, values).map_err(Malformed)?;
        Ok(Self { parent, symbols, ..build })
    }
}

/// The first word of a banner that begins with a digit: `Darwin Kernel Version 17.4.0: ...`.
fn version_in_banner(banner: &str) -> Option<String> {
    let mut words = banner.split([' ', ':', ';']);
    words.find(|word| word.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

/// The version in the name of a build: the first three or more numbers with dots between them.
fn version_in_name(name: &str) -> Option<&str> {
    let mut parts = name.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    parts.find_map(|part| {
        let part = part.trim_matches('.');
        (part.split('.').filter(|number| !number.is_empty()).count() >= 3 && !part.contains(".."))
            .then_some(part)
    })
}

/// Checks that `name`, joined to a folder, gives a path below that folder on every operating system.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let harmless = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.chars().any(|one| one.is_control() || matches!(one, '\\' | ':'))
    };
    match name.split('/').all(harmless) && name.len() <= 1024 {
        true => Ok(()),
        false => Err(Error::Name { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_build_may_state_its_version() {
        for (name, version) in [
            ("10.0.19041.1202", Some("10.0.19041.1202")),
            ("nt/ntkrnlmp.pdb-6.1.7601.json", Some("6.1.7601")),
            ("win10-22h2", None),
            ("nt/GUID/11BC9A513F1140CA359ECDF50F0122C11", None),
            ("1..2.3.4", None),
            ("10.0", None),
        ] {
            assert_eq!(version_in_name(name), version, "{name}");
        }
    }

    #[test]
    fn a_name_is_a_path_below_a_folder() {
        for good in ["nt/GUID/ABC1", "6.1.0-56-cloud-amd64", "a..b", "6.12.95+deb12"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "a//b", "../a", "a/..", "a\\b", "c:a", "a\nb"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
