//! The redrives of a soak: processes that redrive what is quarantined for one of its reasons, again and again, while they are
//! killed, frozen and shut down like all others.

use std::fmt::{self, Display};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;

use super::hosts::Hosts as _;
use super::parameters::Parameters;
use super::processes::{Kind, Processes};
use super::{JQ, LAKE, program};
use crate::support::cloud::Cloud;
use crate::support::ledgers::ledgers;
use crate::support::program::Ran;

/// The maximum number of redrives at once. Two want the same records.
const REDRIVERS: usize = 2;

/// The reasons of records here, by all rules.
const REASONS: [&str; 4] = ["missing_field", "jq_error", "out_of_time", "invalid_json"];

/// Whether a shard is that of a redrive.
pub(super) fn is_redrive(shard: &str) -> bool {
    shard.starts_with("redrive-")
}

/// The rules of redrives.
pub(super) fn rules() -> String {
    format!(r#"if has("no_event") then {{event_uuid: .no_event}} else {JQ} end"#)
}

/// Redrives are processes that end when nothing is left.
pub(super) struct Redriver {
    cloud: Arc<Cloud>,
    parameters: Parameters,
}

impl Redriver {
    fn redrive(&self, rng: &mut Pcg64Mcg, more: &[&str]) -> Command {
        let rules = rules();
        let chunk_records = rng.random_range(1..200).to_string();
        let redrive = ["redrive", "--lake", LAKE, "--jq", &rules];
        let chunks = ["--chunk-records", &chunk_records, "--summary", "json"];
        let format = self.parameters.format_arguments(rng);
        let args = [&redrive[..], &chunks, &format, more].concat();
        program(&self.cloud, &args)
    }
}

impl Kind for Redriver {
    const NAME: &'static str = "redrive";
    /// A panic, and that the lake is wrong.
    const FORBIDDEN: &'static [&'static str] = &["panicked", "is damaged", "other content"];
    const MAY_FAIL: bool = true;
    const MAY_END: bool = true;

    fn command(&mut self, rng: &mut Pcg64Mcg) -> Command {
        let reason = *REASONS.choose(rng).unwrap();
        self.redrive(rng, &["--reason", reason])
    }

    fn pause(&self, rng: &mut Pcg64Mcg) -> Duration {
        Duration::from_millis(rng.random_range(500..4_000))
    }
}

/// All redrives, and the accidents that happen to them.
pub(super) struct Redrives {
    cloud: Arc<Cloud>,
    parameters: Parameters,
    processes: Processes<Redriver>,
    killed: usize,
    frozen: usize,
}

impl Redrives {
    pub(super) fn new(cloud: &Arc<Cloud>, parameters: Parameters, rng: Pcg64Mcg) -> Self {
        let redriver = Redriver {
            cloud: Arc::clone(cloud),
            parameters,
        };
        Self {
            cloud: Arc::clone(cloud),
            parameters,
            processes: Processes::new(cloud, redriver, REDRIVERS, rng),
            killed: 0,
            frozen: 0,
        }
    }

    pub(super) fn maintain(&mut self) {
        self.processes.maintain();
    }

    /// Causes an accident.
    pub(super) fn act(&mut self, rng: &mut Pcg64Mcg) {
        match rng.random_range(0..8) {
            0 => {
                let time = Duration::from_millis(rng.random_range(200..6_000));
                self.frozen += usize::from(self.processes.freeze(time));
            }
            1 => self.killed += usize::from(self.processes.kill_frozen()),
            2 => {
                self.processes.stop();
            }
            _ => self.killed += self.processes.kill(rng.random()),
        }
    }

    pub(super) fn are_left_alone(&mut self) {
        self.processes.wake_all();
    }

    /// Shuts down all redrives, and finishes those that are not finished.
    pub(super) fn finish(&mut self, rng: &mut Pcg64Mcg) {
        self.processes.stop_all();
        let redriver = Redriver {
            cloud: Arc::clone(&self.cloud),
            parameters: self.parameters,
        };
        for id in self.unfinished() {
            let mut command = redriver.redrive(rng, &["--id", &id]);
            Ran::from(command.output().unwrap()).succeeded();
        }
        assert_eq!(self.unfinished(), [""; 0]);
    }

    /// The redrives that are not finished.
    fn unfinished(&self) -> Vec<String> {
        let lake = self.cloud.lake();
        let ledgers = ledgers(&lake);
        let Ok(lists) = fs::read_dir(lake.join("_sluice/redrives")) else {
            return Vec::new();
        };
        let names = lists.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let ids = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
        let is_open = |id: &String| {
            let ledger = ledgers.get(&format!("redrive-{id}"));
            ledger.is_none_or(|ledger| ledger["finished"] != true)
        };
        ids.filter(is_open).collect()
    }
}

impl Display for Redrives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "redrives: starts {}, kills {}, frozen {}, ended with an error {}",
            self.processes.started(),
            self.killed,
            self.frozen,
            self.processes.failed,
        )
    }
}
