//! The jq program in a transform configuration, for people.

use serde_json::Value;

/// The member of the configuration of `builtin:jq` that holds the program.
const PROGRAM: &str = "program";

/// How many lines of a program are shown in a list.
const FIRST_LINES: usize = 3;

/// The program in a configuration.
#[must_use]
pub fn program(transform_config: &str) -> Option<String> {
    let config: Value = serde_json::from_str(transform_config).ok()?;
    config[PROGRAM].as_str().map(str::to_owned)
}

/// The lines of the program in a configuration, without empty ones; none if it has no program.
#[must_use]
pub fn lines(transform_config: &str) -> Vec<String> {
    let program = program(transform_config).unwrap_or_default();
    let lines = program.lines();
    let lines = lines.filter(|line| !line.trim().is_empty());
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// The first lines of the program in a configuration, and how many there are more.
#[must_use]
pub fn first_lines(transform_config: &str) -> Vec<String> {
    let mut lines = lines(transform_config);
    let more = lines.len().saturating_sub(FIRST_LINES);
    if more > 0 {
        lines.truncate(FIRST_LINES);
        lines.push(format!("… {more} more"));
    }
    lines
}

/// A configuration without its program.
#[must_use]
pub fn other_settings(transform_config: &str) -> String {
    match serde_json::from_str(transform_config) {
        Ok(Value::Object(mut config)) if config.get(PROGRAM).is_some_and(Value::is_string) => {
            config.remove(PROGRAM);
            Value::from(config).to_string()
        }
        _ => transform_config.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_shown_by_its_first_lines() {
        let config = r##"{"program":"# rules\n\n.a = 1\n| .b = 2 \n| .c = 3\n| .d = 4\n","routes":["bus"]}"##;
        let first = first_lines(config);
        assert_eq!(first, ["# rules", ".a = 1", "| .b = 2", "… 2 more"]);
        assert_eq!(lines(config).len(), 5);
        assert_eq!(first_lines(r#"{"program":"."}"#), ["."]);
        assert_eq!(other_settings(config), r#"{"routes":["bus"]}"#);
    }

    #[test]
    fn a_configuration_without_a_program_is_shown_as_it_is() {
        for config in [
            "{}",
            r#"{"program":7}"#,
            r#"{"partition_by":["date"]}"#,
            "no JSON",
        ] {
            assert!(first_lines(config).is_empty(), "{config}");
            assert_eq!(other_settings(config), config);
        }
    }
}
