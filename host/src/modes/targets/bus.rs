//! The bus of a run, which is connected to when it is first needed.

use std::sync::Arc;

use sluice_storage::folder::FolderStore;
use sluice_storage::object_store::ObjectStore;

use super::Targets;
use crate::ledger::messages::MessageRules;
use crate::sink::SinkError;
use crate::sink::bus::{BusConnection, BusTarget, ConnectOptions};

impl Targets {
    /// The bus, for reading, if it is a folder.
    #[must_use]
    pub fn bus_store(&self) -> Option<Arc<dyn ObjectStore>> {
        let folder = self.bus.as_ref().and_then(BusTarget::folder)?;
        Some(Arc::new(FolderStore::shared(folder)))
    }

    /// The messages of the bus and their limits; `None` without a bus.
    ///
    /// # Errors
    /// There is no such bus, or it cannot be read.
    pub async fn messages(&self) -> Result<Option<MessageRules>, SinkError> {
        let bus = self.bus_connection().await?;
        Ok(bus.map(|bus| bus.rules))
    }

    /// Whether there is a bus that keeps the order of its messages.
    ///
    /// # Errors
    /// There is no such bus, or it cannot be read.
    pub async fn bus_keeps_order(&self) -> Result<bool, SinkError> {
        let bus = self.bus_connection().await?;
        Ok(bus.is_some_and(|bus| bus.keeps_order))
    }

    /// The bus, if there is one.
    pub(super) async fn bus_connection(&self) -> Result<Option<&BusConnection>, SinkError> {
        let Some(bus) = &self.bus else {
            return Ok(None);
        };
        let lake = self.lake.to_string();
        let options = ConnectOptions {
            sdk: &self.sdk,
            lake: &lake,
            retry_policy: &self.retry_policy,
            messages: &self.messages,
        };
        let connected = self.bus_connection.get_or_try_init(|| bus.connect(options));
        connected.await.map(Some)
    }
}
