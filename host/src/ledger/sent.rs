//! What a ledger notes of the messages of its pending range.

use serde::{Deserialize, Serialize};
use sluice_engine::digest::Digest;

use super::{Ledger, LedgerError, Range};

/// How many messages of a pending range its bus has accepted: all before this one, in their order. A repetition sends only
/// the others to this bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The bus: a digest of its address.
    pub bus: Digest,
    /// How many messages.
    pub messages: u64,
    /// How many messages the range had then.
    pub of: u64,
}

impl Sent {
    /// How many messages of its range the bus is known to have, if the range has `of` messages now. If it had another number
    /// when this was noted, its messages were made otherwise. They cannot be told by their number, so none is known.
    #[must_use]
    pub fn known(self, of: u64) -> u64 {
        match self.of == of {
            true => self.messages,
            false => 0,
        }
    }
}

impl Ledger {
    /// What is noted of the messages of the pending range that this bus has.
    #[must_use]
    pub fn sent_to(&self, bus: Digest) -> Option<Sent> {
        self.sent.filter(|sent| sent.bus == bus)
    }

    /// The ledger with the messages that a bus has accepted of the pending range `range`.
    ///
    /// # Errors
    /// [`LedgerError::Nothing`] if another range is pending, or none.
    pub fn with_sent(&self, range: Range, sent: Sent) -> Result<Self, LedgerError> {
        if self.pending.as_ref().map(|pending| pending.range) != Some(range) {
            return Err(LedgerError::Nothing);
        }
        Ok(Self {
            sent: Some(sent),
            ..self.clone()
        })
    }

    /// Checks what a document notes of messages.
    ///
    /// # Errors
    /// [`LedgerError::Document`]
    pub(super) fn check_sent(self) -> Result<Self, LedgerError> {
        let why = match (self.sent, &self.pending) {
            (Some(_), None) => "sent: messages of a range, and no range is pending".to_owned(),
            (Some(Sent { messages, of, .. }), _) if messages > of => {
                format!("sent: {messages} messages of {of}")
            }
            _ => return Ok(self),
        };
        Err(LedgerError::Document(why))
    }
}

#[cfg(test)]
mod tests {
    use sluice_engine::record::ShardId;

    use super::*;
    use crate::ledger::Pending;
    use crate::ledger::pins::Pins;
    use crate::ledger::resource_faults::ResourceFaults;

    fn bus() -> Digest {
        Digest::of(b"bus")
    }

    fn sent(messages: u64, of: u64) -> Sent {
        Sent {
            bus: bus(),
            messages,
            of,
        }
    }

    fn pending(first: u64, last: u64) -> Pending {
        Pending {
            range: Range {
                first: first.into(),
                last: last.into(),
                count: 10,
            },
            release: Digest::of(b"release"),
            pins: Pins::default(),
            resource_faults: ResourceFaults::default(),
        }
    }

    fn with_pending() -> Ledger {
        let ledger = Ledger::new(ShardId::new("shard").unwrap());
        ledger.pin(pending(0, 90)).unwrap()
    }

    #[test]
    fn messages_are_known_to_one_bus_and_of_the_same_messages_only() {
        let ledger = with_pending();
        assert_eq!(ledger.sent_to(bus()), None);
        let ledger = ledger.with_sent(pending(0, 90).range, sent(5, 12)).unwrap();
        let noted = ledger.sent_to(bus()).unwrap();
        assert_eq!(noted.known(12), 5);
        for other in [0, 5, 11, 13] {
            assert_eq!(noted.known(other), 0, "of {other} messages");
        }
        assert_eq!(ledger.sent_to(Digest::of(b"another bus")), None);
    }

    #[test]
    fn messages_are_noted_until_their_range_is_committed() {
        let range = pending(0, 90).range;
        let ledger = with_pending().with_sent(range, sent(5, 12)).unwrap();
        let other = pending(100, 190).range;
        assert_eq!(
            ledger.with_sent(other, sent(1, 1)),
            Err(LedgerError::Nothing)
        );
        let again = ledger.pin(pending(0, 90)).unwrap();
        assert_eq!(again.sent_to(bus()), Some(sent(5, 12)));
        let committed = again.commit(range, Digest::of(b"x")).unwrap();
        assert_eq!(committed.sent_to(bus()), None);
        let next = committed.pin(pending(100, 190)).unwrap();
        assert_eq!(next.sent_to(bus()), None);
    }

    #[test]
    fn a_document_with_impossible_messages_is_rejected() {
        let range = pending(0, 90).range;
        let parse = |ledger: &Ledger| Ledger::parse(&serde_json::to_vec(ledger).unwrap());
        let noted = with_pending().with_sent(range, sent(12, 12)).unwrap();
        assert_eq!(parse(&noted), Ok(noted.clone()));
        let impossible = with_pending().with_sent(range, sent(13, 12)).unwrap();
        let why = "sent: 13 messages of 12".to_owned();
        assert_eq!(parse(&impossible), Err(LedgerError::Document(why)));
        let without_range = Ledger {
            pending: None,
            ..noted
        };
        assert!(matches!(
            parse(&without_range),
            Err(LedgerError::Document(_))
        ));
    }
}
