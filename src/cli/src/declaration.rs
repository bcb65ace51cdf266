use serde_json::Value;

/// A member as C would declare it, from its descriptor in a profile: modern forms and Rekall's legacy ones.
///
/// Profiles do not tell structs from unions, so both stand by their name alone.
pub fn declaration(descriptor: &Value, name: &str) -> String {
    let Some(items) = descriptor.as_array() else { return format!("? {name}") };
    let target = items.first().and_then(Value::as_str).unwrap_or("?");
    match (target, items.get(1), items.get(2)) {
        ("pointer" | "pointer64", Some(pointee), _) => declaration(pointee, &format!("*{name}")),
        ("array", Some(count), Some(element)) => {
            declaration(element, &format!("{}[{count}]", operand(name)))
        }
        (_, arguments, _) => declare(target, arguments.unwrap_or(&Value::Null), name, 0),
    }
}

/// Deeper nesting than any compiler writes is cut.
const MAX_DEPTH: usize = 64;

fn declare(target: &str, arguments: &Value, name: &str, depth: usize) -> String {
    if depth > MAX_DEPTH {
        return format!("... {name}");
    }
    let inner = |name: &str| {
        let target = arguments["target"].as_str().unwrap_or("void");
        declare(target, &arguments["target_args"], name, depth + 1)
    };
    match target {
        "Pointer" => inner(&format!("*{name}")),
        "Pointer32" => inner(&format!("* __ptr32 {name}")),
        "Array" => {
            let length = match (&arguments["count"], &arguments["size"]) {
                (Value::Null, Value::Null) => String::new(),
                (Value::Null, size) => format!("{size} bytes"),
                (count, _) => count.to_string(),
            };
            inner(&format!("{}[{length}]", operand(name)))
        }
        "Function" => {
            let parameters: Vec<String> =
                arguments["args"].as_array().into_iter().flatten().map(|ty| declaration(ty, "")).collect();
            let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
            format!("? {}({parameters})", operand(name))
        }
        "BitField" => {
            let start = arguments["start_bit"].as_u64().unwrap_or(0);
            let width = arguments["end_bit"].as_u64().unwrap_or(0).saturating_sub(start);
            let storage = arguments["target"].as_str().unwrap_or("int");
            format!("{storage} {name} : {width}")
        }
        "Enumeration" => {
            let tag = arguments["enum_name"].as_str().map_or(String::new(), |tag| format!("{tag} "));
            if arguments["target"] == "BitField" {
                let field = declare("BitField", &arguments["target_args"], name, depth + 1);
                let width = field.rsplit(" : ").next().unwrap_or_default();
                return format!("enum {tag}{name} : {width}");
            }
            format!("enum {tag}{name}")
        }
        "UnicodeString" => match &arguments["length"] {
            Value::Null => spaced("wchar_t", name),
            length => format!("wchar_t {name}[{length} bytes]"),
        },
        "Void" | "void" => spaced("void", name),
        target => spaced(target, name),
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
    use serde_json::json;

    use super::*;

    #[test]
    fn modern_forms() {
        let function = json!(["Pointer", {"target": "Function", "target_args": {"args": [
            ["Pointer", {"target": "_IRP"}], ["unsigned long", {}]]}}]);
        for (descriptor, expected) in [
            (json!(["unsigned long", {}]), "unsigned long m"),
            (json!(["Pointer", {"target": "Void"}]), "void *m"),
            (json!(["Pointer", {"target": "Pointer", "target_args": {"target": "_X"}}]), "_X **m"),
            (json!(["Array", {"count": 2, "target": "Array", "target_args": {"count": 3, "target": "int"}}]), "int m[2][3]"),
            (json!(["Pointer", {"target": "Array", "target_args": {"count": 3, "target": "int"}}]), "int (*m)[3]"),
            (json!(["BitField", {"start_bit": 3, "end_bit": 5, "target": "unsigned int"}]), "unsigned int m : 2"),
            (json!(["Enumeration", {"enum_name": "E", "target": "int"}]), "enum E m"),
            (json!(["Enumeration", {"enum_name": "E", "target": "BitField", "target_args":
                {"start_bit": 0, "end_bit": 4, "target": "int"}}]), "enum E m : 4"),
            (function, "? (*m)(_IRP *, unsigned long)"),
            (json!(["UnicodeString", {"length": 16}]), "wchar_t m[16 bytes]"),
        ] {
            assert_eq!(declaration(&descriptor, "m"), expected);
        }
    }

    #[test]
    fn legacy_forms() {
        let descriptor = json!(["array", 4, ["pointer", ["void"]]]);
        assert_eq!(declaration(&descriptor, "m"), "void *m[4]");
        assert_eq!(declaration(&json!(["pointer", ["array", 2, ["int"]]]), "m"), "int (*m)[2]");
    }
}
