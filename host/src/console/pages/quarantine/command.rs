//! The command of a redrive, as a shell reads it.

use sluice_release::bundle::ReleaseId;
use sluice_storage::location::StoreLocation;

use super::filter;
use crate::config::{shell_word, store_setting};
use crate::quarantine::QuarantineFilter;

/// The command that redrives what a filter takes with a release of a registry; with the active one if there is none.
pub(in crate::console::pages) fn redrive(
    lake: &StoreLocation,
    registry: &str,
    release: Option<ReleaseId>,
    filter: &QuarantineFilter,
) -> String {
    let lake = store_setting(lake);
    let release = release.map(|release| format!(" --release {}", release.short()));
    format!(
        "sluice redrive --lake {} --registry {}{}{}",
        shell_word(lake.trim_end_matches('/')),
        shell_word(registry),
        release.unwrap_or_default(),
        filter::flags(filter)
    )
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;
    use crate::config::parse_store;
    use crate::quarantine::tests::lake::{code, shard};

    #[test]
    fn a_command_has_what_the_filter_has() {
        let lake = parse_store("lake", "s3://bucket/lake").unwrap();
        let all = redrive(
            &lake,
            "file:my registry",
            None,
            &QuarantineFilter::default(),
        );
        assert_eq!(
            all,
            "sluice redrive --lake s3://bucket/lake --registry 'file:my registry'"
        );
        let filter = QuarantineFilter {
            reasons: vec![code("trap")],
            shards: vec![shard("s")],
            ..QuarantineFilter::default()
        };
        let release = Digest::of(b"release");
        let some = redrive(&lake, "file:r", Some(release), &filter);
        let expected = format!(
            "sluice redrive --lake s3://bucket/lake --registry file:r --release {} --reason trap --shard s",
            release.short()
        );
        assert_eq!(some, expected);
    }
}
