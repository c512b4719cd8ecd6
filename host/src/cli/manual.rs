//! Manual pages and completions, made of the definition of the command line.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;

use crate::output;

/// Prints the completions of a shell.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print_completions(shell: Shell, mut command: Command) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output::text(String::from_utf8_lossy(&script))?;
    Ok(())
}

/// Writes a page for each command, such as `sluice-run.1`, and creates the folder if it is missing.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write_pages(command: Command, folder: &Path) -> anyhow::Result<()> {
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.with_context(|| format!("cannot write to {}", folder.display()))
}
