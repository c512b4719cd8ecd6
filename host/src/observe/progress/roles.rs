//! Records by what the release is that has transformed them, so that a canary can be compared with the active release.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use sluice_release::release_switch::Role;
use sluice_release::rollback_policy::Score;

/// A counter for each role.
type ByRole = Family<[(&'static str, &'static str); 1], Counter>;

/// The counts of all roles. Unlike [scores](sluice_release::scores), they are never reset.
#[derive(Debug)]
pub(super) struct RoleCounts {
    records: ByRole,
    rejected: ByRole,
    failed: ByRole,
}

impl Default for RoleCounts {
    /// Each role exists from the start: a rate needs a zero to rise from.
    fn default() -> Self {
        let counts = || {
            let counts = ByRole::default();
            for role in Role::ALL {
                counts.get_or_create_owned(&label(role));
            }
            counts
        };
        Self {
            records: counts(),
            rejected: counts(),
            failed: counts(),
        }
    }
}

fn label(role: Role) -> [(&'static str, &'static str); 1] {
    [("role", role.name())]
}

impl RoleCounts {
    pub(super) fn add(&self, role: Role, batch: Score) {
        for (counts, records) in [
            (&self.records, batch.records),
            (&self.rejected, batch.rejected),
            (&self.failed, batch.failed),
        ] {
            counts.get_or_create_owned(&label(role)).inc_by(records);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, counts) in [
            (
                "release_records",
                "Records of new chunks that were transformed, committed or not, by what the release is",
                &self.records,
            ),
            (
                "release_rejected_records",
                "Those of these records that the release rejected",
                &self.rejected,
            ),
            (
                "release_failed_records",
                "Those of these records on which the release trapped or exceeded a limit",
                &self.failed,
            ),
        ] {
            registry.register(name, help, counts.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_counted_separately_and_begin_with_zero() {
        let (counts, mut registry) = (RoleCounts::default(), Registry::default());
        counts.register(&mut registry);
        let batch = Score {
            records: 10,
            rejected: 2,
            failed: 1,
            ..Score::default()
        };
        counts.add(Role::Canary, batch);
        counts.add(Role::Canary, batch);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "release_records_total{role=\"canary\"} 20",
            "release_rejected_records_total{role=\"canary\"} 4",
            "release_failed_records_total{role=\"canary\"} 2",
            "release_records_total{role=\"active\"} 0",
            "release_rejected_records_total{role=\"active\"} 0",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
