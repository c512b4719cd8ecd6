//! How far the messages of a chunk are sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::ledger::Sent;

/// The messages of how many calls are sent again at most after a kill, besides those that are under way. Noting it costs as much
/// as a few of these calls.
const CALLS_BETWEEN_NOTES: u64 = 250;

/// How often it is noted at least while messages are sent.
const NOTE_AT_LEAST: Duration = Duration::from_secs(5);

/// How many messages of a chunk a bus has accepted: all before the first one that it has not.
#[derive(Debug)]
pub struct SendProgress {
    /// What the ledger notes of the bus.
    noted: Option<Sent>,
    state: Mutex<Accepted>,
    /// Something is to be noted, or nothing more will be.
    due: Notify,
}

#[derive(Debug, Default)]
struct Accepted {
    /// How many messages the chunk has.
    messages: u64,
    /// How many of them were known as sent.
    known: u64,
    /// All messages before this one.
    prefix: u64,
    /// Ranges of messages behind it, by their first one: their ends.
    behind: BTreeMap<u64, u64>,
    /// The calls since the prefix was noted.
    calls: u64,
    noted: u64,
    ended: bool,
}

impl SendProgress {
    /// The progress of a chunk, of which the ledger may note what the bus has.
    #[must_use]
    pub fn new(noted: Option<Sent>) -> Self {
        Self {
            noted,
            state: Mutex::default(),
            due: Notify::new(),
        }
    }

    /// The chunk has this many messages. Returns how many of them need not be sent, from the first one on: none if the ledger
    /// notes other messages than these.
    pub fn begin(&self, messages: u64) -> u64 {
        let known = self.noted.map_or(0, |noted| noted.known(messages));
        if let Some(Sent { of, .. }) = self.noted.filter(|noted| noted.of != messages) {
            tracing::warn!(
                messages,
                noted = of,
                "the ledger notes messages that were made otherwise, perhaps by another version of Sluice: all messages of \
                 the chunk are sent"
            );
        }
        self.with(|state| {
            (state.messages, state.known) = (messages, known);
            (state.prefix, state.noted) = (known, known);
        });
        known
    }

    /// How many messages the chunk has.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.with(|state| state.messages)
    }

    /// How many messages were known as sent.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.with(|state| state.known)
    }

    /// All messages before this one are accepted.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.with(|state| state.prefix)
    }

    /// The bus has accepted the messages from `first` to before `end` with one call.
    pub fn accepted(&self, first: u64, end: u64) {
        let is_due = self.with(|state| {
            state.behind.insert(first, end);
            while let Some(end) = state.behind.remove(&state.prefix) {
                state.prefix = end;
            }
            state.calls += 1;
            state.calls >= CALLS_BETWEEN_NOTES
        });
        if is_due {
            self.due.notify_one();
        }
    }

    /// Nothing more will be sent.
    pub fn end(&self) {
        self.with(|state| state.ended = true);
        self.due.notify_one();
    }

    /// Waits until more messages are accepted than were noted, and it is time to note them. Returns how many are; `None` when
    /// nothing more will be sent.
    pub async fn next_note(&self) -> Option<u64> {
        loop {
            let _at_least = tokio::time::timeout(NOTE_AT_LEAST, self.due.notified()).await;
            if self.with(|state| state.ended) {
                return None;
            }
            if let Some(prefix) = self.with(Accepted::take_news) {
                return Some(prefix);
            }
        }
    }

    /// How many messages are accepted, if that is more than were noted.
    #[must_use]
    pub fn unnoted(&self) -> Option<u64> {
        self.with(|state| (state.prefix > state.noted).then_some(state.prefix))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Accepted) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Accepted {
    fn take_news(&mut self) -> Option<u64> {
        let is_new = self.prefix > self.noted;
        if is_new {
            (self.noted, self.calls) = (self.prefix, 0);
        }
        is_new.then_some(self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::digest::Digest;

    use super::*;

    fn noted(messages: u64, of: u64) -> Option<Sent> {
        let bus = Digest::of(b"bus");
        Some(Sent { bus, messages, of })
    }

    #[test]
    fn what_was_noted_of_other_messages_is_not_known() {
        for (sent, messages, known) in [
            (None, 45, 0),
            (noted(10, 45), 45, 10),
            (noted(10, 44), 45, 0),
            (noted(45, 46), 45, 0),
        ] {
            let progress = SendProgress::new(sent);
            assert_eq!(progress.begin(messages), known, "{sent:?}");
            assert_eq!((progress.prefix(), progress.known()), (known, known));
            assert_eq!((progress.messages(), progress.unnoted()), (messages, None));
            progress.accepted(known, known + 5);
            assert_eq!(progress.unnoted(), Some(known + 5), "{sent:?}");
        }
    }

    #[test]
    fn only_a_prefix_without_a_gap_is_accepted() {
        let progress = SendProgress::new(noted(10, 45));
        progress.begin(45);
        progress.accepted(20, 30);
        assert_eq!((progress.prefix(), progress.unnoted()), (10, None));
        progress.accepted(40, 45);
        progress.accepted(10, 20);
        assert_eq!((progress.prefix(), progress.unnoted()), (30, Some(30)));
        progress.accepted(30, 40);
        assert_eq!(progress.unnoted(), Some(45));
    }

    #[tokio::test]
    async fn progress_is_noted_after_some_calls_and_not_at_the_end() {
        let progress = SendProgress::new(None);
        progress.begin(9_000);
        for call in 0..CALLS_BETWEEN_NOTES {
            progress.accepted(call * 10, call * 10 + 10);
        }
        assert_eq!(progress.next_note().await, Some(CALLS_BETWEEN_NOTES * 10));
        assert_eq!(progress.unnoted(), None);
        progress.accepted(CALLS_BETWEEN_NOTES * 10, 9_000);
        progress.end();
        assert_eq!(progress.next_note().await, None);
        assert_eq!(progress.unnoted(), Some(9_000));
    }
}
