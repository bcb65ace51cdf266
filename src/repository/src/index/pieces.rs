//! What an index records about one profile.

use std::collections::HashMap;

use analyzer::Layout;
use data_encoding::HEXLOWER;
use profile::Text;
use serde_json::{Map, Number, Value, json};
use sha2::{Digest, Sha256};

use super::IndexKind;

/// A profile's part of an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// Its entry, where it has one.
    pub(super) entry: Option<Value>,
    /// A digest of all its symbols, if one was requested.
    pub(super) symbols: Option<u64>,
}

/// The part of the profile with this text.
pub(super) fn piece(kind: &IndexKind, text: Text) -> Piece {
    match kind {
        IndexKind::Data { base, places } => {
            let wanted = places.iter().map(|place| place.name.as_str()).chain(base.as_deref());
            let mut digest = Sha256::new();
            let found = symbols(&text, wanted, |name, address| {
                digest.update(name.as_bytes());
                digest.update([0]);
                digest.update(address.to_le_bytes());
            });
            let symbols = digest.finalize().first_chunk().copied().map(u64::from_be_bytes);
            let origin = base.as_ref().map(|base| found.get(base.as_str()).copied());
            let Some(origin) = origin.unwrap_or(Some(0)) else { return Piece { entry: None, symbols } };
            let mut points = Vec::new();
            for place in places {
                let Some(address) = found.get(place.name.as_str()) else { continue };
                let offset = i128::from(*address) + i128::from(place.shift) - i128::from(origin);
                let Some(offset) = Number::from_i128(offset) else { continue };
                let data: Vec<String> = place.data.iter().map(|bytes| hexadecimal(bytes)).collect();
                points.push(json!([offset, data]));
            }
            Piece { entry: (!points.is_empty()).then_some(Value::Array(points)), symbols }
        }
        IndexKind::Export { names } => {
            let found = symbols(&text, names.iter().map(String::as_str), |_, _| ());
            let row: Vec<Option<u64>> = names.iter().map(|name| found.get(name.as_str()).copied()).collect();
            Piece { entry: row.iter().any(Option::is_some).then(|| json!(row)), symbols: None }
        }
        IndexKind::Struct { members, .. } => {
            let mut entry: Map<String, Value> = text.metadata().into_iter().collect();
            entry.insert("arch".to_owned(), Value::String(text.arch().name().to_owned()));
            let layout = Layout::from_text(text);
            let found = members.iter().filter_map(|path| {
                let field = layout.field(path).ok()?;
                Some((path.clone(), Value::from(field.offset)))
            });
            let offsets: Map<String, Value> = found.collect();
            let some = !offsets.is_empty();
            entry.insert("offsets".to_owned(), Value::Object(offsets));
            Piece { entry: some.then_some(Value::Object(entry)), symbols: None }
        }
        // The properties that distinguish a profile depend on all profiles.
        IndexKind::Symbol { .. } => Piece::default(),
    }
}

/// The addresses of the wanted symbols, data before code; `each` is called with every symbol.
fn symbols<'w>(
    text: &Text,
    wanted: impl Iterator<Item = &'w str>,
    mut each: impl FnMut(&str, u64),
) -> HashMap<&'w str, u64> {
    let wanted: HashMap<&str, &'w str> = wanted.map(|name| (name, name)).collect();
    let mut found: HashMap<&'w str, (bool, u64)> = HashMap::new();
    text.each_symbol(|name, address, function| {
        each(name, address);
        if let Some(name) = wanted.get(name)
            && found.get(name).is_none_or(|(known, _)| *known && !function)
        {
            found.insert(name, (function, address));
        }
    });
    found.into_iter().map(|(name, (_, address))| (name, address)).collect()
}

/// Bytes as hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
