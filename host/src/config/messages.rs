//! The settings of messages on the bus.

use sluice_storage::calls::CallMetrics;

use super::resolved::Resolved;
use super::{ConfigError, RunArgs, RunSettings};
use crate::ledger::messages::Messages;
use crate::sink::bus::{BusTarget, MessageSettings, PACK_BYTES_LEAST, PACK_BYTES_MOST};

/// The settings that say what messages are about and how large they are, and the one that says where they go.
const MESSAGES: &str = "bus_messages";
const MESSAGE_BYTES: &str = "bus_message_bytes";
const BUS: &str = "bus";

impl Resolved {
    /// Whether it is said for this run what messages are. A variable does not say so if another setting of this run
    /// turns the bus off: one worker finishes a chunk with `--bus none` in the environment of all others.
    pub(super) fn wants_messages(&self) -> bool {
        self.has_message_flag() || (self.is_given(MESSAGES) && !self.is_given(BUS))
    }

    /// Whether a flag says where messages go.
    pub(super) fn has_bus_flag(&self) -> bool {
        self.is_flag(BUS)
    }

    /// Whether a flag says what messages are. For commands to which the file and the environment say nothing of the bus.
    pub(super) fn has_message_flag(&self) -> bool {
        self.is_flag(MESSAGES) || self.is_flag(MESSAGE_BYTES)
    }
}

impl RunSettings {
    /// Checks that there is a bus if messages are wanted. Messages about events are the default, and so no wish.
    pub(super) fn check_messages(&self, are_wanted: bool) -> Result<(), ConfigError> {
        let messages = self.messages.messages;
        if self.bus.is_some() || !are_wanted || messages == Messages::default() {
            return Ok(());
        }
        let buses: Vec<_> = BusTarget::syntaxes()
            .map(|syntax| format!("--bus {syntax}"))
            .collect();
        let why = format!(
            "there is no bus for such messages; give {}, or leave this out",
            buses.join(" or ")
        );
        Err(ConfigError::new(MESSAGES, why))
    }
}

impl RunArgs {
    /// Checks the settings of messages.
    ///
    /// # Errors
    /// `bus_message_bytes` is out of bounds, or given although messages are not packed.
    pub(super) fn messages(&self) -> Result<MessageSettings, ConfigError> {
        let (messages, bytes) = (
            self.bus_messages,
            self.bus_message_bytes.map(|bytes| bytes as usize),
        );
        let refused = |why: String| Err(ConfigError::new(MESSAGE_BYTES, why));
        match bytes {
            Some(_) if messages != Messages::Packed => refused(
                "is the size of packed messages; add --bus-messages packed, or leave it out".into(),
            ),
            Some(bytes) if !(PACK_BYTES_LEAST..=PACK_BYTES_MOST).contains(&bytes) => refused(
                format!("{bytes} is not between {PACK_BYTES_LEAST} and {PACK_BYTES_MOST}"),
            ),
            _ => Ok(MessageSettings {
                messages,
                bytes,
                calls: CallMetrics::default(),
            }),
        }
    }
}
