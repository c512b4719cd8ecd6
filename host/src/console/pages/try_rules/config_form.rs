//! A form for a transform configuration, made from the JSON Schema that a component tells of itself. A script writes what
//! is typed into the configuration as JSON; without a script the form stays hidden, and JSON is written by hand.

use maud::{Markup, html};
use serde_json::Value;

use crate::console::payload::inert;

/// The most members that have a field.
const FIELDS_MAX: usize = 50;

/// The most values of a choice.
const CHOICES_MAX: usize = 50;

/// How a member is entered. The script knows these by their names.
enum Field {
    /// A text in a line.
    Text,
    /// A text with several lines.
    Lines,
    Number,
    Boolean,
    /// One of these values.
    Choice(Vec<String>),
    /// Some of these values.
    Choices(Vec<String>),
    /// Texts, with commas between them.
    List,
}

/// The form: a field for each member of the schema whose values are simple. `left_out` is entered elsewhere.
pub(super) fn config_form(schema: &Value, config: &Value, left_out: Option<&str>) -> Markup {
    let required = |name: &str| {
        let required = schema["required"].as_array();
        required.is_some_and(|all| all.iter().any(|one| one == name))
    };
    let members = schema["properties"].as_object();
    let members = members.into_iter().flatten();
    let members = members.filter(|(name, _)| Some(name.as_str()) != left_out);
    let members: Vec<_> = members.take(FIELDS_MAX).collect();
    let fields = members.iter().filter_map(|(name, schema)| {
        let field = Field::of(schema, &config[name.as_str()])?;
        Some((name.as_str(), *schema, field))
    });
    let fields: Vec<_> = fields.collect();
    let others = members.len() - fields.len();
    html! {
        @for (at, (name, schema, field)) in fields.iter().enumerate() {
            (shown(at, name, schema, &config[name], field, required(name)))
        }
        @if fields.is_empty() && others == 0 { p { "The component names no settings." } }
        @if others > 0 { p { "Other settings have no field; write them as JSON." } }
    }
}

impl Field {
    /// The field of a member with this schema and this value; `None` if it is to be written as JSON.
    fn of(schema: &Value, value: &Value) -> Option<Self> {
        if let Some(values) = choices(schema) {
            return matches!(value, Value::Null | Value::String(_)).then_some(Self::Choice(values));
        }
        let is = |name: &str| has_type(schema, name);
        let field = match value {
            Value::Null if is("boolean") => Self::Boolean,
            Value::Bool(_) => Self::Boolean,
            Value::Null if is("number") || is("integer") => Self::Number,
            Value::Number(_) => Self::Number,
            Value::String(text) if text.contains('\n') => Self::Lines,
            Value::Null if is("string") => Self::Text,
            Value::String(_) => Self::Text,
            Value::Null if is("array") => return Self::of_items(&schema["items"]),
            Value::Array(values) if values.iter().all(Value::is_string) => {
                return Self::of_items(&schema["items"]);
            }
            _ => return None,
        };
        Some(field)
    }

    fn of_items(items: &Value) -> Option<Self> {
        match choices(items) {
            Some(values) => Some(Self::Choices(values)),
            None => has_type(items, "string").then_some(Self::List),
        }
    }

    /// The name of its kind.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text | Self::Lines | Self::Choice(_) => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Choices(_) => "choices",
            Self::List => "list",
        }
    }
}

/// The texts that a schema allows, if it lists them.
fn choices(schema: &Value) -> Option<Vec<String>> {
    let values = schema["enum"].as_array()?;
    let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
    let texts: Option<Vec<_>> = texts.collect();
    texts.filter(|texts| texts.len() <= CHOICES_MAX)
}

