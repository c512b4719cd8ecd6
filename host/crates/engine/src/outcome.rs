//! The outcome of a batch.

use serde::{Deserialize, Serialize};

use super::sanitize::truncate;
use crate::partition::PartitionPath;
use crate::reason_code::CODE_MAX_BYTES;
pub use crate::reason_code::ReasonCode;
use crate::record::Undecoded;

/// Why a transform failed on a record. Each fault is a reason for quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The component trapped: an `unreachable`, a memory access out of bounds, a division by zero.
    Trap,
    /// The record consumed more than the fuel limit.
    OutOfFuel,
    /// The record needed more than the memory limit.
    OutOfMemory,
    /// The record exceeded the time limit twice.
    OutOfTime,
    /// The component exhausted its stack.
    StackOverflow,
    /// The output violates the contract.
    InvalidOutput,
    /// The record exceeds the size limit.
    RecordTooLarge,
    /// The record would exceed the partitions of its chunk.
    TooManyPartitions,
    /// An event for the bus alone exceeds the size of a message.
    MessageTooLarge,
    /// An event for the lake is JSON that common readers of a lake cannot read.
    NotInteroperable,
    /// The data of the source cannot be decoded as the settings say.
    Undecodable,
}

impl Fault {
    /// Every kind of fault.
    pub const ALL: [Self; 11] = [
        Self::Trap,
        Self::OutOfFuel,
        Self::OutOfMemory,
        Self::OutOfTime,
        Self::StackOverflow,
        Self::InvalidOutput,
        Self::RecordTooLarge,
        Self::TooManyPartitions,
        Self::MessageTooLarge,
        Self::NotInteroperable,
        Self::Undecodable,
    ];

    /// Whether it can be a [`ResourceFault`].
    #[must_use]
    pub fn is_of_resource(self) -> bool {
        matches!(
            self,
            Self::OutOfFuel
                | Self::OutOfMemory
                | Self::OutOfTime
                | Self::StackOverflow
                | Self::InvalidOutput
        )
    }

    /// The code that names the quarantine partition.
    #[must_use]
    pub fn code(self) -> ReasonCode {
        let code = match self {
            Self::Trap => "trap",
            Self::OutOfFuel => "out_of_fuel",
            Self::OutOfMemory => "out_of_memory",
            Self::OutOfTime => "out_of_time",
            Self::StackOverflow => "stack_overflow",
            Self::InvalidOutput => "invalid_output",
            Self::RecordTooLarge => "record_too_large",
            Self::TooManyPartitions => "too_many_partitions",
            Self::MessageTooLarge => "message_too_large",
            Self::NotInteroperable => "not_interoperable",
            Self::Undecodable => "undecodable",
        };
        ReasonCode::of_sluice(code)
    }
}

/// Why a record is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of fault.
    pub code: ReasonCode,
    /// The fault, for people.
    pub message: String,
    /// The component's backtrace, if it trapped.
    pub backtrace: Option<String>,
}

impl Reason {
    /// A fault that Sluice found.
    pub fn fault(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            code: fault.code(),
            message: truncate(message.into()),
            backtrace: None,
        }
    }

    /// A rejection by the transform.
    #[must_use]
    pub fn rejected(code: &str, message: String) -> Self {
        match ReasonCode::new(code) {
            Some(code) => Self {
                code,
                message: truncate(message),
                backtrace: None,
            },
            None => Self::fault(
                Fault::InvalidOutput,
                format!(
                    "rejection code {code:.64?} is not 1 to {CODE_MAX_BYTES} lower case letters, \
                     digits and '_' (its message: {message})"
                ),
            ),
        }
    }
}

/// Where an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routes {
    /// To the data lake.
    pub lake: bool,
    /// To the bus.
    pub bus: bool,
}

/// One event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The index of its record.
    pub record: u32,
    /// The start of its JSON in [`Transformed::data`].
    pub start: u32,
    /// The end of its JSON.
    pub end: u32,
    /// The index of its partition in [`Transformed::partitions`].
    pub partition: u32,
    /// Where it goes.
    pub routes: Routes,
}

impl Event {
    /// The approximate memory that the host needs for an event in addition to its JSON: for its position,
    /// its message and its line. It also limits the number of very small events.
    pub const OVERHEAD_BYTES: usize = 128;
}

/// One record of a batch that is quarantined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The index of the record.
    pub record: u32,
    /// The reason.
    pub reason: Reason,
}

/// The outcome of a batch: each record is in `events` (one or more times, in order), in `quarantined`
/// (once), or was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transformed {
    /// The JSON of all events, without line breaks.
    pub data: Vec<u8>,
    /// The events, in the order of their records.
    pub events: Vec<Event>,
    /// The partitions that the events refer to.
    pub partitions: Vec<PartitionPath>,
    /// The quarantined records, in order.
    pub quarantined: Vec<Quarantined>,
    /// How many records the transform dropped on purpose.
    pub dropped: u64,
    /// The records whose fault another run may not repeat, in order. Each is in `quarantined` too.
    pub resource_faults: Vec<ResourceFault>,
}

/// A record that was quarantined because a call used too much fuel, memory, time or stack, because its result
/// could not be read, or because its events did not fit their batch. Another build of the program may count these differently, and another machine
/// may take longer, so whoever transforms the record again has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceFault {
    /// The index of the record.
    pub record: u32,
    /// What was found.
    pub fault: Fault,
}

impl ResourceFault {
    /// The fault of the same record in a batch of the records with these indexes; `None` if it is not one of them.
    pub(crate) fn among(&self, indexes: &[u32]) -> Option<Self> {
        let record = indexes.binary_search(&self.record).ok()?;
        Some(Self {
            record: u32::try_from(record).ok()?,
            ..*self
        })
    }
}

impl Transformed {
    /// The outcome of the batch that the transformed records were taken from: `indexes` has their indexes in it, and
    /// `undecoded` its other records.
    pub(crate) fn with_undecoded(
        mut self,
        indexes: &[u32],
        undecoded: &[(u32, Undecoded)],
    ) -> Self {
        let index = |record: &mut u32| *record = indexes[*record as usize];
        self.events
            .iter_mut()
            .for_each(|event| index(&mut event.record));
        self.resource_faults
            .iter_mut()
            .for_each(|fault| index(&mut fault.record));
        self.quarantined
            .iter_mut()
            .for_each(|quarantined| index(&mut quarantined.record));
        for (record, why) in undecoded {
            match why {
                Undecoded::Empty => self.dropped += 1,
                Undecoded::Failed(why) => self.quarantined.push(Quarantined {
                    record: *record,
                    reason: Reason::fault(Fault::Undecodable, why),
                }),
            }
        }
        self.quarantined.sort_by_key(|found| found.record);
        self
    }

    /// The JSON of one event.
    #[must_use]
    pub fn event_data(&self, event: &Event) -> &[u8] {
        &self.data[event.start as usize..event.end as usize]
    }
}
