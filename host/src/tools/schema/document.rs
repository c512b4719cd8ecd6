//! The document of a schema in a file.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::de::IgnoredAny;
use sluice_engine::digest::Digest;
use sluice_schema::Schema;

use crate::config::ConfigError;
use crate::output;

/// Reads a schema.
///
/// # Errors
/// Wrong usage: a file that cannot be read, or that holds no valid schema.
pub(in crate::tools) fn read(path: &Path) -> anyhow::Result<Schema> {
    let name = path.display();
    let document = fs::read(path).map_err(|error| {
        let why = format!("cannot read the schema: {error}");
        ConfigError::new(name.to_string(), why)
    })?;
    let parsed = Schema::parse(&document);
    let invalid = |error| {
        // A text that is no JSON is wrong at a line.
        let syntax = serde_json::from_slice::<IgnoredAny>(&document).err();
        let line = syntax.map(|syntax| format!(":{}", syntax.line()));
        let place = format!("{name}{}", line.unwrap_or_default());
        ConfigError::new(place, error).into()
    };
    parsed.map_err(invalid)
}

/// Writes a schema, in place of a file that exists, and says so.
///
/// # Errors
/// The file cannot be written; one that exists is not changed then.
pub(super) fn write(path: &Path, schema: &Schema) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let name = path.file_name().with_context(failed)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(failed)?;
    // A file is replaced as a whole or not at all.
    let new = folder.join(format!(
        ".{}.new-{}",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = fs::write(&new, schema.document()).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _not_created = fs::remove_file(&new);
    }
    written.with_context(failed)?;
    let columns = output::counted(schema.columns().len() as u64, "column");
    output::message(format_args!(
        "sluice: wrote {}: a schema of {columns}, digest {}",
        path.display(),
        digest(schema)
    ));
    Ok(())
}

/// The digest that names a schema.
#[must_use]
pub(in crate::tools) fn digest(schema: &Schema) -> Digest {
    Digest::of(schema.document().as_bytes())
}

/// The document as a JSON value.
///
/// # Errors
/// None is expected, since the document is JSON.
pub(super) fn json(schema: &Schema) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(&schema.document())?)
}
