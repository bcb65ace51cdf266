use super::base64;
use super::descriptor::{Descriptors, Lowered};
use super::entry::{fields, string};
use super::losses::NOT_UNDERSTOOD;
use crate::read::address;
use crate::{Profile, Report, Type, TypeId};

/// The entry of a symbol.
pub(super) struct Symbol {
    pub(super) address: u64,
    /// Its type; `None` if it has none, or `void`.
    pub(super) ty: Option<TypeId>,
    /// The bytes at its address, if the table holds them.
    pub(super) content: Option<Vec<u8>>,
    /// The linker's name for it.
    pub(super) linkage: Option<String>,
}

/// The address in an entry of `symbols`; `None` if it has none.
pub(super) fn place(text: &str) -> Option<u64> {
    let [at] = fields(text, ["address"])?;
    address(at?)
}

/// The bytes at the symbol of an entry of `symbols`.
pub(super) fn content(text: &str) -> Option<Vec<u8>> {
    let [data] = fields(text, ["constant_data"])?;
    base64::decode(&string(data)?)
}

/// Whether an entry of `symbols` belongs to a function.
pub(super) fn is_function(text: &str) -> bool {
    let [ty] = fields(text, ["type"]).unwrap_or([None]);
    let [kind] = ty.and_then(|ty| fields(ty, ["kind"])).unwrap_or([None]);
    string(kind).is_some_and(|kind| kind == "function")
}

/// The texts in an entry of `symbols`, before any of them is understood: its address, its type, its content and the
/// linker's name.
pub(super) type Scanned<'de> = [Option<&'de str>; 4];

/// Finds the texts in an entry of `symbols`; `None` if it is not an object.
pub(super) fn scan<'de>(_: &str, text: &'de str) -> Option<Scanned<'de>> {
    fields(text, ["address", "type", "constant_data", "linkage_name"])
}

/// Reads an entry of `symbols`; `None` if it has no address. A type or content that does not follow the schema is
/// dropped without affecting the rest.
pub(super) fn lower<'de>(
    name: &str,
    [at, ty, data, linkage]: Scanned<'de>,
    descriptors: &mut Descriptors<'de, '_>,
    profile: &mut Profile,
    report: &mut Report,
) -> Option<Symbol> {
    let address = address(at?)?;
    let ty = ty.and_then(|ty| {
        let Lowered { ty, bits, understood } = descriptors.lower(ty, profile, report);
        if !understood || bits.is_some() {
            report.lose(NOT_UNDERSTOOD, || name.to_owned());
        }
        Some(ty).filter(|ty| bits.is_none() && profile.types.get(*ty) != Type::Void)
    });
    let content = data.and_then(|data| {
        let content = string(Some(data)).and_then(|data| base64::decode(&data));
        if content.is_none() {
            report.lose("contents that are not Base64", || name.to_owned());
        }
        content
    });
    Some(Symbol { address, ty, content, linkage: string(linkage).map(|linkage| linkage.into_owned()) })
}
