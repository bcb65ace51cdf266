use crate::Content;
use crate::packed_texts::{pack_texts, packed_texts};

/// Records of profiles by name, in the order of names, packed one behind the other: a repository has tens of thousands.
///
/// They are filled with [`Records::push`] and [`Records::finish`]; after that they are found by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    /// Of each record the length of its name, the name, the length of its description, and the description.
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where its bytes begin.
    start: usize,
    /// When its object was written.
    modified: f64,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PackedRecord<'a> {
    /// The name of the profile.
    pub(crate) name: &'a str,
    /// When its object was written, in seconds since 1970.
    pub(crate) modified: f64,
    /// The description of its object, if it was examined.
    pub(crate) content: Option<PackedContent<'a>>,
}

/// The description of a profile's object, packed. Equal descriptions give equal bytes within one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedContent<'a>(&'a [u8]);

/// How many bytes most records take at most.
const USUAL: usize = 256;

/// Stands for the length of a description that is not there.
const NONE: u32 = u32::MAX;

impl Records {
    /// Makes room for this many records. Room that is not used takes no memory, and a buffer that grows leaves holes behind.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.rows.reserve_exact(count);
        self.bytes.reserve_exact(count.saturating_mul(USUAL));
    }

    /// Adds a record. It is found after [`Records::finish`]. A record of more than 4 GiB is left out.
    pub(crate) fn push(&mut self, name: &str, modified: f64, content: Option<&Content>) {
        let start = self.bytes.len();
        let Ok(length) = u32::try_from(name.len()) else { return };
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(name.as_bytes());
        let place = self.bytes.len();
        self.bytes.extend(NONE.to_le_bytes());
        if let Some(content) = content {
            pack(content, &mut self.bytes);
            let length = u32::try_from(self.bytes.len() - place - 4).ok().filter(|length| *length != NONE);
            let (Some(length), Some(prefix)) = (length, self.bytes.get_mut(place..place + 4)) else {
                self.bytes.truncate(start);
                return;
            };
            prefix.copy_from_slice(&length.to_le_bytes());
        }
        self.rows.push(Row { start, modified });
    }

    /// Puts the records into the order of names. Of several records of one name, the last one stays.
    pub(crate) fn finish(&mut self) {
        let Self { bytes, rows } = self;
        let name = |row: &Row| read(bytes, row).map(|(name, _)| name);
        if !rows.is_sorted_by(|left, right| name(left) < name(right)) {
            // The order of pushes is kept among equal names.
            rows.sort_by(|left, right| name(left).cmp(&name(right)));
            rows.reverse();
            rows.dedup_by(|next, first| name(next) == name(first));
            rows.reverse();
        }
        rows.shrink_to_fit();
        bytes.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The record at a position, in the order of names.
    pub(crate) fn at(&self, position: usize) -> Option<PackedRecord<'_>> {
        let row = self.rows.get(position)?;
        let (name, content) = read(&self.bytes, row)?;
        Some(PackedRecord { name, modified: row.modified, content })
    }

    /// The position of a record.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let of = |row: &Row| read(&self.bytes, row).map(|(name, _)| name);
        self.rows.binary_search_by(|row| of(row).cmp(&Some(name))).ok()
    }

    /// The position of a record that describes an object of this size, and the description.
    pub(crate) fn find_of_size(&self, name: &str, size: u64) -> Option<(usize, PackedContent<'_>)> {
        let at = self.find(name)?;
        let content = self.at(at)?.content.filter(|content| content.size() == size)?;
        Some((at, content))
    }

    pub(crate) fn get(&self, name: &str) -> Option<PackedRecord<'_>> {
        self.at(self.find(name)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PackedRecord<'_>> {
        (0..self.rows.len()).filter_map(|position| self.at(position))
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

fn read<'a>(bytes: &'a [u8], row: &Row) -> Option<(&'a str, Option<PackedContent<'a>>)> {
    let (length, rest) = bytes.get(row.start..)?.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (length, rest) = rest.split_first_chunk()?;
    let content = match u32::from_le_bytes(*length) {
        NONE => None,
        length => Some(PackedContent(rest.get(..length as usize)?)),
    };
    Some((str::from_utf8(name).ok()?, content))
}

fn pack(content: &Content, packed: &mut Vec<u8>) {
    let Content { sha256, size, health, source, generator, recipe, origin, banner } = content;
    // The address of a package ends in the path that its source names.
    let path = source.split_once(" sha256:").map_or("", |(path, _)| path);
    let pairs = path.bytes().rev().zip(origin.bytes().rev());
    let mut shared = pairs.take_while(|(path, origin)| path == origin).count();
    while !origin.is_char_boundary(origin.len() - shared) {
        shared -= 1;
    }
    let own = origin.get(..origin.len() - shared).unwrap_or_default();
    let (size, shared) = (size.to_string(), if shared == 0 { String::new() } else { shared.to_string() });
    pack_texts([sha256.as_str(), &size, health, source, generator, recipe, banner, own, &shared], packed);
}

