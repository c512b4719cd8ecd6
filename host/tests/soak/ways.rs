//! What differs from soak to soak: who lands the records, the kind of queue, and what becomes of records
//! that a producer has put into the wrong shard.

use std::fmt::{self, Display};

use clap::ValueEnum as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use sluice::ledger::misplaced_records::MisplacedRecords;

/// What holds for a whole soak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    /// The stream is read by mappings with functions, and not by workers.
    pub(super) functions: bool,
    /// The bus is a FIFO queue, which gets few messages at a time.
    pub(super) fifo: bool,
    /// What becomes of records in the wrong shard.
    pub(super) misplaced_records: MisplacedRecords,
}

impl Ways {
    /// What a seed makes of them.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed.rotate_left(16));
        Self {
            functions: rng.random_range(0..3) == 0,
            fifo: rng.random_range(0..3) == 0,
            misplaced_records: match rng.random() {
                true => MisplacedRecords::Drop,
                false => MisplacedRecords::Keep,
            },
        }
    }

    /// The name of the queue.
    pub(super) fn bus(self) -> &'static str {
        if self.fifo { "bus.fifo" } else { "bus" }
    }

    /// What `run` and `audit` are told of records in the wrong shard.
    pub(super) fn misplaced_records(self) -> [String; 2] {
        let value = self.misplaced_records.to_possible_value().unwrap();
        [
            "--misplaced-records".to_owned(),
            value.get_name().to_owned(),
        ]
    }

    /// The most records of a chunk. To a FIFO queue a chunk has to be through before the next kill, most
    /// of the time.
    pub(super) fn chunk_records(self) -> std::ops::Range<u32> {
        if self.fifo { 50..500 } else { 500..30_000 }
    }

    /// No more is put while so many events are not on the bus yet.
    pub(super) fn backlog_max(self) -> u64 {
        if self.fifo { 5_000 } else { 60_000 }
    }
}

impl Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = if self.functions {
            "functions"
        } else {
            "workers"
        };
        let queue = if self.fifo { "FIFO" } else { "standard" };
        let misplaced = match self.misplaced_records {
            MisplacedRecords::Keep => "kept",
            MisplacedRecords::Drop => "dropped",
        };
        write!(
            f,
            "{hosts}, a {queue} queue, misplaced records are {misplaced}"
        )
    }
}
