use super::*;

const SCHEMA: &str = r##"{
    "type": "object",
    "properties": {
        "depth": { "type": "integer", "minimum": 1 },
        "rules": { "type": "array", "items": { "$ref": "#/$defs/rule" } }
    },
    "additionalProperties": false,
    "$defs": { "rule": {
        "type": "object",
        "properties": { "field": { "type": "string" } },
        "required": ["field"],
        "additionalProperties": false
    } }
}"##;

fn fault(transform_config: &str) -> String {
    check(SCHEMA, transform_config).unwrap_err().to_string()
}

#[test]
fn a_valid_configuration_passes() {
    for transform_config in ["{}", r#"{"depth":1,"rules":[{"field":"a"}]}"#] {
        assert_eq!(
            check(SCHEMA, transform_config),
            Ok(()),
            "{transform_config}"
        );
    }
}

/// The fault of `{"unit":0}`, if a unit is one of the first `count` letters.
fn unit_fault(count: u8) -> String {
    let letters: Vec<_> = (b'a'..).take(count.into()).map(char::from).collect();
    let letters: Vec<_> = letters.iter().map(|it| format!("\"{it}\"")).collect();
    let schema = format!(
        r#"{{"properties":{{"unit":{{"enum":[{}]}}}}}}"#,
        letters.join(",")
    );
    check(&schema, r#"{"unit":0}"#).unwrap_err().to_string()
}

#[test]
fn the_values_of_a_list_are_named() {
    let start = "transform_config: unit: value is not one of";
    assert_eq!(unit_fault(2), format!(r#"{start} "a" or "b""#));
    let five = format!(r#"{start} "a", "b", "c", "d" or "e""#);
    assert_eq!(unit_fault(5), five);
    let nine = unit_fault(9);
    assert!(nine.starts_with(&format!("{start} \"a\", ")), "{nine}");
    assert!(nine.len() < five.len() + 30, "{nine}");
    let alone = check(r#"{"enum":["a","b","c","d"]}"#, "0").unwrap_err();
    let all = r#"transform_config: value is not one of "a", "b", "c" or "d""#;
    assert_eq!(alone.to_string(), all);
}

#[test]
fn a_fault_is_named_by_its_dotted_path() {
    for (transform_config, message) in [
        (
            r#"{"depth":0}"#,
            "transform_config: depth: value is less than the minimum of 1",
        ),
        (
            r#"{"rules":[{"field":"a"},{"field":1}]}"#,
            "transform_config: rules[1].field: value is not of type \"string\"",
        ),
        (
            r#"{"rules":[{}]}"#,
            "transform_config: rules[0].field: the field is missing",
        ),
        (
            r#"{"rules":[{"field":"a","feild":1}]}"#,
            "transform_config: rules[0].feild: there is no such field",
        ),
        (
            r#"{"dept":1}"#,
            "transform_config: dept: there is no such field",
        ),
        ("[]", "transform_config: value is not of type \"object\""),
    ] {
        assert_eq!(fault(transform_config), message);
    }
}

#[test]
fn a_schema_without_properties_names_unknown_settings() {
    let none = r#"{"type":"object","additionalProperties":false}"#;
    assert_eq!(check(none, "{}"), Ok(()));
    let message = check(none, r#"{"a":{"b":1},"c":2}"#).unwrap_err();
    assert_eq!(
        message.to_string(),
        "transform_config: a, c: there is no such field"
    );

    let within = format!(r#"{{"properties":{{"in":{none}}}}}"#);
    let message = check(&within, r#"{"in":{"a":1}}"#).unwrap_err();
    assert_eq!(
        message.to_string(),
        "transform_config: in.a: there is no such field"
    );
}

#[test]
fn several_faults_are_named_together() {
    let message = fault(r#"{"depth":0,"rules":1}"#);
    assert!(
        message.contains("depth: ") && message.contains("; rules: "),
        "{message}"
    );
}

#[test]
fn values_are_not_repeated() {
    assert!(!fault(r#"{"rules":"hush"}"#).contains("hush"));
}

#[test]
fn without_a_schema_everything_passes() {
    for schema in ["", " \n", "{}", "true"] {
        assert_eq!(check(schema, r#"{"a":1}"#), Ok(()), "{schema:?}");
    }
}

#[test]
fn an_invalid_schema_is_an_error_of_the_component() {
    for (schema, part) in [
        ("{", "not JSON"),
        ("[]", "not of types"),
        (r#"{"type":"strong"}"#, "type: \"strong\""),
        (
            r#"{"properties":{"a":{"pattern":"("}}}"#,
            "properties.a.pattern",
        ),
        (r##"{"$ref":"#/$defs/none"}"##, "none"),
    ] {
        let message = check(schema, "{}").unwrap_err().to_string();
        assert!(message.starts_with("schema: "), "{message}");
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[test]
fn references_are_not_fetched() {
    for schema in [
        r#"{"$ref":"http://127.0.0.1:9/schema.json"}"#,
        r#"{"$ref":"file:///etc/hostname"}"#,
        r#"{"$schema":"http://127.0.0.1:9/schema.json"}"#,
    ] {
        let message = check(schema, "{}").unwrap_err().to_string();
        assert!(message.contains("cannot be used"), "{message}");
    }
}

#[test]
fn a_reference_to_the_outside_says_what_to_do() {
    for (reference, name) in [
        (
            "http://127.0.0.1:9/schema.json",
            "http://127.0.0.1:9/schema.json",
        ),
        ("other.json", "other.json"),
    ] {
        let schema = format!(r#"{{"$ref":"{reference}"}}"#);
        let message = check(&schema, "{}").unwrap_err().to_string();
        let why = format!("cannot be used: it refers to {name:?}, which is not in it");
        assert!(message.contains(&why), "{message}");
        assert!(message.ends_with("into its `$defs`"), "{message}");
    }
}

#[test]
fn a_recursive_schema_does_no_harm() {
    assert_eq!(check(r##"{"$ref":"#"}"##, "{}"), Ok(()));
    assert_eq!(check(r##"{"allOf":[{"$ref":"#"}]}"##, "{}"), Ok(()));
}

/// References one after the other, as many as a schema may hold.
#[test]
fn a_long_chain_of_references_does_no_harm() {
    let mut chain = String::from(r##"{"$ref":"#/$defs/a0","$defs":{"##);
    for link in 0..1_900 {
        let _infallible = write!(chain, r##""a{link}":{{"$ref":"#/$defs/a{}"}},"##, link + 1);
    }
    chain.push_str(r#""a1900":{}}}"#);
    assert!(chain.len() <= SCHEMA_MAX_BYTES);
    assert_eq!(check(&chain, "{}"), Ok(()));
}

#[test]
fn a_schema_over_the_limit_is_not_read() {
    let long = format!("{{{}}}", " ".repeat(SCHEMA_MAX_BYTES));
    let message = check(&long, "{}").unwrap_err().to_string();
    assert!(message.contains("65538 bytes"), "{message}");
}
