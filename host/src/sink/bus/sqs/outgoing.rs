//! The messages that are sent for a chunk, in their order.

use super::SqsBus;
use super::entry::Entry;
use crate::layout::chunk::{Chunk, Pack};
use crate::layout::object_key::Origin;
use crate::layout::object_notification::ObjectNotification;
use crate::sink::SinkError;

/// Messages for a queue. A message is made when it is sent, and again if it must be sent again.
pub(super) enum Outgoing<'a> {
    /// One for each event.
    Events(&'a Chunk),
    /// One for many events of a partition.
    Packed(&'a Chunk, Vec<Pack>),
    /// One for each object.
    Objects(&'a Origin, &'a [ObjectNotification]),
}

impl<'a> Outgoing<'a> {
    /// Packs the messages of a chunk. See [`Chunk::packs`].
    pub(super) fn packed(chunk: &'a Chunk, keeps_order: bool) -> Self {
        Self::Packed(chunk, chunk.packs(keeps_order))
    }

    pub(super) fn len(&self) -> u64 {
        let messages = match self {
            Self::Events(chunk) => chunk.messages().len(),
            Self::Packed(_, packs) => packs.len(),
            Self::Objects(_, messages) => messages.len(),
        };
        messages as u64
    }

    /// Message `number`, from 0; `None` behind the last one.
    ///
    /// # Errors
    /// See [`SqsBus::pointer_entry`].
    pub(super) fn entry(&self, bus: &SqsBus, number: u64) -> Result<Option<Entry>, SinkError> {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        match self {
            Self::Events(chunk) => {
                let message = chunk.message(number);
                message
                    .map(|message| bus.entry(chunk, &message))
                    .transpose()
            }
            Self::Packed(chunk, packs) => match packs.get(number) {
                Some(Pack::Events(events)) => Ok(Some(bus.packed_entry(chunk, events))),
                Some(Pack::TooLarge(event)) => {
                    let message = chunk.message(*event as usize);
                    message
                        .map(|message| bus.pointer_entry(chunk, &message))
                        .transpose()
                }
                None => Ok(None),
            },
            Self::Objects(origin, messages) => {
                let message = messages.get(number);
                Ok(message.map(|message| bus.entry_about(origin, message)))
            }
        }
    }

    /// What message `number` is about, in an error.
    pub(super) fn described(&self, number: u64) -> String {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let record = |chunk: &Chunk, event: usize| {
            let message = chunk.message(event);
            message.map(|message| format!("record {}", message.rid()))
        };
        let described = match self {
            Self::Events(chunk) => record(chunk, number),
            Self::Packed(chunk, packs) => packs.get(number).and_then(|pack| match pack {
                Pack::Events(events) => {
                    let first = record(chunk, *events.first()? as usize)?;
                    Some(match events.len() {
                        1 => first,
                        count => format!("{count} events from {first} on"),
                    })
                }
                Pack::TooLarge(event) => record(chunk, *event as usize),
            }),
            Self::Objects(_, messages) => {
                let message = messages.get(number);
                message.map(|message| format!("object {}", message.key))
            }
        };
        described.unwrap_or_else(|| format!("message {number} of its chunk"))
    }
}
