//! The settings of messages on the bus.

use sluice_storage::calls::CallMetrics;

use super::{ConfigError, RunArgs};
use crate::ledger::messages::Messages;
use crate::sink::bus::{MessageSettings, PACK_BYTES_LEAST, PACK_BYTES_MOST};

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
        let refused = |why: String| Err(ConfigError::new("bus_message_bytes", why));
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
