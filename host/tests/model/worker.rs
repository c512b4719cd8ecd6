//! What workers do between chunks: they poll the ledgers, and release shards that are read
//! completely.

use super::bugs::Bug;
use super::state::{At, Move, Work};
use super::steps::{FAULT, FREE, Steps};

impl Steps<'_> {
    /// Polls the ledgers. A worker can acquire a shard without an owner or with a dead one. If
    /// renewals are late, a live owner is considered dead.
    pub(super) fn poll(&mut self, host: usize) {
        let name = self.name(host);
        let rival = self.name(1 - host).to_string();
        for shard in 0..self.model.shards.len() {
            let seen = self.from.ledgers[shard];
            let shard = u8::try_from(shard).unwrap();
            let found = self.model.library.read(shard, seen).ledger;
            let fence = found.lease().map_or(0, |lease| lease.fence);
            if found.is_finished() || !self.is_open(shard) || fence > self.model.most_takes() {
                continue;
            }
            let cost = if found.owner() == Some(&rival) {
                FAULT
            } else {
                FREE
            };
            self.add(format_args!("{name} finds shard {shard}"), cost, |to| {
                to.hosts[host].at = At::Found { shard, seen };
                Ok(())
            });
        }
    }

    fn is_open(&self, shard: u8) -> bool {
        if self.model.has(Bug::ChildBeforeParent) {
            return true;
        }
        let Some(parent) = shard.checked_sub(1) else {
            return true;
        };
        let ledger = self.from.ledgers[usize::from(parent)];
        self.model.library.read(parent, ledger).ledger.is_finished()
    }

    /// Every shard is closed, so it is finished at its end. A worker that shuts down releases it
    /// earlier.
    pub(super) fn read_on_or_leave(&mut self, host: usize, work: Work) {
        if work.unread.is_empty() {
            self.write(host, work, Move::Finish, FREE);
        } else {
            self.build(host, work);
            self.write(host, work, Move::GiveBack, FAULT);
        }
    }
}
