//! Checks JSON documents against the schemas in `docs/json/`, with the part of JSON Schema that those use.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json")
}

/// The errors in a command's document, by the schema of the command.
pub fn problem(line: &[String], document: &Value) -> Option<String> {
    let folder = folder();
    let name = if document.get("error").is_some() { "error".to_owned() } else { name(line) };
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).expect("every command with a report has a schema");
    let schema: Value = serde_json::from_str(&text).unwrap();
    check(document, &schema, &schema, "$").err().map(|problem| format!("{name}.json: {problem}"))
}

/// The name of the schema for a command line.
pub fn name(line: &[String]) -> String {
    let folder = folder();
    let words = line.iter().map(|word| word.replace('-', "_"));
    let is_schema = |word: &String| folder.join(format!("{word}.json")).exists();
    // The commands of front-ends print what `parse` prints.
    let is_front_end =
        |word: &String| converters::FRONT_ENDS.iter().any(|front_end| front_end.command() == word);
    let mut words = words.map(|word| {
        let shared = is_front_end(&word) && !is_schema(&word);
        if shared { "parse".to_owned() } else { word }
    });
    match words.by_ref().find(|word| word == "manage_repo" || word == "bundle" || is_schema(word)) {
        Some(command) if command == "bundle" => {
            words.map(|verb| format!("{command}_{verb}")).find(is_schema).unwrap_or(command)
        }
        Some(command) if command == "manage_repo" => {
            let verb = words.map(|verb| format!("{command}_{verb}")).find(is_schema);
            verb.unwrap_or_else(|| "manage_repo_build_all".to_owned())
        }
        Some(command) => command,
        None => "summary".to_owned(),
    }
}

fn check(value: &Value, schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    if let Value::Bool(all) = schema {
        return if *all { Ok(()) } else { Err(format!("{place}: an entry that the schema does not know")) };
    }
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("a definition");
        check(value, target, root, place)?;
    }
    if let Some(constant) = schema.get("const")
        && constant != value
    {
        return Err(format!("{place}: expected {constant}, found {value}"));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        return Err(format!("{place}: expected one of {values:?}, found {value}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of_type(value, name)) {
        return Err(format!("{place}: expected {types:?}, found {value}"));
    }
    for key in ["anyOf", "oneOf"] {
        let Some(variants) = schema[key].as_array() else { continue };
        let failed: Vec<String> =
            variants.iter().filter_map(|variant| check(value, variant, root, place).err()).collect();
        if failed.len() == variants.len() || (key == "oneOf" && failed.len() + 1 != variants.len()) {
            return Err(format!("{place}: {key}: {failed:#?}"));
        }
    }
    check_entries(value, schema, root, place)?;
    let Some(items) = value.as_array() else { return Ok(()) };
    let first = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
    for (index, item) in items.iter().enumerate() {
        let Some(schema) = first.get(index).or_else(|| schema.get("items")) else { continue };
        check(item, schema, root, &format!("{place}[{index}]"))?;
    }
    if !first.is_empty() && items.len() != first.len() {
        return Err(format!("{place}: expected {} items, found {}", first.len(), items.len()));
    }
    Ok(())
}

fn check_entries(value: &Value, schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    let Some(entries) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !entries.contains_key(name) {
            return Err(format!("{place}: lacks {name}"));
        }
    }
    for (name, value) in entries {
        let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        if let Some(schema) = known {
            check(value, schema, root, &format!("{place}.{name}"))?;
        }
    }
    Ok(())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        // A type that the schemas do not use yet.
        _ => false,
    }
}

#[test]
fn documents_that_violate_their_schema_are_found() {
    let line = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let good = serde_json::json!({"schema": 1, "folder": "a", "url": "b", "isf": null});
    assert_eq!(problem(&line("serve a --json"), &good), None);
    for (change, expected) in [
        (serde_json::json!({"url": 1}), "$.url: expected"),
        (serde_json::json!({"more": 1}), "$.more: an entry"),
        (serde_json::json!({"schema": 2}), "$.schema: expected 1"),
    ] {
        let mut document = good.clone();
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let found = problem(&line("serve a --json"), &document).unwrap();
        assert!(found.contains(expected), "{found}");
    }
    let error = serde_json::json!({"schema": 1, "error": "x", "exit_code": 2});
    assert_eq!(problem(&line("-f a --json pslist"), &error), None);
    assert!(problem(&line("manage_repo --json"), &good).unwrap().starts_with("manage_repo_build_all.json"));
    assert!(problem(&line("manage-repo seal"), &good).unwrap().starts_with("manage_repo_seal.json"));
}
