//! What `sluice config check` checks besides the values of settings: that files can be read, and that the transform
//! passes admission. It connects to nothing and writes nothing.

use super::rules;
use super::rules::Rules;
use crate::config::RunSettings;
use crate::source::file;

/// Checks what a run would stop at before its first record.
///
/// # Errors
/// As the run: the first source that cannot be read, and a transform that fails admission.
pub fn check(settings: &RunSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bundle = rules::bundle(settings).await?;
        Rules::admit(settings, &bundle).await
    })?;
    for location in settings.mode.files().unwrap_or_default() {
        file::check(location, &settings.files)?;
    }
    Ok(())
}
