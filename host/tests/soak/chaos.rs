//! Random accidents of hosts, services, the stream and builders of the table, one after the other.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::builders::Builders;
use super::functions::Functions;
use super::hosts::Hosts;
use super::parameters::Parameters;
use super::redrives::Redrives;
use super::workers::{LEASE, Workers};
use super::{REGISTRY, program, steps};
use crate::support::cloud::Service::{self, Kinesis, S3, Sqs};
use crate::support::cloud::{Cloud, STREAM};
use crate::support::program::Ran;
use testkit::proxy::RuleId;

/// The kinds of accidents.
type Act = fn(&mut Chaos);

/// The accidents with their relative frequencies.
const ACTS: [(u32, Act); 12] = [
    (7, Chaos::kill_at_random_step),
    (8, Chaos::kill_at_a_step),
    (2, Chaos::freeze_at_random_step),
    (2, Chaos::freeze_at_a_step),
    (1, Chaos::kill_frozen),
    (2, Chaos::stop),
    (6, Chaos::fault),
    (2, Chaos::add_quirk),
    (2, Chaos::swap),
    (1, Chaos::reshard),
    (9, Chaos::disturb_builders),
    (5, Chaos::disturb_redrives),
];

/// The timeout for a step. Some steps are rare.
const STEP_TIMEOUT: Duration = Duration::from_millis(1_000);

/// The usual number of open shards, plus or minus one.
const OPEN_SHARDS: std::ops::Range<usize> = 3..6;

/// The number of accidents by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AccidentCounts {
    pub(super) killed_somewhere: usize,
    pub(super) killed_at_a_step: usize,
    pub(super) killed_frozen: usize,
    pub(super) frozen: usize,
    pub(super) faults: usize,
    /// Requests on which a fault has acted.
    pub(super) faulty: usize,
    pub(super) swaps: usize,
    pub(super) splits: usize,
    pub(super) merges: usize,
}

impl AccidentCounts {
    pub(super) fn kills(&self) -> usize {
        self.killed_somewhere + self.killed_at_a_step + self.killed_frozen
    }
}

pub(super) struct Chaos {
    cloud: Arc<Cloud>,
    rng: Pcg64Mcg,
    parquet: bool,
    pub(super) hosts: Box<dyn Hosts>,
    /// The builders of the table, if there is one.
    pub(super) builders: Option<Builders>,
    pub(super) redrives: Redrives,
    pub(super) tally: AccidentCounts,
    /// The releases of the registry, and the one that was activated last.
    releases: Vec<String>,
    active: Option<String>,
    /// The current faults, and their ends.
    faults: Vec<(Service, RuleId, Instant)>,
}

impl Chaos {
    pub(super) fn new(
        cloud: &Arc<Cloud>,
        parameters: Parameters,
        mut rng: Pcg64Mcg,
        releases: Vec<String>,
        pages: Vec<String>,
    ) -> Self {
        let of_hosts = rand::SeedableRng::from_rng(&mut rng);
        let hosts: Box<dyn Hosts> = if parameters.functions {
            Box::new(Functions::new(cloud, parameters, of_hosts))
        } else {
            Box::new(Workers::of(cloud, parameters, pages, of_hosts))
        };
        let of_builders = rand::SeedableRng::from_rng(&mut rng);
        let builders = parameters
            .table
            .map(|place| Builders::new(cloud, place, of_builders));
        let of_redrives = rand::SeedableRng::from_rng(&mut rng);
        let redrives = Redrives::new(cloud, parameters, of_redrives);
        Self {
            cloud: Arc::clone(cloud),
            rng,
            parquet: parameters.parquet,
            hosts,
            builders,
            redrives,
            tally: AccidentCounts::default(),
            releases,
            active: None,
            faults: Vec::new(),
        }
    }

    /// Causes an accident, and returns the pause after it.
    pub(super) fn act(&mut self) -> Duration {
        let chosen = ACTS.choose_weighted(&mut self.rng, |(weight, _)| *weight);
        (chosen.unwrap().1)(self);
        Duration::from_millis(self.rng.random_range(50..800))
    }

    /// Ends the faults whose time is over.
    pub(super) fn maintain(&mut self) {
        self.hosts.maintain();
        if let Some(builders) = &mut self.builders {
            builders.maintain();
        }
        self.redrives.maintain();
        let now = Instant::now();
        let (over, left) = self.faults.drain(..).partition(|(.., until)| *until <= now);
        self.faults = left;
        self.end(over);
        for service in [S3, Kinesis, Sqs] {
            self.cloud.proxy(service).forget_seen();
        }
    }

    fn end(&mut self, faults: Vec<(Service, RuleId, Instant)>) {
        for (service, rule, _) in faults {
            self.tally.faulty += self.cloud.proxy(service).remove(rule);
        }
    }

    /// Ends all faults and causes no more accidents.
    pub(super) fn is_over(&mut self) {
        let faults = std::mem::take(&mut self.faults);
        self.end(faults);
        self.cloud.kinesis.empty_reads(0);
        self.hosts.wake_all();
        if let Some(builders) = &mut self.builders {
            builders.are_left_alone();
        }
        self.redrives.are_left_alone();
    }

    /// Finishes all redrives, before the builders of the table end.
    pub(super) fn finish_redrives(&mut self) {
        self.redrives.finish(&mut self.rng);
    }

    fn disturb_redrives(&mut self) {
        self.redrives.act(&mut self.rng);
    }