impl PackedContent<'_> {
    pub(crate) fn unpacked(self) -> Content {
        let mut texts = packed_texts(self.0);
        let mut next = || texts.next().unwrap_or_default();
        let (sha256, size, health, source) = (next(), next(), next(), next());
        let (generator, recipe, banner, mut origin) = (next(), next(), next(), next());
        if let Ok(shared) = next().parse::<usize>() {
            let path = source.split_once(" sha256:").map_or("", |(path, _)| path);
            origin.push_str(path.get(path.len().saturating_sub(shared)..).unwrap_or_default());
        }
        let size = size.parse().unwrap_or(0);
        Content { sha256, size, health, source, generator, recipe, origin, banner }
    }

    /// The SHA-256 of the object.
    pub(crate) fn sha256(self) -> String {
        packed_texts(self.0).next().unwrap_or_default()
    }

    /// The size of the object.
    pub(crate) fn size(self) -> u64 {
        packed_texts(self.0).nth(1).and_then(|size| size.parse().ok()).unwrap_or(0)
    }

    /// The source.
    pub(crate) fn source(self) -> String {
        packed_texts(self.0).nth(3).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(size: u64) -> Content {
        Content { size, ..Content::default() }
    }

    #[test]
    fn the_last_record_of_a_name_stays() {
        let mut records = Records::default();
        for (name, size) in [("b", 1), ("a", 2), ("c", 3), ("a", 4), ("b", 5)] {
            records.push(name, size as f64, Some(&content(size)));
        }
        records.push("d", 6.5, None);
        records.finish();
        let all: Vec<_> = records
            .iter()
            .map(|record| (record.name, record.modified, record.content.map(PackedContent::size)))
            .collect();
        assert_eq!(all, [("a", 4.0, Some(4)), ("b", 5.0, Some(5)), ("c", 3.0, Some(3)), ("d", 6.5, None)]);
        assert_eq!((records.get("b").map(|one| one.modified), records.find("bb")), (Some(5.0), None));
        assert_eq!((records.len(), records.at(4)), (4, None));
        let mut other = Records::default();
        all.iter().rev().for_each(|(name, time, size)| other.push(name, *time, size.map(content).as_ref()));
        other.finish();
        assert_eq!(other, records, "compared by what they say and not by how they were filled");
    }

    #[test]
    fn a_packed_description_is_the_same_unpacked() {
        let sha256 = "0123456789abcdef".repeat(4);
        let path = "debian/pool/main/l/linux-image-6.1.0-9-amd64_6.1.27-1_amd64.deb";
        for (source, origin) in [
            (format!("{path} sha256:{sha256}"), format!("https://host/{}", path.replace('+', "%2B"))),
            (format!("é/x.deb sha256:{sha256}"), "http://host/\u{a9}/x.deb".to_owned()),
            ("a sha256:".to_owned(), "a".to_owned()),
            ("ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099942".to_owned(), String::new()),
            (String::new(), "http://host/7".to_owned()),
        ] {
            let content = Content {
                sha256: sha256.clone(),
                size: u64::MAX,
                health: "complete".to_owned(),
                source,
                generator: "rekall-profile dwarf 7".to_owned(),
                recipe: "0123456789abcdef".to_owned(),
                origin,
                banner: "Linux version 6.1.0-9-amd64 (debian-kernel@lists.debian.org)".to_owned(),
            };
            let mut records = Records::default();
            records.push("a", 1.0, Some(&content));
            let packed = records.at(0).and_then(|record| record.content).unwrap();
            assert_eq!(packed.unpacked(), content);
            assert_eq!((packed.size(), packed.source()), (content.size, content.source.clone()));
            assert_eq!(packed.sha256(), content.sha256);
        }
    }

    #[test]
    fn a_record_of_a_profile_takes_little_more_than_its_name_and_its_hashes() {
        let build = "F8E2A8B5C9B74BF4A6E4A48F180099942";
        let content = Content {
            sha256: "0123456789abcdef".repeat(4),
            size: 1_234_567,
            health: "complete".to_owned(),
            source: format!("ntkrnlmp.pdb/{build}"),
            generator: converters::PDB.generator().to_owned(),
            recipe: "0123456789abcdef".to_owned(),
            ..Content::default()
        };
        let mut records = Records::default();
        let name = format!("nt/GUID/{build}");
        records.push(&name, 1.0, Some(&content));
        assert!(records.bytes.len() < 150, "{}", records.bytes.len());
    }
}
