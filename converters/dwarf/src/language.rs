//! Source languages: which units are included, and what differs between languages in how types are named and counted.

use frontend::Language;
use gimli::constants as dw;

/// The source languages whose definitions are included: C, C++ and assembly, and those requested in addition.
///
/// A kernel contains Rust next to C, and Rust's bindings reuse C's names with different layouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    asked_for: Vec<Language>,
}

/// Rust's code before version 5 of the standard, which mrustc and old compilers write.
const DW_LANG_RUST_OLD: dw::DwLang = dw::DwLang(0x9000);

/// `DW_LANG_Mips_Assembler`, which every assembler writes, and its successor `DW_LANG_Assembly`.
const ASSEMBLERS: [u16; 2] = [0x8001, 0x0031];

impl Languages {
    /// C, C++ and assembly, and the languages in `asked_for`.
    pub fn with(asked_for: &[Language]) -> Self {
        Self { asked_for: asked_for.to_vec() }
    }

    /// Whether a unit with this DWARF language code is included. Units without a language are.
    pub(crate) fn wants(&self, code: Option<u16>) -> bool {
        let Some(code) = code else { return true };
        if is_c(code) || is_cpp(code) || ASSEMBLERS.contains(&code) {
            return true;
        }
        self.asked_for.iter().any(|asked| *asked == Language::All || Some(*asked) == language(code))
    }

    /// Whether the base types of this language have C's names: C, C++, assembly, and units without a language.
    pub(crate) fn has_base_types_of_c(code: Option<u16>) -> bool {
        code.is_none_or(|code| is_c(code) || is_cpp(code) || ASSEMBLERS.contains(&code))
    }

    /// The lower bound of an array that does not say one (DWARF 5, table 7.17).
    pub(crate) fn first_index(code: Option<u16>) -> u64 {
        let Some(language) = code.map(dw::DwLang) else { return 0 };
        match language.default_lower_bound() {
            Some(first) => first as u64,
            // Missing from the library's table.
            None => u64::from(matches!(
                language,
                dw::DW_LANG_Ada2005 | dw::DW_LANG_Ada2012 | dw::DW_LANG_Fortran18
            )),
        }
    }

    /// Whether a type's scope is part of its name in this language. C has one name space for tags.
    pub(crate) fn is_scoped(code: Option<u16>) -> bool {
        code.is_some_and(|code| !is_c(code))
    }
}

/// The warning that all units with types are in other languages, which have these codes.
pub(crate) fn left_out(codes: impl Iterator<Item = Option<u16>>) -> String {
    let mut languages: Vec<Language> = codes.filter_map(|code| language(code?)).collect();
    languages.sort_unstable();
    languages.dedup();
    let names: Vec<&str> = languages.iter().map(|language| language.name()).collect();
    let options = if names.is_empty() { "all".to_owned() } else { names.join(" --lang ") };
    format!("no type is in C, C++ or assembly; --lang {options} includes those in other languages")
}

fn is_c(code: u16) -> bool {
    matches!(
        dw::DwLang(code),
        dw::DW_LANG_C89
            | dw::DW_LANG_C
            | dw::DW_LANG_C99
            | dw::DW_LANG_C11
            | dw::DW_LANG_C17
            | dw::DW_LANG_ObjC
            | dw::DW_LANG_UPC
    ) || code == 0x3e // DW_LANG_C23, newer than the constants' table.
}

fn is_cpp(code: u16) -> bool {
    matches!(
        dw::DwLang(code),
        dw::DW_LANG_C_plus_plus
            | dw::DW_LANG_C_plus_plus_03
            | dw::DW_LANG_C_plus_plus_11
            | dw::DW_LANG_C_plus_plus_14
            | dw::DW_LANG_C_plus_plus_17
            | dw::DW_LANG_C_plus_plus_20
            | dw::DW_LANG_ObjC_plus_plus
    ) || code == 0x3a // DW_LANG_C_plus_plus_23.
}

fn language(code: u16) -> Option<Language> {
    Some(match dw::DwLang(code) {
        dw::DW_LANG_Rust | DW_LANG_RUST_OLD => Language::Rust,
        dw::DW_LANG_Go => Language::Go,
        dw::DW_LANG_D => Language::D,
        dw::DW_LANG_Swift => Language::Swift,
        dw::DW_LANG_Zig => Language::Zig,
        dw::DW_LANG_Ada83 | dw::DW_LANG_Ada95 | dw::DW_LANG_Ada2005 | dw::DW_LANG_Ada2012 => Language::Ada,
        dw::DW_LANG_Fortran77
        | dw::DW_LANG_Fortran90
        | dw::DW_LANG_Fortran95
        | dw::DW_LANG_Fortran03
        | dw::DW_LANG_Fortran08
        | dw::DW_LANG_Fortran18 => Language::Fortran,
        dw::DW_LANG_Pascal83 | dw::DW_LANG_Modula2 | dw::DW_LANG_Modula3 => Language::Pascal,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_stays_out_unless_asked_for() {
        let rust = Some(dw::DW_LANG_Rust.0);
        assert!(!Languages::default().wants(rust));
        assert!(Languages::with(&[Language::Rust]).wants(rust));
        assert!(!Languages::with(&[Language::Go]).wants(rust));
        assert!(Languages::default().wants(Some(dw::DW_LANG_C11.0)));
        assert!(Languages::default().wants(Some(ASSEMBLERS[0])));
        assert!(Languages::default().wants(None));
    }
}
