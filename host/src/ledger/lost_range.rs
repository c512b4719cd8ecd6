//! Records that the stream has lost before they were landed.

use serde::{Deserialize, Serialize};
use sluice_engine::record::{SequenceNumber, ShardId};

use super::{Ledger, Range};

/// Why records were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// They are older than the stream keeps records.
    Expired,
    /// The stream was deleted and created again.
    Recreated,
}

/// A range of a shard whose records may be lost: they are in no place, and the stream no longer has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostRange {
    /// Why.
    pub cause: LossCause,
    /// The parent shard that the records belong to, if they are not of this shard. The stream no longer lists
    /// it, so its child notes the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ShardId>,
    /// The last committed record before it; `None` if nothing was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SequenceNumber>,
    /// The first record behind it that the stream still has; `None` if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SequenceNumber>,
    /// The pinned range in it that could not be repeated any more. Objects of it may exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Range>,
    /// When it was found, milliseconds since the Unix epoch.
    pub found_at: i64,
    /// Whether a run has gone on behind it.
    pub continued: bool,
}

impl LostRange {
    /// Whether a record of the shard lies in it.
    #[must_use]
    pub fn has(&self, record: SequenceNumber) -> bool {
        self.parent.is_none()
            && self.after.is_none_or(|after| after < record)
            && self.before.is_none_or(|before| record < before)
    }

    /// The range in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let parent = self.parent.as_ref();
        let parent = parent.map(|parent| format!(" of the parent shard {parent}"));
        let after = match self.after {
            Some(after) => format!(" after {after}"),
            None => " from its beginning".into(),
        };
        let before = self.before.map(|before| format!(" and before {before}"));
        let pinned = self.pinned.map(|Range { first, last, .. }| {
            format!(", with the pinned range {first} to {last}, of which objects may exist")
        });
        let parts = [parent, Some(after), before, pinned];
        let parts: String = parts.into_iter().flatten().collect();
        format!("records{parts}")
    }
}

impl Ledger {
    /// The lost ranges that were found, the oldest first.
    #[must_use]
    pub fn lost(&self) -> &[LostRange] {
        &self.lost
    }

    /// The pinned ranges that a run has given up. None is a chunk, whatever exists of it.
    pub fn given_up(&self) -> impl Iterator<Item = Range> {
        let lost = self.lost.iter().filter(|lost| lost.continued);
        lost.filter_map(|lost| lost.pinned)
    }

    /// The lost range behind which a run goes on, until a record behind it is committed.
    #[must_use]
    pub fn resumes_behind(&self) -> Option<&LostRange> {
        let committed = self.committed.as_ref().map(|committed| committed.last);
        let last = self.lost.iter().rfind(|lost| lost.parent.is_none());
        last.filter(|lost| lost.continued && lost.after == committed)
    }

    /// The lost ranges after a commit of a range that begins with `first`: a lost range that had no end ends
    /// there.
    pub(super) fn lost_before(&self, first: SequenceNumber) -> Vec<LostRange> {
        let is_open = self
            .resumes_behind()
            .is_some_and(|lost| lost.before.is_none());
        let mut lost = self.lost.clone();
        let last = lost.iter_mut().rfind(|lost| lost.parent.is_none());
        if let Some(last) = last.filter(|_| is_open) {
            last.before = Some(first);
        }
        lost
    }

    /// When the stream of the shard was created, milliseconds since the Unix epoch; `None` if no worker has
    /// opened the shard.
    #[must_use]
    pub fn stream_created_at(&self) -> Option<i64> {
        self.stream_created_at
    }

    /// Whether the shard belongs to a stream of the same name that was created at another time.
    #[must_use]
    pub fn is_of_another_stream(&self, created_at: i64) -> bool {
        self.stream_created_at
            .is_some_and(|known| known != created_at)
    }

    /// The ledger of a shard of a stream that was created at this time, milliseconds since the Unix epoch. A
    /// time that is known already stays.
    #[must_use]
    pub fn of_stream(mut self, created_at: i64) -> Self {
        self.stream_created_at = self.stream_created_at.or(Some(created_at));
        self
    }

    /// How long the stream kept records when the shard was last opened, milliseconds; `None` if no worker has
    /// opened it.
    #[must_use]
    pub fn stream_retention_ms(&self) -> Option<i64> {
        self.stream_retention_ms
    }

    /// The ledger of a shard of a stream that keeps records this long, milliseconds.
    #[must_use]
    pub fn with_retention(self, retention_ms: i64) -> Self {
        Self {
            stream_retention_ms: Some(retention_ms),
            ..self
        }
    }

