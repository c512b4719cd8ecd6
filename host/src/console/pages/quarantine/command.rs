//! The command of a redrive, as a shell reads it.

use sluice_release::bundle::ReleaseId;
use sluice_storage::location::StoreLocation;

use super::filter;
use crate::config::{shell_word, store_setting};
use crate::quarantine::QuarantineFilter;

/// The command that redrives what a filter takes with a release of a registry. It names the release: another one, or none,
/// can be active when the command is run.
pub(in crate::console::pages) fn redrive(
    lake: &StoreLocation,
    registry: &str,
    release: ReleaseId,
    filter: &QuarantineFilter,
) -> String {
    let lake = store_setting(lake);
    format!(
        "sluice redrive --lake {} --registry {} --release {}{}",
        shell_word(lake.trim_end_matches('/')),
        shell_word(registry),
        release.short(),
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
        let release = Digest::of(b"release");
        let all = redrive(
            &lake,
            "file:my registry",
            release,
            &QuarantineFilter::default(),
        );
        let id = release.short();
        assert_eq!(
            all,
            format!(
                "sluice redrive --lake s3://bucket/lake --registry 'file:my registry' --release {id}"
            )
        );
        let filter = QuarantineFilter {
            reasons: vec![code("trap")],
            shards: vec![shard("s")],
            ..QuarantineFilter::default()
        };
        let some = redrive(&lake, "file:r", release, &filter);
        let expected = format!(
            "sluice redrive --lake s3://bucket/lake --registry file:r --release {id} --reason trap --shard s"
        );
        assert_eq!(some, expected);
    }
}
