//! Which quarantined records are meant: by reason, release, shard and time of arrival.

use serde::{Deserialize, Serialize};
use sluice_engine::outcome::ReasonCode;
use sluice_engine::record::ShardId;
use sluice_release::bundle::{ReleaseId, ReleasePrefix};

use super::chunk::ArrivalTimes;
use super::object_key::ShortId;

/// Which objects of quarantine are meant. An object is taken as a whole, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineFilter {
    /// Those with one of these reasons; all if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReasonCode>,
    /// Those of chunks that this release transformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined_by: Option<ReleasePrefix>,
    /// Those of chunks of these shards; all if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardId>,
    /// Those of chunks with a record that arrived at this time or later, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Those of chunks with a record that arrived before this time, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

impl QuarantineFilter {
    /// The filter in its canonical form: what is given twice, or in another order, makes no difference.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.reasons.sort_unstable();
        self.reasons.dedup();
        self.shards.sort_unstable();
        self.shards.dedup();
        self
    }

    /// Whether it takes objects of this reason.
    #[must_use]
    pub fn has_reason(&self, reason: &ReasonCode) -> bool {
        self.reasons.is_empty() || self.reasons.contains(reason)
    }

    /// Whether it takes objects of this shard.
    #[must_use]
    pub fn has_shard(&self, shard: &ShardId) -> bool {
        self.shards.is_empty() || self.shards.contains(shard)
    }

    /// Whether it takes objects of this release.
    #[must_use]
    pub fn has_release(&self, release: &ReleaseId) -> bool {
        let prefix = self.quarantined_by.as_ref();
        prefix.is_none_or(|prefix| prefix.matches(release))
    }

    /// Whether it takes objects of a release whose id begins with these digits, as far as they tell.
    #[must_use]
    pub fn may_have_release(&self, release: ShortId) -> bool {
        let prefix = self.quarantined_by.as_ref();
        prefix.is_none_or(|prefix| prefix.to_string().starts_with(&release.to_string()))
    }

    /// Whether it asks for a time of arrival.
    #[must_use]
    pub fn has_times(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Whether it takes objects of a chunk whose records arrived at these times. If it asks for a time, it takes none of a
    /// chunk without times.
    #[must_use]
    pub fn has_arrival(&self, times: Option<ArrivalTimes>) -> bool {
        let Some(times) = times else {
            return !self.has_times();
        };
        self.from.is_none_or(|from| times.max >= from) && self.to.is_none_or(|to| times.min < to)
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;

    fn code(code: &str) -> ReasonCode {
        ReasonCode::new(code).unwrap()
    }

    #[test]
    fn an_empty_filter_takes_all() {
        let filter = QuarantineFilter::default();
        assert!(filter.has_reason(&code("trap")));
        assert!(filter.has_shard(&ShardId::new("s").unwrap()));
        assert!(filter.has_release(&Digest::of(b"r")));
        assert!(filter.may_have_release(ShortId::of(Digest::of(b"r"))));
        assert!(filter.has_arrival(None));
        assert_eq!(serde_json::to_string(&filter).unwrap(), "{}");
    }

    #[test]
    fn a_chunk_is_taken_if_it_may_have_a_record_of_the_time() {
        let times = Some(ArrivalTimes { min: 10, max: 20 });
        let filter = |from, to| QuarantineFilter {
            from,
            to,
            ..QuarantineFilter::default()
        };
        for (from, to, taken) in [
            (Some(20), None, true),
            (Some(21), None, false),
            (None, Some(10), false),
            (None, Some(11), true),
            (Some(12), Some(13), true),
            (Some(0), Some(100), true),
        ] {
            assert_eq!(
                filter(from, to).has_arrival(times),
                taken,
                "{from:?} {to:?}"
            );
            assert!(!filter(from, to).has_arrival(None));
        }
    }

    #[test]
    fn a_release_is_taken_by_its_first_digits() {
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        for digits in [8, 12, 64] {
            let prefix = one.to_string()[..digits].parse().unwrap();
            let filter = QuarantineFilter {
                quarantined_by: Some(prefix),
                ..QuarantineFilter::default()
            };
            assert!(filter.has_release(&one) && !filter.has_release(&other));
            assert!(filter.may_have_release(ShortId::of(one)));
            assert!(!filter.may_have_release(ShortId::of(other)));
        }
    }

    #[test]
    fn a_filter_is_read_as_it_was_written() {
        let filter = QuarantineFilter {
            reasons: vec![code("trap"), code("invalid_json"), code("trap")],
            quarantined_by: Some("0123456789".parse().unwrap()),
            shards: vec![ShardId::new("b").unwrap(), ShardId::new("a").unwrap()],
            from: Some(1),
            to: Some(2),
        };
        let filter = filter.canonical();
        let text = serde_json::to_string(&filter).unwrap();
        assert_eq!(
            text,
            r#"{"reasons":["invalid_json","trap"],"quarantined_by":"0123456789","shards":["a","b"],"from":1,"to":2}"#
        );
        assert_eq!(
            serde_json::from_str::<QuarantineFilter>(&text).unwrap(),
            filter
        );
        for wrong in [
            r#"{"reasons":["No"]}"#,
            r#"{"shard":[]}"#,
            r#"{"quarantined_by":"12"}"#,
        ] {
            assert!(serde_json::from_str::<QuarantineFilter>(wrong).is_err());
        }
    }
}
