//! `sluice.toml` and values of flags or the environment.

use std::path::Path;

use clap::{Args as _, Command};
use sluice::config::{ConfigError, File, Origins, Resolved, RunArgs};

/// Two texts, separated by a zero byte: the settings file, and one flag's name and value. Errors
/// are for users, so they name the place. The output of `config show` is a file with the same
/// settings.
pub(crate) fn feed(input: &[u8]) {
    let Some((text, flag)) = crate::two_texts(input) else {
        return;
    };
    let flag = flag.contains('=').then(|| format!("--{flag}"));
    let Some(resolved) = file(text).and_then(|file| resolve(flag, Some(file))) else {
        return;
    };
    let shown = resolved.show();
    let again = file(&shown).unwrap_or_else(|| panic!("not a file of settings: {shown}"));
    let again = resolve(None, Some(again)).unwrap_or_else(|| panic!("not settings: {shown}"));
    assert_eq!(values(&again.show()), values(&shown));
    check(resolved, again);
}

fn command() -> Command {
    RunArgs::augment_args(Command::new("sluice"))
        .mut_args(|arg| arg.env(clap::builder::Resettable::Reset))
}

fn file(text: &str) -> Option<File> {
    File::parse(Path::new("sluice.toml"), text, &command())
        .inspect_err(|error| {
            assert!(error.key.starts_with("sluice.toml") && !error.why.is_empty());
        })
        .ok()
}

fn resolve(flag: Option<String>, file: Option<File>) -> Option<Resolved> {
    let argv = ["sluice".to_owned()].into_iter().chain(flag);
    let argv = argv.map(Into::into).collect();
    Resolved::new(argv, command(), &[], file).ok()
}

/// The output without the origins.
fn values(shown: &str) -> Vec<&str> {
    shown
        .lines()
        .map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value))
        .collect()
}

/// Both are valid settings or neither is, and the settings are equal.
fn check(resolved: Resolved, again: Resolved) {
    match (resolved.settings(), again.settings()) {
        (Ok(mut settings), Ok(mut again)) => {
            // The same setting is a flag here and a line of the file there.
            settings.origins = Origins::default();
            again.origins = Origins::default();
            assert_eq!(format!("{settings:?}"), format!("{again:?}"));
        }
        (Err(error), Err(again)) => {
            assert_eq!(setting(&error), setting(&again));
            assert_eq!(error.why, again.why);
            assert!(!error.key.is_empty() && !error.why.is_empty());
        }
        (settings, again) => panic!("{settings:?} for {again:?}"),
    }
}

/// The setting of an error, without the file and the line that it comes from.
fn setting(error: &ConfigError) -> &str {
    let key = &error.key;
    key.rsplit_once(": ").map_or(key, |(_, setting)| setting)
}