    /// The ledger with a lost range that was found in a stream that was created at this time. One that was
    /// found before and not continued is replaced. If a run continues, a pinned range in it is given up.
    #[must_use]
    pub fn with_loss(mut self, loss: LostRange, created_at: i64) -> Self {
        if loss.continued && loss.parent.is_none() {
            self.pending = None;
            self.sent = None;
            self.stream_created_at = Some(created_at);
            self.finished &= loss.cause == LossCause::Expired;
        }
        let is_other = |known: &LostRange| known.continued || known.parent != loss.parent;
        self.lost.retain(is_other);
        self.lost.push(loss);
        self
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::ledger::Pending;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: 1,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }
    }

    /// A ledger that has committed up to 9 and pinned 12 to 15.
    fn interrupted() -> Ledger {
        let ledger = Ledger::new(ShardId::new("shard").unwrap()).of_stream(1);
        let ledger = ledger.pin(pending(1, 9)).unwrap();
        let ledger = ledger.commit(pending(1, 9).range, Digest::of(b"9"));
        ledger.unwrap().pin(pending(12, 15)).unwrap()
    }

    fn loss(ledger: &Ledger, continued: bool) -> LostRange {
        LostRange {
            cause: LossCause::Expired,
            parent: None,
            after: ledger.committed().map(|committed| committed.last),
            before: Some(20.into()),
            pinned: ledger.pending().map(|pending| pending.range),
            found_at: 7,
            continued,
        }
    }

    #[test]
    fn a_loss_that_is_found_again_is_noted_once() {
        let before = interrupted();
        let found = before.clone().with_loss(loss(&before, false), 1);
        let again = found.clone().with_loss(loss(&before, false), 1);
        assert_eq!(again, found);
        assert_eq!(again.resumes_behind(), None);
        assert_eq!(again.pending(), before.pending());
        let text = serde_json::to_vec(&again).unwrap();
        assert_eq!(Ledger::parse(&text), Ok(again));
    }

    #[test]
    fn a_run_that_continues_gives_up_the_pinned_range_and_resumes_behind_it() {
        let before = interrupted();
        let found = before.clone().with_loss(loss(&before, false), 1);
        let continued = found.with_loss(loss(&before, true), 1);
        assert_eq!(continued.lost().len(), 1);
        assert_eq!(continued.pending(), None);
        let lost = continued.resumes_behind().unwrap();
        assert!(lost.has(12.into()) && lost.has(19.into()));
        assert!(!lost.has(9.into()) && !lost.has(20.into()));
        let landed = continued.pin(pending(20, 21)).unwrap();
        assert!(landed.resumes_behind().is_some());
        let landed = landed.commit(pending(20, 21).range, Digest::of(b"21"));
        let landed = landed.unwrap();
        assert_eq!((landed.resumes_behind(), landed.lost().len()), (None, 1));
    }

    #[test]
    fn a_loss_of_a_parent_changes_nothing_else() {
        let before = interrupted();
        let parent = ShardId::new("parent").unwrap();
        let loss = LostRange {
            parent: Some(parent),
            before: None,
            ..loss(&before, true)
        };
        let noted = before.clone().with_loss(loss, 2);
        assert_eq!(noted.pending(), before.pending());
        assert_eq!(noted.stream_created_at(), Some(1));
        assert_eq!((noted.resumes_behind(), noted.lost().len()), (None, 1));
        assert!(!noted.lost()[0].has(12.into()));
        let landed = noted.commit(pending(12, 15).range, Digest::of(b"15"));
        assert_eq!(landed.unwrap().lost(), noted.lost());
    }

    #[test]
    fn a_lost_range_without_an_end_ends_with_the_next_commit() {
        let before = interrupted();
        let loss = LostRange {
            before: None,
            ..loss(&before, true)
        };
        let continued = before.with_loss(loss, 1);
        let landed = continued.pin(pending(30, 31)).unwrap();
        let landed = landed.commit(pending(30, 31).range, Digest::of(b"31"));
        let lost = &landed.as_ref().unwrap().lost()[0];
        assert!(lost.has(29.into()) && !lost.has(30.into()));
    }

    #[test]
    fn a_stream_that_was_created_again_is_another_one() {
        let ledger = interrupted().of_stream(2);
        assert!(!ledger.is_of_another_stream(1));
        assert!(ledger.is_of_another_stream(2));
        let finished = Ledger::new(ShardId::new("shard").unwrap()).of_stream(1);
        let finished = finished.finish().unwrap();
        let loss = LostRange {
            cause: LossCause::Recreated,
            ..loss(&finished, true)
        };
        let continued = finished.with_loss(loss, 2);
        assert!(!continued.is_finished() && !continued.is_of_another_stream(2));
        let unknown = Ledger::new(ShardId::new("shard").unwrap());
        assert!(!unknown.is_of_another_stream(2));
    }
}
