use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// Words that C, its GNU dialect, or a macro that gcc and clang define gives another meaning.
const RESERVED: &[&str] = &[
    "PPC",
    "_Accum",
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_BitInt",
    "_Bool",
    "_Complex",
    "_Fract",
    "_Generic",
    "_ILP32",
    "_Imaginary",
    "_LP64",
    "_Nonnull",
    "_Noreturn",
    "_Null_unspecified",
    "_Nullable",
    "_Pragma",
    "_Sat",
    "_Static_assert",
    "_Thread_local",
    "__alignof",
    "__amd64",
    "__asm",
    "__auto_type",
    "__bf16",
    "__complex",
    "__const",
    "__float128",
    "__float80",
    "__fp16",
    "__i386",
    "__ibm128",
    "__imag",
    "__inline",
    "__int128",
    "__k8",
    "__linux",
    "__mips",
    "__nullptr",
    "__real",
    "__restrict",
    "__riscv",
    "__seg_fs",
    "__seg_gs",
    "__signed",
    "__thread",
    "__typeof",
    "__unix",
    "__volatile",
    "_mips",
    "alignas",
    "alignof",
    "asm",
    "auto",
    "bool",
    "break",
    "case",
    "char",
    "const",
    "constexpr",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extern",
    "false",
    "float",
    "for",
    "goto",
    "i386",
    "if",
    "inline",
    "int",
    "linux",
    "long",
    "mips",
    "nullptr",
    "register",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "struct",
    "switch",
    "thread_local",
    "true",
    "typedef",
    "typeof",
    "typeof_unqual",
    "union",
    "unix",
    "unsigned",
    "void",
    "volatile",
    "while",
];

/// Beginnings of the names of macros and extended keywords, and of our own macros.
const RESERVED_PREFIXES: &[&str] = &[
    "REKALL_PROFILE_",
    "_Decimal",
    "_Float",
    "__ARM_",
    "__AVR",
    "__BFLT16_",
    "__DEC",
    "__FLT",
    "__GCC_",
    "__builtin_",
    "__has_",
    "__riscv_",
    "__s390",
];

/// The identifiers of one name space of C.
#[derive(Default)]
pub(super) struct Identifiers {
    taken: HashSet<String, RandomState>,
    /// How often each text was asked for, so that many equal ones are told apart without a search.
    asked: HashMap<String, u32, RandomState>,
}

impl Identifiers {
    /// An identifier for `name` that nobody has yet: the name itself where C allows it.
    pub(super) fn take(&mut self, name: &str) -> String {
        let wanted = identifier(name);
        if self.taken.insert(wanted.clone()) {
            return wanted;
        }
        let number = self.asked.entry(wanted.clone()).or_insert(1);
        loop {
            *number = number.saturating_add(1);
            let numbered = format!("{wanted}_{number}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }

    /// Whether somebody has the identifier for `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.taken.contains(&identifier(name))
    }
}

/// `name` as C can write it: other characters become underscores, and a word with another meaning gets one behind it.
fn identifier(name: &str) -> String {
    let mut text: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    let is_macro = text.len() > 4 && text.starts_with("__") && text.ends_with("__");
    let is_reserved = RESERVED.binary_search(&text.as_str()).is_ok()
        || RESERVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    if is_macro || is_reserved {
        text.push('_');
    }
    // `REKALL_PROFILE_X_` would still begin as our macros do, but ends as none of them.
    text
}

/// `text` as it may be in a comment: on one line, in ASCII, and without an end of the comment.
pub(super) fn comment(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let ends_or_begins = matches!((shown.chars().next_back(), c), (Some('*'), '/') | (Some('/'), '*'));
        if ends_or_begins {
            shown.push(' ');
        }
        match c {
            // A backslash at the end of a line, or `??/`, would join it with the next one.
            '\\' | '?' => shown.push('.'),
            ' '..='~' => shown.push(c),
            _ => shown.extend(c.escape_unicode().filter(|c| *c != '\\')),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_can_be_searched() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn a_name_is_kept_where_c_allows_it() {
        let mut identifiers = Identifiers::default();
        for (name, expected) in [
            ("task_struct", "task_struct"),
            ("_EPROCESS", "_EPROCESS"),
            ("register", "register_"),
            ("linux", "linux_"),
            ("__LINE__", "__LINE___"),
            ("std::pair<int, char>", "std__pair_int__char_"),
            ("std::pair<int  char>", "std__pair_int__char__2"),
            ("3com", "_3com"),
            ("", "_"),
            ("\u{e9}t\u{e9}", "_t_"),
            ("task_struct", "task_struct_2"),
        ] {
            assert_eq!(identifiers.take(name), expected);
        }
        assert!(identifiers.has("register") && !identifiers.has("pid"));
    }

    #[test]
    fn no_name_ends_a_comment() {
        assert_eq!(comment("a*/ #error b\\\n/**/"), "a* / #error b.u{a}/ ** /");
    }
}