/// Whether a value of this type is allowed.
fn has_type(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// A field with its label and its description.
fn shown(
    at: usize,
    name: &str,
    schema: &Value,
    value: &Value,
    field: &Field,
    is_required: bool,
) -> Markup {
    let (id, note) = (format!("try-config-{at}"), format!("try-config-{at}-note"));
    let description = schema["description"].as_str().unwrap_or_default();
    let default = &schema["default"];
    let text = text(value);
    html! {
        div.field {
            @if let Field::Choices(values) = field {
                fieldset.choices data-config=(name) data-kind=(field.kind()) aria-describedby=(note) {
                    legend { code { (inert(name)) } }
                    @for one in values {
                        label { input type="checkbox" value=(one) checked[has(value, default, one)]; " " (inert(one)) }
                    }
                }
            } @else {
                label for=(id) { code { (inert(name)) } @if is_required { " (required)" } }
                @match field {
                    Field::Choice(values) => {
                        select id=(id) data-config=(name) data-kind="text" aria-describedby=(note) {
                            option value="" { "default" }
                            @for one in values { option value=(one) selected[text == *one] { (inert(one)) } }
                        }
                    }
                    Field::Boolean => {
                        select id=(id) data-config=(name) data-kind="boolean" aria-describedby=(note) {
                            option value="" { "default" }
                            @for one in ["true", "false"] { option value=(one) selected[text == one] { (one) } }
                        }
                    }
                    Field::Lines => {
                        textarea id=(id) rows="6" data-config=(name) data-kind="text" aria-describedby=(note) { "\n" (text) }
                    }
                    _ => {
                        input id=(id) value=(text) data-config=(name) data-kind=(field.kind()) aria-describedby=(note)
                            autocomplete="off";
                    }
                }
            }
            small id=(note) {
                (inert(description))
                @if matches!(field, Field::List) { " Commas separate several." }
                @if !default.is_null() { " Default: " code { (inert(&default.to_string())) } "." }
            }
        }
    }
}

/// A value as it is typed.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let texts = values.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Whether a list has a value: the one that is set, or else the default.
fn has(value: &Value, default: &Value, one: &str) -> bool {
    let list = if value.is_null() { default } else { value };
    let list = list.as_array();
    list.is_some_and(|all| all.iter().any(|value| value == one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(properties: &Value, config: &Value) -> String {
        let schema = json!({ "properties": properties, "required": ["a"] });
        config_form(&schema, config, Some("program")).into_string()
    }

    #[test]
    fn each_simple_member_has_a_field() {
        let properties = json!({
            "a": { "type": "string", "description": "a <b>", "default": "x" },
            "b": { "enum": ["one", "two"] },
            "c": { "type": "array", "items": { "enum": ["lake", "bus"] }, "default": ["bus"] },
            "d": { "type": "array", "items": { "type": ["string", "object"] } },
            "e": { "type": "boolean" },
            "f": { "type": ["integer", "null"] },
            "program": { "type": "string" },
        });
        let html = form(&properties, &json!({ "b": "two", "d": ["x", "y"], "f": 7 }));
        for part in [
            "(required)",
            "a &lt;b&gt;",
            "value=\"two\" selected",
            "value=\"bus\" checked",
            "value=\"x, y\" data-config=\"d\" data-kind=\"list\"",
            "data-config=\"e\" data-kind=\"boolean\"",
            "value=\"7\" data-config=\"f\" data-kind=\"number\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("program") && !html.contains("write them as JSON"));
    }

    #[test]
    fn what_is_not_simple_is_written_as_json() {
        let properties = json!({
            "a": { "type": "object" },
            "d": { "type": "array", "items": { "type": ["string", "object"] } },
            "g": true,
        });
        let html = form(&properties, &json!({ "d": [{ "column": "x" }] }));
        assert!(html.contains("write them as JSON"), "{html}");
        assert!(!html.contains("data-config"), "{html}");
        assert!(form(&json!({}), &json!({})).contains("no settings"));
        let text = form(&json!({ "p": {} }), &json!({ "p": "a\nb" }));
        assert!(
            text.contains("<textarea") && text.contains("a\nb"),
            "{text}"
        );
    }

    #[test]
    fn the_schemas_of_the_built_in_transforms_have_fields() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../../guests/jq/src/config.schema.json"))
                .unwrap();
        let html = config_form(&schema, &json!({}), Some("program")).into_string();
        for name in ["partition_by", "routes"] {
            assert!(html.contains(&format!("data-config=\"{name}\"")), "{html}");
        }
    }
}