    fn disturb_builders(&mut self) {
        if let Some(builders) = &mut self.builders {
            builders.act(&mut self.rng);
        }
    }

    fn kill_at_random_step(&mut self) {
        let all = self.rng.random_range(0..8) == 0;
        self.tally.killed_somewhere += self.hosts.kill(all);
    }

    /// Holds a request of a random step, does this to the hosts, and releases the request. The
    /// request can be of any host. Returns whether the step came.
    fn at_a_step<T>(&mut self, befalls: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let (service, rule) = steps::hold(&mut self.rng, self.parquet);
        let cloud = Arc::clone(&self.cloud);
        let proxy = cloud.proxy(service);
        let held = proxy.add(rule);
        let came = proxy.wait_for_hits(held, 1, STEP_TIMEOUT);
        let befell = came.then(|| befalls(self));
        proxy.remove(held);
        proxy.release_held();
        befell
    }

    fn kill_at_a_step(&mut self) {
        let all = self.rng.random_range(0..2) == 0;
        let killed = self.at_a_step(|chaos| chaos.hosts.kill(all));
        self.tally.killed_at_a_step += killed.unwrap_or(0);
    }

    fn freeze_at_random_step(&mut self) {
        // Shorter or longer than a lease.
        let time = LEASE.mul_f64(self.rng.random_range(0.3..5.0));
        self.tally.frozen += usize::from(self.hosts.freeze(time));
    }

    fn freeze_at_a_step(&mut self) {
        self.at_a_step(Self::freeze_at_random_step);
    }

    fn kill_frozen(&mut self) {
        self.tally.killed_frozen += usize::from(self.hosts.kill_frozen());
    }

    fn stop(&mut self) {
        self.hosts.stop();
    }

    fn fault(&mut self) {
        let (service, rule) = steps::fault(&mut self.rng, self.parquet);
        let id = self.cloud.proxy(service).add(rule);
        let time = Duration::from_millis(self.rng.random_range(200..5_000));
        self.faults.push((service, id, Instant::now() + time));
        self.tally.faults += 1;
    }

    /// Behavior of services that is unusual but not an error.
    fn add_quirk(&mut self) {
        match self.rng.random_range(0..3) {
            0 => self.cloud.kinesis.expire_iterators(),
            1 => self.cloud.kinesis.empty_reads(self.rng.random_range(1..20)),
            _ => {
                let entries: Vec<_> = (0..10).filter(|_| self.rng.random()).collect();
                self.cloud.sqs.fail_entries(&entries);
            }
        }
        self.tally.faults += 1;
    }

    /// Activates another release: fully, as a canary or as a shadow.
    fn swap(&mut self) {
        let others = self
            .releases
            .iter()
            .filter(|id| Some(*id) != self.active.as_ref());
        let others: Vec<_> = others.cloned().collect();
        let next = others.choose(&mut self.rng).unwrap().clone();
        let trial = match self.rng.random_range(0..8) {
            0 | 1 => Some("--canary=30%"),
            2 => Some("--shadow=50%"),
            _ => None,
        };
        let trial = trial.filter(|_| self.active.is_some());
        // Automatic rollback is off, and the release was tested when it was published.
        let mut args = vec!["transform", "activate", &next, "--registry", REGISTRY];
        args.extend(["--no-rollback", "--unchecked"]);
        args.extend(trial);
        let mut command = program(&self.cloud, &args);
        command.env("AWS_ENDPOINT_URL_S3", &self.cloud.s3.endpoint);
        Ran::from(command.output().unwrap()).succeeded();
        if trial.is_none() {
            self.active = Some(next);
        }
        self.tally.swaps += 1;
    }

    /// Splits a shard or merges two adjacent ones.
    fn reshard(&mut self) {
        let open = open_shards(&self.cloud);
        let splits = match open.len() {
            few if few < OPEN_SHARDS.start => true,
            many if many >= OPEN_SHARDS.end => false,
            _ => self.rng.random(),
        };
        if splits {
            let shard = open.choose(&mut self.rng).unwrap();
            self.cloud.kinesis.split(STREAM, &shard.id);
            self.tally.splits += 1;
        } else {
            let pairs: Vec<_> = open.windows(2).collect();
            let pair = pairs.choose(&mut self.rng).unwrap();
            self.cloud.kinesis.merge(STREAM, &pair[0].id, &pair[1].id);
            self.tally.merges += 1;
        }
    }
}

struct OpenShard {
    from: u128,
    id: String,
}

/// The open shards, in the order of their hash keys.
fn open_shards(cloud: &Cloud) -> Vec<OpenShard> {
    let mut open: Vec<_> = shards(cloud)
        .iter()
        .filter(|shard| shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null())
        .map(|shard| OpenShard {
            from: *hash_keys(shard).start(),
            id: text(&shard["ShardId"]).to_owned(),
        })
        .collect();
    open.sort_by_key(|shard| shard.from);
    open
}

/// All shards of the stream, from `ListShards`.
pub(super) fn shards(cloud: &Cloud) -> Vec<Value> {
    let listed = cloud
        .kinesis
        .call("ListShards", &json!({ "StreamName": STREAM }));
    listed.unwrap()["Shards"].as_array().unwrap().clone()
}

/// The range of hash keys of a shard.
pub(super) fn hash_keys(shard: &Value) -> RangeInclusive<u128> {
    let key = |name| text(&shard["HashKeyRange"][name]).parse().unwrap();
    key("StartingHashKey")..=key("EndingHashKey")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
