//! A JSON Schema of `sluice.toml`, made of the definition of the command line.

use std::any::TypeId;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use super::file::check_value;
use crate::config::max_quarantined::MaxQuarantined;
use crate::format::Level;

/// The schema of a file with the settings of `known`. A key with a dot is a key of a table.
#[must_use]
pub fn of_file(known: &Command) -> Value {
    let mut schema = table();
    for arg in known.get_arguments().filter(|arg| arg.get_id() != "config") {
        let key = arg.get_id().as_str();
        let (groups, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut properties = &mut schema["properties"];
        for group in groups.split('.').filter(|group| !group.is_empty()) {
            let group = &mut properties[group];
            if group.is_null() {
                *group = table();
            }
            properties = &mut group["properties"];
        }
        properties[name] = setting(arg);
        let least = properties[name].get_mut("minimum");
        // Only its parser knows the least number of a setting.
        if let Some(least) = least.filter(|_| check_value(known, arg, "0").is_err()) {
            *least = json!(1);
        }
    }
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("sluice.toml");
    schema["properties"]["transform-config"] = schema["properties"]["transform_config"].clone();
    schema
}

fn table() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// The schema of one setting.
fn setting(arg: &Arg) -> Value {
    let mut schema = kind(arg);
    if let Some(help) = arg.get_help() {
        schema["description"] = json!(help.to_string());
    }
    if let Some(default) = arg.get_default_values().first() {
        let text = default.to_string_lossy();
        // Numbers and booleans are written alike in JSON.
        let is_text = schema["type"] != "integer" && schema["type"] != "boolean";
        let plain = serde_json::from_str(&text).ok().filter(|_| !is_text);
        schema["default"] = plain.unwrap_or_else(|| json!(text));
    }
    schema
}

/// What values a setting takes.
fn kind(arg: &Arg) -> Value {
    let parsed = arg.get_value_parser().type_id();
    let is_one_of = |types: &[TypeId]| types.iter().any(|ty| parsed == *ty);
    if is_one_of(&[TypeId::of::<bool>()]) {
        return json!({"type": "boolean"});
    }
    if is_one_of(&[
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
    ]) {
        return json!({"type": "integer", "minimum": 0});
    }
    if is_one_of(&[TypeId::of::<Level>()]) {
        return json!({"type": "integer"});
    }
    if is_one_of(&[TypeId::of::<ByteSize>(), TypeId::of::<Duration>()]) {
        return json!({"type": "string", "pattern": "^\\s*(0|[0-9].*[A-Za-z])\\s*$"});
    }
    if is_one_of(&[TypeId::of::<MaxQuarantined>()]) {
        let text = json!({"type": "string", "pattern": "^\\s*[0-9.]+\\s*%?\\s*$"});
        return json!({"anyOf": [text, {"type": "number", "minimum": 0, "maximum": 1}]});
    }
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let names: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
        return json!({"enum": names});
    }
    let text = json!({"type": "string", "minLength": 1});
    if matches!(arg.get_action(), ArgAction::Append) {
        return json!({"anyOf": [text, {"type": "array", "items": text}]});
    }
    if arg.get_id() == "transform_config" {
        return json!({"anyOf": [text, {"type": "object"}]});
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Args as _;
    use serde_json::Map;

    use super::*;
    use crate::config::{File, RunArgs};

    fn known() -> Command {
        RunArgs::augment_args(Command::new("sluice"))
    }

    fn check(toml: &str) -> Result<(), String> {
        let document: toml::Table = toml::from_str(toml).unwrap();
        let document = serde_json::to_string(&document).unwrap();
        let schema = of_file(&known()).to_string();
        sluice_engine::schema::check(&schema, &document).map_err(|error| error.to_string())
    }

    /// The schemas of all settings by their keys.
    fn settings(schema: &Value, prefix: &str) -> Map<String, Value> {
        let mut found = Map::new();
        for (name, property) in schema["properties"].as_object().unwrap() {
            let key = format!("{prefix}{name}");
            match property["properties"].is_object() {
                true => found.extend(settings(property, &format!("{key}."))),
                false => {
                    found.insert(key, property.clone());
                }
            }
        }
        found
    }

    /// A value that the schema of a setting accepts, as TOML.
    fn sample(key: &str, schema: &Value) -> String {
        if let Some(value) = schema.get("default").or(schema["enum"].get(0)) {
            return value.to_string();
        }
        match (key, schema["type"].as_str()) {
            ("http", _) => "\"127.0.0.1:0\"".into(),
            ("max_quarantined", _) => "\"5%\"".into(),
            ("table.max_age" | "table.dedupe.window", _) => "\"15m\"".into(),
            (_, Some("boolean")) => "true".into(),
            (_, Some("integer")) => "3".into(),
            (_, _) if schema.get("pattern").is_some() => "\"8MiB\"".into(),
            _ => "\"text\"".into(),
        }
    }

    #[test]
    fn each_setting_has_a_schema_that_agrees_with_the_program() {
        let all = settings(&of_file(&known()), "");
        for arg in known()
            .get_arguments()
            .filter(|arg| arg.get_id() != "config")
        {
            let key = arg.get_id().as_str();
            let schema = &all[key];
            assert!(schema["description"].is_string(), "{key}");
            let toml = format!("{key} = {}\n", sample(key, schema));
            File::parse(Path::new("sluice.toml"), &toml, &known()).unwrap();
            check(&toml).unwrap();
            let empty = format!("{key} = ''\n");
            File::parse(Path::new("sluice.toml"), &empty, &known()).unwrap_err();
            check(&empty).unwrap_err();
        }
        assert_eq!(all.len(), known().get_arguments().count());
    }

    #[test]
    fn what_the_program_refuses_the_schema_refuses_too() {
        for toml in [
            "lak = 'file:lake'\n",
            "[limits]\nfeul = 5\n",
            "[limits]\nfuel = 'much'\n",
            "memory = '64'\n",
            "lease = 60\n",
            "compression = 'lz4'\n",
            "watch = 'perhaps'\n",
            "threads = 0\n",
            "[chunk]\nrecords = 0\n",
        ] {
            File::parse(Path::new("sluice.toml"), toml, &known()).unwrap_err();
            check(toml).unwrap_err();
        }
    }

    #[test]
    fn tables_lists_and_sizes_are_accepted() {
        check("source = ['file:a', 'file:b']\n[limits]\nfuel = 1_000\nmemory = '32MiB'\n").unwrap();
        check("lease = '1h 30m'\n[transform_config]\npartition_by = ['date']\n").unwrap();
        check("[transform-config]\npartition_by = ['date']\n").unwrap();
        for name in ["transform_config", "transform-config"] {
            let toml = format!("{name} = '{{}}'\n");
            check(&toml).unwrap();
            let file = File::parse(Path::new("sluice.toml"), &toml, &known()).unwrap();
            assert!(file.has("transform_config"), "{name}");
        }
    }
}
