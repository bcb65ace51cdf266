//! Generates the schemas of the reports for `docs/json/`.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::{Error, batch, bundle, diff, executable, fetch, history, image, inspect, profile};

/// `check`: one profile, or two that are compared.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only the schema is wanted")]
enum Check {
    One(Box<profile::Made>),
    Two(Box<profile::Comparison>),
}

/// `convert_profile`: one profile, Rekall's own text of a pack, or the profiles of many packs.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only the schema is wanted")]
enum Converted {
    One(Box<profile::Made>),
    Compatible(profile::Compatible),
    Many(profile::Packs),
}

/// `parse` and the commands of single front-ends (`parse_pdb`): one profile, or Rekall's own text of a pack.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only the schema is wanted")]
enum Parsed {
    One(Box<profile::Made>),
    Compatible(profile::Compatible),
}

/// `manage_repo missing`: the manifest or, if it was written to a file, its path.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only the schema is wanted")]
enum Missing {
    Manifest { wanted: Vec<Wanted> },
    Written(batch::WrittenManifest),
}

/// A PDB that is wanted.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the schema is wanted")]
struct Wanted {
    name: String,
    guid_age: String,
    /// Where it was referred to.
    seen: Vec<String>,
}

/// The folder of the schemas.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json")
}

/// The name of the schema for a command. The command of a front-end prints what `parse` prints, unless it has a schema of
/// its own.
pub fn of_command(name: &str) -> &str {
    let is_front_end = converters::FRONT_ENDS.iter().any(|front_end| front_end.command() == name);
    if is_front_end && !all().iter().any(|(listed, _)| *listed == name) { "parse" } else { name }
}

/// The schema of each report, sorted by its name; verbs are `manage_repo_VERB` and `bundle_VERB`, and a line without a
/// command is `summary`.
fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("autodetect", of::<image::Detection>()),
        ("build_index", of::<batch::Index>()),
        ("build_local_profile", of::<fetch::LocalProfile>()),
        ("bundle_append", of::<bundle::WrittenBundle>()),
        ("bundle_create", of::<bundle::WrittenBundle>()),
        ("bundle_drop", of::<bundle::WrittenBundle>()),
        ("bundle_extract", of::<bundle::Extracted>()),
        ("bundle_list", of::<bundle::BundleList>()),
        ("bundle_merge", of::<bundle::WrittenBundle>()),
        ("bundle_verify", of::<bundle::VerifiedBundle>()),
        ("check", of::<Check>()),
        ("convert_profile", of::<Converted>()),
        ("diff", of::<diff::Diff>()),
        ("error", of::<Error>()),
        ("export", of::<profile::Made>()),
        ("fetch_debug", of::<fetch::DebugFile>()),
        ("fetch_pdb", of::<fetch::Pdbs>()),
        ("guess_guid", of::<image::Guess>()),
        ("history", of::<history::History>()),
        ("inspect", of::<inspect::Inspection>()),
        ("manage_repo_add_guid", of::<batch::Built>()),
        ("manage_repo_build", of::<batch::Built>()),
        ("manage_repo_build_all", of::<batch::Built>()),
        ("manage_repo_import", of::<batch::Imports>()),
        ("manage_repo_isf", of::<batch::PublishedTables>()),
        ("manage_repo_mirror", of::<batch::Built>()),
        ("manage_repo_missing", of::<Missing>()),
        ("manage_repo_plan", of::<batch::Plan>()),
        ("manage_repo_seal", of::<batch::Sealed>()),
        ("manage_repo_verify", of::<batch::Verified>()),
        ("modules", of::<image::Modules>()),
        ("parse", of::<Parsed>()),
        ("peinfo", of::<executable::Executable>()),
        ("pslist", of::<image::Processes>()),
        ("serve", of::<fetch::Served>()),
        ("summary", of::<image::Summary>()),
        ("validate", of::<image::Validation>()),
        ("version_modules", of::<image::ModuleVersions>()),
        ("version_scan", of::<executable::Records>()),
    ]
}

/// The schema of a document: that of its report, with the entry `schema`. Objects have only the described entries.
fn of<R: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.meta_schema = None;
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<R>().to_value();
    close(&mut schema);
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(variants) => {
            for variant in variants {
                let name =
                    variant.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
                if let Some(definition) = name.and_then(|name| definitions.get(name)) {
                    *variant = definition.clone();
                }
                add_version(variant);
            }
        }
        None => add_version(&mut schema),
    }
    schema
}

fn add_version(schema: &mut Value) {
    schema["properties"]["schema"] = json!({"const": 1, "description": "The version of this form."});
    let required = schema["required"].take();
    let mut required: Vec<Value> = required.as_array().cloned().unwrap_or_default();
    required.push("schema".into());
    schema["required"] = required.into();
}

/// Forbids entries without a property description, in every object.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            if entries.contains_key("properties") && !entries.contains_key("additionalProperties") {
                entries.insert("additionalProperties".to_owned(), false.into());
            }
            entries.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn text(name: &str, mut schema: Value) -> String {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = match name {
        "error" => "An error, instead of a report".to_owned(),
        "summary" => "rekall-profile -f IMAGE --json".to_owned(),
        name => format!("rekall-profile {} --json", name.replacen("manage_repo_", "manage_repo ", 1)),
    }
    .into();
    format!("{schema:#}\n")
}

#[test]
fn the_schemas_in_the_docs_match_the_reports() {
    let folder = folder();
    let update = std::env::var_os("UPDATE").is_some();
    let mut names = Vec::new();
    for (name, schema) in all() {
        let path = folder.join(format!("{name}.json"));
        let expected = text(name, schema);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "{} is not the schema of the report: UPDATE=1 cargo test --workspace --bin rekall-profile schemas writes it",
            path.display()
        );
        names.push(path);
    }
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    found.sort();
    assert_eq!(
        found, names,
        "docs/json has a schema that belongs to no report: add its report to `all`, or remove the file"
    );
}
