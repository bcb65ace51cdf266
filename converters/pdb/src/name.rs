//! Symbol names as Rekall writes them: not demangled, but reduced to the names that its users look up.

use std::borrow::Cow;

use profile::{Arch, Claim};

/// What was removed from a symbol's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Nothing.
    Plain,
    /// Nothing: the name comes from the source, not from a public.
    Source,
    /// `?Name@...`: the decoration of C++.
    Mangled,
    /// The `_` of `_Name`: the decoration of C on 32-bit x86, but a part of the name on other architectures.
    Underscore,
    /// `_Name@12` and `@Name@12`: calling conventions of 32-bit x86.
    Call,
    /// The dot of `.Name`.
    Dot,
}

impl Form {
    /// How strong a symbol's claim to the shortened name is.
    ///
    /// On 32-bit x86, C compilers put `_` before every name: `_exit` is the function `exit`. A static function `exit`
    /// has no public and an equal claim to the name. On other architectures `_exit` is the function `_exit`.
    pub(crate) fn claim(self, arch: Arch) -> Claim {
        match self {
            Self::Plain => Claim::Exact,
            Self::Source if arch == Arch::I386 => Claim::Decorated,
            Self::Source => Claim::Exact,
            Self::Underscore | Self::Call if arch == Arch::I386 => Claim::Decorated,
            Self::Mangled => Claim::Mangled,
            Self::Underscore | Self::Call | Self::Dot => Claim::Stripped,
        }
    }
}

/// The name under which a symbol is written, and what was removed from it. The first matching rule applies:
///
/// 1. `_Name@12` and `@Name@12` (the calling conventions of 32-bit x86) become `Name`;
/// 2. `?Name@...` (C++) becomes `Name`;
/// 3. `_Name` and `.Name` lose their first character on every architecture, since Rekall's index knows them under
///    that name;
/// 4. `??_C@...` (a string literal) becomes `str:` and its text;
/// 5. everything else stays as it is.
pub(crate) fn normalise(raw: &str) -> (Cow<'_, str>, Form) {
    let bytes = raw.as_bytes();
    let kept = (Cow::Borrowed(raw), Form::Plain);
    match bytes {
        [b'?', b'?', b'_', b'C', b'@', rest @ ..] => match literal(rest) {
            Some(text) => (Cow::Owned(text), Form::Plain),
            None => kept,
        },
        [b'?', rest @ ..] => {
            let end = word(rest);
            match raw.get(1..=end) {
                Some(name) if end > 0 && rest.get(end) == Some(&b'@') => (Cow::Borrowed(name), Form::Mangled),
                _ => kept,
            }
        }
        [first @ (b'_' | b'@'), rest @ ..] => {
            let end = word(rest);
            let call = match rest.get(end..) {
                Some([b'@', digits @ ..]) if end > 0 && is_size(digits) => raw.get(1..=end),
                _ => None,
            };
            match (call, raw.get(1..)) {
                (Some(name), _) => (Cow::Borrowed(name), Form::Call),
                (None, Some(name)) if *first == b'_' => (Cow::Borrowed(name), Form::Underscore),
                _ => kept,
            }
        }
        [b'.', ..] => raw.get(1..).map_or(kept, |name| (Cow::Borrowed(name), Form::Dot)),
        _ => kept,
    }
}

/// Whether a name has the decoration of 32-bit x86 for arguments of 4 or 12 bytes. Functions of 64-bit systems never
/// have it.
pub(crate) fn is_x86_call(raw: &[u8]) -> bool {
    let [b'_' | b'@', rest @ ..] = raw else { return false };
    let Some(name) = rest.strip_suffix(b"@4").or_else(|| rest.strip_suffix(b"@12")) else { return false };
    !name.is_empty() && word(name) == name.len()
}

