//! The load: records that are put as fast as the workers land them, and messages that are taken off the
//! bus and looked at, on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::account::{Account, Releases};
use super::records::Recipe;
use super::ways::Ways;
use crate::support::cloud::{Cloud, STREAM};
use testkit::kinesis::Maker;

/// So many records a second at most.
const RATE: f64 = 6_000.0;

/// How often records are put and messages taken.
const EVERY: Duration = Duration::from_millis(10);

/// What the threads share.
struct Shared {
    cloud: Arc<Cloud>,
    account: Mutex<Account>,
    releases: Releases,
    /// No more is put.
    ebb: AtomicBool,
    /// It ends.
    stop: AtomicBool,
}

/// The running load. It ends when it is dropped.
pub(super) struct Tide {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Tide {
    pub(super) fn start(cloud: &Arc<Cloud>, seed: u64, ways: Ways, releases: Releases) -> Self {
        let shared = Arc::new(Shared {
            cloud: Arc::clone(cloud),
            account: Mutex::new(Account::new(Recipe { seed }, ways)),
            releases,
            ebb: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let running = Arc::clone(&shared);
        let thread = thread::spawn(move || running.run(Pcg64Mcg::seed_from_u64(!seed)));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.shared.account.lock().expect("a message was wrong")
    }

    pub(super) fn releases(&self) -> &Releases {
        &self.shared.releases
    }

    /// Puts no more; messages are still taken.
    pub(super) fn ebb(&self) {
        self.shared.ebb.store(true, Relaxed);
    }

    /// Takes the last messages and ends.
    pub(super) fn finish(&mut self) {
        self.shared.stop.store(true, Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().expect("a message was wrong");
    }
}

impl Drop for Tide {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, mut rng: Pcg64Mcg) {
        let recipe = self.account.lock().unwrap().recipe;
        let maker: Maker = Arc::new(move |number| recipe.data(number));
        let mut allowed: f64 = 0.0;
        let mut last = Instant::now();
        loop {
            let stopping = self.stop.load(Relaxed);
            self.take();
            if stopping {
                return;
            }
            allowed = (allowed + last.elapsed().as_secs_f64() * RATE).min(RATE);
            last = Instant::now();
            while allowed > 0.0 && !self.ebb.load(Relaxed) {
                let Some(count) = self.put(&maker) else { break };
                allowed -= f64::from(count);
            }
            thread::sleep(if rng.random_range(0..2_000) == 0 {
                Duration::from_secs(rng.random_range(1..=4))
            } else {
                EVERY
            });
        }
    }

    /// Puts the next record of Kinesis; gives the number of records in it. None if there are enough.
    fn put(&self, maker: &Maker) -> Option<u32> {
        let mut account = self.account.lock().unwrap();
        if account.backlog() >= account.ways.backlog_max() {
            return None;
        }
        let number = account.next_number();
        let kinesis = &self.cloud.kinesis;
        let (shard, sequence) = kinesis.put_made(STREAM, &Recipe::key(number), maker, number);
        account.note(&self.cloud, &shard, &sequence);
        account.puts.last().map(|put| put.count)
    }

    fn take(&self) {
        let bus = self.cloud.queue.as_deref().unwrap();
        let messages = self.cloud.sqs.take(bus);
        let mut account = self.account.lock().unwrap();
        for message in messages {
            account.take(&message, &self.releases);
        }
    }
}
