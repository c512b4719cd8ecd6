//! The shards of the part of a replay that this worker works on.

use super::Worker;
use crate::modes::parts::Selected;
use crate::source::kinesis::{ShardInfo, shard_id};

impl Worker {
    /// Those of the listed shards that this worker works on: all, or those of its part of a replay.
    ///
    /// # Errors
    /// A ledger cannot be read.
    pub(super) async fn of_part(
        &mut self,
        listed: Vec<ShardInfo>,
    ) -> anyhow::Result<Vec<ShardInfo>> {
        let Some(part) = &mut self.part else {
            return Ok(listed);
        };
        let Selected { mine, missing, .. } = part.select(listed, &self.runner.context);
        for id in missing {
            let shard = shard_id(self.stream.name(), &id)?;
            let once = self.retry_policy.for_one_attempt();
            let found = self.runner.targets.peek(&shard, once).await?;
            part.is_gone(id, found.ledger.is_finished());
        }
        Ok(mine)
    }

    /// Checks at the end that nothing of the part is lost.
    ///
    /// # Errors
    /// A shard of the part is gone from the stream that has not landed.
    pub(super) fn check_part(&self) -> anyhow::Result<()> {
        match &self.part {
            Some(part) => part.check_end(),
            None => Ok(()),
        }
    }
}
