//! The setting `log.level`: a level, or directives with a level for each target.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::suggestion::did_you_mean;

/// The levels, from none to all messages.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Checks a level or directives, and returns them without spaces around their parts.
///
/// A directive without a level would turn on all messages of a target, and so a misspelt level would turn off
/// all others. So each directive must name its level.
///
/// # Errors
/// Names the part that is wrong, and says what would be right.
pub fn parse(text: &str) -> Result<String, String> {
    let parts = text.split(',').map(str::trim);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(format!("is empty; give {}", expected()));
    }
    for part in &parts {
        check_level(part)?;
    }
    let directives = parts.join(",");
    match EnvFilter::try_new(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(format!("{text:?}: {error}; give {}", expected())),
    }
}

/// Checks the level of one directive. Directives for spans have a syntax of their own.
fn check_level(directive: &str) -> Result<(), String> {
    if directive.contains('[') {
        return Ok(());
    }
    let level = directive
        .split_once('=')
        .map_or(directive, |(_, level)| level);
    if !level.is_empty() && level.parse::<LevelFilter>().is_ok() {
        return Ok(());
    }
    let hint = did_you_mean(level, LEVELS).unwrap_or_default();
    Err(format!(
        "{level:?} is not a level; give {}{hint}",
        expected()
    ))
}

fn expected() -> String {
    format!(
        "{}, or a level for each target, such as warn,sluice=debug",
        LEVELS.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_accepted() {
        for (given, parsed) in [
            ("warn", "warn"),
            ("DEBUG", "DEBUG"),
            ("off", "off"),
            ("warn,sluice=debug", "warn,sluice=debug"),
            (" warn, sluice=debug ,", "warn,sluice=debug"),
            ("info,[shard]=trace", "info,[shard]=trace"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(parsed), "{given:?}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_rejected_with_the_levels() {
        for (given, part) in [
            ("warning", "\"warning\""),
            ("verbose", "\"verbose\""),
            ("loud", "\"loud\""),
            ("warn,sluice", "\"sluice\""),
            ("sluice=loudest", "\"loudest\""),
            ("sluice=", "\"\""),
            ("", "is empty"),
            (" , ", "is empty"),
            ("debgu", "did you mean `debug`?"),
            ("warn,[", "give"),
        ] {
            let error = parse(given).unwrap_err();
            assert!(error.contains(part), "{given:?}: {error}");
            assert!(error.contains("warn, info, debug"), "{given:?}: {error}");
        }
    }
}