/// The number of word characters at the start of `bytes`.
fn word(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

fn is_size(digits: &[u8]) -> bool {
    (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// The text of a string literal's symbol, from the characters after `??_C@`: `_0` or `_1` for narrow or wide, the
/// length in bytes, a checksum, and the text (the compiler truncates it after 32 bytes).
///
/// The length is one digit for 1 to 10, otherwise letters A to P (the digits 0 to 15) up to an `@`. So counting the
/// pieces between the `@` signs, as Rekall did, does not work.
fn literal(rest: &[u8]) -> Option<String> {
    let (wide, rest) = match rest {
        [b'_', b'0', rest @ ..] => (false, rest),
        [b'_', b'1', rest @ ..] => (true, rest),
        _ => return None,
    };
    let rest = match rest {
        [b'0'..=b'9', rest @ ..] => rest,
        _ => {
            let end = rest.iter().position(|byte| !(b'A'..=b'P').contains(byte))?;
            rest.get(end..)?.strip_prefix(b"@")?
        }
    };
    let checksum = memchr::memchr(b'@', rest)?;
    let mut rest = rest.get(checksum + 1..)?;
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        let (byte, behind) = match rest {
            [] | [b'@', ..] => break,
            [b'?', b'$', high @ b'A'..=b'P', low @ b'A'..=b'P', behind @ ..] => {
                ((high - b'A') << 4 | (low - b'A'), behind)
            }
            [b'?', digit @ b'0'..=b'9', behind @ ..] => {
                (*b",/\\:. \n\t'-".get(usize::from(digit - b'0'))?, behind)
            }
            [b'?', letter, behind @ ..] if letter.is_ascii_alphabetic() => (letter | 0x80, behind),
            [b'?', ..] => return None,
            [plain, behind @ ..] => (*plain, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    let text = if wide {
        // The high byte comes first, whatever the processor's order. A truncated text may end within a character.
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied());
        char::decode_utf16(units.map(u16::from_be_bytes))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // Rekall shows names without spaces or line ends.
    let shown = text.chars().filter(|character| !matches!(character, '\0' | '\r'));
    let shown = shown.map(|character| match character {
        ' ' | '\t' => '_',
        '\n' => '.',
        other => other,
    });
    Some("str:".chars().chain(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stripped() {
        for (raw, name) in [
            ("_NtClose@4", "NtClose"),
            ("@ExfFoo@12", "ExfFoo"),
            ("_Name@1234", "Name@1234"),
            ("_a@b@4", "a@b@4"),
            ("@Odd", "@Odd"),
            ("?Init@Cls@@QAEXXZ", "Init"),
            ("??0Cls@@QAE@XZ", "??0Cls@@QAE@XZ"),
            ("?$Tpl@H@@", "?$Tpl@H@@"),
            ("_wcschr", "wcschr"),
            ("__imp__Foo", "_imp__Foo"),
            (".text", "text"),
            ("KiSystemStartup", "KiSystemStartup"),
            ("$unwind$Foo", "$unwind$Foo"),
            ("_", ""),
            ("", ""),
            ("?", "?"),
        ] {
            assert_eq!(normalise(raw).0, name, "{raw}");
        }
    }

    #[test]
    fn the_meaning_of_an_underscore_depends_on_the_architecture() {
        for (raw, form, narrow, wide) in [
            ("exit", Form::Plain, Claim::Exact, Claim::Exact),
            ("_exit", Form::Underscore, Claim::Decorated, Claim::Stripped),
            ("_exit@4", Form::Call, Claim::Decorated, Claim::Stripped),
            ("@exit@4", Form::Call, Claim::Decorated, Claim::Stripped),
            ("?exit@@YAXH@Z", Form::Mangled, Claim::Mangled, Claim::Mangled),
            (".exit", Form::Dot, Claim::Stripped, Claim::Stripped),
            ("??_C@_00CNPNBAHC@?$AA@", Form::Plain, Claim::Exact, Claim::Exact),
        ] {
            let (_, found) = normalise(raw);
            assert_eq!(found, form, "{raw}");
            assert_eq!(found.claim(Arch::I386), narrow, "{raw}");
            for arch in [Arch::Amd64, Arch::Arm64, Arch::Arm] {
                assert_eq!(found.claim(arch), wide, "{raw} {arch:?}");
            }
        }
    }

    #[test]
    fn string_literals_of_every_length() {
        for (raw, name) in [
            // 1 to 10 bytes: one digit
            ("??_C@_00CNPNBAHC@?$AA@", "str:"),
            ("??_C@_01LFCBOECM@?4?$AA@", "str:."),
            ("??_C@_07DLMDNLMI@forever?$AA@", "str:forever"),
            ("??_C@_09OIKFHMGD@localhost?$AA@", "str:localhost"),
            // more: letters
            ("??_C@_0L@ABCDEFGH@KernelSpac?$AA@", "str:KernelSpac"),
            ("??_C@_0M@DIHOEIBM@KernelSpace?$AA@", "str:KernelSpace"),
            ("??_C@_0BC@AAAAAAAA@a?5?$CFd?3?6?$AN?7?8?9?$DM?$DO?$CC?$AA@", "str:a_%d:._'-<>\""),
            // wide: two bytes a character, high byte first
            ("??_C@_15GNBOOPFA@?$AA?4?$AA?4?$AA?$AA@", "str:.."),
            ("??_C@_1BG@ABCDEFGH@?$AAK?$AAe?$AAr?$AAn?$AA?$AA@", "str:Kern"),
            ("??_C@_13ABCDEFGH@?$CA?$KM?$AA?$AA@", "str:\u{20ac}"),
            // bytes above 0x7f
            ("??_C@_02ABCDEFGH@?C?$KJ?$AA@", "str:\u{e9}"),
        ] {
            assert_eq!(normalise(raw).0, name, "{raw}");
        }
    }

    #[test]
    fn other_names_than_string_literals_stay() {
        for raw in ["??_C@", "??_C@_2AB@", "??_C@_0", "??_C@_0B", "??_C@_0BQ@", "??_C@_07ABC", "??_C@_07A@?"]
        {
            assert_eq!(normalise(raw).0, raw);
        }
    }

    #[test]
    fn only_some_argument_sizes_show_x86() {
        assert!(is_x86_call(b"_NtClose@4") && is_x86_call(b"@Exf@12"));
        assert!(!is_x86_call(b"_NtClose@8") && !is_x86_call(b"NtClose@4") && !is_x86_call(b"_@4"));
    }
}
