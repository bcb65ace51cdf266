use crate::{BitRange, Profile, Type, TypeId};

/// A member as C would declare it. Profiles distinguish neither structs from unions nor the results of functions, so
/// structs appear only by name, and unknown parts as a question mark.
pub fn declaration(profile: &Profile, ty: TypeId, bits: Option<BitRange>, name: &str) -> String {
    let declared = declare(profile, ty, name.to_owned(), 0);
    match bits {
        Some(bits) => format!("{declared} : {}", bits.end.saturating_sub(bits.start)),
        None => declared,
    }
}

/// Deeper nesting than in any compiler's output is cut.
const MAX_DEPTH: usize = 64;

fn declare(profile: &Profile, ty: TypeId, name: String, depth: usize) -> String {
    let (names, types) = (&profile.names, &profile.types);
    if depth > MAX_DEPTH {
        return spaced("...", &name);
    }
    let text = |name| names.get(name);
    match types.peel(ty) {
        Type::Void | Type::Alias { .. } => spaced("void", &name),
        Type::Native(id) => spaced(types.native_of(id).map_or("?", |native| text(native.name)), &name),
        Type::Pointer { target, size } => {
            let narrow = size < profile.arch.address_size();
            let star = if narrow { format!("*__ptr32 {name}") } else { format!("*{name}") };
            declare(profile, target, star, depth + 1)
        }
        Type::Array { target, count } => {
            let length = if count == 0 { String::new() } else { count.to_string() };
            declare(profile, target, format!("{}[{length}]", operand(&name)), depth + 1)
        }
        Type::Function(arguments) => {
            let parameters: Vec<String> = types
                .arguments(arguments)
                .iter()
                .map(|argument| declare(profile, *argument, String::new(), depth + 1))
                .collect();
            let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
            format!("? {}({parameters})", operand(&name))
        }
        Type::Record(id) => {
            let tag = types.record(id).and_then(|record| record.name).map_or("struct", text);
            spaced(tag, &name)
        }
        Type::Enumeration(id) => match types.enumeration(id).and_then(|item| item.name) {
            Some(tag) => spaced(&format!("enum {}", text(tag)), &name),
            None => spaced("enum", &name),
        },
        Type::Named(tag) => spaced(text(tag), &name),
        Type::WideString { bytes: Some(bytes) } => format!("wchar_t {name}[{}]", bytes / 2),
        Type::WideString { bytes: None } => spaced("wchar_t", &name),
        Type::Verbatim(number) => spaced(types.verbatim(number).map_or("?", |(target, _)| target), &name),
    }
}

/// A declarator as the operand of `[]` or `()`, which bind tighter than `*`.
fn operand(name: &str) -> String {
    if name.starts_with('*') { format!("({name})") } else { name.to_owned() }
}

fn spaced(ty: &str, name: &str) -> String {
    if name.is_empty() { ty.to_owned() } else { format!("{ty} {name}") }
}

#[cfg(test)]
mod tests {
    use crate::{Report, Text};

    use super::*;

    fn declared(descriptor: &str) -> String {
        let text = format!(
            r#"{{"$METADATA": {{"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"}},
                "$STRUCTS": {{"s": [64, {{"m": [0, {descriptor}]}}]}}}}"#
        );
        let text = Text::new(text.into_bytes()).unwrap();
        let profile = text.profile(&mut Report::default()).unwrap();
        let (id, _) = profile.types.records().next().unwrap();
        let member = profile.types.members(id)[0];
        declaration(&profile, member.ty, member.bits, "m")
    }

    #[test]
    fn every_form() {
        for (descriptor, expected) in [
            (r#"["unsigned long", {}]"#, "unsigned long m"),
            (r#"["Pointer", {"target": "Void"}]"#, "void *m"),
            (r#"["Pointer", {"target": "Pointer", "target_args": {"target": "_X"}}]"#, "_X **m"),
            (r#"["Pointer32", {"target": "_X"}]"#, "_X *__ptr32 m"),
            (
                r#"["Array", {"count": 2, "target": "Array", "target_args": {"count": 3, "target": "int"}}]"#,
                "int m[2][3]",
            ),
            (
                r#"["Pointer", {"target": "Array", "target_args": {"count": 3, "target": "int"}}]"#,
                "int (*m)[3]",
            ),
            (
                r#"["BitField", {"start_bit": 3, "end_bit": 5, "target": "unsigned int"}]"#,
                "unsigned int m : 2",
            ),
            (r#"["Enumeration", {"enum_name": "E", "target": "int"}]"#, "enum E m"),
            (
                r#"["Pointer", {"target": "Function", "target_args": {"args": [["Pointer", {"target": "_IRP"}], ["int"]]}}]"#,
                "? (*m)(_IRP *, int)",
            ),
            (r#"["UnicodeString", {"length": 16}]"#, "wchar_t m[8]"),
        ] {
            assert_eq!(declared(descriptor), expected);
        }
    }
}
